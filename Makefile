# `make` alone lists what there is.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q
# These know no PostgreSQL: once is enough for them.
NOT_TWICE := $(addprefix --ignore ,tests/rules tests/supervisor tests/teeth tests/faults/test_sqlite.py \
	tests/test_pictures.py)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test test-fast test-sqlite test-postgresql soak teeth e2e bench screenshots lint types imports format translations lock clean dev browser

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the portal (PORT=8000, PORTAL_DATA=./var); Ctrl-C ends it
	@scripts/prepare run
	@$(BIN)/python -m portal.supervisor

test: browser lint types imports test-sqlite test-postgresql e2e ## Style, types, imports and tests, on both databases and in a browser
	@printf '\nEverything passed.\n'

test-fast: test-sqlite ## The tests on SQLite only

test-sqlite: dev
	$(call title,Tests on SQLite)
	@PORTAL_TEST_DB=sqlite $(PYTEST) -n auto --dist loadfile tests

test-postgresql: dev ## The tests on PostgreSQL only
	$(call title,Tests on PostgreSQL)
	@PORTAL_TEST_DB=postgresql $(PYTEST) -n auto --dist loadfile tests $(NOT_TWICE)

soak: dev ## Killed at every point, every order of what people do at once; takes hours
	$(call title,Soak on SQLite)
	@PORTAL_TEST_DB=sqlite $(PYTEST) -m soak -rP -n auto --dist loadfile tests
	$(call title,Soak on PostgreSQL)
	@PORTAL_TEST_DB=postgresql $(PYTEST) -m soak -rP -n auto --dist loadfile tests

teeth: dev ## Break the portal in a hundred places, one at a time: the tests must notice each
	$(call title,Teeth)
	@$(BIN)/python -m tests.teeth

e2e: browser ## The journeys in a real browser against the real processes
	$(call title,End to end)
	@$(PYTEST) e2e

bench: dev ## Measure the figures the portal promises
	$(call title,Figures)
	@$(BIN)/python -m bench

screenshots: browser ## Make the pictures of the README anew
	@$(PYTEST) e2e/screenshots.py

lint: dev ## Style and format
	$(call title,Style)
	@$(BIN)/ruff check .
	$(call title,Format)
	@$(BIN)/ruff format --check .

types: dev ## Types, strict where money is computed
	$(call title,Types)
	@$(BIN)/mypy

imports: dev ## Who may import whom
	$(call title,Import rules)
	@$(BIN)/lint-imports

format: dev ## Rewrite the code in the project's format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

translations: dev ## Bring the catalogs up to date with the messages
	@$(BIN)/python scripts/translations

lock: dev ## Write the lock files (UPGRADE=--upgrade takes the newest allowed versions)
	@$(UV_LOCK) --output-file requirements.txt
	@$(UV_LOCK) --extra dev --constraint requirements.txt --output-file requirements-dev.txt

clean: ## Remove what can be made again; never ./var
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -prune -exec rm -rf {} +

dev:
	@scripts/prepare dev

browser:
	@scripts/prepare test

UV_LOCK = $(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command 'make lock' pyproject.toml

define title
	@printf '\n=== %s ===\n' '$(1)'
endef
