/* SPDX-License-Identifier: GPL-2.0-only */
/* The only file that tells kernels apart, by what probe found.  The other files
 * are written for the newest, or use the names below.
 */
#ifndef IPO_COMPAT_H
#define IPO_COMPAT_H

#include <linux/netdevice.h>
#include <net/dst_metadata.h>
#include <net/genetlink.h>
#ifdef IPO_HAVE_GSO_H
#include <net/gso.h>
#endif
#include <net/ip.h>
#include <net/ip_tunnels.h>
#include <net/route.h>
#include <net/rtnetlink.h>

#include "ipo-wire.h"

/* Whether packets with the metadata @info are to carry a key. */
static inline bool ipo_compat_has_key(const struct ip_tunnel_info *info)
{
#ifdef IPO_HAVE_TUNNEL_FLAGS_BITMAP
	return test_bit(IP_TUNNEL_KEY_BIT, info->key.tun_flags);
#else
	return info->key.tun_flags & TUNNEL_KEY;
#endif
}

/* The metadata of a received packet.  TOS and TTL stay 0: the inner header has
 * them, and nobody shall tell flows apart by them twice.
 */
static inline struct metadata_dst *
ipo_compat_tun_rx_dst(const struct ipo_rx *rx)
{
	__be64 key = rx->has_key ? cpu_to_be64(rx->key) : 0;
#ifdef IPO_HAVE_TUNNEL_FLAGS_BITMAP
	IP_TUNNEL_DECLARE_FLAGS(flags) = { };

	__assign_bit(IP_TUNNEL_KEY_BIT, flags, rx->has_key);
#else
	__be16 flags = rx->has_key ? TUNNEL_KEY : 0;
#endif
	return __ip_tun_set_dst(htonl(rx->src), htonl(rx->dst), 0, 0, 0, flags,
				key, 0);
}

/* Has packets sent through @dev without a lock of the stack's.  To be called
 * before @dev is registered.
 */
static inline void ipo_compat_lockless_tx(struct net_device *dev)
{
#ifdef IPO_HAVE_DEV_LLTX
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

/* Finds the route of a received packet.  Returns 0 or a negative errno. */
static inline int ipo_compat_route_input(struct sk_buff *skb,
					 const struct iphdr *iph)
{
#ifdef IPO_HAVE_ROUTE_INPUT_DSCP
	return ip_route_input_noref(skb, iph->daddr, iph->saddr,
				    ip4h_dscp(iph), skb->dev) ? -EINVAL : 0;
#else
	return ip_route_input_noref(skb, iph->daddr, iph->saddr, iph->tos,
				    skb->dev);
#endif
}

/* Defines ipo_compat_newlink(), which calls NEWLINK(). */
#ifdef IPO_HAVE_NEWLINK_PARAMS
#define IPO_COMPAT_NEWLINK(NEWLINK)					\
static int ipo_compat_newlink(struct net_device *dev,			\
			      struct rtnl_newlink_params *params,	\
			      struct netlink_ext_ack *extack)		\
{									\
	return NEWLINK(rtnl_newlink_link_net(params), dev, params->tb,	\
		       params->data, extack);				\
}
#else
#define IPO_COMPAT_NEWLINK(NEWLINK)					\
static int ipo_compat_newlink(struct net *net, struct net_device *dev,	\
			      struct nlattr *tb[], struct nlattr *data[], \
			      struct netlink_ext_ack *extack)		\
{									\
	return NEWLINK(net, dev, tb, data, extack);			\
}
#endif

#ifdef IPO_HAVE_SPLIT_PRE_DOIT
#define IPO_COMPAT_DOIT_OPS const struct genl_split_ops
#else
#define IPO_COMPAT_DOIT_OPS const struct genl_ops
#endif

/* The attributes of the request that a dump answers, by their types.  Valid
 * until the dump is done.
 */
static inline struct nlattr *const *
ipo_compat_dump_attrs(struct netlink_callback *cb)
{
#ifdef IPO_HAVE_DUMP_GENL_INFO
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* IPO_COMPAT_H */
