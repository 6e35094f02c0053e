# SPDX-License-Identifier: Apache-2.0

dist_man_MANS += \
	utilities/ip-link-ipo.8 \
	utilities/ipoctl.8 \
	utilities/ovs-ipo.7

# Manages the kernel module's peers and shows its counters.
sbin_PROGRAMS = utilities/ipoctl
utilities_ipoctl_SOURCES = \
	lib/ipo-uapi.h \
	lib/ipo-wire.h \
	utilities/ipoctl-batch.c \
	utilities/ipoctl-dev.c \
	utilities/ipoctl-json.c \
	utilities/ipoctl-netlink.c \
	utilities/ipoctl-peer.c \
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
