// SPDX-License-Identifier: GPL-2.0-only
/* The generic netlink family "ipo", described in ipo-uapi.h. */
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

/* Puts into *@addr the node that a request names.  Returns 0, or -EINVAL if
 * that is not one node.
 */
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

/* Puts a prefix into *@addr and *@mask, in host byte order.  The policy has
 * checked its length.  Returns 0, or -EINVAL if it has bits set behind that.
 */
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

/* Puts into *@peer, all 0 before, what a request says of a peer.  Returns 0 or
 * -EINVAL.
 */
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

/* Appends a prefix, given in host byte order.  Returns 0 or -EMSGSIZE. */
static int put_prefix(struct sk_buff *msg, int addr_attr, int plen_attr,
		      u32 addr, u32 mask)
{
	return nla_put_in_addr(msg, addr_attr, htonl(addr)) ?:
	       nla_put_u8(msg, plen_attr, hweight32(mask));
}

/* A peer's attributes but for the device. */
static int put_peer(struct sk_buff *msg, const struct ipo_dev *ipo,
		    const struct ipo_peer *peer)
{
	unsigned int n_nexthops = READ_ONCE(peer->n_nexthops);
	struct ipo_prefixes storage;
	const struct ipo_prefixes *p;

	if (nla_put_in_addr(msg, IPO_A_NODE, peer->addr))
		return -EMSGSIZE;
	if (peer->has_proto_mode &&
	    nla_put_u8(msg, IPO_A_PROTO_MODE, peer->proto_mode))
		return -EMSGSIZE;
	if (n_nexthops && nla_put_u32(msg, IPO_A_ROUTES, n_nexthops))
		return -EMSGSIZE;
	p = ipo_peer_prefixes(ipo, peer, &storage);
	if (!p)
		return 0;
	return put_prefix(msg, IPO_A_LOCAL, IPO_A_LOCAL_PLEN,
			  p->local, p->local_mask) ?:
	       put_prefix(msg, IPO_A_REMOTE, IPO_A_REMOTE_PLEN,
			  p->remote, p->remote_mask);
}

/* The beginning of a message, with its device. */
static void *begin_message(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			   u8 cmd, const struct ipo_dev *ipo)
{
	void *hdr = genlmsg_put(msg, portid, seq, &ipo_family, flags, cmd);

	if (!hdr)
		return NULL;
	if (nla_put_u32(msg, IPO_A_IFINDEX, ipo->dev->ifindex) ||
	    nla_put_string(msg, IPO_A_IFNAME, ipo->dev->name)) {
		genlmsg_cancel(msg, hdr);
		return NULL;
	}
	return hdr;
}

/* A whole message about @peer, or if that is NULL about the device.  @cb is
 * that of the dump, or NULL.  Must be called under the RCU read lock.
 */
static int put_message(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		       u8 cmd, const struct ipo_dev *ipo,
		       const struct ipo_peer *peer,
		       struct netlink_callback *cb)
{
	void *hdr = begin_message(msg, portid, seq, flags, cmd, ipo);

	if (!hdr)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, hdr);
	if (peer && put_peer(msg, ipo, peer)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* Tells those who listen of a change, or, without memory for that, that they
 * miss one.  @addr is the peer's.  What is known of one that was deleted is its
 * address.
 */
static void notify(struct genl_info *info, u8 cmd, struct ipo_dev *ipo,
		   __be32 addr)
{
	const struct ipo_peer gone = { .addr = addr };
	struct net *net = genl_info_net(info);
	const struct ipo_peer *peer = NULL;
	int flags = 0, err = -EMSGSIZE;
	struct sk_buff *msg;

	if (!genl_has_listeners(&ipo_family, net, 0))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg) {
		genl_set_err(&ipo_family, net, 0, 0, -ENOBUFS);
		return;
	}

	rcu_read_lock();
	if (cmd == IPO_CMD_NEW_PEER) {
		flags = info->nlhdr->nlmsg_flags &
			(NLM_F_REPLACE | NLM_F_EXCL | NLM_F_CREATE);
		peer = ipo_peer_find(ipo, addr);
	} else if (cmd == IPO_CMD_DEL_PEER) {
		peer = &gone;
	}
	if (peer || cmd == IPO_CMD_FLUSH_PEERS)
		err = put_message(msg, info->snd_portid, info->snd_seq, flags,
				  cmd, ipo, peer, NULL);
	rcu_read_unlock();

	if (err)
		nlmsg_free(msg);
	else
		genlmsg_multicast_netns(&ipo_family, net, msg, 0, 0,
					GFP_KERNEL);
}

/* Commands.  All of them run under RTNL, and return 0 or a negative errno. */

/* IPO_CMD_NEW_PEER: adds or changes a peer, and notifies of that. */
static int new_peer(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_peer_config config = { 0 };
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
	if (!err)
		notify(info, IPO_CMD_NEW_PEER, ipo, config.addr);
	return err;
}

/* IPO_CMD_DEL_PEER: removes what this family said of a peer, and notifies of
 * that.
 */
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
		notify(info, IPO_CMD_DEL_PEER, ipo, addr);
	return err;
}

/* IPO_CMD_FLUSH_PEERS: removes what this family said of all peers of a device,
 * and notifies of that.  After -ENOMEM some may be removed, and listeners are
 * told that they have missed something.
 */
static int flush_peers(struct sk_buff *skb, struct genl_info *info)
{
	struct ipo_dev *ipo;
	int err;

	ipo = requested_dev(genl_info_net(info), info->attrs, info->extack);
	if (IS_ERR(ipo))
		return PTR_ERR(ipo);
	err = ipo_peers_flush(ipo);
	if (!err)
		notify(info, IPO_CMD_FLUSH_PEERS, ipo, 0);
	else
		genl_set_err(&ipo_family, genl_info_net(info), 0, 0, -ENOBUFS);
	return err;
}

