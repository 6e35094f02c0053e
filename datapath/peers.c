// SPDX-License-Identifier: GPL-2.0-only
/* The peers of a device: for each remote node the prefix of its containers,
 * which compact and short format leave out of the packet.
 *
 * A peer comes from generic netlink, from the next hops of routes, or from
 * both, and exists as long as one of them gives it.  To change one is to
 * replace it: whoever found the old one under RCU reads on in that.
 *
 * Only who holds RTNL changes what comes from generic netlink.
 */
#include <linux/netlink.h>
#include <linux/slab.h>

#include "ipo.h"

static const struct rhashtable_params peer_params = {
	.head_offset = offsetof(struct ipo_peer, node),
	.key_offset = offsetof(struct ipo_peer, addr),
	.key_len = sizeof_field(struct ipo_peer, addr),
	.automatic_shrinking = true,
};

/**
 * ipo_peers_init() - make an empty table of peers
 * @ipo: the device
 *
 * Return: 0 or a negative errno.
 */
int ipo_peers_init(struct ipo_dev *ipo)
{
	spin_lock_init(&ipo->lock);
	INIT_LIST_HEAD(&ipo->peer_list);
	return rhashtable_init(&ipo->peers, &peer_params);
}

/* Frees a peer that nobody can find, or reads, any more. */
static void free_peer(struct ipo_peer *peer)
{
	dst_cache_destroy(&peer->dst_cache);
	kfree(peer);
}

/* Is free_peer() for call_rcu(). */
static void free_peer_rcu(struct rcu_head *rcu)
{
	free_peer(container_of(rcu, struct ipo_peer, rcu));
}

/* Is free_peer() for rhashtable_free_and_destroy(). */
static void free_peer_now(void *peer, void *arg)
{
	free_peer(peer);
}

/**
 * ipo_peers_uninit() - free all peers, which nobody may read any more
 * @ipo: the device
 */
void ipo_peers_uninit(struct ipo_dev *ipo)
{
	rhashtable_free_and_destroy(&ipo->peers, free_peer_now, NULL);
}

/**
 * ipo_peer_find() - find a peer
 * @ipo: the device
 * @addr: the remote node's address
 *
 * Return: the peer, valid while the RCU read lock is held, or NULL.
 */
struct ipo_peer *ipo_peer_find(struct ipo_dev *ipo, __be32 addr)
{
	return rhashtable_lookup(&ipo->peers, &addr, peer_params);
}

/**
 * ipo_peer_prefixes() - the prefixes to use with a peer
 * @ipo: the device
 * @peer: the peer, or NULL
 * @storage: where to put them if they have to be put together
 *
 * Return: the prefixes, or NULL if compact and short format cannot be used.
 * Under RCU.
 */
const struct ipo_prefixes *ipo_peer_prefixes(const struct ipo_dev *ipo,
					     const struct ipo_peer *peer,
					     struct ipo_prefixes *storage)
{
	const struct ipo_local_prefix *local;

	if (!peer || !peer->has_prefixes)
		return NULL;
	if (peer->prefixes_from_netlink)
		return &peer->prefixes;

	local = rcu_dereference(ipo->local_prefix);
	if (!local)
		return NULL;
	storage->local = local->addr;
	storage->local_mask = local->mask;
	storage->remote = peer->prefixes.remote;
	storage->remote_mask = peer->prefixes.remote_mask;
	return storage;
}

/**
 * ipo_peer_proto_mode() - whether compact packets' protocol is shifted
 * @ipo: the device
 * @peer: the peer, or NULL
 *
 * Return: enum ipo_proto_mode.
 */
u8 ipo_peer_proto_mode(const struct ipo_dev *ipo, const struct ipo_peer *peer)
{
	return peer && peer->has_proto_mode ? peer->proto_mode
					    : READ_ONCE(ipo->config.proto_mode);
}

/**
 * ipo_peers_changed() - tell who reads a list of peers piece by piece
 * @ipo: the device whose peers have changed
 */
void ipo_peers_changed(const struct ipo_dev *ipo)
{
	atomic_inc(&ipo_net(dev_net(ipo->dev))->peers_seq);
}

/* Allocates a peer without anything.  Where @gfp does not allow to wait, memory
 * for the cache, which is per CPU, runs out soon when peers are added quickly:
 * the peer does without until ipo_peers_add_caches().
 *
 * Whoever has a network namespace may add as many as they like, so they come
 * out of what memory their control group has.
 */
static struct ipo_peer *alloc_peer(struct ipo_dev *ipo, __be32 addr, gfp_t gfp)
{
	struct ipo_peer *peer;

