# Every target sets up what it needs first (scripts/setup; quick when nothing changed).
PYTHON := .venv/bin/python

# Python keeps what it compiles, also where images tell it not to: tests start it a thousand times.
unexport PYTHONDONTWRITEBYTECODE

# Many tests wait for something: three at a time keep two cores busy. More cores: make test WORKERS=8
WORKERS ?= 3
# Tests that share something costly can be kept on one worker: @pytest.mark.xdist_group("name")
PYTEST := $(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup

# The CDK's command line, as infra/package-lock.json pins it.
CDK := infra/node_modules/.bin/cdk
CDK_INSTALLED := infra/node_modules/.package-lock.json
LIBRARIES_INSTALLED := tests/cases/node_modules/.package-lock.json
# Tests that need it are left out where there is no npm to install it by.
CDK_IF_NPM := $(if $(shell command -v npm),$(CDK_INSTALLED))

# Builds the documentation site.
MKDOCS := build/docs-venv/bin/mkdocs

.DEFAULT_GOAL := help
.PHONY: help setup demo collect test test-all test-images test-fast docs lint format bench chaos fuzz sandbox sandbox-down bootstrap deploy destroy smoke-aws smoke-gcp lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: Chromium, ffmpeg, fonts, .venv
	@scripts/setup

demo: setup ## Render examples/promo on this machine, to out/promo.mp4
	@mkdir -p out
	.venv/bin/orchestrator render examples/promo -o out/promo.mp4 --report out/promo.html
	@echo "The video is at $(CURDIR)/out/promo.mp4"
	@echo "What happened when: open file://$(CURDIR)/out/promo.html"

test: setup ## Lint, and run all tests that aren't marked long or proof
	@$(MAKE) --no-print-directory -j 2 collect lint $(CDK_IF_NPM)
	$(PYTEST) -m "not long and not proof"

# IMAGES=--install installs a Docker engine where there is none. PROOFS=yes adds the tests marked proof: more than an hour.
test-all: setup $(CDK_INSTALLED) $(LIBRARIES_INSTALLED) ## Run what `make test` leaves out: long tests, and workers as containers
	$(PYTEST) -m "long$(if $(PROOFS), or proof)"
	@$(MAKE) --no-print-directory test-images

# Side by side with lint: each of pytest's workers would compile all tests otherwise, and wait for the
# environments that workers run in. What is wrong with a test is told when the tests run.
collect: setup
	@$(PYTHON) -m pytest --collect-only -q >/dev/null 2>&1 || true
	@$(PYTHON) -m sandbox.worker_environment

test-images: setup $(CDK_IF_NPM) ## Build both workers' images, and run their tests in containers
	$(PYTHON) -m sandbox.containers.images $(IMAGES) test -- -n $(WORKERS) --dist loadgroup

test-fast: setup ## Run the tests that are marked neither browser, slow, long nor proof
	$(PYTEST) -m "not browser and not slow and not long and not proof"

docs: setup $(MKDOCS) ## Build the documentation site, to build/site
	@NO_MKDOCS_2_WARNING=1 $(MKDOCS) build --strict --quiet
	@echo "The site is at $(CURDIR)/build/site/index.html"

# An environment of its own: the site needs nothing of the project but its files.
$(MKDOCS): docs/requirements.lock
	@$(PYTHON) -m venv --clear $(dir $(MKDOCS))..
	@$(dir $(MKDOCS))python -m pip install --quiet --disable-pip-version-check --require-hashes -r docs/requirements.lock
	@touch $(MKDOCS)

lint: setup ## Check style, types and which package imports which
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-logo

format: setup ## Format the code and fix what can be fixed safely
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

sandbox: setup $(CDK_INSTALLED) ## Run both clouds on this machine, to render there without an account
	@$(PYTHON) -m sandbox up $(ARGS)

sandbox-down: setup ## Stop it
	@$(PYTHON) -m sandbox down

bench: setup ## Measure rendering speed (ARGS="..." goes to benchmarks/run.py)
	$(PYTHON) benchmarks/run.py $(ARGS)

chaos: setup ## Break renders in every way from seeds, and write what became of them (ARGS="--runs 50")
	$(PYTHON) -m chaos --page docs/reliability.md $(ARGS)

fuzz: setup ## Render random compositions in every way, and compare (ARGS="--seeds 1-50 --jobs 3 --keep out/fuzz")
	$(PYTHON) -m fuzz $(ARGS)

# Libraries that compositions are made with; tests of them are among the long ones.
$(LIBRARIES_INSTALLED): tests/cases/package-lock.json
	npm ci --prefix tests/cases --ignore-scripts --silent
	@touch $@

$(CDK_INSTALLED): infra/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 22 or newer."; exit 1; }
	npm ci --prefix infra --silent
	@touch $@

bootstrap: setup $(CDK_INSTALLED) ## Make an AWS account ready, once (ARGS="aws://ACCOUNT/REGION")
	$(CDK) bootstrap $(ARGS)

deploy: setup $(CDK_INSTALLED) ## Deploy to AWS what cdk.json says (ARGS="-c helios:chunkMemory=4096")
	@$(PYTHON) -m infra.preconditions $(ARGS)
	$(CDK) deploy --all $(ARGS)

destroy: setup $(CDK_INSTALLED) ## Remove it from AWS
	$(CDK) destroy --all $(ARGS)

smoke-aws: setup ## Render with the deployed stack, to check it (ARGS="--stack Helios")
	@scripts/smoke aws $(ARGS)

smoke-gcp: setup ## The same on Google Cloud (ARGS="--project ID --region REGION")
	@scripts/smoke gcp $(ARGS)

# Universal: one file serves every platform and every Python that the project supports. Neither
# file says where packages were fetched from, so each machine uses the index that it is set to.
UV_COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links $(if $(UPGRADE),--upgrade)

lock: setup ## Pin the dependencies of pyproject.toml again (UPGRADE=1 takes the newest)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(UV_COMPILE) pyproject.toml --extra aws --extra gcp -o requirements.lock
	$(UV_COMPILE) pyproject.toml --all-extras --group dev -c requirements.lock -o requirements-dev.lock
	$(UV_COMPILE) pyproject.toml --extra worker-lambda -c requirements-dev.lock -o worker_lambda/requirements.lock
	$(UV_COMPILE) pyproject.toml --extra worker-cloudrun -c requirements-dev.lock -o worker_cloudrun/requirements.lock
	$(UV_COMPILE) helios_infra/cloud_run/requirements.in -c requirements-dev.lock -o helios_infra/cloud_run/requirements.lock
	$(UV_COMPILE) docs/requirements.in -o docs/requirements.lock
	@! grep -n '://' requirements.lock requirements-dev.lock */requirements.lock helios_infra/*/*.lock || \
		{ echo "A lock file names a host (above)."; exit 1; }
	@scripts/setup

clean: ## Remove what these targets made: .venv, caches, out/
	rm -rf .venv .setup .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf out build dist infra/node_modules tests/cases/node_modules
	find . -name __pycache__ -not -path '*/node_modules/*' -prune -exec rm -rf {} +
