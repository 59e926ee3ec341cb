# Thin on purpose: each target is one command, run in a virtual environment that is made when it
# is missing or older than its lock. ARGS="…" is handed to the command as it stands.

MODEL    ?= window-rnn
ARGS     ?=
PYTHON   ?= python3
PYTHON37 ?=

PY  := .venv/bin/python
PY1 := .venv-tf1/bin/python
PYD := .venv-docs/bin/python
PYA := .venv-audit/bin/python

# What would lead the environments or their packages astray; a mirror set for pip or uv still counts.
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS PYENV_VERSION VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help legacy modern compare bench bench-page bench-figures golden test test-slow test-all test-faults test-fuzz test-tf1 docs lint format audit clean python37

help: ## list the targets
	@echo 'make TARGET [MODEL=window-rnn] [ARGS="…"] [PYTHON=python3] [PYTHON37=python3.7]'
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile

legacy: .venv/.made ## train MODEL as the TF1 graph program
	$(PY) -m legacy_tf1 train $(MODEL) $(ARGS)

modern: .venv/.made ## train MODEL as the Keras 3 program
	$(PY) -m modern_tf2 train $(MODEL) $(ARGS)

compare: .venv/.made ## train both sides on the same batches and prove them equal
	$(PY) -m equivalence $(MODEL) $(ARGS)

bench: .venv/.made ## measure how fast both sides are, and PyTorch and JAX where installed
	$(PY) -m bench $(MODEL) $(ARGS)

bench-page: .venv/.made ## write what make bench measured into docs/speed.md
	$(PY) -m bench.page $(ARGS)

bench-figures: .venv/.made ## print the figures of make bench in the form of the README
	@$(PY) -m bench.page --figures $(ARGS)

golden: .venv-tf1/.made ## record the golden traces again under TensorFlow 1.15.5 (Python 3.7)
	$(PY1) -m tests.goldens.record --write $(ARGS)
	$(PY1) -m tests.goldens.record_cells --write
	$(PY1) -m tests.goldens.record_carried --write
	$(PY1) -m tests.goldens.record_estimator --write

test: .venv/.made ## run the fast tests, offline
	$(PY) -m pytest -n 2 -m "not slow" $(ARGS)

test-slow: .venv/.made .venv-jax/.made ## run the tests that really train; MNIST_DIR=… adds those on MNIST
	$(PY) -m pytest -n 2 -m slow $(ARGS)

test-all: .venv/.made .venv-jax/.made ## run every case of all tests, of which the others have samples: some two hours
	$(PY) -m pytest -n 2 --all-cases $(ARGS)

test-faults: .venv/.made ## kill, starve and damage trainings, and print what became of them
	$(PY) -m tests.faults $(ARGS)

test-fuzz: .venv/.made ## read damaged and crafted files by every reader, and print what became of them
	$(PY) -m tests.fuzz $(ARGS)

# The workers of Python 3.7's xdist may run outside of the main thread, where no signal is handled.
# Left out: what starts, ends and checks the processes of a cluster, the same under TensorFlow 2.
test-tf1: .venv-tf1/.made ## run the tests of shared and legacy_tf1 under TensorFlow 1.15.5
	$(PY1) -m pytest -W default -p no:cacheprovider tests/shared/test_interrupt.py
	$(PY1) -m pytest -n 2 -W default -p no:cacheprovider tests/shared tests/legacy \
	  --ignore tests/shared/test_interrupt.py \
	  --deselect tests/legacy/test_distributed.py::test_a_mistake_is_seen_in_the_weights \
	  --deselect tests/legacy/test_distributed_faults.py::test_without_their_launcher_all_stop \
	  --deselect tests/legacy/test_distributed_faults.py::test_one_command_starts_all_processes \
	  --deselect tests/legacy/test_bands.py::test_trainings_end_in_the_band $(ARGS)

docs: .venv-docs/.made ## build the site in site/; warnings and dead links are errors
	NO_MKDOCS_2_WARNING=1 $(PYD) -m mkdocs build --strict $(ARGS)

