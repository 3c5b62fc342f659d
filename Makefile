# Sabot's targets; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
SABOT := build/debug/sabot
REPORTS := reports

.PHONY: help setup build run test prove example lint bench soak catalogue

help: ## Lists the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: ## Installs what a fresh Debian machine lacks; quick when nothing is
	@scripts/setup.sh

# With the tests: their dependencies ask for further features, without which everything would be built once more for them.
build: setup ## Builds the whole workspace, with its tests
	cargo build --workspace --all-targets --locked

run: build ## Runs every check on the embedded target and writes the reports
	@scripts/run.sh $(SABOT) $(REPORTS)

test: build ## Runs every test, and proves one sabotage for each check
	scripts/setup-clients.sh
	scripts/test-rules.sh
	cargo test --workspace --locked
	$(SABOT) prove --one-each

prove: build ## Proves every check: each sabotage; with MATRIX=1 every check under each, which takes far longer
	$(SABOT) prove $(if $(MATRIX),,--named-only) --report json=$(REPORTS)/proof.json,markdown=$(REPORTS)/proof.md,html=$(REPORTS)/proof.html

example: build ## Judges a service in Python that has mistakes, and mended; with PROVE=1 every check is proved on it
	@scripts/example.sh $(SABOT) $(REPORTS) $(if $(PROVE),prove)

lint: ## Formatting, clippy, documentation, shell scripts: warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	@for script in scripts/*.sh .ci/run; do bash -n $$script || exit 1; done

bench: setup ## Measures: the queue, the wires, readiness, throwaway servers, each beside its ceiling in one run
	cd benches && cargo run --release --locked --bin figures

soak: build ## Plays for minutes what tests and checks play for seconds: the wire, the model of the queue, its checks
	SABOT_SOAK_SECONDS=$${SABOT_SOAK_SECONDS:-100} $(SABOT) run propagation.exclusive propagation.crash propagation.outage
	SABOT_SOAK_SECONDS=$${SABOT_SOAK_SECONDS:-100} cargo test --workspace --locked --test it thirty_two_clients
	cargo test --workspace --locked --test it the_protocol_keeps_its_promises -- --include-ignored

catalogue: build ## Writes INTEGRATION-TESTS.md anew
	$(SABOT) list --format markdown > INTEGRATION-TESTS.md
