# The two commands: `make run` turns the flywheel once, `make test` tests it. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv/bin
LOGS =
WORKLOAD =
CLIENT =
START =
END =
MODELS =
CONFIG =
PORT =
FORCE =
INDEX =
# Handed over in the environment: no quoting of paths and names by the shell.
export LOGS WORKLOAD CLIENT START END MODELS CONFIG PORT FORCE INDEX

# Asked first: of a Python that is not there make would only print a number. Any from 3.6 on can look for one that will do.
define need_python
@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1 || { \
	echo "There is no Python 3 at PYTHON=$(PYTHON). Install Python 3.11, 3.12 or 3.13, or name one: make $(or $(MAKECMDGOALS),run) PYTHON=/path/to/python3.12" >&2; \
	exit 1; }
endef

.PHONY: help run up doctor import test test-elasticsearch check lock bench-data bench-windows bench-nearest bench-privacy fuzz-data platform sample clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: runtime ## one complete flywheel run: LOGS= WORKLOAD= CLIENT= START= END= MODELS= CONFIG=
	@$(VENV)/python -m commands.run

up: runtime ## Airflow with the flywheel DAGs and the embedded platform, kept running until Ctrl-C
	@$(VENV)/python -m commands.up

doctor: runtime ## check all that a run needs, and say what is wrong and what to do: CONFIG= LOGS= JSON=1
	@$(VENV)/python -m commands.doctor $(if $(JSON),--json)

import: runtime ## load log files into Elasticsearch: LOGS= CLIENT= INDEX=; the server: ELASTICSEARCH_URL
	@PYTHONPATH=plugins:. $(VENV)/python -m commands.import_logs

test: dev ## install what the tests need and run them all
	@$(VENV)/python -m commands.hub_venvs
	@$(VENV)/python -m pytest

test-elasticsearch: dev ## test against a real Elasticsearch: ELASTICSEARCH_URL, else a container, else with Java and Maven
	@FLYWHEEL_TEST_ELASTICSEARCH=1 $(VENV)/python -m pytest tests/elasticsearch

check: dev ## lint, format, types, import rules
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@PYTHONPATH=plugins:. $(VENV)/lint-imports

bench-data: dev ## measure export, curation and datasets at up to 100,000 records: LOGS="a tool log, a text log" or the sample
	@$(VENV)/python -m bench.data

bench-windows: dev ## what becomes of LOGS="file …" (or the sample), and whether 50 windows ever train on what is evaluated
	@$(VENV)/python -m bench.windows

bench-nearest: dev ## search for examples in process and by Elasticsearch (ELASTICSEARCH_URL): RECORDS= DIMENSIONS=
	@PYTHONPATH=plugins:. $(VENV)/python -m bench.nearest

fuzz-data: dev ## send 100,000 mutated records down the data path: LOGS="a tool log, a text log" or the sample
	@$(VENV)/python -m bench.fuzz

platform: runtime ## the embedded NeMo platform alone (python -m include.local_nemo --help for its settings)
	@$(VENV)/python -m include.local_nemo

sample: runtime ## write the sample logs to .flywheel/sample/
	@$(VENV)/python -m include.sample_logs --out .flywheel/sample/support_desk.jsonl

bench-privacy: runtime ## precision and recall of the detection of personal data
	@$(VENV)/python -m bench.privacy

lock: dev ## make requirements*.lock anew from requirements*.txt
	@$(VENV)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 requirements.txt -o requirements.lock
	@$(VENV)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 requirements-dev.txt -c requirements.lock -o requirements-dev.lock

clean: ## remove what runs have left (.flywheel, or FLYWHEEL_HOME), not the installation
	$(need_python)
	@"$(if $(wildcard $(VENV)/python),$(VENV)/python,$(PYTHON))" -m commands.clean

.PHONY: runtime dev
runtime:
	$(need_python)
	@"$(PYTHON)" commands/install.py runtime
dev:
	$(need_python)
	@"$(PYTHON)" commands/install.py dev
