// SPDX-License-Identifier: GPL-2.0-only
/* The peers that routes give.
 *
 *	ip route add 192.168.2.0/24 via 10.0.0.3 dev ipo0 onlink
 *
 * makes 10.0.0.3 a peer of ipo0, whose containers are 192.168.2.0/24.  The
 * containers here are the prefix of ipo0's own address.  The FIB notifier tells
 * of routes, the notifier of addresses of addresses; nothing is polled.
 *
 * A node with several prefixes is a peer without any: between such nodes only
 * full format says which one is meant.
 */
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/slab.h>
#include <net/fib_notifier.h>
#include <net/ip_fib.h>
#include <net/nexthop.h>

#include "ipo.h"

/* A route that leads to an ipo device, by each next hop that does. */
struct ipo_route {
	struct hlist_node node;		/* In 'struct ipo_net'. */
	u32 table, dst;
	u8 plen;
	unsigned int n;
	struct ipo_nexthop nexthops[];
};

static struct hlist_head *route_bucket(struct ipo_net *in, u32 dst)
{
	return &in->routes[hash_32(dst, IPO_HASH_BITS)];
}

static struct ipo_route *find_route(struct ipo_net *in, u32 table, u32 dst,
				    u8 plen)
{
	struct ipo_route *route;

	hlist_for_each_entry(route, route_bucket(in, dst), node) {
		if (route->dst == dst && route->plen == plen &&
		    route->table == table)
			return route;
	}
	return NULL;
}

static void free_route(struct ipo_route *route)
{
	unsigned int i;

	for (i = 0; i < route->n; i++)
		ipo_peer_del_nexthop(&route->nexthops[i]);
	hlist_del(&route->node);
	kfree(route);
}

/* Whether a next hop makes a node a peer. */
static bool gives_peer(const struct fib_nh_common *nhc)
{
	const struct ipo_dev *ipo;

	if (!nhc->nhc_dev || !ipo_is_dev(nhc->nhc_dev) ||
	    nhc->nhc_gw_family != AF_INET)
		return false;
	ipo = netdev_priv(nhc->nhc_dev);
	return !ipo->config.external;
}

/* Makes the record of a route, or NULL if it does not concern any ipo device
 * or if there is no memory.
 */
static struct ipo_route *make_route(const struct fib_entry_notifier_info *info)
{
	unsigned int i, n = 0, n_paths = fib_info_num_path(info->fi);
	struct ipo_route *route;

	if (info->type != RTN_UNICAST)
		return NULL;
	for (i = 0; i < n_paths; i++)
		n += gives_peer(fib_info_nhc(info->fi, i));
	if (!n)
		return NULL;

	route = kzalloc(struct_size(route, nexthops, n), GFP_ATOMIC);
	if (!route)
		return NULL;	/* The allocator has warned. */
	route->table = info->tb_id;
	route->dst = info->dst;
	route->plen = info->dst_len;
	for (i = 0; i < n_paths; i++) {
		const struct fib_nh_common *nhc = fib_info_nhc(info->fi, i);
		struct ipo_nexthop *nexthop = &route->nexthops[route->n];

		if (!gives_peer(nhc))
			continue;
		nexthop->ipo = netdev_priv(nhc->nhc_dev);
		nexthop->addr = nhc->nhc_gw.ipv4;
		nexthop->prefix = info->dst;
		nexthop->mask = ipo_mask(info->dst_len);
		if (!ipo_peer_add_nexthop(nexthop))
			route->n++;
	}
	return route;
}

/* A route was added or replaced another one (@added), or was deleted.  The new
 * peers are there before the old ones go: packets find one or the other.
 */
static void route_changed(struct ipo_net *in,
			  const struct fib_entry_notifier_info *info,
			  bool added)
{
	struct ipo_route *old, *new;

	spin_lock_bh(&in->routes_lock);
	old = find_route(in, info->tb_id, info->dst, info->dst_len);
	new = added ? make_route(info) : NULL;
	if (old)
		free_route(old);
	if (new)
		hlist_add_head(&new->node, route_bucket(in, new->dst));
	spin_unlock_bh(&in->routes_lock);
}

