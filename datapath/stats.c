// SPDX-License-Identifier: GPL-2.0-only
/* Counters of a device: what it carried, by format, and what it dropped, by
 * reason.
 */
#include <net/netlink.h>
#include <net/rtnetlink.h>

#include "ipo.h"

/* The formats' names are those of ipo-wire.h; a key adds "+key". */
static const char * const carried_names[IPO_N_CARRIED] = {
	[2 * IPO_COMPACT] = "compact",
	[2 * IPO_SHORT] = "short",
	[2 * IPO_SHORT + 1] = "short+key",
	[2 * IPO_FULL] = "full",
	[2 * IPO_FULL + 1] = "full+key",
	[IPO_CARRIED_NATIVE] = "native",
};

static const char * const kmod_drop_names[IPO_N_KMOD_DROPS] = {
#define X(NAME, name) [IPO_DROP_##NAME] = #name,
	IPO_KMOD_DROPS
#undef X
};

/* The kernel's own words for the reasons, as far as it has any. */
static const enum skb_drop_reason skb_reasons[IPO_N_KMOD_DROPS] = {
	[IPO_DROP_MALFORMED] = SKB_DROP_REASON_IP_INHDR,
	[IPO_DROP_CSUM] = SKB_DROP_REASON_IP_CSUM,
	[IPO_DROP_TOO_BIG] = SKB_DROP_REASON_PKT_TOO_BIG,
	[IPO_DROP_OFFLOAD] = SKB_DROP_REASON_SKB_CSUM,
	[IPO_DROP_NO_ROUTE] = SKB_DROP_REASON_IP_OUTNOROUTES,
	[IPO_DROP_NO_MEMORY] = SKB_DROP_REASON_NOMEM,
	[IPO_DROP_NEED_FRAG] = SKB_DROP_REASON_PKT_TOO_BIG,
};

/**
 * ipo_stats_init() - make the counters of a device
 * @ipo: the device
 *
 * Return: 0 or -ENOMEM.
 */
int ipo_stats_init(struct ipo_dev *ipo)
{
	ipo->counters = netdev_alloc_pcpu_stats(struct ipo_counters);
	return ipo->counters ? 0 : -ENOMEM;
}

/**
 * ipo_stats_uninit() - undo ipo_stats_init()
 * @ipo: the device
 */
void ipo_stats_uninit(struct ipo_dev *ipo)
{
	free_percpu(ipo->counters);
}

/**
 * ipo_stats_carried() - count packets that were carried
 * @ipo: the device
 * @direction: sent or received
 * @what: format * 2 + whether there is a key, or IPO_CARRIED_NATIVE
 * @packets: how many, more than one for a large segment
 * @bytes: length of the inner packets
 */
void ipo_stats_carried(struct ipo_dev *ipo, enum ipo_direction direction,
		       unsigned int what, unsigned int packets,
		       unsigned int bytes)
{
	struct ipo_counters *c = get_cpu_ptr(ipo->counters);

	u64_stats_update_begin(&c->syncp);
	u64_stats_add(&c->packets[direction], packets);
	u64_stats_add(&c->bytes[direction], bytes);
	u64_stats_add(&c->carried[direction][what], packets);
	u64_stats_update_end(&c->syncp);
	put_cpu_ptr(ipo->counters);
}

/**
 * ipo_count_drop() - count a packet that others have freed
 * @ipo: the device
 * @direction: of the packet
 * @drop: enum ipo_drop or enum ipo_kmod_drop
 */
void ipo_count_drop(struct ipo_dev *ipo, enum ipo_direction direction,
		    unsigned int drop)
{
	struct ipo_counters *c = get_cpu_ptr(ipo->counters);

	u64_stats_update_begin(&c->syncp);
	u64_stats_inc(&c->drops[direction][drop]);
	u64_stats_update_end(&c->syncp);
	put_cpu_ptr(ipo->counters);
}

