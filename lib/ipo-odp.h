/* SPDX-License-Identifier: Apache-2.0 */

#ifndef IPO_ODP_H
#define IPO_ODP_H 1

/* What a datapath action 'tnl_push' holds for an ipo port, and how that looks
 * in text:
 *
 *     header(size=S,type=144,eth(...),ipv4(src=A,dst=B,...),ipo(...))
 *
 * where ipo(...) is one of
 *
 *     ipo(formats=F+F...[,key=K][,local=PREFIX,remote=PREFIX])
 *     ipo(drop=REASON)
 *
 * The fields of ipv4(...) other than the addresses are 0: a packet brings its
 * own, and the format, chosen for each packet, decides on the protocol. */

#include <stdbool.h>
#include <stdint.h>

#include "ipo-fast.h"
#include "ipo-wire.h"

struct ds;
struct flow;
struct flow_wildcards;
struct ovs_action_push_tnl;

struct ipo_push {
    struct ipo_tx tx;
    uint32_t drop;              /* enum ipo_drop: not 0 to drop them all. */
};

void ipo_push_put(struct ovs_action_push_tnl *, const struct ipo_push *);
void ipo_push_get(const struct ovs_action_push_tnl *, struct ipo_push *);
void ipo_push_get_fast(const struct ovs_action_push_tnl *, struct ipo_fast *);

void ipo_odp_format_prefixes(const struct ipo_prefixes *, struct ds *);
void ipo_odp_format(struct ds *, const struct ovs_action_push_tnl *);
bool ipo_odp_scan(const char *, int *n, struct ovs_action_push_tnl *,
                  uint32_t *header_len);

bool ipo_odp_ethernet_again(const struct flow *, const struct flow *base_flow,
                            struct flow_wildcards *);

#endif /* ipo-odp.h */
