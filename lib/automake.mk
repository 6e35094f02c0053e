# SPDX-License-Identifier: Apache-2.0

# Linked into the Open vSwitch tree by vswitchd/ovs-prepare, and compiled there
# because vswitchd/patches/01-type.patch adds them to libopenvswitch.
ipo_lib_files = \
	lib/ipo-fast.h \
	lib/ipo-kernel.c \
	lib/ipo-kernel.h \
	lib/ipo-odp.c \
	lib/ipo-odp.h \
	lib/ipo-options.c \
	lib/ipo-options.h \
	lib/ipo-peers.c \
	lib/ipo-peers.h \
	lib/ipo-stats.c \
	lib/ipo-stats.h \
	lib/ipo-uapi.h \
	lib/ipo-wire.h \
	lib/netdev-ipo.c \
	lib/netdev-ipo.h \
	lib/ovs-compat.h

EXTRA_DIST += $(ipo_lib_files)
