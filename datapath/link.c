// SPDX-License-Identifier: GPL-2.0-only
/* The rtnetlink link kind "ipo" and its devices. */
#include <linux/hash.h>
#include <linux/if_arp.h>
#include <linux/module.h>
#include <net/addrconf.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>

#include "ipo.h"

#define IPO_FEATURES (NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA |	\
		      NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_GSO_SOFTWARE)

/* Devices by the address they receive at. */

/* The list that devices which receive at @local are in, with others. */
static struct hlist_head *dev_bucket(struct ipo_net *in, __be32 local)
{
	return &in->devs[hash_32((__force u32)local, IPO_HASH_BITS)];
}

/* Finds among the devices that receive at @local the one that fits best: that
 * with @underlay before that with any.  If @underlay is NULL, not known, it is
 * that with any before others.
 */
static struct ipo_dev *find_by_local(struct ipo_net *in, __be32 local,
				     const struct net_device *underlay)
{
	struct ipo_dev *ipo, *found = NULL;

	hlist_for_each_entry_rcu(ipo, dev_bucket(in, local), by_local,
				 lockdep_rtnl_is_held()) {
		int link = READ_ONCE(ipo->config.link);

		if (ipo->config.local != local)
			continue;
		if (link == (underlay ? underlay->ifindex : 0))
			return ipo;
		if (!link || !underlay)
			found = ipo;
	}
	return found;
}

/**
 * ipo_dev_find() - find the device that receives at an address
 * @net: the underlay's namespace
 * @local: the address
 * @underlay: the device that the packet came by, or NULL for any
 *
 * Return: the device, valid while RTNL or the RCU read lock is held, or NULL.
 */
struct ipo_dev *ipo_dev_find(struct net *net, __be32 local,
			     const struct net_device *underlay)
{
	struct ipo_net *in = ipo_net(net);

	return find_by_local(in, local, underlay) ?:
	       find_by_local(in, 0, underlay);
}

/**
 * ipo_dev_by_index() - find a device
 * @net: the namespace that the device is in
 * @ifindex: the device's index
 *
 * Return: the device, valid while RTNL is held, or NULL if there is none or
 * that is no ipo device.
 */
struct ipo_dev *ipo_dev_by_index(struct net *net, int ifindex)
{
	struct net_device *dev = __dev_get_by_index(net, ifindex);

	return dev && ipo_is_dev(dev) ? netdev_priv(dev) : NULL;
}

/* Lets packets find the device, by its settings.  Under RTNL. */
static void hash_dev(struct ipo_dev *ipo)
{
	struct ipo_net *in = ipo_net(ipo->net);

	hlist_add_head_rcu(&ipo->by_local, dev_bucket(in, ipo->config.local));
}

/* The device. */

/* Makes what packets need, while the device is being registered.  Returns 0, or
 * a negative errno with nothing left behind.
 */
static int ipo_dev_init(struct net_device *dev)
{
	struct ipo_dev *ipo = netdev_priv(dev);
	int err;

	err = ipo_stats_init(ipo);
	if (err)
		return err;
	err = gro_cells_init(&ipo->gro_cells, dev);
	if (err)
		goto err_gro_cells;
	err = ipo_peers_init(ipo);
	if (err)
		goto err_peers;
	return 0;

err_peers:
	gro_cells_destroy(&ipo->gro_cells);
err_gro_cells:
	ipo_stats_uninit(ipo);
	return err;
}

/* Runs when no packet can find the device any more. */
static void ipo_dev_uninit(struct net_device *dev)
{
	struct ipo_dev *ipo = netdev_priv(dev);

	gro_cells_destroy(&ipo->gro_cells);
}

/* Carries IPv4 only.  An IPv6 address of its own would make the kernel send
 * IPv6 packets through it, each counted as an error.
 */
static int ipo_dev_open(struct net_device *dev)
{
	struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (in6_dev)
		in6_dev->cnf.addr_gen_mode = IN6_ADDR_GEN_MODE_NONE;
	return 0;
}

/* Frees what the device still has when nobody uses it any more. */
static void ipo_dev_free(struct net_device *dev)
{
	struct ipo_dev *ipo = netdev_priv(dev);

	ipo_peers_uninit(ipo);
	kfree(rcu_dereference_raw(ipo->local_prefix));
	ipo_stats_uninit(ipo);
}

