// SPDX-License-Identifier: GPL-2.0-only
/* The generic netlink family "ipo", described in ipo-uapi.h. */
#include <linux/inetdevice.h>
#include <net/genetlink.h>
#include <net/rtnetlink.h>

#include "ipo.h"

static struct genl_family ipo_family;

static const struct nla_policy peer_policy[IPO_A_MAX + 1] = {
	[IPO_A_IFINDEX] = { .type = NLA_U32 },
	[IPO_A_NODE] = { .type = NLA_U32 },
	[IPO_A_LOCAL] = { .type = NLA_U32 },
	[IPO_A_LOCAL_PLEN] = NLA_POLICY_MAX(NLA_U8, 32),
	[IPO_A_REMOTE] = { .type = NLA_U32 },
	[IPO_A_REMOTE_PLEN] = NLA_POLICY_MAX(NLA_U8, 32),
	[IPO_A_PROTO_MODE] = NLA_POLICY_MAX(NLA_U8, IPO_N_PROTO_MODES - 1),
};

/* Reading requests. */

/* The device that a request names, in the namespace of who sent it. */
static struct ipo_dev *requested_dev(struct net *net, struct nlattr *const *attrs,
				     struct netlink_ext_ack *extack)
{
	struct ipo_dev *ipo;

	if (!attrs[IPO_A_IFINDEX]) {
		NL_SET_ERR_MSG(extack, "No device given");
		return ERR_PTR(-EINVAL);
	}
	ipo = ipo_dev_by_index(net, nla_get_u32(attrs[IPO_A_IFINDEX]));
	if (!ipo) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[IPO_A_IFINDEX],
				    "There is no such ipo device");
		return ERR_PTR(-ENODEV);
	}
	return ipo;
}

static int requested_node(struct nlattr *const *attrs, __be32 *addr,
			  struct netlink_ext_ack *extack)
{
	if (!attrs[IPO_A_NODE]) {
		NL_SET_ERR_MSG(extack, "No node given");
		return -EINVAL;
	}
	*addr = nla_get_in_addr(attrs[IPO_A_NODE]);
	if (ipv4_is_zeronet(*addr) || ipv4_is_multicast(*addr) ||
	    ipv4_is_lbcast(*addr)) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[IPO_A_NODE],
				    "That is not the address of one node");
		return -EINVAL;
	}
	return 0;
}

static int parse_prefix(const struct nlattr *addr_attr,
			const struct nlattr *plen_attr, u32 *addr, u32 *mask,
			struct netlink_ext_ack *extack)
{
	*addr = ntohl(nla_get_in_addr(addr_attr));
	*mask = ipo_mask(nla_get_u8(plen_attr));
	if (*addr & ~*mask) {
		NL_SET_ERR_MSG_ATTR(extack, addr_attr,
				    "The prefix has bits set behind its length");
		return -EINVAL;
	}
	return 0;
}

static int parse_peer(struct nlattr *const *attrs, struct ipo_peer_config *peer,
		      struct netlink_ext_ack *extack)
{
	struct ipo_prefixes *p = &peer->prefixes;
	unsigned int n;
	int err;

	err = requested_node(attrs, &peer->addr, extack);
	if (err)
		return err;
	if (attrs[IPO_A_PROTO_MODE]) {
		peer->has_proto_mode = true;
		peer->proto_mode = nla_get_u8(attrs[IPO_A_PROTO_MODE]);
	}

	n = !!attrs[IPO_A_LOCAL] + !!attrs[IPO_A_LOCAL_PLEN] +
	    !!attrs[IPO_A_REMOTE] + !!attrs[IPO_A_REMOTE_PLEN];
	if (!n)
		return 0;
	if (n != 4) {
		NL_SET_ERR_MSG(extack,
			       "Local and remote prefix go together, each with its length");
		return -EINVAL;
	}
	peer->has_prefixes = true;
	err = parse_prefix(attrs[IPO_A_LOCAL], attrs[IPO_A_LOCAL_PLEN],
			   &p->local, &p->local_mask, extack);
	if (!err)
		err = parse_prefix(attrs[IPO_A_REMOTE],
				   attrs[IPO_A_REMOTE_PLEN],
				   &p->remote, &p->remote_mask, extack);
	return err;
}

/* Writing answers and notifications. */

