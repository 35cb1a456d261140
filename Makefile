# SPDX-License-Identifier: Apache-2.0
#
# make            both programs, in build/
# make demo       everything on a fresh Debian 12: tools, programs, a real cluster, the main job
# make test       every test; ends with "N passed, N failed"
# make help       the other targets
#
# V=1 shows the commands. CFLAGS, LDFLAGS, CC are yours. SAN=address,undefined builds with sanitizers in a folder of its own.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
V ?= 0
SAN ?=
comma := ,

BUILD ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-8s %s\n' $(1) $(2))

CC ?= cc
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
MUSL_CC ?= musl-gcc
FUZZ_CC ?= clang
INSTALL ?= install
STRIP := strip

# Warnings are errors where we work (a git checkout), not for who builds a tarball with another compiler.
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2 \
	-Wwrite-strings -Wundef $(if $(wildcard .git),-Werror)
LIBS := libcurl openssl libcjson yaml-0.1 uuid
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
LIB_LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null) -lpthread
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
BASE := -std=gnu11 -D_GNU_SOURCE -I. -Ibuild/include -DASB_VERSION='"$(VERSION)"' $(WARN)
PLUGIN_CFLAGS = $(BASE) $(LIB_CFLAGS) $(SAN_FLAGS) $(CFLAGS)
SHIM_CFLAGS := $(BASE) -Wnull-dereference -Os -g -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	-fstack-protector-strong
SHIM_LDFLAGS := -static -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--build-id=none

# The shims that the plugin carries, as ARCH=FILE; without further compilers it is the one of this machine.
SHIM := build/agentsandbox-shim
SHIM_BUILD := build/shim
SHIMS := $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(shell uname -m)))=$(SHIM)
PLUGIN := $(BUILD)/kubectl-agentsandbox

