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

static void free_peer(struct ipo_peer *peer)
{
	dst_cache_destroy(&peer->dst_cache);
	kfree(peer);
}

static void free_peer_rcu(struct rcu_head *rcu)
{
	free_peer(container_of(rcu, struct ipo_peer, rcu));
}

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
 */
const struct ipo_prefixes *ipo_peer_prefixes(const struct ipo_dev *ipo,
					     const struct ipo_peer *peer,
					     struct ipo_prefixes *storage)
{
	const struct ipo_local_prefix *local;

	if (!peer || !peer->has_prefixes)
		return NULL;
	if (peer->from_netlink)
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

/* Allocates a peer.  If there is an @old one, the new one has all of it but
 * its next hops.
 */
static struct ipo_peer *alloc_peer(struct ipo_dev *ipo, __be32 addr,
				   const struct ipo_peer *old)
{
	struct ipo_peer *peer = kzalloc(sizeof(*peer), GFP_ATOMIC);

	if (!peer)
		return NULL;
	if (!ipo->config.external &&
	    dst_cache_init(&peer->dst_cache, GFP_ATOMIC)) {
		kfree(peer);
		return NULL;
	}
	peer->addr = addr;
	INIT_LIST_HEAD(&peer->nexthops);
	if (old) {
		peer->has_prefixes = old->has_prefixes;
		peer->from_netlink = old->from_netlink;
		peer->has_proto_mode = old->has_proto_mode;
		peer->proto_mode = old->proto_mode;
		peer->prefixes = old->prefixes;
	}
	return peer;
}

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

static int insert_peer(struct ipo_dev *ipo, struct ipo_peer *new)
{
	int err;

	new->id = ++ipo->last_peer_id;
	err = rhashtable_insert_fast(&ipo->peers, &new->node, peer_params);
	if (!err)
		list_add_tail_rcu(&new->list, &ipo->peer_list);
	return err;
}

static void remove_peer(struct ipo_dev *ipo, struct ipo_peer *old)
{
	rhashtable_remove_fast(&ipo->peers, &old->node, peer_params);
	list_del_rcu(&old->list);
}

/* Puts @new, which may be NULL, in the place of @old, which may be NULL.  Frees
 * the one that is not in the table afterwards.
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

/* Sets the prefixes that the next hops of @peer give: those of routes that all
 * have the same prefix.
 */
static void set_route_prefix(struct ipo_peer *peer, struct list_head *nexthops)
{
	const struct ipo_nexthop *first, *nexthop;

	if (peer->from_netlink)
		return;
	peer->has_prefixes = false;
	first = list_first_entry_or_null(nexthops, struct ipo_nexthop, list);
	if (!first)
		return;
	list_for_each_entry(nexthop, nexthops, list) {
		if (nexthop->prefix != first->prefix ||
		    nexthop->mask != first->mask)
			return;
	}
	peer->has_prefixes = true;
	memset(&peer->prefixes, 0, sizeof(peer->prefixes));
	peer->prefixes.remote = first->prefix;
	peer->prefixes.remote_mask = first->mask;
}

/**
 * ipo_peer_set() - add or change what generic netlink says of a peer
 * @ipo: the device
 * @config: what it says
 * @nlmsg_flags: NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
 * @extack: for the reason of an error
 *
 * Return: 0 or a negative errno.
 */
int ipo_peer_set(struct ipo_dev *ipo, const struct ipo_peer_config *config,
		 u16 nlmsg_flags, struct netlink_ext_ack *extack)
{
	struct ipo_peer *old, *new;
	int err;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	old = ipo_peer_find(ipo, config->addr);
	if (old && old->from_netlink && (nlmsg_flags & NLM_F_EXCL)) {
		NL_SET_ERR_MSG(extack, "There is such a peer already");
		err = -EEXIST;
		goto out;
	}
	if ((!old || !old->from_netlink) && !(nlmsg_flags & NLM_F_CREATE)) {
		NL_SET_ERR_MSG(extack, "There is no such peer");
		err = -ENOENT;
		goto out;
	}

	err = -ENOMEM;
	new = alloc_peer(ipo, config->addr, NULL);
	if (!new)
		goto out;
	new->from_netlink = true;
	new->has_prefixes = config->has_prefixes;
	new->prefixes = config->prefixes;
	new->has_proto_mode = config->has_proto_mode;
	new->proto_mode = config->proto_mode;
	err = commit_peer(ipo, old, new);
out:
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
	return err;
}

/* Takes from @old what generic netlink said of it.  What routes say stays. */
static int forget_netlink(struct ipo_dev *ipo, struct ipo_peer *old)
{
	struct ipo_peer *new = NULL;

	if (!list_empty(&old->nexthops)) {
		new = alloc_peer(ipo, old->addr, NULL);
		if (!new)
			return -ENOMEM;
		set_route_prefix(new, &old->nexthops);
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
	int err = -ENOENT;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	peer = ipo_peer_find(ipo, addr);
	if (peer && peer->from_netlink)
		err = forget_netlink(ipo, peer);
	else
		NL_SET_ERR_MSG(extack, "There is no such peer");
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
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
	int err = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(peer, &ipo->peer_list, list) {
		if (!peer->from_netlink)
			continue;
		spin_lock_bh(&ipo->lock);
		old = ipo_peer_find(ipo, peer->addr);
		if (old && old->from_netlink && forget_netlink(ipo, old))
			err = -ENOMEM;
		spin_unlock_bh(&ipo->lock);
	}
	rcu_read_unlock();
	return err;
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
	int err = -ENOMEM;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	old = ipo_peer_find(ipo, nexthop->addr);
	new = alloc_peer(ipo, nexthop->addr, old);
	if (!new)
		goto out;
	if (old) {
		list_add_tail(&nexthop->list, &old->nexthops);
		WRITE_ONCE(old->n_nexthops, old->n_nexthops + 1);
		set_route_prefix(new, &old->nexthops);
	} else {
		list_add_tail(&nexthop->list, &new->nexthops);
		new->n_nexthops = 1;
		set_route_prefix(new, &new->nexthops);
	}
	err = commit_peer(ipo, old, new);
	if (err) {
		if (old)
			WRITE_ONCE(old->n_nexthops, old->n_nexthops - 1);
		list_del(&nexthop->list);
	}
out:
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
	return err;
}

/**
 * ipo_peer_del_nexthop() - undo ipo_peer_add_nexthop()
 * @nexthop: the next hop
 *
 * If there is no memory for it, the peer keeps the prefix that it had.
 */
void ipo_peer_del_nexthop(struct ipo_nexthop *nexthop)
{
	struct ipo_dev *ipo = nexthop->ipo;
	struct ipo_peer *old, *new = NULL;

	rcu_read_lock();
	spin_lock_bh(&ipo->lock);
	list_del(&nexthop->list);
	old = ipo_peer_find(ipo, nexthop->addr);
	if (WARN_ON_ONCE(!old))
		goto out;
	WRITE_ONCE(old->n_nexthops, old->n_nexthops - 1);
	if (!list_empty(&old->nexthops) || old->from_netlink) {
		new = alloc_peer(ipo, nexthop->addr, old);
		if (!new)
			goto out;
		set_route_prefix(new, &old->nexthops);
	}
	commit_peer(ipo, old, new);
out:
	spin_unlock_bh(&ipo->lock);
	rcu_read_unlock();
}