lint: .venv/.made ## check style, format and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: .venv/.made ## format the code and fix what ruff can fix
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# TensorFlow 1.15.5 has advisories that nobody will mend: it is there to be compared with.
audit: .venv-audit/.made ## look the locked packages up among known advisories (asks osv.dev)
	@errors=.venv-audit/errors; code=0; \
	for lock in requirements.lock requirements-jax.lock requirements-docs.lock requirements-audit.lock; do \
	  echo "$$lock"; \
	  $(PYA) -m pip_audit --vulnerability-service osv --no-deps --disable-pip \
	    --progress-spinner off --requirement $$lock $(ARGS) 2>$$errors && continue; code=1; \
	  if grep -q 'ConnectionError\|Timeout' $$errors; then \
	    echo 'osv.dev cannot be reached: nothing is known of advisories' >&2; exit 2; fi; \
	  grep '^\(ERROR\|Found\)' $$errors >&2 || tail -1 $$errors >&2; \
	done; exit $$code

clean: ## remove caches; the environments and runs/ stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name '.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

python37: ## print the Python 3.7 that golden and test-tf1 build on
	@$(find_python37); echo "$$python"

# The environments. The stamp comes last, so that an interrupted installation is redone.

.venv .venv-jax .venv-tf1 .venv-docs .venv-audit: %: %/.made

.venv/.made: requirements.lock
	@$(find_python); $(call install,.venv,2.6 GB)

.venv-jax/.made: requirements-jax.lock
	@$(find_python); $(call install,.venv-jax,0.7 GB)

.venv-tf1/.made: requirements-tf1.lock
	@$(find_python37); $(call install,.venv-tf1,0.8 GB)

.venv-docs/.made: requirements-docs.lock
	@$(find_python); $(call install,.venv-docs,0.2 GB)

.venv-audit/.made: requirements-audit.lock
	@$(find_python); $(call install,.venv-audit,0.1 GB)

# Each sets the shell variable python to an interpreter of the right version, or ends with one line.
define find_python
python="$(PYTHON)"; \
version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version=; \
case "$$version" in \
3.11|3.12|3.13) ;; \
'') echo "PYTHON=$$python does not run: name a Python 3.11 to 3.13, as in make PYTHON=python3.12" >&2; exit 2;; \
*) echo "PYTHON=$$python is Python $$version, TensorFlow 2.21 with Keras 3.15 needs 3.11 to 3.13:" \
  "name one, as in make PYTHON=python3.12" >&2; exit 2;; \
esac
endef

# A python3.7 on PATH may be a pyenv shim that fails, so each candidate is run.
define find_python37
for python in $(if $(PYTHON37),"$(PYTHON37)",python3.7 "$$HOME"/.pyenv/versions/3.7.*/bin/python3.7 \
  "$$(pyenv root 2>/dev/null)"/versions/3.7.*/bin/python3.7 "$$(uv python find 3.7 2>/dev/null)") ''; do \
  "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 7))' 2>/dev/null && break; \
done; \
if [ -z "$$python" ]; then \
  echo "TensorFlow 1.15.5 needs Python 3.7 and $(if $(PYTHON37),PYTHON37=$(PYTHON37) is none,none was found):" \
    "install one, as with pyenv install 3.7, or name it with PYTHON37=PATH" >&2; \
  exit 2; \
fi
endef

# $(call install,FOLDER,SIZE): an environment of that Python version is brought up to date. One of
# another version, or half-made, is made again: neither pip nor uv repairs what an interruption left.
define install
version='import sys; print(sys.version_info[:2])'; \
python=$$("$$python" -c 'import os, sys; print(os.path.realpath(sys.executable))'); \
if command -v uv >/dev/null; then with=uv; else with=pip; fi; \
echo "making $(1) with $$with (about $(2), some minutes)"; \
if [ -e $(1)/.half-made ] || \
  [ "$$($(1)/bin/python -c "import pip; $$version" 2>/dev/null)" != "$$("$$python" -c "$$version")" ]; then \
  rm -rf $(1); mkdir $(1); : > $(1)/.half-made; \
  case $$with in \
  uv) uv venv --quiet --allow-existing --seed --no-project --python "$$python" $(1);; \
  pip) "$$python" -m venv $(1);; \
  esac || exit 2; \
fi; \
: > $(1)/.half-made; \
case $$with in \
uv) uv pip install --quiet --python $(1)/bin/python -r $<;; \
pip) $(1)/bin/python -m pip install --quiet --disable-pip-version-check -r $<;; \
esac && mv $(1)/.half-made $@
endef
