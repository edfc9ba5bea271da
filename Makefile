PYTHON ?= python3
PORT ?= 7860
VENV ?= .venv
IMAGE ?= pay-attention

python := $(VENV)/bin/python
made := $(VENV)/.made
page := $(VENV)/.installed
all := $(VENV)/.installed-dev
chromium := /usr/bin/chromium
compile := $(python) -m uv pip compile -q --universal --python-version 3.10 \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links
root := $(if $(filter 0,$(shell id -u)),,sudo)

export GRADIO_ANALYTICS_ENABLED := False

.DEFAULT_GOAL := help
.PHONY: help demo test lint data bench load figures container lock audit install browser

help: ## show this help
	@echo "make demo and make test start from a machine with Python 3.10 or newer; the rest is installed into $(VENV)."
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Settings: PORT=$(PORT)  PYTHON=$(PYTHON)"

demo: $(page) ## serve the page on http://localhost:7860 with the shipped checkpoints
	GRADIO_SERVER_PORT=$(PORT) $(python) -m app

test: $(all) browser ## run every test, in up to four processes
	@# one process more than there are cores, as tests often wait for a server or a browser
	OMP_NUM_THREADS=1 $(python) -m pytest -q -n $$($(python) -c "import os; print(min(4, 1 + os.cpu_count()))") --dist loadfile

lint: $(all) ## check style, format and types
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m ty check --error-on-warning

data: $(page) ## fetch CIFAR-10, which training, evaluation and the page's test images read; or DATASET=CIFAR100
	$(python) -c "from torchvision import datasets; datasets.$(or $(DATASET),CIFAR10)('data', download=True)"

bench: $(all) ## measure speed on this machine
	$(python) -m training bench

load: $(all) browser ## measure how many answers a second programs get, and how the page stands a long, mixed day
	$(python) -m tools.load
	$(python) -m tools.soak

figures: $(all) browser ## draw the figures of the README again
	$(python) -m tools.screenshots
	$(python) -m tools.questions
	$(python) -m tools.progressive

container: ## build the image (docker, or podman where no docker runs)
	@if docker info >/dev/null 2>&1; then engine=docker; else engine=podman; fi; \
	command -v $$engine >/dev/null || { echo "To build the image, install docker or podman."; exit 1; }; \
	$$engine build -t $(IMAGE) . && echo "Now: $$engine run --rm -p $(PORT):7860 $(IMAGE)"

lock: $(made) ## choose every dependency's newest version again, and note the hashes of its files
	$(python) -m pip install -q uv
	{ sed '/^[^#]/,$$d' constraints.txt; $(compile) requirements-dev.txt; } >$(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt
	$(compile) --generate-hashes -c constraints.txt requirements.txt >$(VENV)/lock
	mv $(VENV)/lock requirements.lock
	{ echo "-r requirements.lock"; $(compile) --generate-hashes -c constraints.txt \
	  $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock) requirements-dev.txt; } >$(VENV)/lock
	mv $(VENV)/lock requirements-dev.lock

audit: $(all) ## list the licences of all packages, and look for known flaws in them where there is a network
	$(python) -m tools.licences requirements-dev.txt
	@[ -x $(VENV)/audit/bin/pip-audit ] || { $(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install -q pip-audit; } || \
	  { echo "pip-audit could not be fetched: there is no network, so no flaws were looked for."; exit 1; }
	@# strict: a package of which nothing is known is not a package without flaws
	$(VENV)/audit/bin/pip-audit --strict --path $$($(python) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

install: $(all) ## make .venv and install all that training, tests and lint need

$(page): requirements.lock $(made)
	@echo "Installing into $(VENV): some minutes and 6 GB the first time."
	$(python) -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(all): requirements-dev.lock $(page)
	$(python) -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(made):
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) was not found: install Python 3.10 or newer, or name one with PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed and $(PYTHON) is older: name another with PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module: install it (on Debian: apt-get install python3-venv)."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

browser: # the tests of the page drive Debian's Chromium
	@[ -x $(chromium) ] || { $(root) apt-get update -qq && \
	  $(root) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation; } >/dev/null || \
	  { echo "The tests of the page need $(chromium), and it could not be installed here: install it, or run the" \
	    "other tests with $(python) -m pytest --ignore tests/browser"; exit 1; }
