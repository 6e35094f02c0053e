/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the module share.
 *
 *	main.c		the module, and what it has in each network namespace
 *	link.c		the rtnetlink link kind "ipo" and its devices
 *	peers.c		the peers of a device
 *	routes.c	the peers that routes give, and the device's own prefix
 *	netlink.c	the generic netlink family "ipo"
 *	tx.c		encapsulation
 *	rx.c		decapsulation
 *	fragsort.c	inner fragments told from others
 *	fragment.c	inner fragments where they have to be made
 *	offload.c	segmentation of IPO packets on their way
 *	icmp.c		ICMP errors, both ways
 *	stats.c		counters
 *
 * Locks: everything that changes a device runs under RTNL, or under the lock
 * named beside the field.  The paths of packets take none.
 */
#ifndef IPO_DATAPATH_H
#define IPO_DATAPATH_H

#include <linux/hash.h>
#include <linux/netdevice.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>
#include <net/dst_cache.h>
#include <net/gro_cells.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "ipo-uapi.h"
#include "ipo-wire.h"

/* Why the module itself drops packets, beyond the reasons in ipo-wire.h. */
#define IPO_KMOD_DROPS							\
	X(NOT_IPV4, not_ipv4)						\
	X(NO_ROUTE, no_route)		/* No route to the remote node. */ \
	X(NO_MEMORY, no_memory)						\
	X(NEED_FRAG, need_frag)		/* DF, and longer than the path's MTU. */ \
	X(LOOPED, looped)		/* The route leads back to the device. */

enum ipo_kmod_drop {
	IPO_KMOD_DROP_FIRST = IPO_N_DROPS - 1,
#define X(NAME, name) IPO_DROP_##NAME,
	IPO_KMOD_DROPS
#undef X
	IPO_N_KMOD_DROPS
};

enum ipo_direction {
	IPO_SENT,
	IPO_RECEIVED,
	IPO_N_DIRECTIONS
};

/* Counters of packets carried: a format without and with key, and the native
 * variant.
 */
#define IPO_CARRIED_NATIVE	(2 * IPO_N_FORMATS)
#define IPO_N_CARRIED		(2 * IPO_N_FORMATS + 1)

struct ipo_counters {
	u64_stats_t packets[IPO_N_DIRECTIONS];
	u64_stats_t bytes[IPO_N_DIRECTIONS];	/* Inner packets'. */
	u64_stats_t carried[IPO_N_DIRECTIONS][IPO_N_CARRIED];
	u64_stats_t drops[IPO_N_DIRECTIONS][IPO_N_KMOD_DROPS];
	struct u64_stats_sync syncp;
};

/* A remote node, as a device knows it.  Readers hold the RCU read lock; what
 * they read never changes: a changed peer is another one.
 */
struct ipo_peer {
	struct rhash_head node;
	struct list_head list;		/* In 'struct ipo_dev'. */
	unsigned long id;		/* Grows along the list. */
	__be32 addr;
	bool has_prefixes;		/* Of its own, see ipo_peer_prefixes(). */
	bool from_netlink;
	bool prefixes_from_netlink;	/* Else from routes, if any. */
	bool has_proto_mode;
	u8 proto_mode;			/* enum ipo_proto_mode. */
	unsigned int n_nexthops;	/* Written under the device's lock. */
	struct ipo_prefixes prefixes;
	union {
		/* struct ipo_nexthop; device's lock.  Empty in the end. */
		struct list_head nexthops;
		struct rcu_head rcu;
	};
	struct dst_cache dst_cache;	/* Not of external devices. */
};

/* The prefix of a device's own address. */
struct ipo_local_prefix {
	u32 addr, mask;			/* Host byte order. */
	struct rcu_head rcu;
};

/* The settings of a device, as rtnetlink has them. */
struct ipo_config {
	__be32 local;			/* 0: any. */
	int link;			/* ifindex, 0: any. */
	u8 format;			/* enum ipo_fmt. */
	u8 proto_mode;			/* enum ipo_proto_mode. */
	bool external;
};

