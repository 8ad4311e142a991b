# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets.

VERSION := 0.1.0
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
CC      ?= cc
comma   := ,
B       := build$(if $(SAN),/$(subst $(comma),-,$(SAN)))$(if $(MUSL),/musl)
Q       := $(if $(V),,@)
JOBS    := --no-print-directory -j$(shell nproc)

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef \
           -Wno-gnu-variable-sized-type-not-at-end
# A process keeps every protection that it has: what is preloaded has them too.
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
PROTECT := -fstack-protector-strong $(if $(filter aarch64%,$(MACHINE)), \
           -mbranch-protection=standard,-fcf-protection)

# For musl: the same sources, with libraries of its own (config/musl/dependencies).
# A program of glibc's may inherit LD_PRELOAD: an ABI version that its loader does
# not know, and musl's does not look at, has it go without instead of not start.
ifdef MUSL
CC            := musl-gcc
MUSL_INCLUDE  := -DLIBC_MUSL -isystem $(B)/include -idirafter $(B)/include/kernel
MUSL_FLAGS    := -include shim/base/musl.h
endif
OTHER_LIBC    := shim/hook/$(if $(MUSL),glibc,musl).c

# CFLAGS, CPPFLAGS and LDFLAGS are the builder's; what the code needs comes behind
# them, under other names, so that a command line does not lose it.
CFLAGS  ?= -O2 -g
INCLUDE := $(MUSL_INCLUDE) -D_GNU_SOURCE -I. -I$(B)/proto \
           -DDNSTAPSHIM_VERSION='"$(VERSION)"'
FLAGS   := $(MUSL_FLAGS) -std=gnu11 $(WARN) $(PROTECT) -fPIC -fvisibility=hidden \
           -fexceptions -ftls-model=initial-exec -ffunction-sections \
           -fdata-sections -fno-semantic-interposition -pthread \
           -ffile-prefix-map=$(CURDIR)=. \
           $(if $(SAN),-fsanitize=$(SAN)) $(if $(findstring thread,$(SAN)),-w)
LINK    := -pthread -Wl,-z,relro -Wl,-z,now $(if $(SAN),-fsanitize=$(SAN))
COMPILE  = $(CC) $(CPPFLAGS) $(INCLUDE) $(CFLAGS) $(FLAGS)

# What the library is linked with: inside and hidden, unless SHARED_DEPS=1. The
# static libraries may want others, which only pkg-config knows.
NAMES   := libprotobuf-c libfstrm libnghttp2 libssl libcrypto
DEPS    := $(NAMES:lib%=-l%)
LIBS     = $(or $(shell pkg-config $(1) --libs $(NAMES) 2>/dev/null),$(DEPS))
LINKED  := $(if $(MUSL),-L$(B)/lib $(DEPS),$(if $(SHARED_DEPS),$(call LIBS),\
           -Wl,-Bstatic $(call LIBS,--static) -Wl,-Bdynamic))

# What the command alone is linked with.
CLI_DEPS := -lldns -lz -lzstd -lncurses

# Debian's static libraries lack the note on shadow stacks, with which they go
# well: no code of theirs touches a return address. For indirect branches every
# function would have to begin with a mark, so that note is the linker's to give.
SHSTK   := $(if $(filter x86_64%,$(MACHINE)),-Wl$(comma)-z$(comma)shstk)