	gfp |= __GFP_ACCOUNT;
	peer = kzalloc(sizeof(*peer), gfp);
	if (!peer)
		return NULL;
	if (!ipo->config.external && dst_cache_init(&peer->dst_cache, gfp)) {
		if (gfpflags_allow_blocking(gfp)) {
			kfree(peer);
			return NULL;
		}
		ipo_routes_complete(ipo);
	}
	peer->addr = addr;
	INIT_LIST_HEAD(&peer->nexthops);
	return peer;
}

/* Gives @new all that @old has but its next hops, which commit_peer() takes
 * over, and its cache.
 */
static void copy_peer(struct ipo_peer *new, const struct ipo_peer *old)
{
	new->has_prefixes = old->has_prefixes;
	new->from_netlink = old->from_netlink;
	new->prefixes_from_netlink = old->prefixes_from_netlink;
	new->has_proto_mode = old->has_proto_mode;
	new->proto_mode = old->proto_mode;
	new->prefixes = old->prefixes;
}

/* Puts @new in the place of @old, whose next hops and id it gets.  Returns 0,
 * or a negative errno with @old still there.  Frees neither.  Under the
 * device's lock.
 */
static int replace_peer(struct ipo_dev *ipo, struct ipo_peer *old,
			struct ipo_peer *new)
{
	int err;

	list_replace_init(&old->nexthops, &new->nexthops);
	new->n_nexthops = old->n_nexthops;
	new->id = old->id;
	err = rhashtable_replace_fast(&ipo->peers, &old->node, &new->node,
				      peer_params);
	if (err)
		list_replace_init(&new->nexthops, &old->nexthops);
	else
		list_replace_rcu(&old->list, &new->list);
	return err;
}

/* Adds @new to the table, and at the end to the list.  Returns 0, or a negative
 * errno with @new in neither.  Does not free it.  Under the device's lock.
 */
static int insert_peer(struct ipo_dev *ipo, struct ipo_peer *new)
{
	int err;

	new->id = ++ipo->last_peer_id;
	err = rhashtable_insert_fast(&ipo->peers, &new->node, peer_params);
	if (!err)
		list_add_tail_rcu(&new->list, &ipo->peer_list);
	return err;
}

/* Takes @old out of the table and the list.  Does not free it: readers may have
 * it.  Under the device's lock.
 */
static void remove_peer(struct ipo_dev *ipo, struct ipo_peer *old)
{
	rhashtable_remove_fast(&ipo->peers, &old->node, peer_params);
	list_del_rcu(&old->list);
}

/* Puts @new, which may be NULL, in the place of @old, which may be NULL.  Frees
 * the one that is not in the table afterwards.  Under the device's lock.  Returns
 * 0, or a negative errno, and @old is still in its place.
 */
static int commit_peer(struct ipo_dev *ipo, struct ipo_peer *old,
		       struct ipo_peer *new)
{
	int err = 0;

	lockdep_assert_held(&ipo->lock);
	if (!new)
		remove_peer(ipo, old);
	else if (old)
		err = replace_peer(ipo, old, new);
	else
		err = insert_peer(ipo, new);
	if (err) {
		free_peer(new);
		return err;
	}
	if (old)
		call_rcu(&old->rcu, free_peer_rcu);
	ipo_peers_changed(ipo);
	return 0;
}

/* Returns the next hop whose prefix is that of the containers of the node that
 * @nexthops lead to, or NULL if there is none.
 *
 * Compact and short packets from there leave out what is in the prefix that the
 * node itself counts as its own, and packets to there may leave out what it
 * will fill in again: both sides must mean one prefix.  Where one of the routes
 * has a prefix that contains those of the others, such as 192.168.2.0/24 beside
 * 192.168.2.7/32, it is the only one that all these containers can be in, hence
 * taken for the node's.  A default route beside others says that the node leads
 * to more than its own containers, which full format is for; it does not say
 * what is the node's.  Between prefixes of which none contains the others only
 * full format says which one is meant.
 */
static const struct ipo_nexthop *
widest_nexthop(const struct list_head *nexthops)
{
	const struct ipo_nexthop *widest = NULL, *nexthop;

	list_for_each_entry(nexthop, nexthops, list) {
		if (!widest || !widest->mask ||
		    (nexthop->mask && nexthop->mask < widest->mask))
			widest = nexthop;
	}
	list_for_each_entry(nexthop, nexthops, list) {
		if (nexthop->mask &&
		    (nexthop->prefix ^ widest->prefix) & widest->mask)
			return NULL;
	}
	return widest;
}

/* Sets the prefix that the next hops of @peer give, unless generic netlink gave
 * it prefixes.
 */
