# Two commands matter: `make demo` and `make test`. Both make what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/dev/bin
# Tools with environments of their own, each by requirements/NAME.txt.
LOADERS := $(patsubst %,$(VENV)/target-%/.done,postgres snowflake jsonl duckdb csv)
TOOLS := $(VENV)/meltano/.done $(VENV)/singer-tools/.done $(VENV)/dagster/.done \
	$(VENV)/airflow/.done $(VENV)/dbt/.done $(LOADERS)
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: help test lint audit chaos unit demo bench loaders scale settings picture \
	catalogs constraints clean

help: ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

test: lint audit unit ## Run every check and every test

lint: $(VENV)/dev/.done $(VENV)/dagster/.done $(VENV)/airflow/.done ## Run the linters and type checkers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-executable $(VENV)/airflow/bin/python \
		examples/airflow/dags/*.py tests/examples/in_airflow/*.py
	MYPYPATH=examples/dagster $(BIN)/mypy \
		--python-executable $(VENV)/dagster/bin/python \
		examples/dagster/agency/*.py tests/examples/in_dagster/*.py
	$(BIN)/ty check --python $(VENV)/dev
	$(BIN)/deptry .
	$(BIN)/check-jsonschema --builtin-schema vendor.meltano meltano.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/hadolint Dockerfile

audit: $(VENV)/dev/.done ## Look for known vulnerabilities in what an install brings
	$(BIN)/python tools/audit.py

chaos: $(VENV)/dev/.done ## Run the chaos suite ten times, each time with other seeds
	CHAOS_ROUNDS=10 $(BIN)/python -m pytest tests/chaos

unit: $(VENV)/dev/.done $(TOOLS)
	$(BIN)/python -m pytest

demo: $(VENV)/dev/.done $(VENV)/meltano/.done ## Load a simulated account into PostgreSQL
	$(BIN)/python -m demo.run

bench: $(VENV)/dev/.done ## Measure this tap beside the one of the SDK's template
	$(BIN)/python -m tests.bench.run

loaders: $(VENV)/dev/.done $(LOADERS) ## Load a torture set and a million clicks by each loader
	$(BIN)/python -m tests.loaders.run

scale: $(VENV)/dev/.done ## Write the tables of docs/scale.md
	$(BIN)/python tools/scale.py

settings: $(VENV)/dev/.done ## Write settings into every file that lists them
	$(BIN)/python tools/sync_settings.py

picture: $(VENV)/dev/.done ## Record cc-clicks login for the README
	$(BIN)/python -m tools.record_login

catalogs: $(VENV)/dev/.done ## Write the catalogs below catalog/
	$(BIN)/python tools/write_catalogs.py

# A user's install, as in the image, and the development environment.
PINNED := $(VENV)/meltano/bin/uv pip compile pyproject.toml --universal \
	--python-version 3.10 --no-annotate --no-header --upgrade --quiet
constraints: $(VENV)/meltano/.done ## Pin anew what image and development install
	$(PINNED) --output-file requirements/image.txt
	$(PINNED) --group dev --extra cli --extra sandbox --output-file constraints.txt

clean: ## Remove environments, caches and the demo's data
	rm -rf $(VENV) .meltano .mypy_cache .ruff_cache .pytest_cache .hypothesis demo/data

$(VENV)/dev/.done: pyproject.toml constraints.txt requirements/vendor-client.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)/dev
	$(BIN)/python $(PIP) 'pip>=25.1'
	$(BIN)/python $(PIP) -c constraints.txt --group dev -e '.[cli,sandbox]'
	# By itself: it asks for an urllib3 with known vulnerabilities, and needs none.
	$(BIN)/python $(PIP) --no-deps -r requirements/vendor-client.txt
	touch $@

$(VENV)/%/.done: requirements/%.txt
	$(PYTHON) -m venv $(VENV)/$*
	$(VENV)/$*/bin/python $(PIP) -r $<
	touch $@
