# berth: what a person runs. `make help` lists the targets; tools/ holds the longer scripts.

BUILD   ?= build
PREFIX  ?= /usr
DESTDIR ?=

.PHONY: help run test soak bench check install clean deps deps-test release sanitize format

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: ## install what is missing, build, start berth up and deploy the sample
	@tools/run

test: deps-test ## every test: unit, contract, end-to-end, faults, fuzz (about 25 minutes)
	@tools/test

soak: deps-test ## what does not fit in make test
	@tools/test soak

bench: ## the figures of docs/benchmarks.md, each beside its peer
	@tools/deps build run test bench
	@tools/build bench
	@bench/run --write

check: deps-test ## format, warnings, clang-tidy, cppcheck, the include rule
	@tools/check

install: deps release ## install under DESTDIR and PREFIX
	@DESTDIR="$(DESTDIR)" tools/install "$(PREFIX)"

clean: ## remove what was built
	rm -rf $(BUILD)

deps:
	@tools/deps build

deps-test:
	@tools/deps build run test

release: deps
	@tools/build release

sanitize: deps-test
	@tools/build sanitize

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i
