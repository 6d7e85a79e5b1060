# Frontdesk: one command each for what one does with a checkout. The work is done by the modules in tools/.
# Nothing has to be prepared: a target that needs the environment, the database or the model makes them first.

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PYTHON_IN_VENV := .venv/bin/python
PYTHON_IN_LLM_VENV := .venv-llm/bin/python

# Any Python from 3.8 that really starts: under pyenv, `python3` is a shim that fails unless a version is selected.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python \
	/usr/local/bin/python3 /usr/bin/python3 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.*/bin/python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 && echo "$$python" && break; done)

.PHONY: help setup llm-env prepare run shell train model test test-llm lint format lock seed widget screenshots \
	bench-numbers bench-llm bench-stream bench-groundedness bench-generation bench-training bench-bias bench-search bench-nlu clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

define bootstrap
python='$(PYTHON)'; test -n "$$python" || { \
	echo 'frontdesk: no Python from 3.8 on was found; install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }; \
	exec "$$python" -m tools.bootstrap
endef

setup: ## Make .venv: find or fetch Python 3.10, install the locked packages
	@$(bootstrap)

llm-env: ## Make .venv-llm, the LLM component's own: Python 3.11 to 3.13, newest transformers
	@$(bootstrap) --llm

prepare: setup ## Make the database, its demo data and the model, as far as they are missing
	@exec $(PYTHON_IN_VENV) -m tools.prepare

run: prepare ## Run the assistant, with a demo shop and its chat on http://127.0.0.1:5005/
	@exec $(PYTHON_IN_VENV) -m tools.run

shell: prepare ## Talk to the assistant in this terminal
	@exec $(PYTHON_IN_VENV) -m tools.shell

train: setup ## Train the model if its inputs changed (FORCE=1: in any case)
	@exec $(PYTHON_IN_VENV) -m tools.prepare --train $(if $(FORCE),--force)

test: prepare ## Run all checks: lint, types, tests, training data, dialogues, held-out messages, whole system
	@exec $(PYTHON_IN_VENV) -m tools.check

test-llm: llm-env ## Run the LLM component's tests in its own environment
	@exec $(PYTHON_IN_LLM_VENV) -m tools.check --llm

lint: setup ## Run ruff and mypy
	@exec $(PYTHON_IN_VENV) -m tools.check --lint

format: setup ## Put the code into the house form
	@$(PYTHON_IN_VENV) -m ruff check --quiet --fix-only .
	@exec $(PYTHON_IN_VENV) -m ruff format .

lock: ## Resolve the requirements files into both requirements.lock (UPGRADE='package ...', or UPGRADE='*')
	@$(bootstrap) --lock $(if $(UPGRADE),--upgrade $(foreach name,$(UPGRADE),'$(name)'))

seed: setup ## Fill the database with the demo data anew; what is in it now is lost
	@exec $(PYTHON_IN_VENV) -m tools.prepare --reseed

model: prepare ## Make the language model that ships anew, in up to 3 hours (ARGS='--data-root FOLDER')
	@mkdir -p var/training
	@$(PYTHON_IN_VENV) -m knowledge_base catalog export-facts var/training/products.json
	@exec $(PYTHON_IN_VENV) -m llm_component.training.recipe --articles data/knowledge \
	  --catalogue var/training/products.json $(ARGS)

widget: ## Bundle the chat widget from widget/src into widget/dist (needs node; who only runs it does not)
	@command -v npm >/dev/null || { echo 'frontdesk: node and npm are needed to bundle the widget' >&2; exit 1; }
	@cd widget && npm ci --silent --no-audit --no-fund && npm run --silent check && npm run --silent build
	@echo "  widget/dist/support-chat.js: $$(gzip -9 < widget/dist/support-chat.js | wc -c) bytes gzipped"

screenshots: setup ## Make the pictures of the chat in docs/images anew (needs a Chromium)
	@exec $(PYTHON_IN_VENV) -m tests.browser.screenshots

bench-numbers: prepare ## Measure the assistant; results go to benchmarks/results
	@exec $(PYTHON_IN_VENV) -m benchmarks.numbers

bench-llm: llm-env ## Measure the LLM component's engines beside transformers' own (ARGS='--device cuda ...')
	@exec $(PYTHON_IN_LLM_VENV) -m benchmarks.llm $(ARGS)

bench-stream: prepare ## Measure how soon an answer reaches a stream, and the screen of a browser
	@OMP_NUM_THREADS=1 exec $(PYTHON_IN_VENV) -m benchmarks.stream

bench-groundedness: setup ## Measure the check of generated sentences (ARGS='--doc2dial FOLDER')
	@OMP_NUM_THREADS=1 exec $(PYTHON_IN_VENV) -m benchmarks.groundedness $(ARGS)

bench-generation: prepare ## Measure what is generated, beside what only copies (ARGS='--data FOLDER ...')
	@exec $(PYTHON_IN_VENV) -m benchmarks.generation $(ARGS)

bench-training: llm-env ## Measure the speed of training beside the Trainer of transformers (ARGS='--steps 20 ...')
	@exec $(PYTHON_IN_LLM_VENV) -m benchmarks.training $(ARGS)

bench-bias: setup ## Look for stereotypes and rude words in a model (ARGS='--data FOLDER ...')
	@exec $(PYTHON_IN_VENV) -m benchmarks.bias $(ARGS)

bench-search: setup ## Measure the search of the knowledge base (ARGS='--data FOLDER --only shop ...')
	@exec $(PYTHON_IN_VENV) -m benchmarks.search $(ARGS)

bench-nlu: setup ## Measure intents and what is out of scope, beside stock Rasa (ARGS='--data FOLDER --only PART ...')
	@OMP_NUM_THREADS=1 exec $(PYTHON_IN_VENV) -m benchmarks.nlu $(ARGS)

clean: ## Remove what is made from the sources; the environments and the database stay
	@rm -rf models results .rasa data/nlu/lookups var/log var/cache .ruff_cache .mypy_cache .pytest_cache
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.venv-llm/*' -prune -exec rm -rf {} +
	@echo '  Removed the model, logs and caches; .venv, .venv-llm and the database in var/ stay.'
