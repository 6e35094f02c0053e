/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* The netlink interfaces of ipo.ko: attributes of the rtnetlink link kind
 * "ipo", and the generic netlink family "ipo" that manages a device's peers and
 * reads its counters.
 *
 * Addresses are 4 bytes in network byte order.  All other numbers are in host
 * byte order, as netlink has it.
 */

#ifndef IPO_UAPI_H
#define IPO_UAPI_H 1

/* Which format a device sends in.  The numbers behind IPO_FMT_AUTO are those of
 * 'enum ipo_format' plus 1.
 */
enum ipo_fmt {
	IPO_FMT_AUTO,		/* The smallest that represents the packet. */
	IPO_FMT_COMPACT,
	IPO_FMT_SHORT,
	IPO_FMT_FULL,
	IPO_N_FMTS
};

/* What a compact packet's protocol is (wire-format.rst, "Native variant"). */
enum ipo_proto_mode {
	IPO_PROTO_MODE_SHIFT,	/* The inner protocol plus 143. */
	IPO_PROTO_MODE_NATIVE,	/* The inner protocol. */
	IPO_N_PROTO_MODES
};

/* Attributes of the link, in IFLA_INFO_DATA.
 *
 * A device with IFLA_IPO_EXTERNAL takes the remote node, the key and, if it
 * likes, the local node of each packet from its tunnel metadata, and its peers
 * from generic netlink.  Any other device takes them from its routes and its
 * own address.
 */
enum {
	IFLA_IPO_UNSPEC,
	IFLA_IPO_LOCAL,		/* Address: the local node. */
	IFLA_IPO_LINK,		/* u32: ifindex of the underlay device. */
	IFLA_IPO_FORMAT,	/* u8: enum ipo_fmt. */
	IFLA_IPO_PROTO_MODE,	/* u8: enum ipo_proto_mode. */
	IFLA_IPO_EXTERNAL,	/* Flag. */
	__IFLA_IPO_MAX
};

#define IFLA_IPO_MAX (__IFLA_IPO_MAX - 1)

/* IFLA_INFO_XSTATS is a nest of an IPO_A_COUNTER, as below, for each reason
 * that the device has dropped packets for.
 */

/* In the tunnel metadata of a packet sent through an external device, the
 * transport destination port, which IPO has no other use for, may pin the
 * format: 0 for the device's, or an 'enum ipo_fmt'.
 */

/* The generic netlink family.  All of it but IPO_CMD_GET_STATS takes
 * CAP_NET_ADMIN in the network namespace, and so does its multicast group.
 */
#define IPO_GENL_NAME "ipo"
#define IPO_GENL_VERSION 1
#define IPO_GENL_MCGRP_PEERS "peers"

enum ipo_cmd {
	IPO_CMD_UNSPEC,

	/* Adds or changes a peer.  If this family has not given the device one
	 * with this node: with NLM_F_CREATE adds it, else ENOENT.  If it has:
	 * with NLM_F_REPLACE makes it exactly what is given, else EEXIST.
	 * (That routes give the peer does not count.  NLM_F_EXCL may be given
	 * where NLM_F_REPLACE is not, and shows up in the notification.)
	 * IPO_A_IFINDEX, IPO_A_NODE; IPO_A_LOCAL, IPO_A_LOCAL_PLEN,
	 * IPO_A_REMOTE and IPO_A_REMOTE_PLEN, all or none, in which case those
	 * that routes give stay in force; IPO_A_PROTO_MODE if not that of the
	 * device, to send, and, if native, to receive in addition.
	 *
	 * Also the notification of such a change, with the flags of the
	 * request, and the answer to IPO_CMD_GET_PEER: there the prefixes are
	 * those in force, wherever they come from.
	 */
	IPO_CMD_NEW_PEER,

	/* Removes a peer: IPO_A_IFINDEX, IPO_A_NODE.  Also its
	 * notification.
	 */
	IPO_CMD_DEL_PEER,

	/* Gets one peer (IPO_A_IFINDEX, IPO_A_NODE), or with NLM_F_DUMP all
	 * peers of a device (IPO_A_IFINDEX) or of all devices.  A list has each
	 * peer once that is there from its beginning to its end; if others came
	 * or went or any changed meanwhile, it has NLM_F_DUMP_INTR.
	 */
	IPO_CMD_GET_PEER,

	/* Removes all peers of a device that came from this family, not those
	 * that come from routes: IPO_A_IFINDEX.  Also its notification.
	 */
	IPO_CMD_FLUSH_PEERS,

	/* Gets the counters of a device (IPO_A_IFINDEX), or with NLM_F_DUMP of
	 * all devices: IPO_A_IFINDEX, IPO_A_IFNAME and an IPO_A_COUNTER for
	 * each counter.
	 */
	IPO_CMD_GET_STATS,

	__IPO_CMD_MAX
};

#define IPO_CMD_MAX (__IPO_CMD_MAX - 1)

enum ipo_attr {
	IPO_A_UNSPEC,
	IPO_A_PAD,
	IPO_A_IFINDEX,		/* u32: the ipo device. */
	IPO_A_IFNAME,		/* String: its name. */
	IPO_A_NODE,		/* Address: the remote node. */
	IPO_A_LOCAL,		/* Address: prefix of the containers here... */
	IPO_A_LOCAL_PLEN,	/* u8: ...and its length. */
	IPO_A_REMOTE,		/* Address: prefix of the containers there... */
	IPO_A_REMOTE_PLEN,	/* u8: ...and its length. */
	IPO_A_PROTO_MODE,	/* u8: enum ipo_proto_mode. */
	IPO_A_ROUTES,		/* u32: how many routes give the peer. */
	IPO_A_COUNTER,		/* Nest of IPO_COUNTER_A_*, repeated. */
	__IPO_A_MAX
};

#define IPO_A_MAX (__IPO_A_MAX - 1)

/* A counter.  Its name is a format ("compact", "short", "short+key", "full",
 * "full+key", "native"), for packets carried, or the reason of a drop: those in
 * ipo-wire.h, "not_ipv4", "no_route", "no_memory", "need_frag" and "looped".
 */
enum ipo_counter_attr {
	IPO_COUNTER_A_UNSPEC,
	IPO_COUNTER_A_PAD,
	IPO_COUNTER_A_RECEIVED,	/* Flag: received, else sent. */
	IPO_COUNTER_A_DROP,	/* Flag: dropped, else carried. */
	IPO_COUNTER_A_NAME,	/* String. */
	IPO_COUNTER_A_VALUE,	/* u64: packets. */
	__IPO_COUNTER_A_MAX
};

#define IPO_COUNTER_A_MAX (__IPO_COUNTER_A_MAX - 1)

#endif /* ipo-uapi.h */
