// SPDX-License-Identifier: GPL-2.0-only
/* The peers that routes give.
 *
 *	ip route add 192.168.2.0/24 via 10.0.0.3 dev ipo0 onlink
 *
 * makes 10.0.0.3 a peer of ipo0, whose containers are 192.168.2.0/24.  The
 * containers here are the prefix of ipo0's own address.  The FIB notifier tells
 * of routes, the notifier of addresses of addresses; nothing is polled.
 *
 * The FIB notifier does not tell what becomes of a route when the nexthop object
 * changes that it uses.  The notifier of nexthop objects tells that before it is
 * done.  A work item then waits until it is done, and has the FIB notifier tell
 * everything once more.  The same work item tries again what failed for want of
 * memory: the FIB notifier must not sleep.
 */
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/slab.h>
#include <net/fib_notifier.h>
#include <net/ip_fib.h>
#include <net/nexthop.h>

#include "ipo.h"

#define RETRY_DELAY (HZ / 10)

/* A route that leads to an ipo device, by each next hop that does. */
struct ipo_route {
	struct hlist_node node;		/* In 'struct ipo_net'. */
	u32 table, dst;
	u8 plen;
	u32 nexthop_id;			/* Of its nexthop object, or 0. */
	unsigned int generation;	/* See follow_again(). */
	unsigned int n;
	struct ipo_nexthop nexthops[];	/* Without device: forgotten. */
};

/* The list that routes to @dst, in host byte order, are in, with others. */
static struct hlist_head *route_bucket(struct ipo_net *in, u32 dst)
{
	return &in->routes[hash_32(dst, IPO_HASH_BITS)];
}

/* The record of a route, whose @dst is in host byte order, or NULL.  Under
 * 'routes_lock'.
 */
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

/* Takes back the peers that a route gives, and frees its record, which must be
 * in its list.  Under 'routes_lock'.
 */
static void free_route(struct ipo_route *route)
{
	unsigned int i;

	for (i = 0; i < route->n; i++) {
		if (route->nexthops[i].ipo)
			ipo_peer_del_nexthop(&route->nexthops[i]);
	}
	hlist_del(&route->node);
	kfree(route);
}

/* Looks at all routes again after @delay. */
static void follow_again_later(struct ipo_net *in, unsigned long delay)
{
	atomic_set(&in->routes_stale, 1);
	if (!READ_ONCE(in->exiting))
		schedule_delayed_work(&in->routes_work, delay);
}

/* Whether a next hop makes a node a peer.  A device that is about to leave the
 * namespace is in no route for long, but a dump of the FIB may still see it.
 */
static bool gives_peer(const struct ipo_net *in,
		       const struct fib_nh_common *nhc)
{
	const struct ipo_dev *ipo;

	if (!nhc || !nhc->nhc_dev || !ipo_is_dev(nhc->nhc_dev) ||
	    nhc->nhc_gw_family != AF_INET)
		return false;
	ipo = netdev_priv(nhc->nhc_dev);
	return READ_ONCE(ipo->routes_in) == in && !ipo->config.external;
}

/* Makes the record of a route, or NULL if it does not concern any ipo device
 * or if there is no memory.  During a dump of the FIB, a group of nexthop
 * objects may change meanwhile.
 */
