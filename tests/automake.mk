# SPDX-License-Identifier: Apache-2.0

## Open vSwitch's own test suite, in the tree that has ipo in it.
##
##   make check-ovs TESTSUITEFLAGS='-j2 -k tunnel'

check-ovs: $(ovs_built)
	+@$(ovs_make) check TESTSUITEFLAGS='$(TESTSUITEFLAGS)' \
	    RECHECK='$(RECHECK)'
.PHONY: check-ovs

## ipo's own test suites.
##
##   make check TESTSUITEFLAGS='-j2 -k push'
##   make check-system TESTSUITEFLAGS='-j2'      (root)
##   make check-vm TESTSUITEFLAGS='-j2'
##   make check-vm-6.12                          (one kernel only)
##   make check-vm-debug                         (one that looks for mistakes)
##   make check-kbuild-sid
##   make check-static
##
## Benchmarks.
##
##   make bench BENCH_FLAGS=--quick              (root)
##
## Search for inputs that are taken wrong: tests/fuzz/automake.mk.

check_PROGRAMS = tests/test-ipo-wire
tests_test_ipo_wire_SOURCES = tests/test-ipo-wire.c
tests_test_ipo_wire_CPPFLAGS = -I$(srcdir)/lib
tests_test_ipo_wire_CFLAGS = -Wall -Wextra $(AM_CFLAGS)
if HAVE_SANITIZERS
check_PROGRAMS += tests/test-ipo-wire-san
tests_test_ipo_wire_san_SOURCES = $(tests_test_ipo_wire_SOURCES)
tests_test_ipo_wire_san_CPPFLAGS = $(tests_test_ipo_wire_CPPFLAGS)
tests_test_ipo_wire_san_CFLAGS = $(tests_test_ipo_wire_CFLAGS) \
	$(SANITIZER_CFLAGS)
tests_test_ipo_wire_san_LDFLAGS = $(SANITIZER_CFLAGS)
endif

testsuite_files = \
	tests/ipo-bench.at \
	tests/ipo-datapath.at \
	tests/ipo-decode.at \
	tests/ipo-docs.at \
	tests/ipo-fuzz.at \
	tests/ipo-kbuild.at \
	tests/ipo-macros.at \
	tests/ipo-options.at \
	tests/ipo-packages.at \
	tests/ipo-prepare.at \
	tests/ipo-translate.at \
	tests/ipo-wire.at \
	tests/skip-macros.at \
	tests/testsuite.at

system_testsuite_files = \
	tests/skip-macros.at \
	tests/system-abuse.at \
	tests/system-cni.at \
	tests/system-combine.at \
	tests/system-controller.at \
	tests/system-faults.at \
	tests/system-ipo.at \
	tests/system-macros.at \
	tests/system-operating.at \
	tests/system-overlay.at \
	tests/system-probe.at \
	tests/system-recipes.at \
	tests/system-scale.at \
	tests/system-tool.at \
	tests/system-trouble.at \
	tests/system-userspace-macros.at \
	tests/system-userspace-testsuite.at

system_kmod_testsuite_files = \
	tests/kmod-faults.at \
	tests/skip-macros.at \
	tests/system-abuse.at \
	tests/system-combine.at \
	tests/system-controller.at \
	tests/system-faults.at \
	tests/system-interop.at \
	tests/system-ipo.at \
	tests/system-kernel.at \
	tests/system-kmod-macros.at \
	tests/system-kmod-testsuite.at \
	tests/system-macros.at \
	tests/system-overlay.at \
	tests/system-recipes.at \
	tests/system-scale.at \
	tests/system-tool.at

kmod_testsuite_files = \
	tests/kmod-faults.at \
	tests/kmod-links.at \
	tests/kmod-macros.at \
	tests/kmod-malformed.at \
	tests/kmod-nodes.at \
	tests/kmod-peers.at \
	tests/kmod-stack.at \
	tests/kmod-stress.at \
	tests/kmod-testsuite.at \
	tests/kmod-traffic.at \
	tests/kmod-vectors.at \
	tests/skip-macros.at \
	tests/system-kmod-macros.at \
	tests/system-macros.at

# What a flood in the system tests comes from.
EXTRA_PROGRAMS = tests/flood
tests_flood_SOURCES = tests/flood.c
tests_flood_CPPFLAGS = -D_GNU_SOURCE
tests_flood_CFLAGS = -Wall -Wextra $(AM_CFLAGS)
CLEANFILES += tests/flood

bench_files = \
	tests/bench/aims \
	tests/bench/aims.py \
	tests/bench/growth \
	tests/bench/kernel \
	tests/bench/kernel-guest \
	tests/bench/lib.sh \
	tests/bench/plots.py \
	tests/bench/port.c \
	tests/bench/push-pop.c \
	tests/bench/report \
	tests/bench/run \
	tests/bench/samples.py \
	tests/bench/set-options.py \
	tests/bench/tables.py \
	tests/bench/traffic.c \
	tests/bench/traffic.h \
	tests/bench/userspace \
	tests/bench/wire