static void set_route_prefix(struct ipo_peer *peer,
			     const struct ipo_nexthop *widest)
{
	if (peer->prefixes_from_netlink)
		return;
	memset(&peer->prefixes, 0, sizeof(peer->prefixes));
	peer->has_prefixes = widest;
	if (widest) {
		peer->prefixes.remote = widest->prefix;
		peer->prefixes.remote_mask = widest->mask;
	}
}

/* Whether @peer, to which generic netlink gave no prefixes, has the prefix of
 * @widest, or none if that is NULL.
 */
static bool has_route_prefix(const struct ipo_peer *peer,
			     const struct ipo_nexthop *widest)
{
	if (!widest || !peer->has_prefixes)
		return !widest && !peer->has_prefixes;
	return peer->prefixes.remote == widest->prefix &&
	       peer->prefixes.remote_mask == widest->mask;
}

/* The next hops of @old have changed.  If there is no memory, it keeps the
 * prefix that it had for a while.
 */
static void update_route_prefix(struct ipo_dev *ipo, struct ipo_peer *old)
{
	const struct ipo_nexthop *widest = widest_nexthop(&old->nexthops);
	struct ipo_peer *new;

	ipo_peers_changed(ipo);
	if (old->prefixes_from_netlink || has_route_prefix(old, widest))
		return;
	new = alloc_peer(ipo, old->addr, GFP_ATOMIC);
	if (new) {
		copy_peer(new, old);
		set_route_prefix(new, widest);
	}
	if (!new || commit_peer(ipo, old, new)) {
		net_warn_ratelimited("ipo: no memory to change peer %pI4\n",
				     &old->addr);
		ipo_routes_retry(ipo);
	}
}

/* Whether generic netlink says that the peer is of the native variant. */
static bool is_native(const struct ipo_peer *peer)
{
	return peer->has_proto_mode &&
	       peer->proto_mode == IPO_PROTO_MODE_NATIVE;
}

/* So many peers less are of the native variant. */
static void withdraw_native(struct ipo_dev *ipo, unsigned int n)
{
	ipo->n_native_peers -= n;
	while (n--)
		ipo_rx_del_native(ipo->net);
}

/**
 * ipo_peers_withdraw() - do not receive for peers any more
 * @ipo: the device, which is about to be removed
 */
void ipo_peers_withdraw(struct ipo_dev *ipo)
{
	withdraw_native(ipo, ipo->n_native_peers);
}

/**
 * ipo_peer_set() - add or change what generic netlink says of a peer
 * @ipo: the device
 * @config: what it says
 * @nlmsg_flags: NLM_F_CREATE to add one, NLM_F_REPLACE to change one
 * @extack: for the reason of an error
 *
 * Return: 0 or a negative errno.
 */