static struct ipo_route *make_route(struct ipo_net *in,
				    const struct fib_entry_notifier_info *info)
{
	unsigned int i, n = 0, n_paths = fib_info_num_path(info->fi);
	struct ipo_route *route;

	if (info->type != RTN_UNICAST)
		return NULL;
	for (i = 0; i < n_paths; i++)
		n += gives_peer(in, fib_info_nhc(info->fi, i));
	if (!n)
		return NULL;

	route = kzalloc(struct_size(route, nexthops, n),
			GFP_ATOMIC | __GFP_ACCOUNT);
	if (!route) {
		/* The allocator has warned. */
		follow_again_later(in, RETRY_DELAY);
		return NULL;
	}
	route->table = info->tb_id;
	route->dst = info->dst;
	route->plen = info->dst_len;
	route->nexthop_id = info->fi->nh ? info->fi->nh->id : 0;
	route->generation = in->generation;
	for (i = 0; i < n_paths && route->n < n; i++) {
		const struct fib_nh_common *nhc = fib_info_nhc(info->fi, i);
		struct ipo_nexthop *nexthop = &route->nexthops[route->n];

		if (!gives_peer(in, nhc))
			continue;
		nexthop->ipo = netdev_priv(nhc->nhc_dev);
		nexthop->addr = nhc->nhc_gw.ipv4;
		nexthop->prefix = info->dst;
		nexthop->mask = ipo_mask(info->dst_len);
		if (ipo_peer_add_nexthop(nexthop)) {
			net_warn_ratelimited("ipo: no memory for peer %pI4\n",
					     &nexthop->addr);
			follow_again_later(in, RETRY_DELAY);
		} else {
			route->n++;
		}
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
	new = added ? make_route(in, info) : NULL;
	if (old)
		free_route(old);
	if (new)
		hlist_add_head(&new->node, route_bucket(in, new->dst));
	spin_unlock_bh(&in->routes_lock);
}

/* The FIB notifier tells of something, maybe of a route.  Returns NOTIFY_DONE,
 * always.  Must not sleep.
 */
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

/* From now on the FIB tells everything anew. */
static void begin_generation(struct ipo_net *in)
{
	spin_lock_bh(&in->routes_lock);
	in->generation++;
	spin_unlock_bh(&in->routes_lock);
}

/* Forgets what the FIB has not told again. */
static void end_generation(struct ipo_net *in)
{
	struct hlist_node *next;
	struct ipo_route *route;
	unsigned int b;

	spin_lock_bh(&in->routes_lock);
	for (b = 0; b < ARRAY_SIZE(in->routes); b++) {
		hlist_for_each_entry_safe(route, next, &in->routes[b], node) {
			if (route->generation != in->generation)
				free_route(route);
		}
	}
	spin_unlock_bh(&in->routes_lock);
}

/* What the FIB has told is to be told again. */
static void restart(struct notifier_block *nb)
{
	begin_generation(container_of(nb, struct ipo_net, fib_nb));
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
		u32 addr = ntohl(ifa->ifa_local) & mask;

		if (found && (new->addr != addr || new->mask != mask))
			return false;
		new->addr = addr;
		new->mask = mask;
		found = true;
	}
	return found;
}

/* Learns the prefix of @ipo from its addresses. */
static void local_prefix_update(struct ipo_dev *ipo)
{
	struct ipo_local_prefix *old, *new = NULL, found = { 0 };

	ASSERT_RTNL();
	ipo->lacks_local_prefix = false;
	if (find_local_prefix(ipo->dev, &found)) {
		new = kmemdup(&found, sizeof(found), GFP_KERNEL);
		if (!new) {
			ipo->lacks_local_prefix = true;
			ipo_routes_complete(ipo);
		}
	}
	old = rcu_replace_pointer(ipo->local_prefix, new,
				  lockdep_rtnl_is_held());
	if (old)
		kfree_rcu(old, rcu);
	ipo_peers_changed(ipo);
}

/* Makes what a device still lacks. */
static void complete_dev(struct ipo_dev *ipo)
{
	if (ipo->lacks_local_prefix)
		local_prefix_update(ipo);
	ipo_peers_add_caches(ipo);
}

/* Has the FIB tell everything again.  What it tells as before stays all the
 * while: a peer does not vanish for a moment.
 */
