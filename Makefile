# Everything sets itself up in .venv; nothing else is needed than Python 3.11, git and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# `make bench NAME`: the second word names the benchmark and is no target of its own.
ifeq (bench,$(firstword $(MAKECMDGOALS)))
NAME := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(foreach name,$(NAME),$(eval .PHONY: $(name))$(eval $(name): ; @:))
endif

# The tests of the pages want a browser; where none can be had they are skipped, and say so.
BROWSERS := chromium chromium-browser google-chrome
INSTALL_BROWSER := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core

# The tests of Azure storage want its emulator; 3.35 is the newest that runs on Node.js 20.
AZURITE := .venv/azurite/node_modules/.bin/azurite-blob

# `make learn NETWORK ...` likewise.
ifeq (learn,$(firstword $(MAKECMDGOALS)))
LEARNERS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(foreach name,$(LEARNERS),$(eval .PHONY: $(name))$(eval $(name): ; @:))
endif

.PHONY: help demo fuzz test bench learn lint serve clean browser azurite

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,wandb,mlflow,ray,postgres,demo,dev]'
	@touch $@

demo: $(READY) ## train, evaluate, export and query a digit classifier, from login to predictions
	@$(BIN)/tunesmith demo

serve: $(READY) ## start a server and say how to log in
	@$(BIN)/tunesmith serve

browser:
	@for name in $(BROWSERS); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing Chromium for the tests of the pages"; \
		{ $(INSTALL_BROWSER); } >/dev/null || echo "Chromium cannot be installed: its tests are skipped"; \
	else \
		echo "no Chromium here: its tests are skipped (apt-get install chromium)"; \
	fi

azurite: $(READY)
	@test -x $(AZURITE) || if command -v npm >/dev/null; then \
		echo "installing Azurite for the tests of Azure storage"; \
		npm install --prefix .venv/azurite --no-audit --no-fund --silent 'azurite@~3.35.0'; \
	else \
		echo "no Node.js here: the tests of Azure storage are skipped"; \
	fi

test: $(READY) browser azurite ## run all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

fuzz: $(READY) ## make up 200 requests for each operation of the API, from both documents
	TUNESMITH_FUZZ_EXAMPLES=200 $(BIN)/python -m pytest --timeout 1800 tests/contract/test_contract_fuzzing.py

lint: $(READY) ## check form, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure: make bench startup, dispatch, loop, train, infer, api, queue, resume or ray
	@$(BIN)/python -m bench $(NAME)

learn: $(READY) ## train every architecture on small sets, and show what it learnt: make learn [NETWORK ...]
	@$(BIN)/python -m bench.learn $(LEARNERS)

clean: ## remove what the other targets made
	rm -rf .venv demo-out bench-out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
