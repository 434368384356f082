# One verb each. Everything lands in .venv/ and var/; nothing is installed outside this folder
# (but `make test` asks apt for a browser and the config checkers where they are missing).

PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready

# Tests start hundreds of processes: without kept bytecode each of them would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# Tests wait a good part of their time, so one process more than there are cores keeps the cores busy.
PROCESSES := $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
PYTEST := $(PY) -m pytest --numprocesses $(PROCESSES) --maxprocesses 4

# Folders in which every test is slow or a drill.
SLOW_FOLDERS := tests/e2e tests/faults tests/processes tests/serving

.PHONY: demo check test drills cases accessibility lint bench setup clean lock tools

demo: setup  ## the whole shop in one terminal: make demo [CATALOG=path] [LIMIT=n] [PORT=n]
	@$(PY) manage.py demo $(if $(CATALOG),--catalog "$(CATALOG)") $(if $(LIMIT),--limit $(LIMIT)) $(if $(PORT),--port $(PORT))

check: setup lint  ## lint, types, and every test that starts no process or browser and breaks nothing: for between edits
	$(PYTEST) -m "not slow and not drill" $(SLOW_FOLDERS:%=--ignore %) -p no:schemathesis -p no:faker -p no:anyio \
	  --dist loadfile -q $(ARGS)

test: setup tools  ## every test but the drills, on real Postgres, Redis, workers and browser
	$(PYTEST) -m "not drill" --dist loadfile --no-loadscope-reorder $(ARGS)

drills: setup tools  ## the long ones: shops that are broken on purpose, training, chaos
	$(PYTEST) -m drill --dist load --maxschedchunk 1 $(ARGS)

cases: setup tools  ## the tests that repeat reported failures; LOOKALIKE_CASES=folder adds a table of the files in it
	$(if $(LOOKALIKE_CASES),$(PY) -m bench cases)
	$(PY) -m pytest -m case $(ARGS)

accessibility: setup tools  ## violations of axe-core's rules for every page × theme × width, as a table
	@$(MAKE) --no-print-directory --jobs 2 accessibility-shop accessibility-admin

.PHONY: accessibility-shop accessibility-admin
accessibility-shop:
	@$(PY) -m pytest -q -s -n 0 tests/e2e/test_every_page.py $(ARGS)
accessibility-admin:
	@$(PY) -m pytest -q -s -n 0 tests/e2e/test_every_admin_page.py $(ARGS)

lint: setup  ## style, types, and what Django says about a public shop
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-style lint-types lint-deployment

.PHONY: lint-style lint-types lint-deployment
lint-style:
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
lint-types:
	$(PY) -m mypy
lint-deployment:
	DEBUG=false HTTPS_ONLY=true $(PY) manage.py check --deploy --fail-level WARNING

bench: setup  ## make bench [ARGS="search"]
	$(PY) -m bench $(ARGS)

# Translations, as Django reads them.
MESSAGES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/django.po))

setup: $(READY) .env $(MESSAGES)

%.mo: %.po $(READY)
	@$(PY) -m babel.messages.frontend --quiet compile --input-file $< --output-file $@

$(READY): requirements/dev.txt requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 …" if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	@echo "Installing into .venv (once; about 2 GB with TensorFlow)…"
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@.venv/bin/uv pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt
	@touch $@

.env:
	@$(PYTHON) -c 'import re, secrets; print(re.sub("(?m)^(SECRET_KEY|POSTGRES_PASSWORD|POSTGRES_SUPERUSER_PASSWORD|REDIS_PASSWORD)=$$", lambda empty: empty[0] + secrets.token_urlsafe(50), open(".env.example").read()), end="")' > .env.new
	@chmod 600 .env.new && mv .env.new .env

tools:
	@tests/tools.sh

clean:  ## forget the shop's data and everything made; keeps .venv and .env
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage

lock: setup  ## compile requirements/*.txt again
	for name in dev base web worker uv bench hnswlib; do \
	  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url $$(test $$name = dev || echo "-c requirements/dev.txt") \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done
