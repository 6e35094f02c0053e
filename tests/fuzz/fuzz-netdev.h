/* SPDX-License-Identifier: Apache-2.0 */

/* Ports for fuzz targets that are about them. */

#ifndef FUZZ_NETDEV_H
#define FUZZ_NETDEV_H 1

#include "fuzz.h"

#include "netdev.h"
#include "openvswitch/vlog.h"
#include "ovs-router.h"
#include "seq.h"

/* Returns a port of type ipo called 'name' as Open vSwitch opens it, for the
 * caller to close. */
static inline struct netdev *
fuzz_netdev_open(const char *name)
{
    static bool ready;
    struct netdev *netdev;

    if (!ready) {
        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
        tnl_conf_seq = seq_create();
        ovs_router_init();      /* Ports ask it for their way out. */
        ready = true;
    }
    FUZZ_CHECK(!netdev_open(name, "ipo", &netdev));
    return netdev;
}

#endif /* fuzz-netdev.h */
