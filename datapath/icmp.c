// SPDX-License-Identifier: GPL-2.0-only
/* ICMP errors.
 *
 * To a container whose packet is too long for the way to the other node, and
 * from underlay routers about IPO packets, which the container that sent the
 * inner packet is told of in terms of that.
 *
 * A device that is not external leaves the delivery to the node's routes.  On
 * an external one the error is received from where the packet went: who
 * steered the packet there steers the answer back.
 */
#include <linux/icmp.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/ratelimit.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/route.h>

#include "ipo.h"

/* The most bytes that an error has, RFC 1812, section 4.3.2.3. */
#define ICMP_ERROR_MAX 576

/* An error about an inner packet. */
struct icmp_error {
	u8 type, code;
	__be32 info;			/* The second word of the message. */
	__be32 saddr;			/* Who says so. */
	const struct iphdr *inner;	/* The inner packet's header... */
	const struct sk_buff *skb;	/* ...and what follows it: from here, */
	unsigned int offset;		/* at this offset. */
};

/* Whether nobody may be told of an error about this packet, RFC 1122, section
 * 3.2.2.
 */
static bool must_be_silent(const struct icmp_error *e)
{
	u8 type;

	if (e->inner->frag_off & htons(IP_OFFSET))
		return true;
	if (ipv4_is_zeronet(e->inner->saddr) ||
	    ipv4_is_loopback(e->inner->saddr) ||
	    ipv4_is_multicast(e->inner->saddr) ||
	    ipv4_is_lbcast(e->inner->saddr) ||
	    ipv4_is_multicast(e->inner->daddr) ||
	    ipv4_is_lbcast(e->inner->daddr))
		return true;
	if (e->inner->protocol != IPPROTO_ICMP)
		return false;
	if (skb_copy_bits(e->skb, e->offset, &type, 1))
		return true;
	return icmp_is_err(type);
}

/* Returns the error as a packet, or NULL. */
static struct sk_buff *make_error(const struct icmp_error *e)
{
	unsigned int hlen = e->inner->ihl * 4, len;
	struct icmphdr *icmph;
	struct sk_buff *skb;
	struct iphdr *iph;

	if (must_be_silent(e))
		return NULL;
	len = min_t(unsigned int, e->skb->len - e->offset,
		    ICMP_ERROR_MAX - sizeof(*iph) - sizeof(*icmph) - hlen);
	skb = alloc_skb(LL_MAX_HEADER + ICMP_ERROR_MAX, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, LL_MAX_HEADER);

	skb_reset_network_header(skb);
	iph = skb_put_zero(skb, sizeof(*iph));
	skb_set_transport_header(skb, sizeof(*iph));
	icmph = skb_put_zero(skb, sizeof(*icmph));
	skb_put_data(skb, e->inner, hlen);
	if (skb_copy_bits(e->skb, e->offset, skb_put(skb, len), len)) {
		kfree_skb(skb);
		return NULL;
	}

	icmph->type = e->type;
	icmph->code = e->code;
	icmph->un.gateway = e->info;
	icmph->checksum = csum_fold(csum_partial(icmph, skb->len - sizeof(*iph),
						 0));

	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = IPTOS_PREC_INTERNETCONTROL;
	iph->tot_len = htons(skb->len);
	iph->ttl = IPDEFTTL;
	iph->protocol = IPPROTO_ICMP;
	iph->saddr = e->saddr;
	iph->daddr = e->inner->saddr;
	ip_send_check(iph);
	skb->protocol = htons(ETH_P_IP);
	return skb;
}

/* Sends the error to the container by the node's routes. */
static void route_error(struct ipo_dev *ipo, struct sk_buff *skb)
{
	struct net *net = dev_net(ipo->dev);
	struct flowi4 fl4 = { .daddr = ip_hdr(skb)->daddr };
	struct rtable *rt;

	rt = ip_route_output_key(net, &fl4);
	if (IS_ERR(rt)) {
		kfree_skb(skb);
		return;
	}
	skb_dst_set(skb, &rt->dst);
	if (rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) {
		kfree_skb(skb);
		return;
	}
	ip_local_out(net, NULL, skb);
}

/* Tells who sent the inner packet of the error, unless that is not allowed, too
 * many were sent already, or there is no memory.  On an external device @from
 * says where the error comes from.
 */
