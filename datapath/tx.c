// SPDX-License-Identifier: GPL-2.0-only
/* Encapsulation. */
#include <net/dst_metadata.h>
#include <net/ip.h>
#include <net/ip_tunnels.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>

#include "ipo.h"

/* How a packet is to be sent. */
struct ipo_send {
	struct ipo_dev *ipo;
	struct ipo_tx tx;
	struct dst_cache *cache;	/* Of the way to the node, or NULL. */
	struct rtable *rt;
};

/* These return 0, or a negative enum ipo_drop or enum ipo_kmod_drop. */

/* Sees to it that the IPv4 header can be read, and that nothing follows the
 * packet.
 */
static int check_packet(struct sk_buff *skb)
{
	unsigned int hlen, len;

	if (skb->protocol != htons(ETH_P_IP))
		return -IPO_DROP_NOT_IPV4;
	skb_reset_network_header(skb);
	if (!pskb_may_pull(skb, sizeof(struct iphdr)))
		return -IPO_DROP_MALFORMED;
	hlen = ip_hdrlen(skb);
	if (hlen < sizeof(struct iphdr) || !pskb_may_pull(skb, hlen))
		return -IPO_DROP_MALFORMED;
	skb_set_transport_header(skb, hlen);

	len = ntohs(ip_hdr(skb)->tot_len);
	if (!skb_is_gso(skb) && len >= hlen && len < skb->len &&
	    pskb_trim_rcsum(skb, len))
		return -IPO_DROP_NO_MEMORY;
	return 0;
}

/* Sets the formats that the packet can be sent in. */
static void set_formats(struct ipo_send *s, const struct ipo_peer *peer,
			u8 fmt)
{
	const struct ipo_prefixes *prefixes;

	prefixes = ipo_peer_prefixes(s->ipo, peer, &s->tx.prefixes);
	if (prefixes)
		s->tx.prefixes = *prefixes;
	s->tx.formats = ipo_formats_auto(prefixes, s->tx.has_key);
	if (fmt != IPO_FMT_AUTO)
		s->tx.formats &= 1u << (fmt - IPO_FMT_COMPACT);
	s->tx.native = ipo_peer_proto_mode(s->ipo, peer) ==
		       IPO_PROTO_MODE_NATIVE;
}

/* On an external device the packet's metadata say where to. */
static int ask_metadata(struct ipo_send *s, struct sk_buff *skb)
{
	struct ip_tunnel_info *info = skb_tunnel_info(skb);
	u8 fmt = READ_ONCE(s->ipo->config.format);
	u64 key;

	if (!info || !(info->mode & IP_TUNNEL_INFO_TX) ||
	    ip_tunnel_info_af(info) != AF_INET || !info->key.u.ipv4.dst)
		return -IPO_DROP_NO_ROUTE;
	s->tx.dst = ntohl(info->key.u.ipv4.dst);
	s->tx.src = ntohl(info->key.u.ipv4.src);
	s->tx.has_key = ipo_compat_has_key(info);
	if (s->tx.has_key) {
		key = be64_to_cpu(info->key.tun_id);
		if (key > U32_MAX)
			return -IPO_DROP_KEY;
		s->tx.key = key;
	}
	if (info->key.tp_dst && ntohs(info->key.tp_dst) < IPO_N_FMTS)
		fmt = ntohs(info->key.tp_dst);
	if (ip_tunnel_dst_cache_usable(skb, info))
		s->cache = &info->dst_cache;

	set_formats(s, ipo_peer_find(s->ipo, info->key.u.ipv4.dst), fmt);
	return 0;
}

/* On any other device its route does: the gateway is the remote node. */
static int ask_route(struct ipo_send *s, struct sk_buff *skb)
{
	const struct rtable *rt = skb_rtable(skb);
	struct ipo_peer *peer;

	if (!skb_valid_dst(skb) || rt->rt_gw_family != AF_INET)
		return -IPO_DROP_NO_ROUTE;
	s->tx.dst = ntohl(rt->rt_gw4);
	peer = ipo_peer_find(s->ipo, rt->rt_gw4);
	if (peer && ip_tunnel_dst_cache_usable(skb, NULL))
		s->cache = &peer->dst_cache;

	set_formats(s, peer, READ_ONCE(s->ipo->config.format));
	return 0;
}