/* The ifindex of the underlay device, or 0 for any. */
static int ipo_get_iflink(const struct net_device *dev)
{
	const struct ipo_dev *ipo = netdev_priv(dev);

	return READ_ONCE(ipo->config.link);
}

static const struct net_device_ops ipo_netdev_ops = {
	.ndo_init = ipo_dev_init,
	.ndo_uninit = ipo_dev_uninit,
	.ndo_open = ipo_dev_open,
	.ndo_start_xmit = ipo_xmit,
	.ndo_get_stats64 = ipo_get_stats64,
	.ndo_get_iflink = ipo_get_iflink,
};

/**
 * ipo_is_dev() - whether a device is one of ours
 * @dev: the device
 */
bool ipo_is_dev(const struct net_device *dev)
{
	return dev->netdev_ops == &ipo_netdev_ops;
}

static const struct device_type ipo_device_type = {
	.name = "ipo",
};

/* Sets what all devices have in common.  Runs before rtnetlink and
 * ipo_newlink() see to what a user asks for.
 */
static void ipo_setup(struct net_device *dev)
{
	dev->netdev_ops = &ipo_netdev_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = ipo_dev_free;
	SET_NETDEV_DEVTYPE(dev, &ipo_device_type);

	dev->type = ARPHRD_NONE;
	dev->flags = IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->needed_headroom = LL_MAX_HEADER + IPO_OPT_LEN_MAX;
	dev->mtu = ETH_DATA_LEN - IPO_OPT_LEN_COMPACT;
	dev->min_mtu = IPV4_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU - IPO_OPT_LEN_MAX;
	dev->features = IPO_FEATURES;
	dev->hw_features = IPO_FEATURES;
	ipo_compat_lockless_tx(dev);
	netif_keep_dst(dev);		/* Its next hop is the remote node. */
	/* With the option the length must still fit into the header. */
	netif_set_tso_max_size(dev, GSO_LEGACY_MAX_SIZE - IPO_OPT_LEN_MAX);
}

/* Settings. */

static const struct nla_policy ipo_policy[IFLA_IPO_MAX + 1] = {
	[IFLA_IPO_LOCAL] = { .type = NLA_U32 },
	[IFLA_IPO_LINK] = { .type = NLA_U32 },
	[IFLA_IPO_FORMAT] = NLA_POLICY_MAX(NLA_U8, IPO_N_FMTS - 1),
	[IFLA_IPO_PROTO_MODE] = NLA_POLICY_MAX(NLA_U8, IPO_N_PROTO_MODES - 1),
	[IFLA_IPO_EXTERNAL] = { .type = NLA_FLAG },
};

/* Refuses what no ipo device can have.  Returns 0 or -EINVAL. */
static int ipo_validate(struct nlattr *tb[], struct nlattr *data[],
			struct netlink_ext_ack *extack)
{
	if (tb[IFLA_ADDRESS]) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS],
				    "An ipo device has no link-layer address");
		return -EINVAL;
	}
	return 0;
}

/* Puts into *@config the local address in @attr, 0 for any.  Returns 0, or
 * -EINVAL if it is not that of one node.
 */
static int parse_local(const struct nlattr *attr, struct ipo_config *config,
		       struct netlink_ext_ack *extack)
{
	__be32 local = nla_get_in_addr(attr);

	if (local && (ipv4_is_multicast(local) || ipv4_is_lbcast(local))) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "The local address is not that of one node");
		return -EINVAL;
	}
	config->local = local;
	return 0;
}

/* Puts into *@config the underlay device in @attr, an ifindex in @net or 0 for
 * any.  Returns 0, -ENODEV if there is none, or -EINVAL if it is an ipo device.
 * Under RTNL.
 */
static int parse_link(struct net *net, const struct nlattr *attr,
		      struct ipo_config *config,
		      struct netlink_ext_ack *extack)
{
	int ifindex = nla_get_u32(attr);
	const struct net_device *dev;

	if (ifindex) {
		dev = __dev_get_by_index(net, ifindex);
		if (!dev) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "There is no such underlay device");
			return -ENODEV;
		}
		if (ipo_is_dev(dev)) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "An ipo device cannot be the underlay of another");
			return -EINVAL;
		}
	}
	config->link = ifindex;
	return 0;
}

/* Puts into *@config what @data asks for, and checks that it goes together. */
static int parse_config(struct net *net, struct nlattr *data[],
			struct ipo_config *config,
			struct netlink_ext_ack *extack)
{
	int err;

