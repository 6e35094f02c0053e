/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVS_COMPAT_H
#define OVS_COMPAT_H 1

/* The only file that knows versions of Open vSwitch apart. */

#include "dp-packet.h"
#include "ipo-ovs-version.h"

struct netdev;
struct ovs_action_push_tnl;

/* Parameters of the netdev class's push_header(). */
#if IPO_OVS_VERSION >= 40000
#define OVS_COMPAT_PUSH_HEADER_PARAMS                           \
    const struct netdev *netdev OVS_UNUSED,                     \
    const struct netdev *ingress_netdev OVS_UNUSED,             \
    struct dp_packet *packet OVS_UNUSED,                        \
    const struct ovs_action_push_tnl *data OVS_UNUSED
#else
#define OVS_COMPAT_PUSH_HEADER_PARAMS                           \
    const struct netdev *netdev OVS_UNUSED,                     \
    struct dp_packet *packet OVS_UNUSED,                        \
    const struct ovs_action_push_tnl *data OVS_UNUSED
#endif

/* Completes the checksums of 'packet' that were left to hardware.  Returns
 * false if something else was left to it, or if this version of Open vSwitch
 * cannot complete them. */
static inline bool
ovs_compat_finish_offloads(struct dp_packet *packet)
{
#if IPO_OVS_VERSION >= 40000
    if (OVS_UNLIKELY(dp_packet_get_tso_segsz(packet))) {
        return false;
    }
    dp_packet_ol_send_prepare(packet, 0);
#elif IPO_OVS_VERSION >= 30500
    if (OVS_UNLIKELY(dp_packet_hwol_is_tso(packet))) {
        return false;
    }
    dp_packet_ol_send_prepare(packet, 0);
#else
    if (OVS_UNLIKELY(dp_packet_hwol_is_tso(packet)
                     || dp_packet_hwol_l4_mask(packet))) {
        return false;
    }
#endif
    return true;
}

/* The number of elements of 'array', and element 'i'. */
#if IPO_OVS_VERSION >= 40000
#define ovs_compat_json_array_size(ARRAY) json_array_size(ARRAY)
#define ovs_compat_json_array_at(ARRAY, I) json_array_at(ARRAY, I)
#else
#define ovs_compat_json_array_size(ARRAY) (json_array(ARRAY)->n)
#define ovs_compat_json_array_at(ARRAY, I) (json_array(ARRAY)->elems[I])
#endif

#endif /* ovs-compat.h */
