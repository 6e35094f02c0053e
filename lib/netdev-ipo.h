/* SPDX-License-Identifier: Apache-2.0 */

#ifndef NETDEV_IPO_H
#define NETDEV_IPO_H 1

/* The tunnel port type "ipo": all that the hooks in Open vSwitch call, but for
 * the text form of its actions, which is ipo-odp.h, and the kernel's device,
 * which is ipo-kernel.h. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "ovs-compat.h"
#include "ovs-rcu.h"

struct dp_packet_batch;
struct flow;
struct flow_tnl;
struct flow_wildcards;
struct in6_addr;
struct ipo_options;
struct netdev_tnl_build_header_params;
struct smap;

/* What a 'struct netdev_vport' holds for a port of this type. */
struct netdev_ipo {
    OVSRCU_TYPE(struct ipo_options *) options; /* Null until configured. */
    struct ovs_list node;       /* In 'ports', if 'gives_peers'. */
    bool gives_peers;           /* Are the peers of 'options' in the map? */
};

/* Class of the port. */
typedef int netdev_set_config_func(struct netdev *, const struct smap *args,
                                   char **errp);
typedef int netdev_get_config_func(const struct netdev *, struct smap *args);

void netdev_ipo_register(void);
bool netdev_ipo_is(const struct netdev *);
int netdev_ipo_set_config(struct netdev *, const struct smap *args,
                          char **errp, netdev_set_config_func *);
int netdev_ipo_get_config(const struct netdev *, struct smap *args,
                          netdev_get_config_func *);
void netdev_ipo_destruct(struct netdev *);

/* The kernel's datapath; more is in ipo-kernel.h. */
void netdev_ipo_run(void);
void netdev_ipo_wait(void);
void netdev_ipo_pin_format(const struct netdev *, struct flow_tnl *);
const char *netdev_ipo_strerror(const struct netdev *, int error);

/* The userspace datapath. */
int netdev_ipo_build_header(const struct netdev *,
                            struct ovs_action_push_tnl *,
                            const struct netdev_tnl_build_header_params *);
void netdev_ipo_push_header(OVS_COMPAT_PUSH_HEADER_PARAMS);
void netdev_ipo_push_batch(struct dp_packet_batch *,
                           const struct ovs_action_push_tnl *);
bool netdev_ipo_pop_batch(const struct netdev *, struct dp_packet_batch *);
struct dp_packet *netdev_ipo_pop_header(struct dp_packet *);

/* Translation of what follows a push. */
void netdev_ipo_outer_flow(const struct ovs_action_push_tnl *,
                           const struct flow *inner,
                           struct flow *base_flow, struct flow *flow);
void netdev_ipo_unwildcard(const struct ovs_action_push_tnl *,
                           const struct flow *inner,
                           const struct flow_wildcards *outer_wc,
                           struct flow_wildcards *wc);
uint16_t netdev_ipo_growth(const struct ovs_action_push_tnl *,
                           const struct flow *inner);

/* Which packets tnl-ports.c takes for this type's.  It knows one protocol for
 * a type: this one stands for all those that IPO uses. */
#define NETDEV_IPO_NW_PROTO 144

bool netdev_ipo_nw_proto(uint8_t type_nw_proto, const struct in6_addr *,
                         unsigned int i, uint8_t *nw_proto);
void netdev_ipo_tnl_port_match(uint8_t nw_proto, struct flow_wildcards *);

/* Returns whether a packet with these fields may be an IPO packet. */
static inline bool
netdev_ipo_may_receive(ovs_be16 dl_type, uint8_t nw_proto)
{
    return nw_proto >= NETDEV_IPO_NW_PROTO && dl_type == htons(0x0800);
}

/* Executes the next statement with NW_PROTO, a variable, set to one protocol
 * after the other under which a port whose type has NW_PROTO receives at ADDR.
 * That is NW_PROTO itself for all types but ipo. */
#define NETDEV_IPO_FOR_EACH_NW_PROTO(NW_PROTO, ADDR)                    \
    for (unsigned int ipo_i__ = 0, ipo_type__ = (NW_PROTO);             \
         netdev_ipo_nw_proto(ipo_type__, ADDR, ipo_i__, &(NW_PROTO));    \
         ipo_i__++)

#endif /* netdev-ipo.h */