/* Finds the way to the remote node, and the local node's address. */
static int find_way(struct ipo_send *s, const struct sk_buff *skb)
{
	struct ipo_dev *ipo = s->ipo;
	bool same_net = net_eq(ipo->net, dev_net(ipo->dev));
	struct flowi4 fl4 = {
		.flowi4_oif = READ_ONCE(ipo->config.link),
		.flowi4_mark = same_net ? skb->mark : 0,
		/* One of ours, so that IPsec has its say. */
		.flowi4_proto = IPO_PROTO_EXTENDED,
		.daddr = htonl(s->tx.dst),
		.saddr = s->tx.src ? htonl(s->tx.src) : ipo->config.local,
	};
	__be32 saddr;

	if (s->cache) {
		s->rt = dst_cache_get_ip4(s->cache, &saddr);
		if (s->rt) {
			s->tx.src = ntohl(saddr);
			return 0;
		}
	}
	s->rt = ip_route_output_key(ipo->net, &fl4);
	if (IS_ERR(s->rt))
		return -IPO_DROP_NO_ROUTE;
	if (s->rt->dst.dev == ipo->dev) {
		ip_rt_put(s->rt);
		return -IPO_DROP_LOOPED;
	}
	if (s->rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) {
		ip_rt_put(s->rt);
		return -IPO_DROP_NO_ROUTE;
	}
	if (s->cache)
		dst_cache_set_ip4(s->cache, &s->rt->dst, fl4.saddr);
	s->tx.src = ntohl(fl4.saddr);
	return 0;
}

/* The functions below consume the packet. */

/* Turns the packet into an IPO packet and sends it. */
static void encapsulate(const struct ipo_send *s, struct sk_buff *skb)
{
	struct net_device *underlay = s->rt->dst.dev;
	unsigned int len = skb->len, packets = 1, what;
	struct ipo_dev *ipo = s->ipo;
	int opt_len, err;

	if (skb->ip_summed != CHECKSUM_PARTIAL) {
		/* A sum over what was received is of no use to who sends. */
		skb->ip_summed = CHECKSUM_NONE;
	} else if (!skb_is_gso(skb) && skb_checksum_help(skb)) {
		ipo_drop(ipo, IPO_SENT, IPO_DROP_OFFLOAD, skb);
		return;
	}
	if (skb_cow_head(skb, LL_RESERVED_SPACE(underlay) +
			      s->rt->dst.header_len + IPO_OPT_LEN_MAX)) {
		ipo_drop(ipo, IPO_SENT, IPO_DROP_NO_MEMORY, skb);
		return;
	}
	opt_len = ipo_encap(skb_network_header(skb), skb->len, &s->tx);
	if (opt_len < 0) {
		ipo_drop(ipo, IPO_SENT, -opt_len, skb);
		return;
	}
	skb_push(skb, opt_len);
	skb_reset_network_header(skb);

	if (skb_is_gso(skb)) {
		packets = skb_shinfo(skb)->gso_segs ?: 1;
		ipo_gso_mark(skb);
	}
	skb_scrub_packet(skb, !net_eq(ipo->net, dev_net(ipo->dev)));
	/* Nobody shall put inner fragments together, or take a container's
	 * connection for one of this node.
	 */
	if (ip_is_fragment(ip_hdr(skb)) || ipo_is_native(ip_hdr(skb)))
		nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
	ipo_rehash(skb);
	skb_dst_set(skb, dst_clone(&s->rt->dst));
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));

	what = 2 * (opt_len / 4 - 1 - s->tx.has_key) + s->tx.has_key;
	if (what == 2 * IPO_COMPACT && s->tx.native)
		what = IPO_CARRIED_NATIVE;
	err = ip_local_out(ipo->net, NULL, skb);
	if (net_xmit_eval(err))
		dev_core_stats_tx_dropped_inc(ipo->dev);
	else
		ipo_stats_carried(ipo, IPO_SENT, what, packets, len);
}

static void send_packet(const struct ipo_send *s, struct sk_buff *skb);

