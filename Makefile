# Every target sets up what it needs in .venv; nothing is installed elsewhere.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.8
WINDMILL_CLI := 1.819.0
#: the lowest supported grpcio-tools: stubs made by it work with every later protobuf
PROTOC_TOOLS := grpcio-tools==1.71.2
export VIRTUAL_ENV := $(CURDIR)/.venv

.DEFAULT_GOAL := help
.PHONY: help demo demo-llm test test-unit grpcurl-test windmill-lint chaos run gateway lint format bench protos lock clean

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'

.venv/.installed: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip sync --quiet --require-hashes requirements-dev.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo-llm: .venv/.installed ## Run a job of scripted LLM agents against a vendor played on this machine
	@$(BIN)/python -m tests.llm_server.demo

demo: .venv/.installed ## Run a job of rule strategies from start to leaderboard
	@$(BIN)/python -m client.demo

test: lint ## Run lint, types, security scan, drift checks and all tests
	@$(BIN)/python -m pytest -n 2 --dist loadscope --cov --cov-report=term --cov-fail-under=90

test-unit: .venv/.installed ## Run the unit tests alone
	@$(BIN)/python -m pytest -n 2 tests/unit

grpcurl-test: .venv/.installed ## Run the scripts of client/grpcurl against a live server
	@$(BIN)/python -m pytest tests/integration/grpcurl

windmill-lint: ## Check client/windmill with Windmill's own tool, fetched by npx
	@cd client/windmill && npx --yes windmill-cli@$(WINDMILL_CLI) lint --locks-required --fail-on-warn

chaos: .venv/.installed ## Kill servers at random moments for long; KILLS=200 SEED=…
	@CHAOS_KILLS=$(or $(KILLS),200) CHAOS_SEED=$(SEED) $(BIN)/python -m pytest -q -s tests/e2e/test_crash_harness.py

run: .venv/.installed ## Run the server on 127.0.0.1:50051
	@$(BIN)/ai-trader-server serve

gateway: .venv/.installed ## Run the REST gateway on 127.0.0.1:8080, in front of the server
	@$(BIN)/ai-trader gateway

lint: .venv/.installed ## Check style, types, security and the contract
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@MYPYPATH=client/windmill $(BIN)/mypy client/windmill/f/ai_trader/*.py
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml server storage client
	@$(BIN)/shellcheck --external-sources --source-path=SCRIPTDIR client/grpcurl/*.sh .ci/run
	@$(BIN)/buf lint protos
	@if git rev-parse --quiet --verify HEAD:protos/buf.yaml >/dev/null; then $(BIN)/buf breaking protos --against '.git#subdir=protos'; fi

format: .venv/.installed ## Rewrite the code in the house format
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

bench: .venv/.installed ## Measure speed and print JSON
	@$(BIN)/python -m tests.performance.bench

protos: .venv/.installed ## Generate the stubs beside the contract, and the protoset for grpcurl
	@cd protos && ../$(UV) run --quiet --isolated --no-project --python ../$(BIN)/python \
	  --with $(PROTOC_TOOLS) --with setuptools==80.9.0 --with mypy-protobuf==3.6.0 \
	  sh -c 'python -m grpc_tools.protoc -I. --python_out=. --mypy_out=quiet:. aitrader/v1/*.proto && \
	         python -m grpc_tools.protoc -I. --grpc_python_out=. --mypy_grpc_out=quiet:. aitrader/v1/simulation.proto'
	@$(BIN)/python -m client.grpcurl.protoset

lock: .venv/.installed ## Resolve the lock files anew
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --extra calendar --extra llm --extra gateway -o requirements.lock
	@$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --extra calendar --extra llm --extra gateway --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove what the targets made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist
