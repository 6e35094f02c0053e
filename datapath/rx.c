// SPDX-License-Identifier: GPL-2.0-only
/* Decapsulation.
 *
 * Packets come to ipo_rcv() as those of any protocol do: after routing, after
 * the firewall's INPUT, and reassembled if they were fragments.  That is right
 * for fragments that an underlay router made of a compact packet, but inner
 * fragments are taken by a netfilter hook before reassembly (fragsort.c).
 * Another hook takes the native variant.
 */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/dst_metadata.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/protocol.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "ipo.h"

/* The functions below consume the packet. */

/**
 * ipo_deliver() - hand an inner packet to a device, as received
 * @ipo: the device
 * @skb: the packet, its data at its IPv4 header; consumed
 * @rx: where it came from
 */
void ipo_deliver(struct ipo_dev *ipo, struct sk_buff *skb,
		 const struct ipo_rx *rx)
{
	struct metadata_dst *tun_dst = NULL;

	if (ipo->config.external) {
		tun_dst = ipo_compat_tun_rx_dst(rx);
		if (!tun_dst) {
			ipo_drop(ipo, IPO_RECEIVED, IPO_DROP_NO_MEMORY, skb);
			return;
		}
	}
	skb_scrub_packet(skb, !net_eq(ipo->net, dev_net(ipo->dev)));
	ipo_rehash(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	skb_reset_mac_header(skb);
	skb_reset_mac_len(skb);
	skb->protocol = htons(ETH_P_IP);
	skb->pkt_type = PACKET_HOST;
	skb->dev = ipo->dev;
	if (tun_dst)
		skb_dst_set(skb, &tun_dst->dst);
	/* After a verdict of a process the softirq may interfere. */
	local_bh_disable();
	gro_cells_receive(&ipo->gro_cells, skb);
	local_bh_enable();
}

/* Hands on a packet that was reassembled as fragments no longer than those it
 * came in.
 */
static void deliver_fragments(struct ipo_dev *ipo, struct sk_buff *skb,
			      const struct ipo_rx *rx, unsigned int mtu)
{
	struct sk_buff_head fragments;

	__skb_queue_head_init(&fragments);
	if (ipo_fragment(ipo->net, skb, mtu,
			 IPCB(skb)->flags & IPSKB_FRAG_PMTU, &fragments)) {
		ipo_count_drop(ipo, IPO_RECEIVED, IPO_DROP_NO_MEMORY);
		return;
	}
	while ((skb = __skb_dequeue(&fragments)))
		ipo_deliver(ipo, skb, rx);
}

/* Reads what the packet's option says, and rebuilds the inner header.  Returns
 * 0 or a negative enum ipo_drop or enum ipo_kmod_drop.
 */
static int decapsulate(struct ipo_dev *ipo, struct sk_buff *skb,
		       struct ipo_rx *rx, bool native)
{
	const struct ipo_prefixes *prefixes = NULL;
	struct ipo_prefixes storage;
	int err;

	err = native ? ipo_parse_native(skb_network_header(skb), skb->len, rx)
		     : ipo_parse(skb_network_header(skb), skb->len, rx);
	if (err)
		return err;
	if (rx->format != IPO_FULL) {
		const struct ipo_peer *peer;

		peer = ipo_peer_find(ipo, htonl(rx->src));
		prefixes = ipo_peer_prefixes(ipo, peer, &storage);
		if (peer && !prefixes)
			return -IPO_DROP_PEER_PREFIX;
	}
	if (skb_unclone(skb, GFP_ATOMIC))
		return -IPO_DROP_NO_MEMORY;
	err = ipo_decap(skb_network_header(skb), rx, prefixes);
	if (err)
		return err;

	/* Both headers' sums are 0: a checksum over all stays what it is. */
	__skb_pull(skb, rx->opt_len);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, ip_hdrlen(skb));
	return 0;
}

/* Receives a packet, its data at the outer IPv4 header. */
static void receive(struct ipo_dev *ipo, struct sk_buff *skb, bool native)
{
	unsigned int frag_max = IPCB(skb)->frag_max_size;
	unsigned int packets = 1, what;
	struct ipo_rx rx;
	int err;

	/* A socket of this node that has the ports of the native variant. */
	skb_orphan(skb);
	/* This node has filled in a record route or a time stamp. */
	if (IPCB(skb)->opt.is_changed)
		ip_send_check(ip_hdr(skb));
	err = decapsulate(ipo, skb, &rx, native);
	if (err) {
		ipo_drop(ipo, IPO_RECEIVED, -err, skb);
		return;
	}
	if (skb_is_gso(skb)) {
		packets = skb_shinfo(skb)->gso_segs ?: 1;
		ipo_gso_unmark(skb);
	}
	what = native ? IPO_CARRIED_NATIVE : 2 * rx.format + rx.has_key;
	ipo_stats_carried(ipo, IPO_RECEIVED, what, packets, skb->len);

	if (frag_max > rx.opt_len && skb->len > frag_max - rx.opt_len)
		deliver_fragments(ipo, skb, &rx, frag_max - rx.opt_len);
	else
		ipo_deliver(ipo, skb, &rx);
}