static int put_prefix(struct sk_buff *msg, int addr_attr, int plen_attr,
		      u32 addr, u32 mask)
{
	return nla_put_in_addr(msg, addr_attr, htonl(addr)) ?:
	       nla_put_u8(msg, plen_attr, hweight32(mask));
}

/* A peer's attributes but for the device. */
static int put_peer(struct sk_buff *msg, const struct ipo_dev *ipo,
		    struct ipo_peer *peer)
{
	struct ipo_prefixes storage;
	const struct ipo_prefixes *p;

	if (nla_put_in_addr(msg, IPO_A_NODE, peer->addr))
		return -EMSGSIZE;
	if (peer->has_proto_mode &&
	    nla_put_u8(msg, IPO_A_PROTO_MODE, peer->proto_mode))
		return -EMSGSIZE;
	if (!list_empty(&peer->nexthops) &&
	    nla_put_u32(msg, IPO_A_ROUTES, list_count_nodes(&peer->nexthops)))
		return -EMSGSIZE;
	p = ipo_peer_prefixes(ipo, peer, &storage);
	if (!p)
		return 0;
	return put_prefix(msg, IPO_A_LOCAL, IPO_A_LOCAL_PLEN,
			  p->local, p->local_mask) ?:
	       put_prefix(msg, IPO_A_REMOTE, IPO_A_REMOTE_PLEN,
			  p->remote, p->remote_mask);
}

/* A whole message about @peer, or if that is NULL about the device. */
static int put_message(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		       u8 cmd, const struct ipo_dev *ipo,
		       struct ipo_peer *peer)
{
	void *hdr = genlmsg_put(msg, portid, seq, &ipo_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(msg, IPO_A_IFINDEX, ipo->dev->ifindex) ||
	    nla_put_string(msg, IPO_A_IFNAME, ipo->dev->name) ||
	    (peer && put_peer(msg, ipo, peer))) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* Tells those who listen of a change. */
static void notify(struct genl_info *info, u8 cmd, const struct ipo_dev *ipo,
		   struct ipo_peer *peer)
{
	struct net *net = genl_info_net(info);
	struct sk_buff *msg;