static void send_error(struct ipo_dev *ipo, const struct icmp_error *e,
		       const struct ipo_rx *from)
{
	/* As many a second as the stack sends by itself, and no word of it. */
	static struct ratelimit_state limit =
		RATELIMIT_STATE_INIT_FLAGS(limit, HZ, 1000,
					   RATELIMIT_MSG_ON_RELEASE);
	struct sk_buff *skb;

	if (!__ratelimit(&limit))
		return;
	skb = make_error(e);
	if (!skb)
		return;
	if (ipo->config.external)
		ipo_deliver(ipo, skb, from);
	else
		route_error(ipo, skb);
}

/**
 * ipo_icmp_too_big() - say that a packet needs fragmentation
 * @ipo: the device
 * @skb: the inner packet, its data at its IPv4 header
 * @tx: how it was to be sent
 * @mtu: what fits
 */
void ipo_icmp_too_big(struct ipo_dev *ipo, struct sk_buff *skb,
		      const struct ipo_tx *tx, unsigned int mtu)
{
	const struct icmp_error e = {
		.type = ICMP_DEST_UNREACH,
		.code = ICMP_FRAG_NEEDED,
		.info = htonl(mtu),
		.saddr = ip_hdr(skb)->daddr,
		.inner = ip_hdr(skb),
		.skb = skb,
		.offset = ip_hdrlen(skb),
	};
	const struct ipo_rx from = {
		.src = tx->dst,
		.dst = tx->src,
		.has_key = tx->has_key,
		.key = tx->key,
	};

	if (ipo->config.external) {
		send_error(ipo, &e, &from);
	} else {
		skb_dst_update_pmtu_no_confirm(skb, mtu);
		icmp_ndo_send(skb, e.type, e.code, e.info);
	}
}

/* Rebuilds in @buf the inner header of an IPO packet that this node sent, of
 * which an ICMP error quotes the beginning.  Returns where it is, or NULL.
 */
static const struct iphdr *quoted_inner(struct ipo_dev *ipo,
					const struct iphdr *outer,
					u8 buf[IPO_IP_HLEN_MAX],
					struct ipo_rx *rx)
{
	struct ipo_prefixes storage, reverse;
	const struct ipo_prefixes *prefixes;
	unsigned int hlen = outer->ihl * 4;

	/* Of all the packet only the header is read, and that is here. */
	memcpy(buf, outer, hlen);
	if (ipo_is_proto(outer->protocol) ? ipo_parse(buf, IP_MAX_MTU, rx)
					  : ipo_parse_native(buf, IP_MAX_MTU, rx))
		return NULL;
	prefixes = ipo_peer_prefixes(ipo, ipo_peer_find(ipo, outer->daddr),
				     &storage);
	if (prefixes) {
		reverse.local = prefixes->remote;
		reverse.local_mask = prefixes->remote_mask;
		reverse.remote = prefixes->local;
		reverse.remote_mask = prefixes->local_mask;
	}
	if (ipo_decap(buf, rx, prefixes ? &reverse : NULL))
		return NULL;
	return (const struct iphdr *)(buf + rx->opt_len);
}

/* What of the error concerns the inner packet.  Returns false if nothing. */
static bool translate(struct icmp_error *e, const struct icmphdr *icmph,
		      unsigned int opt_len)
{
	unsigned int mtu;

	e->type = icmph->type;
	e->code = icmph->code;
	switch (icmph->type) {
	case ICMP_TIME_EXCEEDED:
		return true;
	case ICMP_DEST_UNREACH:
		if (icmph->code == ICMP_FRAG_NEEDED) {
			mtu = ntohs(icmph->un.frag.mtu);
			if (mtu < IPV4_MIN_MTU + opt_len)
				return false;
			e->info = htonl(mtu - opt_len);
		} else if (icmph->code == ICMP_PROT_UNREACH ||
			   icmph->code == ICMP_PORT_UNREACH) {
			/* The other node speaks no IPO. */
			e->code = ICMP_HOST_UNREACH;
		}
		return true;
	default:
		return false;
	}
}

/* Whether packets to @inner's destination do leave by this device to this node:
 * others may not make this node send errors to whom they like.  On an external
 * device who steers packets decides.
 */
