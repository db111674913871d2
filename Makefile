# Lariat. `make help` lists what can be done.

# Where `make` puts a tree that works at once, and `make install` an own one.
BUILD  := $(CURDIR)/build
PREFIX ?= /usr/local

CARGO  ?= $(shell command -v cargo || echo "$$HOME/.cargo/bin/cargo")
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
NEED   := scripts/need-packages

# A value as one word of a shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'

# What is installed.
CRATES := lariat-library lariat-archive lariat-mpich lariat-fortran lariat-launcher lariat-compilers lariat-heap lariat-tune

# What a Debian machine with gcc, make, git and rustup's stable toolchain lacks.
BUILD_PACKAGES := pkg-config libhwloc-dev
TEST_PACKAGES  := libclang-dev g++ gfortran
DIST_PACKAGES  := patchelf dpkg-dev binutils python3
# What it takes to build the kernel module and to boot the machine it is tested in.
GUEST_PACKAGES := qemu-system-x86 busybox-static cpio kmod xz-utils pahole
MORE_PACKAGES  := lld mold libfabric1 iproute2 python3-venv strace cmake valgrind gdb $(GUEST_PACKAGES)

# What `make bench` passes on.
BENCH_VARIABLES := BENCH SIZES RANKS ROUNDS MINUTES PEERS OUT SHORT

.PHONY: build
build: release ## build everything and put a working tree into build/ (the default)
	@$(MAKE) --no-print-directory -s tree PREFIX=$(call quoted,$(subst $$,$$$$,$(BUILD))) DESTDIR=

# Before a build of minutes, so that who may not install packages hears of all of them first.
.PHONY: need-for-tests need-for-dist need-for-dist-test
need-for-tests:
	@$(NEED) $(BUILD_PACKAGES) $(TEST_PACKAGES)
need-for-dist:
	@$(NEED) $(BUILD_PACKAGES) $(DIST_PACKAGES)
need-for-dist-test:
	@$(NEED) $(BUILD_PACKAGES) $(DIST_PACKAGES) debootstrap
need-%:
	@$(NEED) $(BUILD_PACKAGES) $*

.PHONY: release
release:
	@$(NEED) $(BUILD_PACKAGES)
	$(CARGO) build --release $(CRATES:%=-p %)

.PHONY: demo
demo: build ## build, then run a Rust program and the latency and bandwidth tables
	@CARGO=$(call quoted,$(CARGO)) PREFIX=$(call quoted,$(BUILD)) TARGET=$(call quoted,$(TARGET)) scripts/demo

.PHONY: demo-hosts
demo-hosts: build ## two hosts on this machine (namespaces): a program over both, and messages beside raw TCP
	@$(NEED) --try libfabric1 iproute2
	@CARGO=$(call quoted,$(CARGO)) PREFIX=$(call quoted,$(BUILD)) TARGET=$(call quoted,$(TARGET)) scripts/demo-hosts

.PHONY: test
test: need-for-tests build ## every test (installs what they need: libclang for bindgen, strace, cmake, QEMU)
	@$(NEED) --try $(MORE_PACKAGES)
	@CARGO=$(call quoted,$(CARGO)) LARIAT_PREFIX=$(call quoted,$(BUILD)) scripts/test

.PHONY: storm
storm: build ## kills, fuzzed commands, scribbled segments, forged environments (STORM=kills COUNT=… SEED=…)
	@$(CARGO) build -q --release -p lariat-tests --bin storm
	@LARIAT_PREFIX=$(call quoted,$(BUILD)) nice env --default-signal=INT $(call quoted,$(TARGET)/release/storm) '$(STORM)' '$(COUNT)' '$(SEED)' '$(WORKERS)'

.PHONY: alarms
alarms: build ## slow but right programs, many times, until one is called stuck (RUNS=10000; goes on where it was left)
	@$(CARGO) build -q --release -p lariat-tests --bin alarms
	@LARIAT_PREFIX=$(call quoted,$(BUILD)) nice -n 19 $(call quoted,$(TARGET)/release/alarms) '$(RUNS)' $(call quoted,$(TARGET)/alarms)

.PHONY: outside
outside: build ## other people's programs and their tests, built and run unchanged (OUTSIDE=NAME for one)
	@CARGO=$(call quoted,$(CARGO)) LARIAT_PREFIX=$(call quoted,$(BUILD)) tests/outside/all $(OUTSIDE)

.PHONY: bench
bench: need-python3 build ## compare with other MPIs, installed from PyPI: tables, JSON, a page with plots (SHORT=1: 3 minutes)
	@CARGO=$(call quoted,$(CARGO)) PREFIX=$(call quoted,$(BUILD)) TARGET=$(call quoted,$(TARGET)) \
	    $(foreach name,$(BENCH_VARIABLES),$(name)=$(call quoted,$($(name)))) scripts/bench

