"""Many Constant Contact accounts that share one API key, on Dagster."""