/* The device that a packet is for, or NULL. */
static struct ipo_dev *receiver(const struct sk_buff *skb)
{
	return ipo_dev_find(dev_net(skb->dev), ip_hdr(skb)->daddr, skb->dev);
}

/* All but what the hooks below take.  The data are behind the outer header. */
static int ipo_rcv(struct sk_buff *skb)
{
	struct ipo_dev *ipo = receiver(skb);

	if (!ipo) {
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
		kfree_skb_reason(skb, SKB_DROP_REASON_IP_NOPROTO);
		return 0;
	}
	__skb_push(skb, skb->data - skb_network_header(skb));
	receive(ipo, skb, false);
	return 0;
}

static const struct net_protocol ipo_protocol = {
	.handler = ipo_rcv,
	.err_handler = ipo_icmp_err,
};

/* Hooks.  Of the packets that are not IPO's they read a byte or two. */

/* The firewall's INPUT has let a fragment pass. */
static int fragment_finish(struct net *net, struct sock *sk,
			   struct sk_buff *skb)
{
	struct ipo_dev *ipo = receiver(skb);

	if (ipo && xfrm4_policy_check(NULL, XFRM_POLICY_IN, skb))
		receive(ipo, skb, false);
	else
		kfree_skb(skb);
	return 0;
}

/* Takes an inner fragment as if it were no fragment. */
static void take_fragment(struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	/* No connection shall be made of it, and none be missed. */
	nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
	NF_HOOK(NFPROTO_IPV4, NF_INET_LOCAL_IN, state->net, NULL, skb,
		skb->dev, NULL, fragment_finish);
}

/* Whether the packet is for this node.  If so, it has a route then. */
static bool is_for_us(struct sk_buff *skb)
{
	if (skb_valid_dst(skb))
		return skb_rtable(skb)->rt_type == RTN_LOCAL;
	if (ipo_compat_route_input(skb, ip_hdr(skb)))
		return false;	/* The stack will find the same. */
	if (skb_rtable(skb)->rt_type == RTN_LOCAL)
		return true;
	skb_dst_drop(skb);
	return false;
}

/* Sorts a compact fragment, and takes it and those that waited for it. */
static unsigned int sort_fragment(struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	struct sk_buff_head inner, routers;
	struct sk_buff *waited;
	enum ipo_frag kind;

	__skb_queue_head_init(&inner);
	__skb_queue_head_init(&routers);
	kind = ipo_fragsort(ipo_net(state->net)->fragsort, state->net, skb,
			    &inner, &routers);
	while ((waited = __skb_dequeue(&inner))) {
		if (is_for_us(waited))
			take_fragment(waited, state);
		else
			kfree_skb(waited);
	}
	/* Once more, this time not to wait. */
	while ((waited = __skb_dequeue(&routers)))
		netif_rx(waited);

	if (kind == IPO_FRAG_ROUTERS)
		return NF_ACCEPT;
	if (kind == IPO_FRAG_INNER)
		take_fragment(skb, state);
	return NF_STOLEN;
}

/* Before reassembly.  A fragment for this node still goes through INPUT. */
static unsigned int fragment_hook(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (likely(!ip_is_fragment(iph)) || !ipo_is_proto(iph->protocol) ||
	    !receiver(skb) || !is_for_us(skb))
		return NF_ACCEPT;
	if (iph->protocol != IPO_PROTO_EXTENDED)
		return sort_fragment(skb, state);
	if (iph->ihl == 5 || *(const u8 *)(iph + 1) != IPO_OPT_EXTENDED)
		return NF_ACCEPT;
	take_fragment(skb, state);
	return NF_STOLEN;
}

static const struct nf_hook_ops fragment_ops = {
	.hook = fragment_hook,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_RAW_BEFORE_DEFRAG,
};

/**
 * ipo_takes_native() - whether a device receives the native variant
 * @ipo: the device
 * @node: the node that sends it
 *
 * Must be called under the RCU read lock.
 *
 * Return: whether the device or that peer is set to it.
 */
bool ipo_takes_native(struct ipo_dev *ipo, __be32 node)
{
	const struct ipo_peer *peer;

	if (READ_ONCE(ipo->config.proto_mode) == IPO_PROTO_MODE_NATIVE)
		return true;
	peer = ipo_peer_find(ipo, node);
	return ipo_peer_proto_mode(ipo, peer) == IPO_PROTO_MODE_NATIVE;
}

/* Before connection tracking, which would take it for a packet of this node. */
static unsigned int native_raw_hook(void *priv, struct sk_buff *skb,
				    const struct nf_hook_state *state)
{
	struct ipo_dev *ipo;

	if (likely(!ipo_is_native(ip_hdr(skb))))
		return NF_ACCEPT;
	ipo = receiver(skb);
	if (ipo && ipo_takes_native(ipo, ip_hdr(skb)->saddr) && is_for_us(skb))
		nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
	return NF_ACCEPT;
}