/**
 * ipo_drop() - count a packet and free it
 * @ipo: the device
 * @direction: of the packet
 * @drop: enum ipo_drop or enum ipo_kmod_drop
 * @skb: the packet
 */
void ipo_drop(struct ipo_dev *ipo, enum ipo_direction direction,
	      unsigned int drop, struct sk_buff *skb)
{
	ipo_count_drop(ipo, direction, drop);
	kfree_skb_reason(skb, skb_reasons[drop] ?:
			 SKB_DROP_REASON_NOT_SPECIFIED);
}

/* The name of the counter of @drop, enum ipo_drop or enum ipo_kmod_drop. */
static const char *drop_name(unsigned int drop)
{
	return drop < IPO_N_DROPS ? ipo_drop_name(drop)
				  : kmod_drop_names[drop];
}

/* Adds @counter to *@sum.  Nobody may write either meanwhile. */
static void add_counter(u64_stats_t *sum, const u64_stats_t *counter)
{
	u64_stats_add(sum, u64_stats_read(counter));
}

/* Puts into *@sum the counters of all processors. */
static void sum_up(const struct ipo_dev *ipo, struct ipo_counters *sum)
{
	unsigned int start, i, d;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	u64_stats_init(&sum->syncp);
	for_each_possible_cpu(cpu) {
		const struct ipo_counters *c = per_cpu_ptr(ipo->counters, cpu);
		struct ipo_counters copy;

		do {
			start = u64_stats_fetch_begin(&c->syncp);
			copy = *c;
		} while (u64_stats_fetch_retry(&c->syncp, start));

		for (d = 0; d < IPO_N_DIRECTIONS; d++) {
			add_counter(&sum->packets[d], &copy.packets[d]);
			add_counter(&sum->bytes[d], &copy.bytes[d]);
			for (i = 0; i < IPO_N_CARRIED; i++)
				add_counter(&sum->carried[d][i],
					    &copy.carried[d][i]);
			for (i = 0; i < IPO_N_KMOD_DROPS; i++)
				add_counter(&sum->drops[d][i],
					    &copy.drops[d][i]);
		}
	}
}

/* How many packets of direction @d were dropped, for whatever reason. */
static u64 sum_drops(const struct ipo_counters *c, enum ipo_direction d)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < IPO_N_KMOD_DROPS; i++)
		sum += u64_stats_read(&c->drops[d][i]);
	return sum;
}

/**
 * ipo_get_stats64() - the statistics that every device has
 * @dev: the device
 * @stats: the result
 */
void ipo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct ipo_counters sum, *c = &sum;
	const u64_stats_t *rx, *tx;

	sum_up(netdev_priv(dev), c);
	rx = c->drops[IPO_RECEIVED];
	tx = c->drops[IPO_SENT];

	stats->rx_packets = u64_stats_read(&c->packets[IPO_RECEIVED]);
	stats->rx_bytes = u64_stats_read(&c->bytes[IPO_RECEIVED]);
	stats->rx_errors = sum_drops(c, IPO_RECEIVED);
	stats->rx_crc_errors = u64_stats_read(&rx[IPO_DROP_CSUM]);
	stats->rx_length_errors = u64_stats_read(&rx[IPO_DROP_OPTION_LEN]);
	stats->rx_frame_errors = u64_stats_read(&rx[IPO_DROP_MALFORMED]) +
				 u64_stats_read(&rx[IPO_DROP_NO_OPTION]) +
				 u64_stats_read(&rx[IPO_DROP_VERSION]);

	stats->tx_packets = u64_stats_read(&c->packets[IPO_SENT]);
	stats->tx_bytes = u64_stats_read(&c->bytes[IPO_SENT]);
	stats->tx_errors = sum_drops(c, IPO_SENT);
	stats->tx_carrier_errors = u64_stats_read(&tx[IPO_DROP_NO_ROUTE]);
	stats->tx_aborted_errors = u64_stats_read(&tx[IPO_DROP_NEED_FRAG]);
	stats->collisions = u64_stats_read(&tx[IPO_DROP_LOOPED]);
}

