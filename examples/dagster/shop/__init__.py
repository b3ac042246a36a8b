"""One Constant Contact account and the dbt models over it, on Dagster."""