static int fib_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct ipo_net *in = container_of(nb, struct ipo_net, fib_nb);
	const struct fib_notifier_info *info = ptr;

	if (info->family != AF_INET)
		return NOTIFY_DONE;
	switch (event) {
	case FIB_EVENT_ENTRY_REPLACE:
	case FIB_EVENT_ENTRY_DEL:
		route_changed(in, container_of(info,
					       struct fib_entry_notifier_info,
					       info),
			      event == FIB_EVENT_ENTRY_REPLACE);
		break;
	}
	return NOTIFY_DONE;
}

static void forget_routes(struct ipo_net *in, const struct ipo_dev *ipo)
{
	struct hlist_node *next;
	struct ipo_route *route;
	unsigned int b, i;

	spin_lock_bh(&in->routes_lock);
	for (b = 0; b < ARRAY_SIZE(in->routes); b++) {
		hlist_for_each_entry_safe(route, next, &in->routes[b], node) {
			for (i = 0; i < route->n; i++) {
				if (!ipo || route->nexthops[i].ipo == ipo) {
					free_route(route);
					break;
				}
			}
		}
	}
	spin_unlock_bh(&in->routes_lock);
}

/* What the FIB has told is to be told again. */
static void restart(struct notifier_block *nb)
{
	forget_routes(container_of(nb, struct ipo_net, fib_nb), NULL);
}

/**
 * ipo_routes_init_net() - begin to follow the routes of a namespace
 * @net: the namespace
 *
 * Return: 0 or a negative errno.
 */
int ipo_routes_init_net(struct net *net)
{
	struct ipo_net *in = ipo_net(net);

	spin_lock_init(&in->routes_lock);
	in->fib_nb.notifier_call = fib_event;
	return register_fib_notifier(net, &in->fib_nb, restart, NULL);
}

/**
 * ipo_routes_exit_net() - undo ipo_routes_init_net()
 * @net: the namespace
 */
void ipo_routes_exit_net(struct net *net)
{
	struct ipo_net *in = ipo_net(net);

	unregister_fib_notifier(net, &in->fib_nb);
	forget_routes(in, NULL);
}

/**
 * ipo_routes_forget_dev() - forget what routes say of a device that goes
 * @ipo: the device
 */
void ipo_routes_forget_dev(struct ipo_dev *ipo)
{
	forget_routes(ipo_net(dev_net(ipo->dev)), ipo);
}

/* Stores in *@new the prefix that all addresses of @dev share, if they do. */
static bool find_local_prefix(const struct net_device *dev,
			      struct ipo_local_prefix *new)
{
	const struct in_device *in_dev = __in_dev_get_rtnl(dev);
	const struct in_ifaddr *ifa;
	bool found = false;

	if (!in_dev)
		return false;
	in_dev_for_each_ifa_rtnl(ifa, in_dev) {
		u32 mask = ntohl(ifa->ifa_mask);
		u32 addr = ntohl(ifa->ifa_address) & mask;

		if (found && (new->addr != addr || new->mask != mask))
			return false;
		new->addr = addr;
		new->mask = mask;
		found = true;
	}
	return found;
}

/**
 * ipo_local_prefix_update() - learn a device's prefix from its addresses
 * @ipo: the device
 */
void ipo_local_prefix_update(struct ipo_dev *ipo)
{
	struct ipo_local_prefix *old, *new;

	ASSERT_RTNL();
	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (new && !find_local_prefix(ipo->dev, new)) {
		kfree(new);
		new = NULL;
	}
	old = rcu_replace_pointer(ipo->local_prefix, new,
				  lockdep_rtnl_is_held());
	if (old)
		kfree_rcu(old, rcu);
}

static int addr_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = ((struct in_ifaddr *)ptr)->ifa_dev->dev;

	if (ipo_is_dev(dev))
		ipo_local_prefix_update(netdev_priv(dev));
	return NOTIFY_DONE;
}

static struct notifier_block addr_nb = {
	.notifier_call = addr_event,
};

/**
 * ipo_routes_init() - begin to follow the addresses of devices
 *
 * Return: 0 or a negative errno.
 */
int ipo_routes_init(void)
{
	return register_inetaddr_notifier(&addr_nb);
}

/**
 * ipo_routes_exit() - undo ipo_routes_init()
 */
void ipo_routes_exit(void)
{
	unregister_inetaddr_notifier(&addr_nb);
}