static void follow_again(struct work_struct *work)
{
	struct ipo_net *in = container_of(work, struct ipo_net,
					  routes_work.work);
	bool stale = atomic_xchg(&in->routes_stale, 0);
	struct net_device *dev;
	int err;

	/* Who changes a nexthop object holds RTNL until that is done.  The FIB
	 * must not be asked under RTNL, which some kernels take for it.
	 */
	rtnl_lock();
	for_each_netdev(in->net, dev) {
		if (ipo_is_dev(dev))
			complete_dev(netdev_priv(dev));
	}
	rtnl_unlock();

	if (!stale)
		return;
	unregister_fib_notifier(in->net, &in->fib_nb);
	begin_generation(in);
	err = register_fib_notifier(in->net, &in->fib_nb, restart, NULL);
	if (err) {
		net_warn_ratelimited("ipo: cannot read the routes (%d), trying again\n",
				     err);
		follow_again_later(in, HZ);
		return;
	}
	end_generation(in);
}

/* Whether @nh leads to an ipo device. */
static bool is_ipo(const struct nh_notifier_single_info *nh)
{
	return nh->dev && ipo_is_dev(nh->dev);
}

/* Whether a nexthop object is about to lead to an ipo device. */
static bool leads_to_ipo(const struct nh_notifier_info *info)
{
	unsigned int i;

	switch (info->type) {
	case NH_NOTIFIER_INFO_TYPE_SINGLE:
		return is_ipo(info->nh);
	case NH_NOTIFIER_INFO_TYPE_GRP:
		for (i = 0; i < info->nh_grp->num_nh; i++) {
			if (is_ipo(&info->nh_grp->nh_entries[i].nh))
				return true;
		}
		return false;
	case NH_NOTIFIER_INFO_TYPE_RES_TABLE:
		for (i = 0; i < info->nh_res_table->num_nh_buckets; i++) {
			if (is_ipo(&info->nh_res_table->nhs[i]))
				return true;
		}
		return false;
	case NH_NOTIFIER_INFO_TYPE_RES_BUCKET:
		return is_ipo(&info->nh_res_bucket->new_nh);
	default:
		return false;
	}
}

/* Whether a route that leads to an ipo device uses a nexthop object. */
static bool is_nexthop_used(struct ipo_net *in, u32 id)
{
	struct ipo_route *route;
	bool used = false;
	unsigned int b;

	spin_lock_bh(&in->routes_lock);
	for (b = 0; b < ARRAY_SIZE(in->routes) && !used; b++) {
		hlist_for_each_entry(route, &in->routes[b], node)
			used |= route->nexthop_id == id;
	}
	spin_unlock_bh(&in->routes_lock);
	return used;
}

/* When a nexthop object is deleted, the FIB tells of the routes. */
static int nexthop_event(struct notifier_block *nb, unsigned long event,
			 void *ptr)
{
	struct ipo_net *in = container_of(nb, struct ipo_net, nexthop_nb);
	const struct nh_notifier_info *info = ptr;

	switch (event) {
	case NEXTHOP_EVENT_REPLACE:
	case NEXTHOP_EVENT_BUCKET_REPLACE:
		if (leads_to_ipo(info) || is_nexthop_used(in, info->id))
			follow_again_later(in, 0);
		break;
	}
	return NOTIFY_DONE;
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
	int err;

	in->net = net;
	spin_lock_init(&in->routes_lock);
	INIT_DELAYED_WORK(&in->routes_work, follow_again);
	in->fib_nb.notifier_call = fib_event;
	in->nexthop_nb.notifier_call = nexthop_event;
	err = register_fib_notifier(net, &in->fib_nb, restart, NULL);
	if (err == -EBUSY)	/* Routes change faster than they can be told. */
		follow_again_later(in, HZ);
	else if (err)
		return err;
	err = register_nexthop_notifier(net, &in->nexthop_nb, NULL);
	if (err) {
		cancel_delayed_work_sync(&in->routes_work);
		unregister_fib_notifier(net, &in->fib_nb);
	}
	return err;
}

/**
 * ipo_routes_exit_net() - undo ipo_routes_init_net()
 * @net: the namespace
 */
void ipo_routes_exit_net(struct net *net)
{
	struct ipo_net *in = ipo_net(net);

	/* Whoever has not seen 'exiting' has started the work before
	 * unregister_nexthop_notifier(), which takes RTNL, returns: but for the
	 * work itself, all of them hold RTNL.
	 */
	WRITE_ONCE(in->exiting, true);
	unregister_nexthop_notifier(net, &in->nexthop_nb);
	cancel_delayed_work_sync(&in->routes_work);
	unregister_fib_notifier(net, &in->fib_nb);
	begin_generation(in);
	end_generation(in);
}

