// SPDX-License-Identifier: GPL-2.0-only
/* Segmentation of large IPO packets on their way.
 *
 * A TCP segment of up to 64 KiB is encapsulated as it is.  A device below that
 * can take large segments must not mistake it for plain TCP: a NIC would look
 * for TCP behind protocol 149.  So the packet is marked as large SCTP, too,
 * which no NIC segments, but which devices that hand on packets as they are,
 * such as veth and bridges, let pass.  Where it has to be segmented the stack
 * does so, with the functions here, and with complete checksums: a device that
 * says that it sums up at any offset (NETIF_F_HW_CSUM) may look for TCP, too.
 */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/ip.h>
#include <net/protocol.h>

#include "ipo.h"

/**
 * ipo_gso_mark() - mark a large IPO packet
 * @skb: the packet
 */
void ipo_gso_mark(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_type |= SKB_GSO_SCTP;
}

/**
 * ipo_gso_unmark() - undo ipo_gso_mark()
 * @skb: the inner packet
 */
void ipo_gso_unmark(struct sk_buff *skb)
{
	if (skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4)
		skb_shinfo(skb)->gso_type &= ~SKB_GSO_SCTP;
}

/* The data are behind the outer header. */
static struct sk_buff *gso_segment(struct sk_buff *skb,
				   netdev_features_t features)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct net_offload *tcp;
	struct ipo_rx rx;

	if (!(skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4) ||
	    ipo_parse((const u8 *)iph, skb->data - (u8 *)iph + skb->len, &rx) ||
	    rx.protocol != IPPROTO_TCP)
		return ERR_PTR(-EINVAL);
	/* TCP's own would make a new one from the outer addresses. */
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return ERR_PTR(-EINVAL);

	tcp = rcu_dereference(inet_offloads[IPPROTO_TCP]);
	if (!tcp || !tcp->callbacks.gso_segment)
		return ERR_PTR(-EPROTONOSUPPORT);
	features &= ~(NETIF_F_GSO_MASK | NETIF_F_CSUM_MASK);
	return tcp->callbacks.gso_segment(skb, features);
}

static const struct net_offload ipo_offload = {
	.callbacks = {
		.gso_segment = gso_segment,
	},
};

/* Undoes ipo_offload_init() for the protocols below @end. */
static void del_offloads(unsigned int end)
{
	unsigned int proto;

	for (proto = 0; proto < end; proto++) {
		if (ipo_is_proto(proto))
			inet_del_offload(&ipo_offload, proto);
	}
}

/**
 * ipo_offload_init() - register the segmentation of IPO's protocols
 *
 * Return: 0 or a negative errno.
 */
int ipo_offload_init(void)
{
	unsigned int proto;
	int err;

	for (proto = 0; proto <= U8_MAX; proto++) {
		if (!ipo_is_proto(proto))
			continue;
		err = inet_add_offload(&ipo_offload, proto);
		if (err) {
			del_offloads(proto);
			return err;
		}
	}
	return 0;
}

/**
 * ipo_offload_exit() - undo ipo_offload_init()
 */
void ipo_offload_exit(void)
{
	/* Under RTNL each of these takes a moment, else much longer. */
	rtnl_lock();
	del_offloads(U8_MAX + 1);
	rtnl_unlock();
}