/* Private part of a device. */
struct ipo_dev {
	struct net_device *dev;
	struct net *net;		/* The underlay's. */
	struct hlist_node by_local;	/* In 'struct ipo_net'; RTNL. */
	struct ipo_config config;	/* RTNL to write. */
	struct rhashtable peers;	/* Written under 'lock'. */
	struct list_head peer_list;	/* The same ones; 'lock', or RCU. */
	unsigned long last_peer_id;
	spinlock_t lock;		/* For what is written under 'lock'. */
	struct ipo_net *routes_in;	/* Whose routes give it peers, or NULL;
					 * written under 'routes_lock'.
					 */
	struct ipo_local_prefix __rcu *local_prefix;	/* RTNL to write. */
	bool lacks_local_prefix;	/* For want of memory; RTNL. */
	unsigned int n_native_peers;	/* That generic netlink says; RTNL. */
	struct gro_cells gro_cells;
	struct ipo_counters __percpu *counters;
};

#define IPO_HASH_BITS 6

/* What the module has in a network namespace. */
struct ipo_net {
	/* Devices whose underlay is here, by the address they receive at. */
	struct hlist_head devs[1 << IPO_HASH_BITS];
	unsigned int n_devs;		/* RTNL. */
	unsigned int n_native;		/* Devices and peers of that variant;
					 * RTNL.
					 */
	struct ipo_fragsort *fragsort;	/* While there is a device. */

	/* Routes of this namespace that lead to ipo devices. */
	struct net *net;
	struct notifier_block fib_nb, nexthop_nb;
	struct hlist_head routes[1 << IPO_HASH_BITS];
	unsigned int generation;	/* Of what the FIB tells. */
	spinlock_t routes_lock;		/* For 'routes' and what is in it. */
	struct delayed_work routes_work;
	atomic_t routes_stale;		/* For the work to see to. */
	bool exiting;			/* The work is not to start any more. */

	atomic_t peers_seq;		/* Grows when peers here change. */
};

extern unsigned int ipo_net_id;

struct ipo_net *ipo_net(struct net *net);

/* link.c */
extern struct rtnl_link_ops ipo_link_ops;

bool ipo_is_dev(const struct net_device *dev);
struct ipo_dev *ipo_dev_find(struct net *net, __be32 local,
			     const struct net_device *underlay);
struct ipo_dev *ipo_dev_by_index(struct net *net, int ifindex);
void ipo_link_exit_net(struct net *net, struct list_head *to_kill);

/* peers.c */
int ipo_peers_init(struct ipo_dev *ipo);
void ipo_peers_uninit(struct ipo_dev *ipo);
struct ipo_peer *ipo_peer_find(struct ipo_dev *ipo, __be32 addr);
const struct ipo_prefixes *ipo_peer_prefixes(const struct ipo_dev *ipo,
					     const struct ipo_peer *peer,
					     struct ipo_prefixes *storage);
u8 ipo_peer_proto_mode(const struct ipo_dev *ipo, const struct ipo_peer *peer);

/* What generic netlink says of a peer. */
struct ipo_peer_config {
	__be32 addr;
	bool has_prefixes;
	bool has_proto_mode;
	u8 proto_mode;
	struct ipo_prefixes prefixes;
};

int ipo_peer_set(struct ipo_dev *ipo, const struct ipo_peer_config *config,
		 u16 nlmsg_flags, struct netlink_ext_ack *extack);
int ipo_peer_del(struct ipo_dev *ipo, __be32 addr,
		 struct netlink_ext_ack *extack);
int ipo_peers_flush(struct ipo_dev *ipo);
void ipo_peers_withdraw(struct ipo_dev *ipo);
void ipo_peers_add_caches(struct ipo_dev *ipo);
void ipo_peers_changed(const struct ipo_dev *ipo);

/* One next hop of a route: it makes a node a peer of a device. */
struct ipo_nexthop {
	struct ipo_dev *ipo;
	__be32 addr;			/* The remote node. */
	u32 prefix, mask;		/* Its containers; host byte order. */
	struct list_head list;		/* In 'struct ipo_peer'. */
};

int ipo_peer_add_nexthop(struct ipo_nexthop *nexthop);
void ipo_peer_del_nexthop(struct ipo_nexthop *nexthop);

/* routes.c */
int ipo_routes_init(void);
void ipo_routes_exit(void);
int ipo_routes_init_net(struct net *net);
void ipo_routes_exit_net(struct net *net);
void ipo_routes_complete(struct ipo_dev *ipo);
void ipo_routes_retry(struct ipo_dev *ipo);

/* netlink.c */
int ipo_netlink_init(void);
void ipo_netlink_exit(void);