/**
 * ipo_routes_complete() - make a bit later what there was no memory for
 * @ipo: the device that lacks its prefix, or whose peers lack caches
 */
void ipo_routes_complete(struct ipo_dev *ipo)
{
	struct ipo_net *in = READ_ONCE(ipo->routes_in);

	if (in && !READ_ONCE(in->exiting))
		schedule_delayed_work(&in->routes_work, RETRY_DELAY);
}

/**
 * ipo_routes_retry() - see again to the peers that routes give, a bit later
 * @ipo: the device of a peer that could not be changed
 */
void ipo_routes_retry(struct ipo_dev *ipo)
{
	struct ipo_net *in = READ_ONCE(ipo->routes_in);

	if (in)
		follow_again_later(in, RETRY_DELAY);
}

/* From now on the routes of the device's namespace give it peers. */
static void follow_dev(struct ipo_dev *ipo)
{
	WRITE_ONCE(ipo->routes_in, ipo_net(dev_net(ipo->dev)));
	ipo_peers_changed(ipo);
}

/* A device is about to leave its namespace, or for good: no route gives it
 * peers any more.  The routes themselves may still be there, or, if their
 * nexthop object has changed, may long since lead elsewhere.
 */
static void forget_dev(struct ipo_dev *ipo)
{
	struct ipo_net *in = ipo->routes_in;
	struct hlist_node *next;
	struct ipo_route *route;
	unsigned int b, i, left;

	if (!in)
		return;
	spin_lock_bh(&in->routes_lock);
	WRITE_ONCE(ipo->routes_in, NULL);
	for (b = 0; b < ARRAY_SIZE(in->routes); b++) {
		hlist_for_each_entry_safe(route, next, &in->routes[b], node) {
			left = 0;
			for (i = 0; i < route->n; i++) {
				struct ipo_nexthop *nexthop;

				nexthop = &route->nexthops[i];
				if (nexthop->ipo == ipo) {
					ipo_peer_del_nexthop(nexthop);
					nexthop->ipo = NULL;
				}
				left += !!nexthop->ipo;
			}
			if (!left)
				free_route(route);
		}
	}
	spin_unlock_bh(&in->routes_lock);
	ipo_peers_changed(ipo);
}

/* Devices come and go, and move between namespaces.  At NETDEV_UNREGISTER a
 * device that moves is still in the old one.
 */
static int dev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (!ipo_is_dev(dev))
		return NOTIFY_DONE;
	switch (event) {
	case NETDEV_REGISTER:
		follow_dev(netdev_priv(dev));
		break;
	case NETDEV_UNREGISTER:
		forget_dev(netdev_priv(dev));
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block dev_nb = {
	.notifier_call = dev_event,
};

/* A device has got or lost an address.  Runs under RTNL.  Returns NOTIFY_DONE,
 * always.
 */
static int addr_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = ((struct in_ifaddr *)ptr)->ifa_dev->dev;

	if (ipo_is_dev(dev))
		local_prefix_update(netdev_priv(dev));
	return NOTIFY_DONE;
}

static struct notifier_block addr_nb = {
	.notifier_call = addr_event,
};

/**
 * ipo_routes_init() - begin to follow devices and their addresses
 *
 * Return: 0 or a negative errno.
 */
int ipo_routes_init(void)
{
	int err;

	err = register_netdevice_notifier(&dev_nb);
	if (err)
		return err;
	err = register_inetaddr_notifier(&addr_nb);
	if (err)
		unregister_netdevice_notifier(&dev_nb);
	return err;
}

/**
 * ipo_routes_exit() - undo ipo_routes_init()
 */
void ipo_routes_exit(void)
{
	unregister_inetaddr_notifier(&addr_nb);
	unregister_netdevice_notifier(&dev_nb);
}