protocol_src := $(wildcard shim/protocol/*.c)
shim_src := $(wildcard shim/*.c) $(protocol_src)
plugin_src := $(wildcard plugin/*/*.c) $(protocol_src)
unit_src := $(wildcard tests/unit/test_*.c)
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)
fault_src := $(wildcard tests/faults/*.c)
shimtest_src := $(wildcard tests/shim/*.c)

embedded_obj := $(BUILD)/obj/plugin/sandbox/shim_binary.o $(BUILD)/obj/plugin/sandbox/manifests.o
plugin_obj := $(plugin_src:%.c=$(BUILD)/obj/%.o) $(embedded_obj)
shim_obj := $(shim_src:%.c=$(SHIM_BUILD)/%.o)
unit_bin := $(unit_src:tests/unit/%.c=$(BUILD)/tests/%)
fault_bin := $(fault_src:tests/faults/%.c=build/tests/%)
fuzz_bin := $(fuzz_src:tests/fuzz/%.c=build/fuzz/%)

.PHONY: all help install clean deps need-deps demo test test-unit test-shim test-docs test-e2e lint format fuzz bench man \
	cluster-up cluster-down test-programs
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PLUGIN) $(SHIM) $(BUILD)/kubectl-agent_sandbox

help:
	@sed -n 's/^# \{0,1\}\(make .*\)/\1/p' Makefile
	@printf '%s\n' 'make install    into $$DESTDIR$$PREFIX/bin and share/man' \
		'make deps       installs what Debian provides' \
		'make cluster-up, cluster-down    the real cluster of the tests' \
		'make test-unit, test-shim, test-docs, test-e2e    parts of the tests; test-e2e takes FILES=tests/e2e/x.bats' \
		'make SAN=address,undefined test-unit' \
		'make dist       the release: static tarballs and the krew manifest, in build/dist' \
		'make bench      how long commands, bytes and files take, against kubectl; PUBLISH=1 writes the tables in docs' \
		'make man        writes docs/man/kubectl-agentsandbox.1 anew from the help texts' \
		'make fuzz FUZZ_SECONDS=60    every fuzz target for that long' \
		'make lint, format, clean'

# --- the programs ---------------------------------------------------------------------------------

$(PLUGIN): $(plugin_obj) $(BUILD)/obj/plugin/main.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN_FLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(BUILD)/kubectl-agent_sandbox: $(PLUGIN)
	$(Q)ln -sf kubectl-agentsandbox $@

$(SHIM): $(shim_obj)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(SHIM_LDFLAGS) -o $@.debug $^
	$(Q)$(STRIP) -s -R .comment -R .note.gnu.property -o $@ $@.debug

$(BUILD)/obj/%.o: %.c build/include/xxhash.h | need-libs
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PLUGIN_CFLAGS) -MMD -MP -c -o $@ $<

# The shims travel inside the plugin; their ConfigMaps are named by hashes of their bytes.
shim_files := $(foreach s,$(SHIMS),$(word 2,$(subst =, ,$s)))
shim_hash = $$(sha256sum $1 | cut -c1-12)
shim_macro = ASB_SHIM_$(subst arm64,ARM64,$(subst amd64,AMD64,$(word 1,$(subst =, ,$1))))
shim_define = -D$(shim_macro)='"$(word 2,$(subst =, ,$1))"' -D$(shim_macro)_HASH="\"$(call shim_hash,$(word 2,$(subst =, ,$1)))\""

$(BUILD)/obj/plugin/sandbox/shim_binary.o: plugin/sandbox/shim_binary.S $(shim_files)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(foreach s,$(SHIMS),$(call shim_define,$s)) -c -o $@ $<

# So do the manifests that `setup` applies: the files that `kubectl apply -k manifests` takes, in their order.
manifest_src := $(addprefix manifests/,$(shell sed -n 's/^- //p' manifests/kustomization.yaml))

build/include/manifests.yaml: manifests/kustomization.yaml $(manifest_src)
	$(Q)mkdir -p $(@D)
	$(Q)for f in $(manifest_src); do echo --- && cat $$f || exit; done >$@

$(BUILD)/obj/plugin/sandbox/manifests.o: plugin/sandbox/manifests.S build/include/manifests.yaml
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

$(SHIM_BUILD)/%.o: %.c build/include/xxhash.h
	$(call say,MUSL,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(SHIM_CFLAGS) -MMD -MP -c -o $@ $<

# musl-gcc does not look into /usr/include: the one header it needs from there is laid out for it.
build/include/xxhash.h: /usr/include/xxhash.h
	$(Q)mkdir -p $(@D)
	$(Q)ln -sf $< $@

/usr/include/xxhash.h:
	@echo 'error: libraries are missing (libxxhash-dev ...)'; echo 'hint: make deps'; exit 1

.PHONY: need-libs
need-libs:
	@$(PKG_CONFIG) --exists $(LIBS) || { echo 'error: libraries are missing ($(LIBS))'; echo 'hint: make deps'; exit 1; }

-include $(plugin_obj:.o=.d) $(BUILD)/obj/plugin/main.d $(shim_obj:.o=.d) $(unit_bin:=.d)

install: all
	$(Q)$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin
	$(Q)$(INSTALL) -m 0755 $(PLUGIN) $(DESTDIR)$(PREFIX)/bin/kubectl-agentsandbox
	$(Q)ln -sf kubectl-agentsandbox $(DESTDIR)$(PREFIX)/bin/kubectl-agent_sandbox
	$(Q)$(INSTALL) -m 0755 completion/kubectl_complete-agentsandbox $(DESTDIR)$(PREFIX)/bin
	$(Q)ln -sf kubectl_complete-agentsandbox $(DESTDIR)$(PREFIX)/bin/kubectl_complete-agent_sandbox
	$(Q)$(INSTALL) -d $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5
	$(Q)$(INSTALL) -m 0644 docs/man/*.1 $(DESTDIR)$(MANDIR)/man1
	$(Q)$(INSTALL) -m 0644 docs/man/*.5 $(DESTDIR)$(MANDIR)/man5
	@echo "installed: $(DESTDIR)$(PREFIX)/bin/kubectl-agentsandbox (try: kubectl agentsandbox help)"

clean:
	rm -rf build

# --- what Debian provides -------------------------------------------------------------------------

DEB_BUILD := build-essential pkg-config musl-tools libcurl4-openssl-dev libssl-dev \
	libcjson-dev libyaml-dev uuid-dev libxxhash-dev
DEB_TEST := libcmocka-dev bats valgrind jq curl ca-certificates procps iproute2 util-linux openssl tmux vim less xxd mandoc \
	tinyproxy stunnel4 microsocks socat
DEB_LINT := clang clang-tidy clang-format cppcheck shellcheck
DEB_ALL := $(DEB_BUILD) $(DEB_TEST) $(DEB_LINT)

deps:
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $(DEB_ALL)

need-deps:
	@dpkg-query -W -f='$${Status}\n' $(DEB_ALL) 2>/dev/null | grep -c 'install ok installed' | \
		grep -qx '$(words $(DEB_ALL))' || $(MAKE) --no-print-directory deps

include krew/dist.mk

# --- the cluster and the demo -----------------------------------------------------------------------

cluster-up:
	$(Q)tests/cluster/cluster up

cluster-down:
	$(Q)tests/cluster/cluster down

demo: need-deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo

# --- tests ------------------------------------------------------------------------------------------

test: need-deps
	$(Q)$(MAKE) --no-print-directory all test-programs
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined all test-programs
	$(Q)$(MAKE) --no-print-directory dist
	$(Q)tests/run all

test-programs: $(unit_bin) $(fault_bin) build/tests/shim-test

test-unit: test-programs
	$(Q)tests/run unit $(unit_bin)

test-shim: $(SHIM) build/tests/shim-test
	$(Q)tests/run shim

test-e2e: all test-programs
	$(Q)tests/run e2e $(FILES)

test-docs: all
	$(Q)tests/run docs

bench: all dist $(BUILD)/bench/measure
	$(Q)status=0; for part in startup session; do tests/bench/$$part $(if $(PUBLISH),--publish) || status=1; done; exit $$status

$(BUILD)/bench/measure: tests/bench/measure.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(CFLAGS) $(LDFLAGS) -o $@ $<

man: $(PLUGIN)
	$(Q)docs/man/generate $(PLUGIN) >$(BUILD)/kubectl-agentsandbox.1
	$(Q)cp $(BUILD)/kubectl-agentsandbox.1 docs/man/

$(BUILD)/tests/test_%: tests/unit/test_%.c $(plugin_obj)
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PLUGIN_CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(plugin_obj) $(LIB_LDLIBS) -lcmocka

build/tests/shim-test: $(shimtest_src) $(protocol_src) $(wildcard tests/shim/*.h shim/protocol/*.h) build/include/xxhash.h
	$(call say,TEST,tests/shim)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(CFLAGS) $(LDFLAGS) -o $@ $(shimtest_src) $(protocol_src) -lcmocka -lpthread

build/tests/%: tests/faults/%.c
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(CFLAGS) $(LDFLAGS) -o $@ $< -lssl -lcrypto -lpthread

# Fuzzers share the sanitizer objects that clang instruments itself: everything is compiled anew, small as it is.
FUZZ_SECONDS ?= 10
FUZZ_FLAGS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -O1 -g
fuzz_obj := $(plugin_src:%.c=build/fuzz/obj/%.o) $(embedded_obj)

build/fuzz/obj/%.o: %.c build/include/xxhash.h $(SHIM)
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(filter-out -Werror,$(BASE)) $(LIB_CFLAGS) \
		-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -O1 -g -MMD -MP -c -o $@ $<

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(fuzz_obj)
	$(call say,FUZZ,$<)
	$(Q)$(FUZZ_CC) $(filter-out -Werror,$(BASE)) $(LIB_CFLAGS) $(FUZZ_FLAGS) -o $@ $< $(fuzz_obj) $(LIB_LDLIBS)

fuzz: $(fuzz_bin)
	$(Q)tests/fuzz/run $(FUZZ_SECONDS) $(fuzz_bin)

lint:
	$(Q)tests/lint/lint

format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i