	if (!data)
		return 0;
	if (data[IFLA_IPO_LOCAL]) {
		err = parse_local(data[IFLA_IPO_LOCAL], config, extack);
		if (err)
			return err;
	}
	if (data[IFLA_IPO_LINK]) {
		err = parse_link(net, data[IFLA_IPO_LINK], config, extack);
		if (err)
			return err;
	}
	if (data[IFLA_IPO_FORMAT])
		config->format = nla_get_u8(data[IFLA_IPO_FORMAT]);
	if (data[IFLA_IPO_PROTO_MODE])
		config->proto_mode = nla_get_u8(data[IFLA_IPO_PROTO_MODE]);
	if (data[IFLA_IPO_EXTERNAL])
		config->external = true;

	if (config->external && config->proto_mode != IPO_PROTO_MODE_SHIFT) {
		NL_SET_ERR_MSG(extack,
			       "The native variant is not for external devices");
		return -EINVAL;
	}
	return 0;
}

/* Refuses, with -EEXIST, a device that would receive what another one than @self,
 * which may be NULL, receives.  Under RTNL.
 */
static int check_unique(struct net *net, const struct ipo_dev *self,
			const struct ipo_config *config,
			struct netlink_ext_ack *extack)
{
	struct ipo_net *in = ipo_net(net);
	const struct ipo_dev *ipo;

	hlist_for_each_entry(ipo, dev_bucket(in, config->local), by_local) {
		if (ipo != self && ipo->config.local == config->local &&
		    ipo->config.link == config->link) {
			NL_SET_ERR_MSG(extack,
				       "Another ipo device has this local address and underlay device");
			return -EEXIST;
		}
	}
	return 0;
}

/* Ends the reception for a device that is in the hash.  Packets that have found
 * it before may still be on their way to it.  Under RTNL.
 */
static void withdraw_dev(struct ipo_dev *ipo)
{
	hlist_del_init_rcu(&ipo->by_local);
	ipo_rx_del_dev(ipo->net, &ipo->config);
}

/* What fits the underlay device in compact format, unless the user says. */
static void set_default_mtu(struct ipo_dev *ipo,
			    const struct ipo_config *config,
			    struct nlattr *tb[])
{
	const struct net_device *link = NULL;

	if (config->link && !tb[IFLA_MTU])
		link = __dev_get_by_index(ipo->net, config->link);
	if (link)
		ipo->dev->mtu = clamp_t(unsigned int,
					link->mtu - IPO_OPT_LEN_COMPACT,
					ipo->dev->min_mtu, ipo->dev->max_mtu);
}

/**
 * ipo_newlink() - make a device
 * @net: the underlay's namespace
 * @dev: the device
 * @tb: attributes of any link
 * @data: IFLA_IPO_*
 * @extack: for the reason of an error
 *
 * Return: 0 or a negative errno.
 */
static int ipo_newlink(struct net *net, struct net_device *dev,
		       struct nlattr *tb[], struct nlattr *data[],
		       struct netlink_ext_ack *extack)
{
	struct ipo_dev *ipo = netdev_priv(dev);
	struct ipo_config config = { 0 };
	int err;

	ipo->dev = dev;
	ipo->net = net;
	err = parse_config(net, data, &config, extack);
	if (!err)
		err = check_unique(net, NULL, &config, extack);
	if (err)
		return err;

	set_default_mtu(ipo, &config, tb);
	err = register_netdevice(dev);
	if (err)
		return err;
	err = ipo_rx_add_dev(net, &config);
	if (err) {
		NL_SET_ERR_MSG(extack, "Cannot receive packets");
		unregister_netdevice(dev);
		return err;
	}
	ipo->config = config;
	hash_dev(ipo);
	return 0;
}

/* Changes the settings that @data has; the others stay.  Returns 0, or a
 * negative errno and has changed nothing.  Under RTNL.
 */