.PHONY: files-entered
files-entered: need-valgrind build ## the source files that a message enters, in order; fails if there are too many
	@tests/instruments/files-entered --prefix $(call quoted,$(BUILD))

.PHONY: instructions
instructions: need-valgrind build ## instructions of MPI calls, of another tree beside this one (OLD=PREFIX)
	@tests/instruments/instructions $(if $(OLD),$(call quoted,$(OLD))) $(call quoted,$(BUILD))

.PHONY: compare-builds
compare-builds: build ## which is faster, another tree or this one (OLD=PREFIX)
	@$(if $(OLD),,echo 'compare-builds: OLD=PREFIX says which tree to compare with' >&2; exit 2)
	@tests/instruments/compare-builds old=$(call quoted,$(OLD)) new=$(call quoted,$(BUILD))

.PHONY: tune
tune: build ## measure this machine; later runs of this user use what was found
	@$(call quoted,$(BUILD)/bin/mpirun) --tune

.PHONY: driver
driver: ## build the kernel module against the running kernel's headers (KDIR=… for others)
	@MAKE=$(call quoted,$(MAKE)) scripts/driver build

.PHONY: driver-install
driver-install: ## build it, install it for the running kernel, and load it (as root)
	@MAKE=$(call quoted,$(MAKE)) scripts/driver install

.PHONY: lint
lint: ## what must be clean before a change lands: formatting, clippy, and that it compiles for other targets
	@$(NEED) $(BUILD_PACKAGES)
	@for tool in fmt clippy; do $(CARGO) $$tool --version >/dev/null 2>&1 || \
	    { echo "make lint: no cargo $$tool here; with rustup: rustup component add rustfmt clippy" >&2; exit 1; }; done
	@CARGO=$(call quoted,$(CARGO)) scripts/rust-version
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p lariat --features socket-transport -- -D warnings
	@CARGO=$(call quoted,$(CARGO)) scripts/cross-check

.PHONY: aarch64
aarch64: ## build for aarch64, and run unit tests and rank programs under QEMU's user mode
	@$(NEED) $(BUILD_PACKAGES) gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
	@scripts/need-target aarch64-unknown-linux-gnu
	@CARGO=$(call quoted,$(CARGO)) TARGET=$(call quoted,$(TARGET)) CRATES=$(call quoted,$(CRATES)) scripts/aarch64

.PHONY: doc
doc: ## the documentation of every item, private ones too, into target/doc; a warning is an error
	@$(NEED) $(BUILD_PACKAGES)
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items

.PHONY: install
install: release tree ## install into PREFIX (default /usr/local; DESTDIR is honoured)

.PHONY: tree
tree:
	@PREFIX=$(call quoted,$(PREFIX)) DESTDIR=$(call quoted,$(DESTDIR)) TARGET=$(call quoted,$(TARGET)) scripts/install-tree

# Where packages are put; what they are made of is what `make` builds.
DIST := $(CURDIR)/target/dist
PACKAGES := deb wheel tarball

.PHONY: $(PACKAGES)
deb: need-for-dist release ## a Debian package, into target/dist
wheel: need-for-dist release ## a wheel for pip (manylinux), into target/dist
tarball: need-for-dist release ## an archive that runs where it is unpacked, into target/dist
$(PACKAGES):
	@TARGET=$(call quoted,$(TARGET)) scripts/packages/$@ $(call quoted,$(DIST))

.PHONY: dist
dist: $(PACKAGES) ## all packages

.PHONY: dist-test
dist-test: need-for-dist-test dist ## try each package, and cargo install, in fresh roots of Debian (as root; TRIALS=deb for one)
	@scripts/packages/try $(call quoted,$(DIST)) $(TRIALS)

.PHONY: book
book: build ## the documentation as a site, into target/book (installs mdbook by cargo)
	@CARGO=$(call quoted,$(CARGO)) PREFIX=$(call quoted,$(BUILD)) scripts/book $(call quoted,$(CURDIR)/target/book)

.PHONY: clean
clean: ## remove all that was built
	$(CARGO) clean
	rm -rf $(call quoted,$(BUILD))

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /  make \1\t/p' Makefile | expand -t 23
	@echo
	@echo 'Variables: PREFIX and DESTDIR (install), KDIR (driver), CARGO, CARGO_TARGET_DIR,'
	@echo 'BENCH, SIZES, RANKS, ROUNDS, MINUTES, PEERS, OUT and SHORT (bench),'
	@echo 'STORM, COUNT, SEED and WORKERS (storm), OLD (instructions, compare-builds), OUTSIDE, TRIALS (dist-test).'
