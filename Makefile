# SPDX-License-Identifier: Apache-2.0
# The verbs that people type. Meson and Ninja do the building: see meson.build.
SETUP ?= tools/setup

.PHONY: help setup build run test test-drivers tidy sim sim-nightly sabotage models fuzz chaos \
    ride-through bench bench-quick bench-tried bench-stores bench-postgres coverage install clean

help: ## lists these verbs
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

setup: ## installs what is missing to build, run and test (Debian 12)
	@$(SETUP)

build: ## pawld, pawl and libpawl.so into build/
	@$(SETUP) --run-only
	@[ -e build/build.ninja ] || meson setup build --buildtype=debugoptimized >build.log || \
	    { cat build.log; rm -f build.log; exit 1; }
	@rm -f build.log
	@ninja -C build $(if $(MAKE_TERMOUT),,--quiet)

run: build ## starts pawld on a local store, with a sequence to take ids from
	@exec tools/run

test: setup ## runs every test and every check: a quarter of an hour on two cores
	@tools/test

test-drivers: build ## every driver and ORM for PostgreSQL on pawld; make test has the quick ones
	@$(SETUP) --drivers
	@[ -e build/test/drivers/c/odbc_client ] || meson setup --reconfigure build >/dev/null
	@ninja -C build --quiet
	@tools/drivers

tidy: setup ## format, clang-tidy, cppcheck and the project's own rules
	@tools/test tidy

sim: build ## simulates whole fleets; SEEDS=n for more of them, PAWL_SEED=n replays one
	@$(if $(PAWL_SEED),build/test/sim/fleet_sim,tools/sim $(if $(SEEDS),--seeds $(SEEDS)))

sim-nightly: build ## the same with 100,000 seeds: says how far it is, and which seeds fail
	@tools/sim --seeds 100000 --progress

sabotage: setup ## breaks pawl in two hundred ways and sees that the tests notice each
	@tools/sabotage

models: setup ## checks the protocol models exhaustively with spin
	@models/run

fuzz: setup ## each parser ten million times; RUNS=n, SECONDS=n, TARGETS="sql pg" of them
	@tools/fuzz $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS)) $(TARGETS)

chaos: setup build ## everything fails for ten minutes; SECONDS=n, STORES=a,b, PAWL_SEED=n again
	@.venv/bin/python test/chaos/chaos.py $(if $(SECONDS),--seconds $(SECONDS)) \
	    $(if $(STORES),--stores $(STORES))

ride-through: setup build ## the store stops for 60 s, then the server for 30 s: no call waits
	@.venv/bin/python test/chaos/ride_through.py

bench: build ## pawl beside its peers: ratios, plots, docs/benchmarks.md; half an hour
	@$(SETUP) --bench
	@[ -e build/bench/tail_peers ] || meson setup --reconfigure build >/dev/null
	@ninja -C build --quiet
	@.venv/bin/python bench/run $(if $(QUICK),--quick) $(PARTS)

bench-quick: ## the same in two minutes, into build/benchmarks.md; PARTS="hot tail" of either
	@$(MAKE) --no-print-directory bench QUICK=yes

bench-tried: ## what other builds, allocators and io_uring would bring, into docs/benchmarks.md
	@$(MAKE) --no-print-directory bench PARTS=tried

bench-stores: setup build ## each store beside its own native tool, as ratios
	@.venv/bin/python bench/stores.py

bench-postgres: setup build ## nextval by pgbench: pawld beside PostgreSQL, as ratios
	@.venv/bin/python bench/postgres.py --modes simple,prepared

coverage: setup ## which lines of src the tests run, by folder and file; half an hour
	@tools/coverage

install: build ## installs into /usr/local, or where DESTDIR says
	@meson install -C build

clean: ## removes what was built; stores and .venv stay
	@rm -rf build build-tried-* build-asan build-tsan build-fuzz build-bare build-cov build-sabotage