GEN     := $(B)/proto/dnstap.pb-c
RUNTIME := $(addprefix shim/runtime/,runtime.c start.c so_main.c command.c reload.c)
CORE    := $(filter-out $(RUNTIME),$(wildcard shim/*.c shim/base/*.c \
             shim/queue/*.c shim/capture/*.c shim/capture/*/*.c shim/tap/*.c \
             shim/tap/*/*.c shim/api/*.c shim/runtime/*.c proto/*.c proto/*/*.c \
             config/*.c))
HOOK    := $(RUNTIME) $(filter-out $(OTHER_LIBC),$(wildcard shim/hook/*.c \
             shim/hook/*.S))
CLI     := $(filter-out cli/main.c,$(wildcard cli/*.c cli/*/*.c))
obj      = $(addprefix $(B)/,$(addsuffix .o,$(basename $(1))))
CORE_O  := $(call obj,$(CORE)) $(GEN).o
HOOK_O  := $(call obj,$(HOOK))
CLI_O   := $(call obj,$(CLI))
UNIT_O  := $(call obj,$(wildcard tests/unit/*.c))
RACE    := $(patsubst tests/race/%.c,$(B)/race/%,$(wildcard tests/race/*.c))
UNITS   := $(if $(findstring thread,$(SAN)),,$(B)/unit) $(RACE)
RACE_SAN := -fsanitize=thread
HEADERS := $(wildcard tests/race/*.h shim/*.h shim/*/*.h shim/*/*/*.h proto/*.h \
             proto/*/*.h config/*.h)
FUZZ    := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZER  := -g -pthread -fsanitize=fuzzer,address,undefined \
           -fno-sanitize-recover=all
FUZZED  := $(patsubst %.c,$(B)/fuzz/%.o,$(CORE) $(CLI)) $(B)/fuzz/gen.o
BENCH   := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))

SHELLS  := $(B)/completion/dnstapshim $(B)/completion/_dnstapshim

all: $(B)/libdnstapshim.so $(B)/dnstapshim $(SHELLS) ## the library and the command

# The dependencies are fetched and built once, into build/musl.
musl: ## build/libdnstapshim-musl.so, for programs of Alpine and its like
	$(Q)config/musl/dependencies build/musl
	$(Q)$(MAKE) $(JOBS) MUSL=1 build/musl/libdnstapshim.so
	$(Q)ln -f build/musl/libdnstapshim.so build/libdnstapshim-musl.so

units: $(UNITS)

unit: $(UNITS) ## the unit tests: no root, nothing installed
	$(Q)set -e; for test in $^; do $$test; done

# Each target with what stands behind its ##.
help:
	@echo "make TARGET [V=1: show the commands] [SAN=address,undefined | thread]"
	@echo "     [CFLAGS=...] [SHARED_DEPS=1]; after other flags: make clean"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 13

$(B)/libdnstapshim.so: $(CORE_O) $(HOOK_O) $(B)/exports shim/api/exports.map \
                       shim/hook/check-exports
	@echo "  LINK  $@"
	$(Q)$(CC) -shared -o $@ $(CORE_O) $(HOOK_O) $(LDFLAGS) $(LINK) \
	  -Wl,--version-script=shim/api/exports.map -Wl,--exclude-libs,ALL \
	  -Wl,-Bsymbolic-functions \
	  -Wl,--gc-sections $(if $(SAN),,-Wl,-z,defs) -Wl,-z,nodelete $(SHSTK) \
	  -Wl,-soname,libdnstapshim$(if $(MUSL),-musl).so -Wl,-e,so_main $(LINKED)
	$(Q)shim/hook/check-exports $(B)/exports shim/api/exports.map $@
	$(Q)$(if $(MUSL),printf '\1' | dd of=$@ bs=1 seek=8 conv=notrunc status=none)

$(B)/exports: shim/hook/calls.h shim/hook/exports.in
	@mkdir -p $(@D)
	$(Q)$(CC) $(INCLUDE) -E -P -x c shim/hook/exports.in -o $@

$(B)/dnstapshim: $(B)/cli/main.o $(CLI_O) $(CORE_O)
	@echo "  LINK  $@"
	$(Q)$(CC) -pie -o $@ $^ $(LDFLAGS) $(LINK) $(DEPS) $(CLI_DEPS)

# How bash and zsh complete its words, by the names that they look for.
$(B)/completion/dnstapshim: $(B)/dnstapshim
	@mkdir -p $(@D)
	$(Q)$< completion bash >$@

$(B)/completion/_dnstapshim: $(B)/dnstapshim
	@mkdir -p $(@D)
	$(Q)$< completion zsh >$@

$(B)/unit: $(UNIT_O) $(CORE_O) $(CLI_O)
	@echo "  LINK  $@"
	$(Q)$(CC) -o $@ $^ $(LDFLAGS) $(LINK) $(DEPS) $(CLI_DEPS) -lcriterion

$(B)/fuzz/fuzz_%: $(FUZZED) $(B)/fuzz/tests/fuzz/fuzz_%.o
	@echo "  FUZZ  $@"
	$(Q)clang $(FUZZER) $^ -o $@ $(DEPS) $(CLI_DEPS)

$(B)/fuzz/%.o: %.c Makefile | $(GEN).h
	@mkdir -p $(@D)
	$(Q)clang -O1 -std=gnu11 $(WARN) $(INCLUDE) $(FUZZER) \
	  -MMD -MP -c $< -o $@

$(B)/fuzz/gen.o: $(GEN).h
	@mkdir -p $(@D)
	$(Q)clang -O1 $(FUZZER) -c $(GEN).c -o $@

# Under the thread sanitizer, which Criterion does not bear, nor an emulator. -w, here and
# above: of fences it says that it does not know them.
$(B)/race/%: tests/race/%.c $(CORE) $(GEN).h $(HEADERS) Makefile
	@echo "  RACE  $@"
	@mkdir -p $(@D)
	$(Q)$(CC) -O1 -g -std=gnu11 $(INCLUDE) $(RACE_SAN) -w -pthread \
	  $< $(CORE) $(GEN).c -o $@ $(DEPS)

# What the library is preloaded into has no other copy of it.
$(B)/bench/capture: $(CORE_O) $(HOOK_O)
$(B)/bench/capture: FLAGS += -Wno-deprecated-declarations
$(B)/bench/tap: $(CORE_O)
$(B)/bench/host $(B)/bench/scale: $(B)/shim/base/clock.o
$(B)/bench/sink: $(B)/shim/base/clock.o $(GEN).o
$(B)/bench/tls: $(B)/shim/base/clock.o $(B)/bench/libstub.so
$(B)/bench/libstub.so: bench/stub/ssl.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -fPIC -shared -Wl,-soname,$(abspath $@) $< -o $@
$(B)/bench/%: bench/%.c | $(GEN).h
	@echo "  BENCH $@"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $^ -o $@ $(LDFLAGS) $(LINK) -Wl,--as-needed $(DEPS)

# The Makefile has the version and the flags.
$(B)/%.o: %.c Makefile | $(GEN).h
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

$(B)/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(INCLUDE) -fPIC -MMD -MP -c $< -o $@

$(GEN).o: $(GEN).h Makefile
	$(Q)$(COMPILE) -Wno-shadow -c $(GEN).c -o $@

$(GEN).h: proto/dnstap.proto
	@mkdir -p $(@D)
	$(Q)protoc-c -Iproto --c_out=$(@D) $<

# Hooks must call the very functions they stand for, not their fortified kin; nor
# is a host to be ended by a check of the rest. Ubuntu's compiler fortifies of
# itself, Fedora's flags do so behind all others: each takes another word.
$(HOOK_O) $(CORE_O): FLAGS += -U_FORTIFY_SOURCE -Wp,-U_FORTIFY_SOURCE
$(HOOK_O): FLAGS += -fno-builtin -Wno-deprecated-declarations
# What the thread sanitizer's runtime itself calls, before it has begun.
$(call obj,$(addprefix shim/,hook/signal.c hook/real.c hook/dl.c hook/glibc.c \
  hook/stop.c base/disposition.c)): FLAGS += $(if $(findstring thread,$(SAN)), \
                                   -fno-sanitize=thread)
$(CLI_O): FLAGS += $(if $(SAN)$(findstring FORTIFY,$(CFLAGS) $(CPPFLAGS)),, \
                     -D_FORTIFY_SOURCE=2)

check: ## every test, as root: installs packages, makes namespaces
	$(Q)tests/setup check
	$(Q)$(MAKE) $(JOBS) all unit
	$(Q)tests/e2e/run

check-musl: all ## servers of musl's with its library; as root
	$(Q)tests/setup musl
	$(Q)$(MAKE) $(JOBS) musl
	$(Q)tests/musl
	$(Q)tests/e2e/run --musl

check-arm64: ## builds for aarch64 and runs that under an emulator; as root, 6 to 15 minutes
	$(Q)tests/setup arm64
	$(Q)ARM64_ROOT='$(ARM64_ROOT)' tests/arm64/run

model: ## the queue's orders of memory, every interleaving of them
	$(Q)tests/setup model
	$(Q)tests/model/run

fuzz: $(FUZZ) ## builds the fuzz targets, build/fuzz/fuzz_*

demo: ## a preloaded named answers dig; as root
	$(Q)tests/demo ask
	$(Q)tests/setup demo
	$(Q)$(MAKE) $(JOBS) all
	$(Q)tests/demo

bench: ## measures what it costs; as root, half an hour
	$(Q)tests/setup bench
	$(Q)$(MAKE) $(JOBS) all $(BENCH)
	$(Q)bench/run

soak: all ## a quarter of an hour under everything at once; as root
	$(Q)tests/soak

# Another version of clang-format would have it otherwise.
CLANG_FORMAT := $(or $(shell command -v clang-format-14),clang-format)

# Unbound gives its module names that stand nowhere.
lint: $(GEN).h ## the form of the sources, what includes what, what is documented
	$(Q).ci/layers
	$(Q).ci/documented
	$(Q)shim/drawing.py /dev/stdout | cmp - shim/drawing.svg
	$(Q)$(COMPILE) -std=gnu11 -fsyntax-only tests/fuzz/*.c
	$(Q)if $(CLANG_FORMAT) --version | grep -q 'version 14\.'; then \
	  $(CLANG_FORMAT) --dry-run -Werror $$(git ls-files '*.c' '*.h'); \
	else echo "lint: clang-format 14 is not there: form not looked at"; fi
	$(Q)if command -v pyflakes3 >/dev/null; then \
	  pyflakes3 $$(git grep -l '^#!/.*python') \
	    $$(git ls-files '*.py' ':!config/api/unbound.py'); \
	else echo "lint: pyflakes3 is not there: Python not looked at"; fi

drawing: shim/drawing.svg ## of the rooms and arrows, for the README

shim/drawing.svg: shim/drawing.py
	$(Q)$< $@

format: ## makes it so
	$(Q)$(CLANG_FORMAT) -i $$(git ls-files '*.c' '*.h')

install uninstall: export VERSION := $(VERSION)
install uninstall: export PREFIX  := $(PREFIX)
install uninstall: export LIBDIR  := $(LIBDIR)
install uninstall: export DESTDIR := $(DESTDIR)
install: all ## to DESTDIR, PREFIX (/usr/local) and LIBDIR; or uninstall
install uninstall:
	$(Q)config/packaging/install $@ $(B)

# Of a copy: dpkg-buildpackage begins with `make clean` and ends in ../.
deb: export DEB_BUILD_OPTIONS += nocheck
deb: ## a Debian package, build/*.deb; takes debhelper
	@echo "  DEB   $(B)/deb/build.log"
	$(Q)rm -rf $(B)/deb && mkdir -p $(B)/deb/source
	$(Q)tar -c --exclude=./build --exclude=./.git . | tar -x -C $(B)/deb/source
	$(Q)cd $(B)/deb/source && if ! env -u MAKEFLAGS dpkg-buildpackage -b -us \
	  -uc -j$(shell nproc) >../build.log 2>&1; then cat ../build.log; exit 1; fi
	$(Q)mv $(B)/deb/*.deb $(B)

clean: ## removes build/
	rm -rf build

-include $(patsubst %.o,%.d,$(CORE_O) $(HOOK_O) $(CLI_O) $(UNIT_O) $(FUZZED) \
           $(B)/cli/main.o) $(wildcard $(B)/fuzz/tests/fuzz/*.d)
.PHONY: all musl help check check-musl check-arm64 unit units model fuzz demo bench soak lint drawing format install uninstall deb clean
.SECONDARY: $(FUZZED)
.DELETE_ON_ERROR:
