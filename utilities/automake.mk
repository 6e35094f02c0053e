# SPDX-License-Identifier: Apache-2.0

dist_man_MANS += \
	utilities/ip-link-ipo.8 \
	utilities/ipoctl.8 \
	utilities/ovs-ipo-cni.8 \
	utilities/ovs-ipo.7 \
	utilities/ovs-ipo.8

# Manages the kernel module's peers and shows its counters.
sbin_PROGRAMS = utilities/ipoctl
utilities_ipoctl_SOURCES = \
	lib/ipo-uapi.h \
	lib/ipo-wire.h \
	utilities/ipoctl-batch.c \
	utilities/ipoctl-decode.c \
	utilities/ipoctl-dev.c \
	utilities/ipoctl-json.c \
	utilities/ipoctl-netlink.c \
	utilities/ipoctl-pcap.c \
	utilities/ipoctl-peer.c \
	utilities/ipoctl-probe-options.c \
	utilities/ipoctl-probe-packet.c \
	utilities/ipoctl-probe-report.c \
	utilities/ipoctl-probe-run.c \
	utilities/ipoctl-probe-socket.c \
	utilities/ipoctl-probe.c \
	utilities/ipoctl-probe.h \
	utilities/ipoctl-reflect.c \
	utilities/ipoctl-stats.c \
	utilities/ipoctl-words.c \
	utilities/ipoctl.c \
	utilities/ipoctl.h
utilities_ipoctl_CPPFLAGS = -D_GNU_SOURCE -I$(srcdir)/lib
utilities_ipoctl_CFLAGS = -Wall -Wextra $(LIBMNL_CFLAGS) $(AM_CFLAGS)
utilities_ipoctl_LDADD = $(LIBMNL_LIBS)

# iproute2's plug-in for the link kind.  To automake it is a program, as it is
# linked without libtool; it is installed like a library, not executable.  What
# it calls in ip is found when ip loads it.
noinst_PROGRAMS = utilities/link_ipo.so
utilities_link_ipo_so_SOURCES = \
	lib/ipo-uapi.h \
	utilities/link-util.h \
	utilities/link_ipo.c
utilities_link_ipo_so_CPPFLAGS = -I$(srcdir)/lib
utilities_link_ipo_so_CFLAGS = -Wall -Wextra -fPIC $(AM_CFLAGS)
utilities_link_ipo_so_LDFLAGS = -shared $(AM_LDFLAGS)
iproute2_plugins_DATA = utilities/link_ipo.so

# The dissector for Wireshark and tshark.
dist_wireshark_plugins_DATA = utilities/ovs-ipo.lua

# Puts containers onto the overlay.  It is made of Open vSwitch's libraries, as
# that was configured, so neither with our configuration nor by automake.
ovs_ipo_objects = \
	utilities/ovs-ipo-actions.o \
	utilities/ovs-ipo-db.o \
	utilities/ovs-ipo-link.o \
	utilities/ovs-ipo-openflow.o \
	utilities/ovs-ipo-rules.o \
	utilities/ovs-ipo-state.o \
	utilities/ovs-ipo-status.o \
	utilities/ovs-ipo-time.o \
	utilities/ovs-ipo-words.o
ovs_ipo_headers = \
	$(srcdir)/utilities/ovs-ipo-db.h \
	$(srcdir)/utilities/ovs-ipo.h
EXTRA_DIST += \
	$(ovs_ipo_headers) \
	utilities/ovs-ipo-actions.c \
	utilities/ovs-ipo-cni.c \
	utilities/ipoctl-completion.bash \
	utilities/ovs-ipo-completion.bash \
	utilities/ovs-ipo-db.c \
	utilities/ovs-ipo-link.c \
	utilities/ovs-ipo-openflow.c \
	utilities/ovs-ipo-rules.c \
	utilities/ovs-ipo-state.c \
	utilities/ovs-ipo-status.c \
	utilities/ovs-ipo-sync.service.in \
	utilities/ovs-ipo-time.c \
	utilities/ovs-ipo-words.c \
	utilities/ovs-ipo.c
ovs_ipo_compile = $(AM_V_CC)$(MKDIR_P) utilities && $(CC) \
	$(ovs_cflags) $(CPPFLAGS) -Wall $(CFLAGS) \
	-DOVS_IPO_VERSION='"$(PACKAGE_VERSION)"' -c -o $@
ovs_ipo_link = $(AM_V_CCLD)ovs/libtool --quiet --tag=CC --mode=link $(CC) \
	$(CFLAGS) $(LDFLAGS) -o $@

$(ovs_ipo_objects) utilities/ovs-ipo-cni.o utilities/ovs-ipo.o: \
		$(ovs_ipo_headers) $(ovs_built)
utilities/ovs-ipo-actions.o: $(srcdir)/utilities/ovs-ipo-actions.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-actions.c
utilities/ovs-ipo-db.o: $(srcdir)/utilities/ovs-ipo-db.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-db.c
utilities/ovs-ipo-link.o: $(srcdir)/utilities/ovs-ipo-link.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-link.c
utilities/ovs-ipo-openflow.o: $(srcdir)/utilities/ovs-ipo-openflow.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-openflow.c
utilities/ovs-ipo-rules.o: $(srcdir)/utilities/ovs-ipo-rules.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-rules.c
utilities/ovs-ipo-state.o: $(srcdir)/utilities/ovs-ipo-state.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-state.c
utilities/ovs-ipo-status.o: $(srcdir)/utilities/ovs-ipo-status.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-status.c
utilities/ovs-ipo-time.o: $(srcdir)/utilities/ovs-ipo-time.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-time.c
utilities/ovs-ipo-words.o: $(srcdir)/utilities/ovs-ipo-words.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-words.c
utilities/ovs-ipo.o: $(srcdir)/utilities/ovs-ipo.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo.c
utilities/ovs-ipo-cni.o: $(srcdir)/utilities/ovs-ipo-cni.c
	$(ovs_ipo_compile) $(srcdir)/utilities/ovs-ipo-cni.c
utilities/ovs-ipo: utilities/ovs-ipo.o $(ovs_ipo_objects)
	$(ovs_ipo_link) utilities/ovs-ipo.o $(ovs_ipo_objects) \
	    ovs/lib/libopenvswitch.la
utilities/ovs-ipo-cni: utilities/ovs-ipo-cni.o $(ovs_ipo_objects)
	$(ovs_ipo_link) utilities/ovs-ipo-cni.o $(ovs_ipo_objects) \
	    ovs/lib/libopenvswitch.la

all-local: utilities/ovs-ipo utilities/ovs-ipo-cni

# Open vSwitch's libtool, as its libraries may be shared ones.
ovs_ipo_install = ovs/libtool --quiet --mode=install $(INSTALL_PROGRAM)
install-exec-local: utilities/ovs-ipo utilities/ovs-ipo-cni
	$(MKDIR_P) '$(DESTDIR)$(sbindir)' '$(DESTDIR)$(cni_pluginsdir)'
	$(ovs_ipo_install) utilities/ovs-ipo '$(DESTDIR)$(sbindir)'
	$(ovs_ipo_install) utilities/ovs-ipo-cni '$(DESTDIR)$(cni_pluginsdir)'
completionsdir = $(datadir)/bash-completion/completions
install-data-local: install-ovs-ipo-data
install-ovs-ipo-data:
	$(MKDIR_P) '$(DESTDIR)$(completionsdir)'
	for program in ipoctl ovs-ipo; do \
	  $(INSTALL_DATA) $(srcdir)/utilities/$$program-completion.bash \
	      '$(DESTDIR)$(completionsdir)'/$$program || exit 1; \
	done
.PHONY: install-ovs-ipo-data

systemdsystemunitdir = $(prefix)/lib/systemd/system
systemdsystemunit_DATA = utilities/ovs-ipo-sync.service
CLEANFILES += utilities/ovs-ipo-sync.service
utilities/ovs-ipo-sync.service: utilities/ovs-ipo-sync.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) utilities && sed 's,@sbindir[@],$(sbindir),' \
	    $(srcdir)/utilities/ovs-ipo-sync.service.in > $@.tmp && mv $@.tmp $@

uninstall-local: uninstall-ovs-ipo
uninstall-ovs-ipo:
	rm -f '$(DESTDIR)$(completionsdir)/ipoctl' '$(DESTDIR)$(completionsdir)/ovs-ipo'
	rm -f '$(DESTDIR)$(sbindir)/ovs-ipo' \
	    '$(DESTDIR)$(cni_pluginsdir)/ovs-ipo-cni'
.PHONY: uninstall-ovs-ipo
clean-local: clean-ovs-ipo
clean-ovs-ipo:
	rm -f utilities/ovs-ipo utilities/ovs-ipo-cni utilities/ovs-ipo*.o
.PHONY: clean-ovs-ipo