/* IPO_CMD_GET_PEER: answers with a peer; -ENOENT if there is none. */
static int get_peer(struct sk_buff *skb, struct genl_info *info)
{
	const struct ipo_peer *peer;
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
				  IPO_CMD_NEW_PEER, ipo, peer, NULL);
	else
		err = -ENOENT;
	rcu_read_unlock();
	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "There is no such peer");
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

/* Dumps.  Between two messages nothing is held: a reader may stop reading. */

/* Where a dump goes on, in cb->ctx. */
struct position {
	int ifindex;			/* At this device or one behind it... */
	unsigned long peer;		/* ...behind its peer with this id. */
};

/* The position of a dump, all 0 when it begins. */
static struct position *position(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct position) > sizeof(cb->ctx));
	return (struct position *)cb->ctx;
}

/* Refuses to dump what is not there. */
static int dump_start(struct netlink_callback *cb)
{
	struct nlattr *const *attrs = ipo_compat_dump_attrs(cb);
	struct ipo_dev *ipo = NULL;

	if (attrs[IPO_A_IFINDEX]) {
		rtnl_lock();
		ipo = requested_dev(sock_net(cb->skb->sk), attrs, cb->extack);
		rtnl_unlock();
	}
	return PTR_ERR_OR_ZERO(ipo);
}

/* The device to go on with, or NULL at the end: the one asked for, or in the
 * order of their indices all of them.
 */
static struct ipo_dev *next_dev(struct net *net, struct netlink_callback *cb)
{
	struct nlattr *const *attrs = ipo_compat_dump_attrs(cb);
	struct net_device *dev, *next = NULL;
	struct position *at = position(cb);

	if (attrs[IPO_A_IFINDEX]) {
		int ifindex = nla_get_u32(attrs[IPO_A_IFINDEX]);

		return at->ifindex > ifindex ? NULL
					     : ipo_dev_by_index(net, ifindex);
	}
	for_each_netdev(net, dev) {
		if (ipo_is_dev(dev) && dev->ifindex >= at->ifindex &&
		    (!next || dev->ifindex < next->ifindex))
			next = dev;
	}
	return next ? netdev_priv(next) : NULL;
}

/* Has a dump go on behind @ipo. */
static void finish_dev(struct netlink_callback *cb, const struct ipo_dev *ipo)
{
	struct position *at = position(cb);

	at->ifindex = ipo->dev->ifindex + 1;
	at->peer = 0;
}

/* Puts peers of a device into @msg.  Returns 0 at the end, else -EMSGSIZE. */
static int dump_dev(struct sk_buff *msg, struct netlink_callback *cb,
		    struct ipo_dev *ipo)
{
	struct position *at = position(cb);
	const struct ipo_peer *peer;
	int err = 0;

	if (at->ifindex != ipo->dev->ifindex) {
		at->ifindex = ipo->dev->ifindex;
		at->peer = 0;
	}
	rcu_read_lock();
	list_for_each_entry_rcu(peer, &ipo->peer_list, list) {
		if (peer->id <= at->peer)
			continue;
		err = put_message(msg, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, NLM_F_MULTI,
				  IPO_CMD_NEW_PEER, ipo, peer, cb);
		if (err)
			break;
		at->peer = peer->id;
	}
	rcu_read_unlock();
	return err;
}

/* Puts into @msg as many peers as it has room for.  Returns its length, 0 at
 * the end of the dump, or a negative errno.  Takes RTNL.
 */
static int dump_peers(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct net *net = sock_net(cb->skb->sk);
	struct ipo_dev *ipo;
	int err = 0;

	rtnl_lock();
	/* 0 would mean that nothing was dumped before. */
	cb->seq = atomic_read(&ipo_net(net)->peers_seq) ?: 1;
	while (!err) {
		ipo = next_dev(net, cb);
		if (!ipo)
			break;
		err = dump_dev(msg, cb, ipo);
		if (!err)
			finish_dev(cb, ipo);
	}
	rtnl_unlock();
	return msg->len ?: err;
}

/* Counters. */

/* Puts into @msg a whole message with the counters of a device.  Returns 0 or
 * -EMSGSIZE.
 */
static int put_stats(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		     const struct ipo_dev *ipo)
{
	void *hdr = begin_message(msg, portid, seq, flags, IPO_CMD_GET_STATS,
				  ipo);

	if (!hdr)
		return -EMSGSIZE;
	if (ipo_stats_put(msg, ipo, false)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* IPO_CMD_GET_STATS: answers with the counters of a device.  Runs under RTNL.
 * Returns 0 or a negative errno.
 */
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

/* Does for counters what dump_peers() does for peers. */
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
			finish_dev(cb, ipo);
	}
	rtnl_unlock();
	return msg->len ?: err;
}

/* The family. */

/* Runs before each command, but not for dumps, which take RTNL themselves.
 * Returns 0, always.
 */
static int lock_rtnl(IPO_COMPAT_DOIT_OPS *ops, struct sk_buff *skb,
		     struct genl_info *info)
{
	rtnl_lock();
	return 0;
}

/* Runs behind each command, whatever that returned. */
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
		.start = dump_start,
		.dumpit = dump_peers,
	}, {
		.cmd = IPO_CMD_GET_STATS,
		.doit = get_stats,
		.start = dump_start,
		.dumpit = dump_stats,
	},
};

static const struct genl_multicast_group ipo_groups[] = {
	{ .name = IPO_GENL_MCGRP_PEERS, .flags = GENL_MCAST_CAP_NET_ADMIN },
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
