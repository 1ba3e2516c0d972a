# Two commands matter: `make run` and `make test`. The rest are parts of them.
.DEFAULT_GOAL := help
.PHONY: help run test test-faults soak test-vm build fmt generate bench bench-quick deb rpm

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

run: ## Build, start Aether on http://127.0.0.1:3001 and deploy a first agent (Ctrl-C ends it)
	@scripts/run.sh

test: ## Everything that CI runs
	@scripts/test.sh

test-faults: ## Kills at 200 random moments and faults at 900 system calls (45 minutes); writes docs/RELIABILITY.md
	@scripts/faults.sh

soak: ## A mixed load with faults for AETHER_SOAK seconds (300), and what rises meanwhile
	@scripts/soak.sh

test-vm: ## The part of it that needs systemd, pure cgroup v2 or another kernel, in a virtual machine
	@scripts/test-vm.sh

build: ## Mission Control and the release binaries in target/release
	@scripts/build.sh

fmt: ## Format the Rust sources
	cargo fmt --all

generate: ## Write the generated files again: TypeScript types, OpenAPI, snapshots
	@scripts/generate.sh

bench: ## What Aether costs beside its peers and the kernel's floor; writes docs/BENCHMARKS.md
	@scripts/bench.sh

bench-quick: ## The core of it in minutes; writes to target/ only
	@scripts/bench.sh --quick

deb: ## A package for Debian and Ubuntu, in target/package
	@scripts/package.sh deb

rpm: ## A package for Fedora, RHEL and their kin, in target/package
	@scripts/package.sh rpm