/* fragment.c */
int ipo_fragment(struct net *net, struct sk_buff *skb, unsigned int mtu,
		 u16 flags, struct sk_buff_head *fragments);

/* fragsort.c */
enum ipo_frag {
	IPO_FRAG_INNER = 1,		/* Has an option of its own. */
	IPO_FRAG_ROUTERS,		/* Made by a router on the way. */
	IPO_FRAG_WAITS,			/* Cannot be told yet. */
};

struct ipo_fragsort;

struct ipo_fragsort *ipo_fragsort_alloc(void);
void ipo_fragsort_free(struct ipo_fragsort *fs);
enum ipo_frag ipo_fragsort(struct ipo_fragsort *fs, struct net *net,
			   struct sk_buff *skb, struct sk_buff_head *inner,
			   struct sk_buff_head *routers);

/* tx.c */
netdev_tx_t ipo_xmit(struct sk_buff *skb, struct net_device *dev);

/* rx.c */
int ipo_rx_init(void);
void ipo_rx_exit(void);
void ipo_deliver(struct ipo_dev *ipo, struct sk_buff *skb,
		 const struct ipo_rx *rx);
int ipo_rx_add_dev(struct net *net, const struct ipo_config *config);
void ipo_rx_del_dev(struct net *net, const struct ipo_config *config);
int ipo_rx_add_native(struct net *net);
void ipo_rx_del_native(struct net *net);
bool ipo_takes_native(struct ipo_dev *ipo, __be32 node);

/* offload.c */
int ipo_offload_init(void);
void ipo_offload_exit(void);
void ipo_gso_mark(struct sk_buff *skb);
void ipo_gso_unmark(struct sk_buff *skb);

/* icmp.c */
void ipo_icmp_too_big(struct ipo_dev *ipo, struct sk_buff *skb,
		      const struct ipo_tx *tx, unsigned int mtu);
int ipo_icmp_err(struct sk_buff *skb, u32 info);
bool ipo_icmp_native_err(struct sk_buff *skb);

/* stats.c */
int ipo_stats_init(struct ipo_dev *ipo);
void ipo_stats_uninit(struct ipo_dev *ipo);
void ipo_stats_carried(struct ipo_dev *ipo, enum ipo_direction direction,
		       unsigned int what, unsigned int packets,
		       unsigned int bytes);
void ipo_count_drop(struct ipo_dev *ipo, enum ipo_direction direction,
		    unsigned int drop);
void ipo_drop(struct ipo_dev *ipo, enum ipo_direction direction,
	      unsigned int drop, struct sk_buff *skb);
void ipo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats);
int ipo_stats_put(struct sk_buff *msg, const struct ipo_dev *ipo, bool brief);
size_t ipo_get_xstats_size(const struct net_device *dev);
int ipo_fill_xstats(struct sk_buff *msg, const struct net_device *dev);

/**
 * ipo_is_proto() - whether a protocol number is one that IPO shifts to or uses
 * @proto: the protocol in the outer header
 */
static inline bool ipo_is_proto(u8 proto)
{
	return (proto >= IPO_PROTO_SHIFT + IPO_PROTO_INNER_MIN &&
		proto <= IPO_PROTO_SHIFT + IPO_PROTO_INNER_MAX) ||
	       proto == IPO_PROTO_EXTENDED;
}

/**
 * ipo_is_native() - whether a header may be one of the native variant
 * @iph: an IPv4 header, all of which can be read
 */
static inline bool ipo_is_native(const struct iphdr *iph)
{
	const u8 *opt = (const u8 *)(iph + 1);

	return iph->ihl > 5 && opt[0] == IPO_OPT_COMPACT &&
	       opt[1] == IPO_OPT_LEN_COMPACT &&
	       ipo_protocol_shifts(iph->protocol);
}

/**
 * ipo_rehash() - turn the hash of an inner packet into the outer packet's, or back
 * @skb: a packet
 *
 * A hash of the inner packet's flow is one of the outer packet's, too, and need
 * not be made again.  But Open vSwitch caches by it which mask a packet has
 * matched, and those of the two would drive each other out.
 */
static inline void ipo_rehash(struct sk_buff *skb)
{
	if (skb->l4_hash)
		skb->hash ^= GOLDEN_RATIO_32;
	else
		skb_clear_hash(skb);
}

#endif /* IPO_DATAPATH_H */
