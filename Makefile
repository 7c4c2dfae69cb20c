# Every target first installs the packages that it needs into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Without it, every process that is started would compile all that it imports: the suite starts a thousand.
unexport PYTHONDONTWRITEBYTECODE
# Files of this project are in UTF-8, whatever the locale is.
export PYTHONUTF8 := 1

PYTHON ?= python3
BIN := .venv/bin
# Processes of the whole test suite: four for two cores, because the stacks wait for much of their time.
WORKERS ?= 4
CLI := $(BIN)/import-watch

.PHONY: help demo test test-unit linted typed template-checked definition-checked storm up down watch new-vendor test-new-vendor redrive replay bench docs audit build deploy lock release format

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

# A list of pinned packages and the virtual environment that it is installed into.
INSTALL := $(PYTHON) locks/install.py

.venv/demo-installed: locks/demo.txt locks/uv.txt cli/import-watch
	@$(INSTALL) .venv locks/demo.txt
	@cp cli/import-watch $(BIN)/import-watch
	@touch $@

.venv/installed: locks/dev.txt .venv/demo-installed
	@$(INSTALL) .venv locks/dev.txt
	@touch $@

.venv/bench-installed: locks/bench.txt .venv/installed
	@$(INSTALL) .venv locks/bench.txt
	@touch $@

# The SAM CLI, the AWS CLI and the scanners pin other versions of the emulator's packages: each has an environment of
# its own.
.venv/%/installed: locks/%.txt | .venv/demo-installed
	@$(INSTALL) .venv/$* locks/$*.txt
	@touch $@

demo: .venv/demo-installed ## the main job on the embedded default, start to end, for the three vendors
	@$(CLI) demo

test: .venv/installed ## the whole test suite, linters and type checks included; what CI runs
	@$(MAKE) --no-print-directory --jobs 2 linted typed template-checked definition-checked .venv/sam/installed .venv/aws/installed .venv/site/installed
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --durations 10
	@echo "Known vulnerabilities are not checked here, since they change without a commit; 'make audit' and CI check them."

test-unit: .venv/installed ## the unit tests alone, in under a minute
	$(BIN)/pytest -n 2 --dist loadgroup tests/unit

test-new-vendor: .venv/installed .venv/checks/installed .venv/sam/installed .venv/aws/installed .venv/site/installed ## [WORKERS=4]: 'make test' in a copy of the project with the vendor of docs/adding-a-vendor.md
	@PYTHONPATH=.:layers/import_watch:functions:cli $(BIN)/python -m tests.conformance.worked_example test "WORKERS=$(WORKERS)"

linted: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PYTHONPATH=layers/import_watch:cli $(BIN)/lint-imports

typed: .venv/installed
	$(BIN)/mypy

template-checked: .venv/installed .venv/checks/installed
	$(BIN)/cfn-lint template.yaml
	@mkdir -p .local && PYTHONPATH=. $(BIN)/python tests/static/translate_template.py .local/translated-template.json
	$(BIN)/cfn-lint .local/translated-template.json
	.venv/checks/bin/checkov --config-file .checkov.yaml

definition-checked: .venv/installed
	@PATH="$$PWD/$(BIN):$$PATH" tests/static/validate_definition.sh

storm: .venv/installed ## [N=…] [SEED=…] [KEEP=folder]: many imports with fault injection, ending with a table
	@PYTHONPATH=layers/import_watch:functions $(BIN)/python -m tests.resilience $(or $(N),300) $(or $(SEED),1) $(if $(KEEP),--keep $(KEEP))

up: .venv/demo-installed ## start the local stack and leave it running; writes .local/stack.json
	@$(CLI) up

down: .venv/demo-installed ## end the local stack
	@$(CLI) down

watch: .venv/demo-installed ## VENDOR=… IMPORT_ID=… [CONNECTION=…]: watch one real import from this machine
	@: $${VENDOR:?is missing: make watch VENDOR=egain IMPORT_ID=…} $${IMPORT_ID:?is missing: make watch VENDOR=egain IMPORT_ID=…}
	@$(CLI) watch "$$VENDOR" "$$IMPORT_ID" --connection "$${CONNECTION:-default}"

new-vendor: .venv/demo-installed ## NAME=…: write the skeleton of a new vendor
	@: $${NAME:?is missing: make new-vendor NAME=acme}
	@$(CLI) new-vendor "$$NAME"

redrive: .venv/demo-installed ## [STACK=import-watch]: send dead letters to their destinations again
	@$(CLI) redrive --stack "$${STACK:-import-watch}"

replay: .venv/demo-installed ## WATCH=vendor#connection#importId [STACK=import-watch]: publish a lost notification again
	@: $${WATCH:?is missing: make replay WATCH=egain#default#…}
	@$(CLI) replay "$$WATCH" --stack "$${STACK:-import-watch}"

bench: .venv/bench-installed ## the benchmarks, ending with tables of ratios to other projects
	$(BIN)/pytest -n 2 benchmarks
	@$(BIN)/python -m benchmarks

docs: .venv/site/installed ## the documentation as a site, in .local/site
	@website/build.sh .local/site
	@echo "Open .local/site/index.html"

audit: .venv/checks/installed ## [CI=1]: known vulnerabilities of the packages that the lock files pin, as far as the registry knows them
	@$(BIN)/python tests/static/audit_locks.py $${CI:+--fail-if-unknown}

build: .venv/sam/installed ## [LAMBDA_PYTHON=…]: sam build, the layer for Lambda, from any host, and its bill of materials (.aws-sam/import-watch-layer.cdx.json)
	@find functions -type d -name __pycache__ -prune -exec rm -rf {} + # otherwise each deploy would look changed
	@# An interpreter that uv has installed is as good as one on the path.
	LAMBDA_PYTHON="$${LAMBDA_PYTHON:-$$($(BIN)/uv python find --no-python-downloads --managed-python 3.13 2>/dev/null || true)}" \
		SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam build
	@.venv/sam/bin/python -m releases.sbom .aws-sam/build/ImportWatchLayer/python .aws-sam/import-watch-layer.cdx.json

deploy: build ## [GUIDED=1]: sam deploy with the saved settings, without questions; no release is skipped
	@[ -f samconfig.local.toml ] || cp samconfig.toml samconfig.local.toml
	@# The stack's name is known after the questions, so the guided run changes nothing yet. What it saves is kept; it
	@# was saved if the file is not as old any more as the other one.
	@if [ -n "$(GUIDED)" ]; then \
		mkdir -p .aws-sam && touch .aws-sam/guided && touch -t 200001010000 .aws-sam/guided samconfig.local.toml; \
		SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam deploy --guided --no-execute-changeset --config-file "$$PWD/samconfig.local.toml"; \
		if [ ! samconfig.local.toml -nt .aws-sam/guided ]; then \
			echo "Not deployed: save the arguments to samconfig.local.toml; that is the default." >&2; exit 1; \
		fi; \
	fi
	@PYTHONPATH=cli $(BIN)/python -m releases check-update
	@SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam deploy --config-file "$$PWD/samconfig.local.toml"

lock: .venv/demo-installed ## [UPGRADE=1]: pin the packages of locks/*.in, with hashes
	@$(BIN)/python -m locks.compile $(if $(UPGRADE),--upgrade)

release: .venv/demo-installed ## VERSION=…: release what is committed: version, changelog, package, tag
	@: $${VERSION:?is missing: make release VERSION=1.2.0}
	@PYTHONPATH=cli $(BIN)/python -m releases release "$$VERSION"

format: .venv/installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