	if (!genl_has_listeners(&ipo_family, net, 0))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg)
		return;
	if (put_message(msg, info->snd_portid, info->snd_seq, 0, cmd, ipo,
			peer)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_multicast_netns(&ipo_family, net, msg, 0, 0, GFP_KERNEL);
}

/* What is known of a node that is no longer a peer: its address. */
static void notify_deleted(struct genl_info *info, const struct ipo_dev *ipo,
			   __be32 addr)
{
	struct ipo_peer gone = {
		.addr = addr,
		.nexthops = LIST_HEAD_INIT(gone.nexthops),
	};

	notify(info, IPO_CMD_DEL_PEER, ipo, &gone);
}

/* Commands.  All of them run under RTNL. */

static int new_peer(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_peer_config config = { 0 };
	struct ipo_peer *peer;
	struct ipo_dev *ipo;
	int err;

	ipo = requested_dev(genl_info_net(info), info->attrs, info->extack);
	if (IS_ERR(ipo))
		return PTR_ERR(ipo);
	err = parse_peer(info->attrs, &config, info->extack);
	if (err)
		return err;
	if (config.has_proto_mode && ipo->config.external &&
	    config.proto_mode != IPO_PROTO_MODE_SHIFT) {
		NL_SET_ERR_MSG(info->extack,
			       "The native variant is not for external devices");
		return -EINVAL;
	}
	err = ipo_peer_set(ipo, &config, info->nlhdr->nlmsg_flags,
			   info->extack);
	if (err)
		return err;

	rcu_read_lock();
	peer = ipo_peer_find(ipo, config.addr);
	rcu_read_unlock();
	/* Under RTNL nobody else takes it away. */
	if (peer)
		notify(info, IPO_CMD_NEW_PEER, ipo, peer);
	return 0;
}

static int del_peer(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_dev *ipo;
	__be32 addr;
	int err;

	ipo = requested_dev(genl_info_net(info), info->attrs, info->extack);
	if (IS_ERR(ipo))
		return PTR_ERR(ipo);
	err = requested_node(info->attrs, &addr, info->extack);
	if (!err)
		err = ipo_peer_del(ipo, addr, info->extack);
	if (!err)
		notify_deleted(info, ipo, addr);
	return err;
}

static int flush_peers(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_dev *ipo;

	ipo = requested_dev(genl_info_net(info), info->attrs, info->extack);
	if (IS_ERR(ipo))
		return PTR_ERR(ipo);
	ipo_peers_flush(ipo);
	notify(info, IPO_CMD_FLUSH_PEERS, ipo, NULL);
	return 0;
}

static int get_peer(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_peer *peer;
	struct ipo_dev *ipo;
	struct sk_buff *msg;
	__be32 addr;
	int err;

	ipo = requested_dev(genl_info_net(info), info->attrs, info->extack);
	if (IS_ERR(ipo))
		return PTR_ERR(ipo);
	err = requested_node(info->attrs, &addr, info->extack);
	if (err)
		return err;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	rcu_read_lock();
	peer = ipo_peer_find(ipo, addr);
	if (peer)
		err = put_message(msg, info->snd_portid, info->snd_seq, 0,
				  IPO_CMD_NEW_PEER, ipo, peer);
	else
		err = -ENOENT;
	rcu_read_unlock();
	if (err) {
		nlmsg_free(msg);
		NL_SET_ERR_MSG(info->extack, "There is no such peer");
		return err;
	}
	return genlmsg_reply(msg, info);
}

/* Dumps.  In cb->args: [0] the walk over a device's peers, or NULL; [1] the
 * ifindex of that device, or of the last one that is finished.
 */

struct peers_walk {
	struct rhashtable_iter iter;
	struct ipo_dev *ipo;
	netdevice_tracker tracker;
};

static void end_walk(struct netlink_callback *cb)
{
	struct peers_walk *walk = (struct peers_walk *)cb->args[0];

	if (!walk)
		return;
	rhashtable_walk_exit(&walk->iter);
	netdev_put(walk->ipo->dev, &walk->tracker);
	kfree(walk);
	cb->args[0] = 0;
}

static int begin_walk(struct netlink_callback *cb, struct ipo_dev *ipo)
{
	struct peers_walk *walk = kzalloc(sizeof(*walk), GFP_KERNEL);

	if (!walk)
		return -ENOMEM;
	walk->ipo = ipo;
	netdev_hold(ipo->dev, &walk->tracker, GFP_KERNEL);
	rhashtable_walk_enter(&ipo->peers, &walk->iter);
	cb->args[0] = (long)walk;
	cb->args[1] = ipo->dev->ifindex;
	return 0;
}

/* Puts peers into @msg.  Returns 0 at the end of the walk, else -EMSGSIZE. */
static int dump_walk(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct peers_walk *walk = (struct peers_walk *)cb->args[0];
	struct ipo_peer *peer;
	int err = 0;

	rhashtable_walk_start(&walk->iter);
	for (peer = rhashtable_walk_peek(&walk->iter); peer;
	     peer = rhashtable_walk_next(&walk->iter)) {
		if (IS_ERR(peer))
			continue;	/* The table grew; go on. */
		err = put_message(msg, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, NLM_F_MULTI,
				  IPO_CMD_NEW_PEER, walk->ipo, peer);
		if (err)
			break;
	}
	rhashtable_walk_stop(&walk->iter);
	return err;
}

/* The device to dump after the one in cb->args[1]: the one asked for, or in
 * the order of their indices all of them.
 */
static struct ipo_dev *next_dev(struct net *net, struct netlink_callback *cb)
{
	struct nlattr *const *attrs = ipo_compat_dump_attrs(cb);
	struct net_device *dev, *next = NULL;
	int last = cb->args[1];