static int ipo_changelink(struct net_device *dev, struct nlattr *tb[],
			  struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	struct ipo_dev *ipo = netdev_priv(dev);
	struct ipo_config config = ipo->config;
	struct ipo_config old = ipo->config;
	int err;

	/* rtnetlink has asked the namespace that the device is in. */
	if (data && (data[IFLA_IPO_LOCAL] || data[IFLA_IPO_LINK] ||
		     data[IFLA_IPO_PROTO_MODE]) &&
	    !ns_capable(ipo->net->user_ns, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack,
			       "Not permitted in the network namespace of the underlay");
		return -EPERM;
	}
	err = parse_config(ipo->net, data, &config, extack);
	if (err)
		return err;
	if (config.external != old.external) {
		NL_SET_ERR_MSG(extack,
			       "A device cannot become external later on");
		return -EOPNOTSUPP;
	}
	err = check_unique(ipo->net, ipo, &config, extack);
	if (err)
		return err;

	/* Receiving stops for a moment only if it is to be elsewhere. */
	if (config.local == old.local && config.link == old.link &&
	    config.proto_mode == old.proto_mode) {
		WRITE_ONCE(ipo->config.format, config.format);
		return 0;
	}
	err = ipo_rx_add_dev(ipo->net, &config);
	if (err) {
		NL_SET_ERR_MSG(extack, "Cannot receive packets");
		return err;
	}
	withdraw_dev(ipo);
	synchronize_net();		/* Nobody is on the way along the hash. */
	ipo->config = config;
	hash_dev(ipo);

	/* When nobody looks for ways by the old settings any more, those that
	 * were found go out of date, wherever they are kept: external devices'
	 * are in the packets' metadata.
	 */
	synchronize_net();
	rt_genid_bump_ipv4(ipo->net);
	return 0;
}

/* Ends the reception for a device, if it has not ended yet, and adds the device
 * to @head, those to unregister.  Under RTNL.
 */
static void ipo_dellink(struct net_device *dev, struct list_head *head)
{
	struct ipo_dev *ipo = netdev_priv(dev);

	if (!hlist_unhashed(&ipo->by_local)) {
		withdraw_dev(ipo);
		ipo_peers_withdraw(ipo);
	}
	unregister_netdevice_queue(dev, head);
}

/**
 * ipo_link_exit_net() - list the devices whose underlay a namespace is
 * @net: the namespace
 * @to_kill: list of devices to unregister, to be added to
 */
void ipo_link_exit_net(struct net *net, struct list_head *to_kill)
{
	struct ipo_net *in = ipo_net(net);
	struct hlist_node *next;
	struct ipo_dev *ipo;
	unsigned int b;

	for (b = 0; b < ARRAY_SIZE(in->devs); b++) {
		hlist_for_each_entry_safe(ipo, next, &in->devs[b], by_local)
			ipo_dellink(ipo->dev, to_kill);
	}
}

/* The most bytes that ipo_fill_info() appends. */
static size_t ipo_get_size(const struct net_device *dev)
{
	return nla_total_size(4) +	/* IFLA_IPO_LOCAL */
	       nla_total_size(4) +	/* IFLA_IPO_LINK */
	       nla_total_size(1) +	/* IFLA_IPO_FORMAT */
	       nla_total_size(1) +	/* IFLA_IPO_PROTO_MODE */
	       nla_total_size(0);	/* IFLA_IPO_EXTERNAL */
}

/* Appends the device's settings to @skb, a message.  Returns 0 or -EMSGSIZE. */
static int ipo_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct ipo_dev *ipo = netdev_priv(dev);
	const struct ipo_config *c = &ipo->config;

	if (nla_put_in_addr(skb, IFLA_IPO_LOCAL, c->local) ||
	    nla_put_u32(skb, IFLA_IPO_LINK, c->link) ||
	    nla_put_u8(skb, IFLA_IPO_FORMAT, c->format) ||
	    nla_put_u8(skb, IFLA_IPO_PROTO_MODE, c->proto_mode) ||
	    (c->external && nla_put_flag(skb, IFLA_IPO_EXTERNAL)))
		return -EMSGSIZE;
	return 0;
}

/* The underlay's namespace.  Takes no reference to it. */
static struct net *ipo_get_link_net(const struct net_device *dev)
{
	const struct ipo_dev *ipo = netdev_priv(dev);

	return READ_ONCE(ipo->net);
}

IPO_COMPAT_NEWLINK(ipo_newlink)

struct rtnl_link_ops ipo_link_ops __read_mostly = {
	.kind = "ipo",
	.maxtype = IFLA_IPO_MAX,
	.policy = ipo_policy,
	.priv_size = sizeof(struct ipo_dev),
	.setup = ipo_setup,
	.validate = ipo_validate,
	.newlink = ipo_compat_newlink,
	.changelink = ipo_changelink,
	.dellink = ipo_dellink,
	.get_size = ipo_get_size,
	.fill_info = ipo_fill_info,
	.get_xstats_size = ipo_get_xstats_size,
	.fill_xstats = ipo_fill_xstats,
	.get_link_net = ipo_get_link_net,
};
