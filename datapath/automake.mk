# SPDX-License-Identifier: Apache-2.0

# Not built by "make": it is compiled for a kernel, not for this machine.  See
# datapath/Makefile.
EXTRA_DIST += \
	datapath/Kbuild \
	datapath/Makefile \
	datapath/compat.h \
	datapath/dkms.conf \
	datapath/fragment.c \
	datapath/fragsort.c \
	datapath/icmp.c \
	datapath/ipo.h \
	datapath/link.c \
	datapath/main.c \
	datapath/netlink.c \
	datapath/offload.c \
	datapath/peers.c \
	datapath/probe \
	datapath/routes.c \
	datapath/rx.c \
	datapath/stats.c \
	datapath/tx.c