# What tests/bench/kernel needs in its guest.
EXTRA_PROGRAMS += tests/bench/sockets
tests_bench_sockets_SOURCES = tests/bench/sockets.c
tests_bench_sockets_CPPFLAGS = -D_GNU_SOURCE
tests_bench_sockets_CFLAGS = -Wall -Wextra $(AM_CFLAGS)
CLEANFILES += tests/bench/sockets

vm_files = \
	tests/vm/debug-kernel \
	tests/vm/debug-kernel.config \
	tests/vm/fetch \
	tests/vm/guest \
	tests/vm/initramfs \
	tests/vm/kernels \
	tests/vm/root-files \
	tests/vm/run \
	tests/vm/smoke

EXTRA_DIST += \
	$(bench_files) \
	$(kmod_testsuite_files) \
	$(system_kmod_testsuite_files) \
	$(system_testsuite_files) \
	$(testsuite_files) \
	$(vm_files) \
	tests/atlocal.in \
	tests/decode-vectors.py \
	tests/ip-packet.py \
	tests/random-packets.py \
	tests/send-frames.py \
	tests/ip-sizes.py \
	tests/ipo-netlink.py \
	tests/kbuild-sid \
	tests/kbuild-warnings \
	tests/kernel-header/Kbuild \
	tests/kernel-header/ipo-wire-kernel.c \
	tests/kmod-faults.py \
	tests/kmod-nodes.sh \
	tests/kmod-vectors.py \
	tests/leaks.supp \
	tests/nodes.sh \
	tests/packages \
	tests/ping-all.py \
	tests/probe-packets.py \
	tests/races.supp \
	tests/seed \
	tests/threads \
	tests/vectors/README.rst \
	tests/vectors/captures.txt \
	tests/vectors/choice.txt \
	tests/vectors/compact.txt \
	tests/vectors/drop-receive.txt \
	tests/vectors/drop-send.txt \
	tests/vectors/extended.txt \
	tests/vectors/make-vectors.py

CLEANFILES += \
	tests/kmod-testsuite \
	tests/system-kmod-testsuite \
	tests/system-userspace-testsuite \
	tests/testsuite
DISTCLEANFILES += tests/atconfig tests/package.m4

# Open vSwitch's test macros come from the tree that was prepared.
autotest = $(AUTOM4TE) --language=autotest -I $(srcdir)/tests -I tests -I ovs

tests/package.m4: $(srcdir)/configure.ac
	$(AM_V_GEN){ \
	  echo 'm4_define([AT_PACKAGE_NAME], [$(PACKAGE_NAME)])'; \
	  echo 'm4_define([AT_PACKAGE_TARNAME], [$(PACKAGE_TARNAME)])'; \
	  echo 'm4_define([AT_PACKAGE_VERSION], [$(PACKAGE_VERSION)])'; \
	  echo 'm4_define([AT_PACKAGE_STRING], [$(PACKAGE_STRING)])'; \
	  echo 'm4_define([AT_PACKAGE_BUGREPORT], [$(PACKAGE_BUGREPORT)])'; \
	} > $@.tmp && mv $@.tmp $@

tests/testsuite: $(testsuite_files) tests/package.m4 $(ovs_prepared)
	$(AM_V_GEN)$(autotest) -o $@.tmp $(srcdir)/tests/testsuite.at && \
	mv $@.tmp $@

tests/system-userspace-testsuite: $(system_testsuite_files) \
		tests/package.m4 $(ovs_prepared)
	$(AM_V_GEN)$(autotest) -o $@.tmp \
	    $(srcdir)/tests/system-userspace-testsuite.at && \
	mv $@.tmp $@

tests/system-kmod-testsuite: $(system_kmod_testsuite_files) \
		tests/package.m4 $(ovs_prepared)
	$(AM_V_GEN)$(autotest) -o $@.tmp \
	    $(srcdir)/tests/system-kmod-testsuite.at && \
	mv $@.tmp $@

tests/kmod-testsuite: $(kmod_testsuite_files) tests/package.m4 $(ovs_prepared)
	$(AM_V_GEN)$(autotest) -o $@.tmp $(srcdir)/tests/kmod-testsuite.at && \
	mv $@.tmp $@

test_path = ovs/utilities:ovs/vswitchd:ovs/ovsdb:ovs/tests:tests:tests/fuzz:utilities

# In a network namespace of its own, if there can be one: whenever a route of
# the host changes, Open vSwitch 4.0 forgets that a dummy device has an address.
own_netns = `unshare -n true 2>/dev/null && echo unshare -n`

check-local: tests/testsuite tests/atlocal $(check_PROGRAMS) $(fuzz_replays) \
		$(ovs_built)
	$(own_netns) $(SHELL) tests/testsuite -C tests AUTOTEST_PATH='$(test_path)' \
	    $(TESTSUITEFLAGS)