static bool is_ours(const struct ipo_dev *ipo, const struct iphdr *inner,
		    __be32 node)
{
	struct flowi4 fl4 = { .daddr = inner->daddr };
	struct rtable *rt;
	bool result;

	if (ipo->config.external)
		return true;
	rt = ip_route_output_key(dev_net(ipo->dev), &fl4);
	if (IS_ERR(rt))
		return false;
	result = rt->dst.dev == ipo->dev && rt->rt_gw_family == AF_INET &&
		 rt->rt_gw4 == node;
	ip_rt_put(rt);
	return result;
}

/**
 * ipo_icmp_err() - handle an ICMP error about an IPO packet of this node
 * @skb: the error, its data at the outer header that it quotes
 * @info: for "fragmentation needed" the MTU
 *
 * Return: 0, or -ENOENT if it concerns nobody here.
 */
int ipo_icmp_err(struct sk_buff *skb, u32 info)
{
	const struct iphdr *outer = (const struct iphdr *)skb->data;
	const struct icmphdr *icmph = icmp_hdr(skb);
	struct net *net = dev_net(skb->dev);
	struct icmp_error e = { .skb = skb, .saddr = ip_hdr(skb)->saddr };
	u8 buf[IPO_IP_HLEN_MAX] __aligned(4);
	struct ipo_dev *ipo;
	struct ipo_rx rx, from;

	ipo = ipo_dev_find(net, outer->saddr, NULL);
	if (!ipo || skb_headlen(skb) < outer->ihl * 4)
		return -ENOENT;
	e.inner = quoted_inner(ipo, outer, buf, &rx);
	e.offset = outer->ihl * 4;
	if (!e.inner || !is_ours(ipo, e.inner, outer->daddr) ||
	    !translate(&e, icmph, rx.opt_len))
		return -ENOENT;

	if (icmph->type == ICMP_DEST_UNREACH &&
	    icmph->code == ICMP_FRAG_NEEDED)
		ipv4_update_pmtu(skb, net, info, ipo->config.link,
				 outer->protocol);
	from = rx;
	from.src = rx.dst;
	from.dst = rx.src;
	send_error(ipo, &e, &from);
	return 0;
}

/* Sees to it that the first bytes behind the IPv4 header can be read. */
static bool can_read(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull(skb, ip_hdrlen(skb) + len);
}

/**
 * ipo_icmp_native_err() - handle an ICMP error about a native packet
 * @skb: an ICMP message to this node, its data at the IPv4 header
 *
 * The stack would tell the socket of this node that has the container's ports.
 *
 * Return: whether it is such an error, and nobody else's.
 */
bool ipo_icmp_native_err(struct sk_buff *skb)
{
	unsigned int hlen = ip_hdrlen(skb), quoted_hlen;
	const unsigned int fixed = sizeof(struct icmphdr) + sizeof(struct iphdr);
	const struct iphdr *quoted;
	const struct icmphdr *icmph;
	struct ipo_dev *ipo;

	if (ip_is_fragment(ip_hdr(skb)) || !can_read(skb, fixed))
		return false;
	icmph = (const struct icmphdr *)(skb->data + hlen);
	quoted = (const struct iphdr *)(icmph + 1);
	quoted_hlen = quoted->ihl * 4;
	if ((icmph->type != ICMP_DEST_UNREACH &&
	     icmph->type != ICMP_TIME_EXCEEDED) ||
	    quoted_hlen < sizeof(*quoted) ||
	    !can_read(skb, sizeof(*icmph) + quoted_hlen))
		return false;

	icmph = (const struct icmphdr *)(skb->data + hlen);
	quoted = (const struct iphdr *)(icmph + 1);
	if (!ipo_is_native(quoted))
		return false;
	ipo = ipo_dev_find(dev_net(skb->dev), quoted->saddr, NULL);
	if (!ipo || !ipo_takes_native(ipo, quoted->daddr) ||
	    nf_ip_checksum(skb, NF_INET_LOCAL_IN, hlen, IPPROTO_ICMP))
		return false;
	icmph = (const struct icmphdr *)(skb->data + hlen);

	skb_set_transport_header(skb, hlen);
	__skb_pull(skb, hlen + sizeof(*icmph));
	ipo_icmp_err(skb, ntohs(icmph->un.frag.mtu));
	return true;
}