int ipo_peer_set(struct ipo_dev *ipo, const struct ipo_peer_config *config,
		 u16 nlmsg_flags, struct netlink_ext_ack *extack)
{
	unsigned int n_native = 0;	/* Too many of them then. */
	struct ipo_peer *old, *new;
	bool exists;
	int err;

	new = alloc_peer(ipo, config->addr, GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	new->from_netlink = true;
	new->has_prefixes = config->has_prefixes;
	new->prefixes_from_netlink = config->has_prefixes;
	new->prefixes = config->prefixes;
	new->has_proto_mode = config->has_proto_mode;
	new->proto_mode = config->proto_mode;
	if (is_native(new)) {
		err = ipo_rx_add_native(ipo->net);
		if (err) {
			NL_SET_ERR_MSG(extack, "Cannot receive packets");
			free_peer(new);
			return err;
		}
		ipo->n_native_peers++;
		n_native++;
	}

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	old = ipo_peer_find(ipo, config->addr);
	exists = old && old->from_netlink;
	if (exists && !(nlmsg_flags & NLM_F_REPLACE)) {
		NL_SET_ERR_MSG(extack, "There is such a peer already");
		err = -EEXIST;
		free_peer(new);
	} else if (!exists && !(nlmsg_flags & NLM_F_CREATE)) {
		NL_SET_ERR_MSG(extack, "There is no such peer");
		err = -ENOENT;
		free_peer(new);
	} else {
		if (old)
			set_route_prefix(new, widest_nexthop(&old->nexthops));
		err = commit_peer(ipo, old, new);
		if (!err)
			n_native = exists && is_native(old);
	}
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
	withdraw_native(ipo, n_native);
	return err;
}

/* Takes from @old what generic netlink said of it.  What routes say stays. */
static int forget_netlink(struct ipo_dev *ipo, struct ipo_peer *old)
{
	struct ipo_peer *new = NULL;

	if (!list_empty(&old->nexthops)) {
		new = alloc_peer(ipo, old->addr, GFP_ATOMIC);
		if (!new)
			return -ENOMEM;
		set_route_prefix(new, widest_nexthop(&old->nexthops));
	}
	return commit_peer(ipo, old, new);
}

/**
 * ipo_peer_del() - remove what generic netlink said of a peer
 * @ipo: the device
 * @addr: the remote node's address
 * @extack: for the reason of an error
 *
 * Return: 0 or a negative errno.
 */
int ipo_peer_del(struct ipo_dev *ipo, __be32 addr,
		 struct netlink_ext_ack *extack)
{
	struct ipo_peer *peer;
	bool native = false;
	int err = -ENOENT;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	peer = ipo_peer_find(ipo, addr);
	if (peer && peer->from_netlink)
		err = forget_netlink(ipo, peer);
	else
		NL_SET_ERR_MSG(extack, "There is no such peer");
	if (!err)
		native = is_native(peer);
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
	withdraw_native(ipo, native);
	return err;
}

/**
 * ipo_peers_flush() - remove all that generic netlink said of peers
 * @ipo: the device
 *
 * Return: 0, or -ENOMEM if some are still as they were.
 */
int ipo_peers_flush(struct ipo_dev *ipo)
{
	struct ipo_peer *peer, *old;
	unsigned int n_native = 0;
	int err = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(peer, &ipo->peer_list, list) {
		if (!peer->from_netlink)
			continue;
		spin_lock_bh(&ipo->lock);
		old = ipo_peer_find(ipo, peer->addr);
		if (old && old->from_netlink) {
			if (forget_netlink(ipo, old))
				err = -ENOMEM;
			else
				n_native += is_native(old);
		}
		spin_unlock_bh(&ipo->lock);
	}
	rcu_read_unlock();
	withdraw_native(ipo, n_native);
	return err;
}

/**
 * ipo_peers_add_caches() - see to peers that were made in a hurry
 * @ipo: the device
 *
 * Only the work item of routes.c may call this, under RTNL: nobody else changes
 * peers meanwhile, so that this may sleep between two of them.
 */
void ipo_peers_add_caches(struct ipo_dev *ipo)
{
	struct ipo_peer *old, *new, *next;

	ASSERT_RTNL();
	if (ipo->config.external)
		return;
	list_for_each_entry_safe(old, next, &ipo->peer_list, list) {
		if (old->dst_cache.cache)
			continue;
		new = alloc_peer(ipo, old->addr, GFP_KERNEL);
		if (!new) {
			ipo_routes_complete(ipo);
			return;
		}
		copy_peer(new, old);
		spin_lock_bh(&ipo->lock);
		commit_peer(ipo, old, new);
		spin_unlock_bh(&ipo->lock);
	}
}

/**
 * ipo_peer_add_nexthop() - make the next hop of a route a peer
 * @nexthop: the next hop; must stay where it is
 *
 * Return: 0 or a negative errno.
 */
int ipo_peer_add_nexthop(struct ipo_nexthop *nexthop)
{
	struct ipo_dev *ipo = nexthop->ipo;
	struct ipo_peer *old, *new;
	int err = 0;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	old = ipo_peer_find(ipo, nexthop->addr);
	if (old) {
		list_add_tail(&nexthop->list, &old->nexthops);
		WRITE_ONCE(old->n_nexthops, old->n_nexthops + 1);
		update_route_prefix(ipo, old);
		goto out;
	}
	new = alloc_peer(ipo, nexthop->addr, GFP_ATOMIC);
	if (!new) {
		err = -ENOMEM;
		goto out;
	}
	list_add_tail(&nexthop->list, &new->nexthops);
	new->n_nexthops = 1;
	set_route_prefix(new, nexthop);
	err = commit_peer(ipo, NULL, new);
out:
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
	return err;
}

/**
 * ipo_peer_del_nexthop() - undo ipo_peer_add_nexthop()
 * @nexthop: the next hop
 */
void ipo_peer_del_nexthop(struct ipo_nexthop *nexthop)
{
	struct ipo_dev *ipo = nexthop->ipo;
	struct ipo_peer *old;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	list_del(&nexthop->list);
	old = ipo_peer_find(ipo, nexthop->addr);
	if (WARN_ON_ONCE(!old))
		goto out;
	WRITE_ONCE(old->n_nexthops, old->n_nexthops - 1);
	if (list_empty(&old->nexthops) && !old->from_netlink)
		commit_peer(ipo, old, NULL);
	else
		update_route_prefix(ipo, old);
out:
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
}