check-system: tests/system-userspace-testsuite tests/atlocal tests/flood \
		$(ovs_built)
	$(SHELL) tests/system-userspace-testsuite -C tests \
	    AUTOTEST_PATH='$(test_path)' $(TESTSUITEFLAGS) || \
	  { test '$(RECHECK)' = yes && \
	    $(SHELL) tests/system-userspace-testsuite -C tests \
	      AUTOTEST_PATH='$(test_path)' --recheck; }
.PHONY: check-system

# The suites of the kernel's datapath, in a virtual machine with each kernel in
# tests/vm/kernels or one of them.  Its guest has the whole build tree.
vm_suites = tests/kmod-testsuite tests/system-kmod-testsuite
check-vm check-vm-6.1 check-vm-6.12: all $(vm_suites) tests/atlocal tests/flood
	$(SHELL) $(srcdir)/tests/vm/run \
	    `echo $@ | sed -n 's/^check-vm-/--kernel /p'` $(VM_FLAGS) -- \
	    $(TESTSUITEFLAGS)
.PHONY: check-vm check-vm-6.1 check-vm-6.12

# The same on a kernel that is built to look for mistakes.  It is slow, and
# needs memory to remember what it has seen.
check-vm-debug: all $(vm_suites) tests/atlocal
	test -n '$(NO_INSTALL)' || $(SHELL) $(srcdir)/build-aux/install-deps debug-kernel
	$(SHELL) $(srcdir)/tests/vm/run --kernel debug-6.1 --memory 5120 \
	    --time-limit 18000 $(VM_FLAGS) -- $(TESTSUITEFLAGS)
.PHONY: check-vm-debug

# Compiles the kernel module for sid's kernel.
check-kbuild-sid:
	$(SHELL) $(srcdir)/tests/kbuild-sid
.PHONY: check-kbuild-sid

# Compilers' warnings, clang's analyzer, and shellcheck.
check-static: all
	test -n '$(NO_INSTALL)' || $(SHELL) $(srcdir)/build-aux/install-deps static
	$(SHELL) $(srcdir)/tests/static/run --builddir .
.PHONY: check-static

static_files = \
	tests/static/known.h \
	tests/static/planted.c \
	tests/static/planted.sh \
	tests/static/run
EXTRA_DIST += $(static_files)

# Mixed traffic for an hour: tests/soak --help.
EXTRA_DIST += tests/soak

# Benchmarks.  The programs are made of Open vSwitch's objects, as it was
# configured.
bench_compile = $(CC) $(ovs_cflags) -I$(srcdir)/tests/bench \
	$(CPPFLAGS) -Wall $(CFLAGS) -c -o $@
bench_link = $(AM_V_CCLD)ovs/libtool --quiet --tag=CC --mode=link $(CC) \
	$(CFLAGS) $(LDFLAGS) -o $@
bench_vswitchd_objects = \
	ovs/vswitchd/bridge.o \
	ovs/vswitchd/ovs-vswitchd.o \
	ovs/vswitchd/system-stats.o

tests/bench/port.o: tests/bench/port.c tests/bench/traffic.h $(ovs_built)
	@$(MKDIR_P) tests/bench
	$(AM_V_CC)$(bench_compile) $(srcdir)/tests/bench/port.c
tests/bench/push-pop.o: tests/bench/push-pop.c tests/bench/traffic.h \
		$(ovs_built)
	@$(MKDIR_P) tests/bench
	$(AM_V_CC)$(bench_compile) $(srcdir)/tests/bench/push-pop.c
tests/bench/traffic.o: tests/bench/traffic.c tests/bench/traffic.h \
		$(ovs_built)
	@$(MKDIR_P) tests/bench
	$(AM_V_CC)$(bench_compile) $(srcdir)/tests/bench/traffic.c

tests/bench/push-pop: tests/bench/push-pop.o tests/bench/traffic.o
	$(bench_link) tests/bench/push-pop.o tests/bench/traffic.o \
	    ovs/lib/libopenvswitch.la
tests/bench/vswitchd: tests/bench/port.o tests/bench/traffic.o
	$(bench_link) tests/bench/port.o tests/bench/traffic.o \
	    $(bench_vswitchd_objects) ovs/ofproto/libofproto.la \
	    ovs/lib/libsflow.la ovs/lib/libopenvswitch.la

# make bench BENCH_FLAGS=--quick
bench: all
	test -n '$(NO_INSTALL)' || $(SHELL) $(srcdir)/build-aux/install-deps bench
	+$(MAKE) tests/bench/push-pop tests/bench/sockets tests/bench/vswitchd
	NO_INSTALL='$(NO_INSTALL)' $(SHELL) $(srcdir)/tests/bench/run $(BENCH_FLAGS)
.PHONY: bench

include tests/fuzz/automake.mk

clean-local: clean-tests
clean-tests:
	@test ! -f tests/testsuite || \
	  $(SHELL) tests/testsuite -C tests --clean >/dev/null 2>&1 || :
	rm -rf tests/*testsuite.dir tests/vm.dir bench
	rm -f tests/bench/*.o tests/bench/push-pop tests/bench/vswitchd
	rm -f tests/*testsuite.log
.PHONY: clean-tests
