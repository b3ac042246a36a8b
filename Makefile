# Three commands matter: `make demo`, `make check` while working, and `make test`.
# Each makes what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/dev/bin
UV := $(VENV)/uv/bin/uv
# The interpreter that all environments share.
BASE := $(VENV)/uv/bin/python
# Tools with environments of their own, each by requirements/NAME.txt.
LOADERS := $(patsubst %,$(VENV)/%/.done,dbt singer target-duckdb targets)
TOOLS := $(patsubst %,$(VENV)/%/.done,airflow dagster meltano vendor-client) $(LOADERS)
# As pip does, uv is to trust what the system trusts.
export UV_SYSTEM_CERTS := true
# Compile once, also where the environment says not to: the tests start hundreds of
# processes.
export PYTHONDONTWRITEBYTECODE :=
# As for most users.
export PYTHONUNBUFFERED :=
# As many at once: the tests wait for processes and servers more than they compute.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup
# What most changes would break, besides the unit tests.
CENTRAL := $(patsubst %,tests/integration/test_%.py,errors golden modes project runs \
	shapes stats streams suite)

# Where words are checked.
PROSE := README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md demo docs examples tap_cc_clicks tests \
	tools transform

.PHONY: help test check lint code words types contracts files audit chaos unit demo bench \
	compare loaders scale settings picture catalogs constraints clean

help: ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

test: lint ## Run every check and every test
	$(MAKE) --jobs=2 audit unit

check: code words contracts ## Run what takes less than a minute: linters, unit and central tests
	$(PYTEST) tests/unit $(CENTRAL)

lint: code words contracts types files ## Run the linters and type checkers

code: $(VENV)/dev/.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/ty check --python $(VENV)/dev
	$(BIN)/deptry .

words: $(VENV)/dev/.done
	$(BIN)/python tools/check_words.py $(PROSE)

contracts: $(VENV)/dev/.done
	$(BIN)/lint-imports --no-logo

types: $(VENV)/dev/.done $(VENV)/dagster/.done $(VENV)/airflow/.done
	$(BIN)/mypy --python-executable $(VENV)/airflow/bin/python \
		examples/airflow/dags/*.py tests/examples/in_airflow/*.py
	MYPYPATH=examples/dagster $(BIN)/mypy \
		--python-executable $(VENV)/dagster/bin/python \
		examples/dagster/*/*.py tests/examples/in_dagster/*.py

files: $(VENV)/dev/.done
	$(BIN)/check-jsonschema --builtin-schema vendor.meltano meltano.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/hadolint Dockerfile

audit: $(VENV)/dev/.done ## Look for known vulnerabilities in what an install brings
	$(BIN)/python tools/audit.py

chaos: $(VENV)/dev/.done ## Run the chaos suite ten times, each time with other seeds
	CHAOS_ROUNDS=10 $(PYTEST) tests/chaos

unit: $(VENV)/dev/.done $(TOOLS)
	$(PYTEST)

demo: $(VENV)/dev/.done $(VENV)/meltano/.done ## Load a simulated account into PostgreSQL
	$(BIN)/python -m demo.run

bench: $(VENV)/dev/.done ## Measure this tap beside the one of the SDK's template
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt --group bench
	$(BIN)/python -m tests.bench.run

compare: $(VENV)/dev/.done $(VENV)/dlt/.done $(VENV)/airbyte/.done ## Measure it beside dlt and Airbyte
	$(BIN)/python -m tests.bench.compare

loaders: $(VENV)/dev/.done $(LOADERS) ## Load a torture set and a million clicks by each loader
	$(BIN)/python -m tests.loaders.run

scale: $(VENV)/dev/.done ## Write the tables of docs/scale.md
	$(BIN)/python tools/scale.py

settings: $(VENV)/dev/.done ## Write settings into every file that lists them
	$(BIN)/python tools/sync_settings.py

picture: $(VENV)/dev/.done ## Record cc-clicks login for the README
	$(BIN)/python -m tools.record_login

catalogs: $(VENV)/dev/.done ## Write the catalogs, and what dbt knows of the tables
	$(BIN)/python tools/write_catalogs.py
	$(BIN)/python tools/write_dbt.py

constraints: $(UV) ## Pin anew what image and environments install
	$(PIN) --extra cli --output-file requirements/image.txt pyproject.toml
	$(PIN) --group dev --group bench --extra cli --extra report --extra sandbox \
		--output-file constraints.txt pyproject.toml
	for name in $(basename $(wildcard requirements/*.in)); do \
		$(PIN) --output-file $$name.txt $$name.in || exit; done

clean: ## Remove environments, caches and the demo's data
	rm -rf $(VENV) .meltano .mypy_cache .ruff_cache .pytest_cache .hypothesis demo/data

PIN = $(UV) pip compile --universal --python-version 3.11 --no-annotate --no-header \
	--upgrade --quiet

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)/uv
	$(BASE) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/dev/.done: pyproject.toml constraints.txt $(UV)
	$(UV) venv --quiet --clear --python $(BASE) $(VENV)/dev
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt --group dev \
		--editable '.[cli,report,sandbox]'
	touch $@

# Its DuckDB has wheels up to Python 3.13: see docs/loaders.md.
$(VENV)/target-duckdb/.done: BASE := >=3.11,<3.14

$(VENV)/%/.done: requirements/%.txt $(UV)
	$(UV) venv --quiet --clear --python '$(BASE)' $(VENV)/$*
	$(UV) pip install --quiet --python $(VENV)/$*/bin/python -r $<
	touch $@