/* For netlink. */

/* Appends an IPO_A_COUNTER of direction @d: of packets dropped if @drop, else
 * of packets carried.  Returns 0, or -EMSGSIZE and may have appended part of
 * it.
 */
static int put_counter(struct sk_buff *msg, enum ipo_direction d, bool drop,
		       const char *name, u64 value)
{
	struct nlattr *nest = nla_nest_start(msg, IPO_A_COUNTER);

	if (!nest)
		return -EMSGSIZE;
	if ((d == IPO_RECEIVED && nla_put_flag(msg, IPO_COUNTER_A_RECEIVED)) ||
	    (drop && nla_put_flag(msg, IPO_COUNTER_A_DROP)) ||
	    nla_put_string(msg, IPO_COUNTER_A_NAME, name) ||
	    nla_put_u64_64bit(msg, IPO_COUNTER_A_VALUE, value,
			      IPO_COUNTER_A_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/* Appends the counters of packets carried in direction @d.  Returns 0 or
 * -EMSGSIZE, as put_counter() does.
 */
static int put_carried(struct sk_buff *msg, enum ipo_direction d,
		       const struct ipo_counters *c)
{
	int err = 0;
	unsigned int i;

	for (i = 0; i < IPO_N_CARRIED && !err; i++) {
		if (carried_names[i])
			err = put_counter(msg, d, false, carried_names[i],
					  u64_stats_read(&c->carried[d][i]));
	}
	return err;
}

/* Appends the counters of drops in direction @d, if @brief only those that are
 * not 0.  Returns 0 or -EMSGSIZE, as put_counter() does.
 */
static int put_drops(struct sk_buff *msg, enum ipo_direction d,
		     const struct ipo_counters *c, bool brief)
{
	int err = 0;
	unsigned int i;
	u64 value;

	for (i = IPO_DROP_NONE + 1; i < IPO_N_KMOD_DROPS && !err; i++) {
		value = u64_stats_read(&c->drops[d][i]);
		if (value || !brief)
			err = put_counter(msg, d, true, drop_name(i), value);
	}
	return err;
}

/**
 * ipo_stats_put() - append a device's counters to a message
 * @msg: the message
 * @ipo: the device
 * @brief: only of drops, and not those that are 0
 *
 * Return: 0 or -EMSGSIZE.
 */
int ipo_stats_put(struct sk_buff *msg, const struct ipo_dev *ipo, bool brief)
{
	struct ipo_counters sum;
	int d, err = 0;

	sum_up(ipo, &sum);
	for (d = 0; d < IPO_N_DIRECTIONS && !err; d++) {
		if (!brief)
			err = put_carried(msg, d, &sum);
		if (!err)
			err = put_drops(msg, d, &sum, brief);
	}
	return err;
}

/* The most bytes of a drop's name. */
#define DROP_NAME_MAX 32

/**
 * ipo_get_xstats_size() - the most bytes that ipo_fill_xstats() needs
 * @dev: the device
 *
 * Return: their number.
 */
size_t ipo_get_xstats_size(const struct net_device *dev)
{
	size_t counter = nla_total_size(0) +	/* IPO_A_COUNTER */
			 nla_total_size(0) +	/* IPO_COUNTER_A_RECEIVED */
			 nla_total_size(0) +	/* IPO_COUNTER_A_DROP */
			 nla_total_size(DROP_NAME_MAX) +
			 nla_total_size_64bit(8);

	return IPO_N_DIRECTIONS * IPO_N_KMOD_DROPS * counter;
}

/**
 * ipo_fill_xstats() - put the drops into rtnetlink's message about a device
 * @msg: the message
 * @dev: the device
 *
 * Return: 0 or -EMSGSIZE.
 */
int ipo_fill_xstats(struct sk_buff *msg, const struct net_device *dev)
{
	struct nlattr *nest = nla_nest_start(msg, IFLA_INFO_XSTATS);

	if (!nest || ipo_stats_put(msg, netdev_priv(dev), true))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}
