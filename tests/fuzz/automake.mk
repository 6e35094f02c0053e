# SPDX-License-Identifier: Apache-2.0

## make fuzz SECS=60           (libFuzzer: clang and its runtime library)
##
## What libFuzzer calls is in a file for each target; see fuzz.h.  Each is built
## twice.  TARGET.replay is built with the compiler that builds the rest, and for
## 'make check' runs the inputs that there are.  TARGET.fuzz is built by clang, and
## looks for new ones.
##
## Of both, the files that the target is about are compiled here, with sanitizers.
## The rest of Open vSwitch is taken as it was built: to build all of it again
## takes long, and its own errors are not what this looks for.  Allocations are
## seen by the sanitizers wherever they are made.

FUZZ_CC = clang
SECS = 60

fuzz_targets = batch cni odp options port wire words

EXTRA_DIST += \
	$(fuzz_corpus) \
	tests/fuzz/batch.c \
	tests/fuzz/cni.c \
	tests/fuzz/fuzz-netdev.h \
	tests/fuzz/fuzz.h \
	tests/fuzz/odp.c \
	tests/fuzz/options.c \
	tests/fuzz/packet.h \
	tests/fuzz/port.c \
	tests/fuzz/replay.c \
	tests/fuzz/run \
	tests/fuzz/seeds.py \
	tests/fuzz/wire.c \
	tests/fuzz/words.c
