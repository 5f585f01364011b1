# Every target installs what it needs inside this checkout; `make help` lists them.
#
# Variables: ARCHITECTURE=arm64|x86_64   the functions' architecture (default: arm64, or this host's if AWS_ENDPOINT_URL is set)
#            LOCALSTACK=embedded|docker|<url>   the LocalStack for `make demo` and the tests
#            TERRAFORM=<path>            a Terraform or OpenTofu executable that is not on PATH
#            TF_PLUGIN_MIRROR=<folder>   an unpacked mirror of the AWS provider
#            VAR_FILE=<file>             the variables for `make deploy`, `make destroy` and `make cost`
#            NAME=<example>              the example for `make example`
#            KEEP=1                      `make demo` and `make example` keep their stack running
#            FILES=<number> SIZE=<50KB>  files per month for `make cost`; COST_OPTIONS=--help lists more options
#            FUNCTION=<name>             the only function for `make package` and `make lock`
#            FUZZ_SECONDS=<600>          how long `make fuzz` runs, all targets together
#            FUZZ_TARGETS="<names>"      the targets for `make fuzz`; tests/fuzz/targets has a module for each
#            CHECK=1                     `make lock` only checks the lock files
#            QUICK=1                     `make bench` runs everything once and asserts nothing

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON3 ?= python3
PYTHON := .venv/bin/python
PIPELINE := .venv/bin/pipeline
EXAMPLES := $(patsubst examples/%/main.tf,%,$(wildcard examples/*/main.tf))
TF := .tools/bin/terraform
UNIT_TESTS := $(PYTHON) -m pytest --numprocesses=logical --dist=worksteal tests/unit
TERRAFORM_TESTS := $(PYTHON) -m tests.terraform
LOCALSTACK ?= embedded
export LOCALSTACK TERRAFORM TF_PLUGIN_MIRROR KEEP
# With this variable, which container images set, each Python process compiles all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup environment terraform localstack security fuzzer package package-host demo example \
	test test-beside test-unit test-terraform test-integration fuzz lint lint-python lint-terraform fmt docs lock cost bench deploy destroy clean

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: environment terraform localstack security ## Install the tools in this checkout (the other targets do so as needed)

environment:
	@$(PYTHON3) tools/setup.py environment

terraform:
	@$(PYTHON3) tools/setup.py terraform

localstack: environment
	@if [ "$(LOCALSTACK)" = embedded ]; then $(PYTHON3) tools/setup.py localstack; fi

security:
	@$(PYTHON3) tools/setup.py security

fuzzer: environment
	@$(PYTHON3) tools/setup.py fuzz

package: environment ## Package the functions for AWS: build/<function>.zip and its SHA-256
	@$(PIPELINE) package $(addprefix --architecture ,$(ARCHITECTURE)) $(FUNCTION)

# LocalStack runs functions on this host, so they are packaged for its architecture, in a separate folder.
package-host: environment
	@$(PIPELINE) package --architecture host --output build/localstack

demo: localstack terraform package-host ## Apply the pipeline in LocalStack, upload files, show the outcome of each
	@$(PIPELINE) try demo/samples --no-package --var-file demo/pipeline.tfvars.json --dead-letters broken.json

# An example has samples of its own, or takes those of all. Nothing reads the files in fan-out, so that a broken one
# is as good as any.
SAMPLES = $(firstword $(wildcard examples/$(NAME)/samples) examples/samples)
example: localstack terraform environment ## Apply and run one of examples/ in LocalStack: make example NAME=fan-out
	@test -f "examples/$(NAME)/main.tf" || { echo "example: set NAME to one of: $(EXAMPLES)" >&2; exit 2; }
	@$(PIPELINE) --chdir examples/$(NAME) try $(SAMPLES) --prefix incoming/ \
		--var name=$(NAME) --var bucket_name=$(NAME)-files --var force_destroy=true \
		$(if $(filter fan-out,$(NAME)),,--dead-letters $(notdir $(wildcard $(SAMPLES)/broken*)))

test: setup package-host lint ## Run all tests: lint, then the unit, Terraform and integration tests in parallel
	@$(MAKE) --jobs=2 test-beside test-integration

# The integration tests are idle for much of their time, in which these run. awk prefixes and flushes each line.
test-beside:
	@PYTHONUNBUFFERED=1 nice $(UNIT_TESTS) 2>&1 | awk '{ print "unit: " $$0; fflush() }'
	@nice $(TERRAFORM_TESTS) 2>&1 | awk '{ print "terraform: " $$0; fflush() }'

test-unit: environment ## Run the unit tests of the runtime, the functions and the tools
	@$(UNIT_TESTS)

test-terraform: environment terraform ## Run `terraform test`, validate and fmt for every module and the root module
	@$(TERRAFORM_TESTS)

test-integration: localstack terraform package-host ## Apply the pipeline in LocalStack and run it with real files
	@$(PYTHON) -m pytest tests/localstack tests/integration

fuzz: fuzzer ## Fuzz the runtime and the functions for ten minutes: make fuzz FUZZ_SECONDS=600
	@.tools/fuzz/bin/python -m tests.fuzz attack --seconds "$(or $(FUZZ_SECONDS),600)" $(FUZZ_TARGETS)

lint: environment terraform security ## Check style and types, and run checkov and parliament on the Terraform code
	@$(MAKE) --jobs=2 lint-python lint-terraform

lint-python:
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m tools.lock --check

lint-terraform:
	@$(TF) fmt -check -recursive -diff
	@$(PYTHON) tools/docs.py --check
	@$(PYTHON) -m tools.security

fmt: environment terraform ## Format Python and Terraform
	@$(PYTHON) -m ruff check --fix
	@$(PYTHON) -m ruff format
	@$(TF) fmt -recursive

docs: environment terraform security ## Generate the modules' tables, the dashboard's picture, and docs/security.md
	@$(PYTHON) tools/docs.py
	@$(PYTHON) -m tools.planned_dashboard
	@$(PYTHON) -m tools.security --update

lock: environment ## Lock the dependencies of every requirements.in again; CHECK=1 only reports outdated lock files
	@$(PYTHON) -m tools.lock $(if $(CHECK),--check) $(FUNCTION)

cost: environment terraform ## Estimate the monthly cost: make cost FILES=1000000 SIZE=50KB VAR_FILE=my.tfvars
	@$(PYTHON) -m tools.cost \
		--files "$(or $(FILES),1000000)" --size "$(or $(SIZE),100KB)" \
		--var-file "$(or $(VAR_FILE),demo/pipeline.tfvars.json)" $(COST_OPTIONS)

bench: package-host ## Compare the runtime with its alternatives and with a lower limit; QUICK=1 only tries it
	@$(PYTHON) -m benchmarks $(if $(QUICK),--quick)

deploy: terraform package ## Apply the root module to AWS: make deploy VAR_FILE=my.tfvars
	@test -n "$(VAR_FILE)" || { echo "deploy: set VAR_FILE to your variables: make deploy VAR_FILE=my.tfvars" >&2; exit 2; }
	@$(TF) init -input=false
	@$(TF) apply -var-file="$(VAR_FILE)"

destroy: terraform package ## Destroy what deploy created: make destroy VAR_FILE=my.tfvars
	@test -n "$(VAR_FILE)" || { echo "destroy: set VAR_FILE to your variables: make destroy VAR_FILE=my.tfvars" >&2; exit 2; }
	@$(TF) destroy -var-file="$(VAR_FILE)"

clean: ## Remove everything that was built or installed in this checkout
	@rm -rf build .tools .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