/* @mtu: what a fragment may have, without the option of @opt_len bytes. */
static void send_fragments(const struct ipo_send *s, struct sk_buff *skb,
			   unsigned int mtu, unsigned int opt_len)
{
	unsigned int hlen = ip_hdrlen(skb);
	struct sk_buff_head fragments;

	if (hlen + opt_len > IPO_IP_HLEN_MAX) {
		ipo_drop(s->ipo, IPO_SENT, IPO_DROP_NO_ROOM, skb);
		return;
	}
	/* A fragment has 8 bytes behind its header at least. */
	if (mtu < hlen + 8) {
		ipo_drop(s->ipo, IPO_SENT, IPO_DROP_NEED_FRAG, skb);
		return;
	}
	__skb_queue_head_init(&fragments);
	skb_dst_drop(skb);
	skb_dst_set(skb, dst_clone(&s->rt->dst));
	if (ipo_fragment(s->ipo->net, skb, mtu, 0, &fragments)) {
		ipo_count_drop(s->ipo, IPO_SENT, IPO_DROP_NO_MEMORY);
		return;
	}
	while ((skb = __skb_dequeue(&fragments)))
		encapsulate(s, skb);
}

/* Splits a large segment, and sends the pieces as send_packet() does. */
static void send_segments(const struct ipo_send *s, struct sk_buff *skb)
{
	netdev_features_t features = s->rt->dst.dev->features &
		(NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA);
	struct sk_buff *segs, *next;

	segs = skb_gso_segment(skb, features);
	if (IS_ERR_OR_NULL(segs)) {
		ipo_drop(s->ipo, IPO_SENT, IPO_DROP_OFFLOAD, skb);
		return;
	}
	consume_skb(skb);
	skb_list_walk_safe(segs, skb, next) {
		skb_mark_not_on_list(skb);
		send_packet(s, skb);
	}
}

/* Whether a large segment can travel as it is: others segment it on the way,
 * if need be with the help of offload.c.
 */
static bool stays_large(const struct ipo_send *s, const struct sk_buff *skb)
{
	/* The native variant's would be taken for plain TCP. */
	if (s->tx.native)
		return false;
	return skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4 &&
	       !skb->encapsulation && skb->ip_summed == CHECKSUM_PARTIAL &&
	       skb->len + IPO_OPT_LEN_MAX <= IP_MAX_MTU;
}

/* Sends the packet, in pieces if need be. */
static void send_packet(const struct ipo_send *s, struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	unsigned int mtu, opt_len;
	int format;
	bool fits;

	format = ipo_choose_format(&s->tx, iph->protocol, ntohl(iph->saddr),
				   ntohl(iph->daddr));
	if (format < 0) {
		ipo_drop(s->ipo, IPO_SENT, -format, skb);
		return;
	}
	opt_len = ipo_option_len(format, s->tx.has_key);
	mtu = dst_mtu(&s->rt->dst) - opt_len;
	fits = skb_is_gso(skb) ? skb_gso_validate_network_len(skb, mtu)
			       : skb->len <= mtu;

	if (!fits && iph->frag_off & htons(IP_DF) && !skb->ignore_df) {
		ipo_icmp_too_big(s->ipo, skb, &s->tx, mtu);
		ipo_drop(s->ipo, IPO_SENT, IPO_DROP_NEED_FRAG, skb);
	} else if (skb_is_gso(skb) && !(fits && stays_large(s, skb))) {
		send_segments(s, skb);
	} else if (!fits) {
		send_fragments(s, skb, mtu, opt_len);
	} else {
		encapsulate(s, skb);
	}
}

/**
 * ipo_xmit() - send a packet through a device
 * @skb: the inner packet
 * @dev: the device
 *
 * Return: NETDEV_TX_OK, always.
 */
netdev_tx_t ipo_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ipo_send s = { .ipo = netdev_priv(dev) };
	int err;

	rcu_read_lock();
	err = check_packet(skb);
	if (!err)
		err = s.ipo->config.external ? ask_metadata(&s, skb)
					     : ask_route(&s, skb);
	if (!err)
		err = find_way(&s, skb);
	if (err) {
		ipo_drop(s.ipo, IPO_SENT, -err, skb);
	} else {
		send_packet(&s, skb);
		ip_rt_put(s.rt);
	}
	rcu_read_unlock();
	return NETDEV_TX_OK;
}