/* After INPUT, and after reassembly. */
static unsigned int native_hook(void *priv, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct ipo_dev *ipo;

	if (iph->protocol == IPPROTO_ICMP && ipo_icmp_native_err(skb)) {
		consume_skb(skb);
		return NF_STOLEN;
	}
	if (likely(!ipo_is_native(ip_hdr(skb))))
		return NF_ACCEPT;
	ipo = receiver(skb);
	if (!ipo || !ipo_takes_native(ipo, ip_hdr(skb)->saddr))
		return NF_ACCEPT;
	if (xfrm4_policy_check(NULL, XFRM_POLICY_IN, skb))
		receive(ipo, skb, true);
	else
		kfree_skb(skb);
	return NF_STOLEN;
}

static const struct nf_hook_ops native_ops[] = {
	{
		.hook = native_raw_hook,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = NF_IP_PRI_RAW,
	}, {
		.hook = native_hook,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
};

/* Begins to take inner fragments in @net.  Returns 0 or a negative errno.
 * Under RTNL.
 */
static int add_fragment_hook(struct net *net, struct ipo_net *in)
{
	int err;

	in->fragsort = ipo_fragsort_alloc();
	if (!in->fragsort)
		return -ENOMEM;
	err = nf_register_net_hook(net, &fragment_ops);
	if (err)
		ipo_fragsort_free(in->fragsort);
	return err;
}

/* Undoes add_fragment_hook(), when no device is in the hash any more.  Sleeps.
 * Under RTNL.
 */
static void del_fragment_hook(struct net *net, struct ipo_net *in)
{
	/* Nobody finds a device any more.  So what a queue of netfilter's keeps
	 * from now on has not come from here, and the rest goes with the hook.
	 */
	synchronize_net();
	nf_unregister_net_hook(net, &fragment_ops);
	ipo_fragsort_free(in->fragsort);
}

/**
 * ipo_rx_add_native() - begin to receive the native variant once more
 * @net: the underlay's namespace
 *
 * Return: 0 or a negative errno.
 */
int ipo_rx_add_native(struct net *net)
{
	struct ipo_net *in = ipo_net(net);
	int err = 0;

	ASSERT_RTNL();
	if (!in->n_native)
		err = nf_register_net_hooks(net, native_ops,
					    ARRAY_SIZE(native_ops));
	if (!err)
		in->n_native++;
	return err;
}

/**
 * ipo_rx_del_native() - undo ipo_rx_add_native()
 * @net: the underlay's namespace
 */
void ipo_rx_del_native(struct net *net)
{
	struct ipo_net *in = ipo_net(net);

	ASSERT_RTNL();
	if (!--in->n_native)
		nf_unregister_net_hooks(net, native_ops,
					ARRAY_SIZE(native_ops));
}

/**
 * ipo_rx_add_dev() - begin to receive for one more device
 * @net: the underlay's namespace
 * @config: the device's settings
 *
 * Under RTNL.
 *
 * Return: 0 or a negative errno.
 */
int ipo_rx_add_dev(struct net *net, const struct ipo_config *config)
{
	struct ipo_net *in = ipo_net(net);
	int err = 0;

	if (!in->n_devs)
		err = add_fragment_hook(net, in);
	if (err)
		return err;
	if (config->proto_mode == IPO_PROTO_MODE_NATIVE)
		err = ipo_rx_add_native(net);
	if (!err)
		in->n_devs++;
	else if (!in->n_devs)
		del_fragment_hook(net, in);
	return err;
}

/**
 * ipo_rx_del_dev() - undo ipo_rx_add_dev()
 * @net: the underlay's namespace
 * @config: the device's settings
 *
 * Under RTNL.
 */
void ipo_rx_del_dev(struct net *net, const struct ipo_config *config)
{
	struct ipo_net *in = ipo_net(net);

	if (!--in->n_devs)
		del_fragment_hook(net, in);
	if (config->proto_mode == IPO_PROTO_MODE_NATIVE)
		ipo_rx_del_native(net);
}

/* Undoes ipo_rx_init() for the protocols below @end. */
static void del_protocols(unsigned int end)
{
	unsigned int proto;

	for (proto = 0; proto < end; proto++) {
		if (ipo_is_proto(proto))
			inet_del_protocol(&ipo_protocol, proto);
	}
}

/**
 * ipo_rx_init() - take IPO's protocols
 *
 * Return: 0 or a negative errno.
 */
int ipo_rx_init(void)
{
	unsigned int proto;

	for (proto = 0; proto <= U8_MAX; proto++) {
		if (ipo_is_proto(proto) &&
		    inet_add_protocol(&ipo_protocol, proto)) {
			pr_err("ipo: another module has IP protocol %u\n",
			       proto);
			del_protocols(proto);
			return -EBUSY;
		}
	}
	return 0;
}

/**
 * ipo_rx_exit() - undo ipo_rx_init()
 */
void ipo_rx_exit(void)
{
	/* Under RTNL each of these takes a moment, else much longer. */
	rtnl_lock();
	del_protocols(U8_MAX + 1);
	rtnl_unlock();
}