	if (attrs[IPO_A_IFINDEX]) {
		int ifindex = nla_get_u32(attrs[IPO_A_IFINDEX]);

		return last ? NULL : ipo_dev_by_index(net, ifindex);
	}
	for_each_netdev(net, dev) {
		if (ipo_is_dev(dev) && dev->ifindex > last &&
		    (!next || dev->ifindex < next->ifindex))
			next = dev;
	}
	return next ? netdev_priv(next) : NULL;
}

static int dump_peers(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct net *net = sock_net(cb->skb->sk);
	struct ipo_dev *ipo;
	int err = 0;

	rtnl_lock();
	while (!err) {
		if (!cb->args[0]) {
			ipo = next_dev(net, cb);
			if (!ipo)
				break;
			err = begin_walk(cb, ipo);
			if (err)
				break;
		}
		err = dump_walk(msg, cb);
		if (!err)
			end_walk(cb);
	}
	rtnl_unlock();
	return msg->len ?: err;
}

static int dump_done(struct netlink_callback *cb)
{
	end_walk(cb);
	return 0;
}

/* Counters. */

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

static int put_counters(struct sk_buff *msg, const struct ipo_dev *ipo)
{
	struct ipo_counters sum;
	unsigned int d, i;
	int err = 0;

	ipo_stats_sum(ipo, &sum);
	for (d = 0; d < IPO_N_DIRECTIONS; d++) {
		for (i = 0; i < IPO_N_CARRIED && !err; i++) {
			if (ipo_carried_name(i))
				err = put_counter(msg, d, false,
						  ipo_carried_name(i),
						  u64_stats_read(&sum.carried[d][i]));
		}
		for (i = IPO_DROP_NONE + 1; i < IPO_N_KMOD_DROPS && !err; i++)
			err = put_counter(msg, d, true, ipo_kmod_drop_name(i),
					  u64_stats_read(&sum.drops[d][i]));
	}
	return err;
}

static int put_stats(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		     const struct ipo_dev *ipo)
{
	void *hdr = genlmsg_put(msg, portid, seq, &ipo_family, flags,
				IPO_CMD_GET_STATS);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(msg, IPO_A_IFINDEX, ipo->dev->ifindex) ||
	    nla_put_string(msg, IPO_A_IFNAME, ipo->dev->name) ||
	    put_counters(msg, ipo)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

static int get_stats(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_dev *ipo;
	struct sk_buff *msg;
	int err;

	ipo = requested_dev(genl_info_net(info), info->attrs, info->extack);
	if (IS_ERR(ipo))
		return PTR_ERR(ipo);
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	err = put_stats(msg, info->snd_portid, info->snd_seq, 0, ipo);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int dump_stats(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct ipo_dev *ipo;
	int err = 0;

	rtnl_lock();
	while (!err) {
		ipo = next_dev(sock_net(cb->skb->sk), cb);
		if (!ipo)
			break;
		err = put_stats(msg, NETLINK_CB(cb->skb).portid,
				cb->nlh->nlmsg_seq, NLM_F_MULTI, ipo);
		if (!err)
			cb->args[1] = ipo->dev->ifindex;
	}
	rtnl_unlock();
	return msg->len ?: err;
}

/* The family. */

static int lock_rtnl(IPO_COMPAT_DOIT_OPS *ops, struct sk_buff *skb,
		     struct genl_info *info)
{
	rtnl_lock();
	return 0;
}

static void unlock_rtnl(IPO_COMPAT_DOIT_OPS *ops, struct sk_buff *skb,
			struct genl_info *info)
{
	rtnl_unlock();
}

static const struct genl_ops ipo_ops[] = {
	{
		.cmd = IPO_CMD_NEW_PEER,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = new_peer,
	}, {
		.cmd = IPO_CMD_DEL_PEER,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = del_peer,
	}, {
		.cmd = IPO_CMD_FLUSH_PEERS,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = flush_peers,
	}, {
		.cmd = IPO_CMD_GET_PEER,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = get_peer,
		.dumpit = dump_peers,
		.done = dump_done,
	}, {
		.cmd = IPO_CMD_GET_STATS,
		.doit = get_stats,
		.dumpit = dump_stats,
	},
};

static const struct genl_multicast_group ipo_groups[] = {
	{ .name = IPO_GENL_MCGRP_PEERS },
};

static struct genl_family ipo_family __ro_after_init = {
	.name = IPO_GENL_NAME,
	.version = IPO_GENL_VERSION,
	.maxattr = IPO_A_MAX,
	.policy = peer_policy,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = ipo_ops,
	.n_ops = ARRAY_SIZE(ipo_ops),
	.resv_start_op = __IPO_CMD_MAX,
	.mcgrps = ipo_groups,
	.n_mcgrps = ARRAY_SIZE(ipo_groups),
	.pre_doit = lock_rtnl,
	.post_doit = unlock_rtnl,
};

/**
 * ipo_netlink_init() - register the family
 *
 * Return: 0 or a negative errno.
 */
int __init ipo_netlink_init(void)
{
	return genl_register_family(&ipo_family);
}

/**
 * ipo_netlink_exit() - undo ipo_netlink_init()
 */
void ipo_netlink_exit(void)
{
	genl_unregister_family(&ipo_family);
}
