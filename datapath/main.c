// SPDX-License-Identifier: GPL-2.0-only
/* The module ipo: IPv4 packets of containers between nodes at 4 bytes each.
 * lib/ipo-wire.h is the protocol, ipo.h says what is where.
 */
#include <linux/module.h>
#include <net/netns/generic.h>
#include <net/rtnetlink.h>

#include "ipo.h"

unsigned int ipo_net_id __read_mostly;

/**
 * ipo_net() - what the module has in a network namespace
 * @net: the namespace
 *
 * Return: that.
 */
struct ipo_net *ipo_net(struct net *net)
{
	return net_generic(net, ipo_net_id);
}

/* Begins to work in a namespace: a new one, or one that is there when the
 * module is loaded.  Returns 0 or a negative errno.
 */
static int __net_init ipo_init_net(struct net *net)
{
	return ipo_routes_init_net(net);
}

/* Devices whose underlay goes must go, wherever they are. */
static void __net_exit ipo_exit_batch(struct list_head *nets)
{
	struct net *net;
	LIST_HEAD(to_kill);

	rtnl_lock();
	list_for_each_entry(net, nets, exit_list)
		ipo_link_exit_net(net, &to_kill);
	unregister_netdevice_many(&to_kill);
	rtnl_unlock();

	list_for_each_entry(net, nets, exit_list)
		ipo_routes_exit_net(net);
}

static struct pernet_operations ipo_net_ops = {
	.init = ipo_init_net,
	.exit_batch = ipo_exit_batch,
	.id = &ipo_net_id,
	.size = sizeof(struct ipo_net),
};

/* Registers all that the module does.  Returns 0, or a negative errno with
 * nothing left registered.
 */
static int __init ipo_init(void)
{
	int err;

	err = register_pernet_device(&ipo_net_ops);
	if (err)
		return err;
	err = ipo_routes_init();
	if (err)
		goto err_routes;
	err = ipo_offload_init();
	if (err)
		goto err_offload;
	err = ipo_rx_init();
	if (err)
		goto err_rx;
	err = rtnl_link_register(&ipo_link_ops);
	if (err)
		goto err_link;
	err = ipo_netlink_init();
	if (err)
		goto err_netlink;
	return 0;

err_netlink:
	rtnl_link_unregister(&ipo_link_ops);
err_link:
	ipo_rx_exit();
err_rx:
	ipo_offload_exit();
err_offload:
	ipo_routes_exit();
err_routes:
	unregister_pernet_device(&ipo_net_ops);
	rcu_barrier();		/* Somebody may have had a link already. */
	return err;
}

/* Undoes ipo_init().  Devices go with their link kind. */
static void __exit ipo_exit(void)
{
	ipo_netlink_exit();
	rtnl_link_unregister(&ipo_link_ops);
	ipo_rx_exit();
	ipo_offload_exit();
	ipo_routes_exit();
	unregister_pernet_device(&ipo_net_ops);
	rcu_barrier();		/* For peers on their way to be freed. */
}

module_init(ipo_init);
module_exit(ipo_exit);

MODULE_DESCRIPTION("IPO: IPv4 between containers in its own IP header");
MODULE_LICENSE("GPL");
MODULE_VERSION(IPO_VERSION_STRING);
MODULE_ALIAS_RTNL_LINK("ipo");
MODULE_ALIAS_GENL_FAMILY(IPO_GENL_NAME);
