// SPDX-License-Identifier: GPL-2.0-only
/* Inner fragments, where the module has to make them: of a packet too long for
 * the underlay, and of one that was reassembled to find its option.
 */
#include <linux/percpu.h>
#include <net/ip.h>
#include <net/route.h>

#include "ipo.h"

/* Where ip_do_fragment()'s callback, which is told of nothing else, puts the
 * fragments.  Used with bottom halves disabled, and only during the call.
 */
static DEFINE_PER_CPU(struct sk_buff_head *, fragments_here);

/* ip_do_fragment()'s callback: puts @skb into the queue that ipo_fragment() was
 * given.  Returns 0, always.
 */
static int keep_fragment(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	__skb_queue_tail(this_cpu_read(fragments_here), skb);
	return 0;
}

/**
 * ipo_fragment() - split a packet into fragments
 * @net: the namespace of the packet's route
 * @skb: the packet, with a route and its data at the IPv4 header; consumed
 * @mtu: the most bytes that a fragment may have
 * @flags: IPSKB_FRAG_PMTU if the fragments shall have DF, or 0
 * @fragments: queue to put them into
 *
 * Return: 0 or a negative errno.
 */
int ipo_fragment(struct net *net, struct sk_buff *skb, unsigned int mtu,
		 u16 flags, struct sk_buff_head *fragments)
{
	int err;

	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	IPCB(skb)->flags = flags;
	IPCB(skb)->frag_max_size = mtu;
	/* Makes it leave options out that belong in the first fragment only. */
	IPCB(skb)->opt.optlen = ip_hdrlen(skb) - sizeof(struct iphdr);

	local_bh_disable();
	this_cpu_write(fragments_here, fragments);
	err = ip_do_fragment(net, NULL, skb, keep_fragment);
	this_cpu_write(fragments_here, NULL);
	local_bh_enable();
	if (err)
		__skb_queue_purge(fragments);
	return err;
}