fuzz_corpus = $(wildcard $(srcdir)/tests/fuzz/corpus/*/*)

# NAME's objects are NAME.replay.o and NAME.fuzz.o.
fuzz_batch_files = batch ipoctl-batch ipoctl-json ipoctl-peer ipoctl-stats \
	ipoctl-words
fuzz_cni_files = cni ovs-ipo-words
fuzz_odp_files = odp ipo-odp
fuzz_options_files = options ipo-odp ipo-options ipo-peers ipo-stats netdev-ipo
fuzz_port_files = port ipo-odp ipo-options ipo-peers ipo-stats netdev-ipo
fuzz_wire_files = wire
fuzz_words_files = words ovs-ipo-words

fuzz_headers = \
	$(ovs_ipo_headers) \
	$(srcdir)/tests/fuzz/fuzz-netdev.h \
	$(srcdir)/tests/fuzz/fuzz.h \
	$(srcdir)/tests/fuzz/packet.h \
	$(srcdir)/utilities/ipoctl.h
fuzz_ovs = $(ovs_cflags)
fuzz_cppflags = -D_GNU_SOURCE $(fuzz_ovs) -I$(srcdir)/lib \
	-I$(srcdir)/utilities -I$(srcdir)/tests/fuzz $(CPPFLAGS) \
	$(LIBMNL_CFLAGS)
fuzz_cflags = -Wall -g -O1
if HAVE_SANITIZERS
fuzz_replay_cc = $(CC) $(CFLAGS) $(fuzz_cflags) $(SANITIZER_CFLAGS)
else
fuzz_replay_cc = $(CC) $(CFLAGS) $(fuzz_cflags)
endif
fuzz_fuzz_cc = $(FUZZ_CC) $(fuzz_cflags) $(SANITIZER_CFLAGS) \
	-fsanitize=fuzzer
fuzz_compile = $(AM_V_CC)$(MKDIR_P) tests/fuzz && $(1) $(fuzz_cppflags) -c -o $@ $<

tests/fuzz/%.replay.o: $(srcdir)/tests/fuzz/%.c $(fuzz_headers) $(ovs_built)
	$(call fuzz_compile,$(fuzz_replay_cc))
tests/fuzz/%.replay.o: $(srcdir)/lib/%.c $(fuzz_headers) $(ovs_built)
	$(call fuzz_compile,$(fuzz_replay_cc))
tests/fuzz/%.replay.o: $(srcdir)/utilities/%.c $(fuzz_headers) $(ovs_built)
	$(call fuzz_compile,$(fuzz_replay_cc))
tests/fuzz/%.fuzz.o: $(srcdir)/tests/fuzz/%.c $(fuzz_headers) $(ovs_built)
	$(call fuzz_compile,$(fuzz_fuzz_cc))
tests/fuzz/%.fuzz.o: $(srcdir)/lib/%.c $(fuzz_headers) $(ovs_built)
	$(call fuzz_compile,$(fuzz_fuzz_cc))
tests/fuzz/%.fuzz.o: $(srcdir)/utilities/%.c $(fuzz_headers) $(ovs_built)
	$(call fuzz_compile,$(fuzz_fuzz_cc))

# These include others.
tests/fuzz/batch.replay.o tests/fuzz/batch.fuzz.o: \
	$(srcdir)/utilities/ipoctl.c $(srcdir)/utilities/ipoctl-netlink.c
tests/fuzz/cni.replay.o tests/fuzz/cni.fuzz.o: $(srcdir)/utilities/ovs-ipo-cni.c

# What is compiled here comes before libopenvswitch, which has it, too.
fuzz_libs = ovs/lib/libopenvswitch.la
fuzz_link = $(AM_V_CCLD)ovs/libtool --quiet --tag=CC --mode=link $(1) $(LDFLAGS) \
	-o $@ $(filter %.o,$^) $(fuzz_libs)

# ovs-ipo-cni needs the rest of ovs-ipo to be linked, not to run.
fuzz_cni_objects = $(filter-out %-status.o %-words.o,$(ovs_ipo_objects))
tests/fuzz/cni.replay tests/fuzz/cni.fuzz: $(fuzz_cni_objects)

# ipoctl has nothing to do with Open vSwitch.
$(fuzz_batch_files:%=tests/fuzz/%.replay.o): fuzz_ovs = $(DEFS)
$(fuzz_batch_files:%=tests/fuzz/%.fuzz.o): fuzz_ovs = $(DEFS)
tests/fuzz/batch.replay tests/fuzz/batch.fuzz: fuzz_libs = $(LIBMNL_LIBS)

fuzz_replays = $(fuzz_targets:%=tests/fuzz/%.replay)
fuzz_programs = $(fuzz_targets:%=tests/fuzz/%.fuzz)

tests/fuzz/batch.replay: $(fuzz_batch_files:%=tests/fuzz/%.replay.o)
tests/fuzz/cni.replay: $(fuzz_cni_files:%=tests/fuzz/%.replay.o)
tests/fuzz/odp.replay: $(fuzz_odp_files:%=tests/fuzz/%.replay.o)
tests/fuzz/options.replay: $(fuzz_options_files:%=tests/fuzz/%.replay.o)
tests/fuzz/port.replay: $(fuzz_port_files:%=tests/fuzz/%.replay.o)
tests/fuzz/wire.replay: $(fuzz_wire_files:%=tests/fuzz/%.replay.o)
tests/fuzz/words.replay: $(fuzz_words_files:%=tests/fuzz/%.replay.o)
$(fuzz_replays): tests/fuzz/replay.replay.o
	$(call fuzz_link,$(fuzz_replay_cc))

tests/fuzz/batch.fuzz: $(fuzz_batch_files:%=tests/fuzz/%.fuzz.o)
tests/fuzz/cni.fuzz: $(fuzz_cni_files:%=tests/fuzz/%.fuzz.o)
tests/fuzz/odp.fuzz: $(fuzz_odp_files:%=tests/fuzz/%.fuzz.o)
tests/fuzz/options.fuzz: $(fuzz_options_files:%=tests/fuzz/%.fuzz.o)
tests/fuzz/port.fuzz: $(fuzz_port_files:%=tests/fuzz/%.fuzz.o)
tests/fuzz/wire.fuzz: $(fuzz_wire_files:%=tests/fuzz/%.fuzz.o)
tests/fuzz/words.fuzz: $(fuzz_words_files:%=tests/fuzz/%.fuzz.o)
$(fuzz_programs):
	$(call fuzz_link,$(fuzz_fuzz_cc))

fuzz: all
	test -n '$(NO_INSTALL)' || $(SHELL) $(srcdir)/build-aux/install-deps fuzz
	+@$(MAKE) $(fuzz_programs)
	@PYTHON3='$(PYTHON3)' $(SHELL) $(srcdir)/tests/fuzz/run --builddir . \
	    --seconds '$(SECS)' $(FUZZ_FLAGS) $(fuzz_targets)
.PHONY: fuzz

clean-local: clean-fuzz
clean-fuzz:
	rm -rf fuzz
	rm -f tests/fuzz/*.o tests/fuzz/*.fuzz tests/fuzz/*.replay
.PHONY: clean-fuzz
