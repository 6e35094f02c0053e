/* SPDX-License-Identifier: Apache-2.0 */

/* The OpenFlow rules of the overlay.
 *
 *     table 0    where a packet is from: a container, which may only use its
 *                own addresses, or a node, which may only use its prefix;
 *                "metadata" becomes the tenant
 *     table 101  whether it may pass
 *     table 102  where it goes: to a container here, or to a node
 *
 * They have a cookie of their own and leave all other rules alone. */

#include <config.h>
#include "ovs-ipo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "openvswitch/vconn.h"
#include "flow.h"
#include "packets.h"
#include "sset.h"
#include "svec.h"
#include "util.h"
#include "vswitch-idl.h"

#define COOKIE "0x69706f" /* "ipo" */
#define COOKIE_NUMBER UINT64_C(0x69706f)

#define TABLE_POLICY "101"
#define TABLE_ROUTE "102"

/* What to do about a difference: count, print or mend it. */
enum rules_action { RULES_CHECK, RULES_PRINT, RULES_SEND };

/* What the rules shall be, in words for parse_ofp_str(), with the names of
 * ports. */

/* Adds a formatted rule to 'rules'. */
static void OVS_PRINTF_FORMAT(2, 3)
put_rule(struct sset *rules, const char *format, ...)
{
    va_list args;
    char *rule;

    va_start(args, format);
    rule = xvasprintf(format, args);
    va_end(args);
    sset_add_and_free(rules, rule);
}

/* What concerns a container that has a port. */
static void
put_container(struct sset *rules, const struct container *c)
{
    const char *port = c->device;
    char mac[18], ip[IP_FMT_SIZE];

    link_mac(c->ip, mac);
    format_ip(c->ip, ip);
    put_rule(rules, "table=0,priority=120,arp,in_port=\"%s\",dl_src=%s,"
             "arp_op=1,arp_sha=%s,arp_spa=%s,arp_tpa="GATEWAY_IP" actions="
             "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],"
             "set_field:"GATEWAY_MAC"->eth_src,set_field:2->arp_op,"
             "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],"
             "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],"
             "set_field:"GATEWAY_MAC"->arp_sha,"
             "set_field:"GATEWAY_IP"->arp_spa,in_port", port, mac, mac, ip);
    put_rule(rules, "table=0,priority=110,ip,in_port=\"%s\",dl_src=%s,"
             "nw_src=%s actions=set_field:%"PRIu32"->metadata,"
             "goto_table:"TABLE_POLICY, port, mac, ip, c->tenant);
    put_rule(rules, "table=0,priority=100,in_port=\"%s\" actions=drop", port);
    put_rule(rules, "table="TABLE_ROUTE",priority=200,ip,metadata=%"PRIu32","
             "nw_dst=%s actions=dec_ttl,set_field:"GATEWAY_MAC"->eth_src,"
             "set_field:%s->eth_dst,output:\"%s\"", c->tenant, ip, mac, port);
}

/* What concerns containers without a tenant. */
static void
put_remote_plain(struct sset *rules, const struct remote *r)
{
    char ip[IP_FMT_SIZE], prefix[PREFIX_FMT_SIZE];

    format_ip(r->ip, ip);
    format_prefix(&r->prefix, prefix);
    put_rule(rules, "table=0,priority=110,ip,in_port=\""PLAIN_PORT"\","
             "tun_src=%s,nw_src=%s actions=goto_table:"TABLE_POLICY,
             ip, prefix);
    put_rule(rules, "table="TABLE_ROUTE",priority=110,ip,metadata=0,nw_dst=%s "
             "actions=dec_ttl,set_field:%s->tun_dst,output:\""PLAIN_PORT"\"",
             prefix, ip);
}

/* What concerns those with one. */
static void
put_remote_tenants(struct sset *rules, const struct remote *r)
{
    char ip[IP_FMT_SIZE], prefix[PREFIX_FMT_SIZE];

    format_ip(r->ip, ip);
    format_prefix(&r->prefix, prefix);
    put_rule(rules, "table=0,priority=110,ip,in_port=\""TENANT_PORT"\","
             "tun_src=%s,nw_src=%s actions="
             "move:NXM_NX_TUN_ID[]->OXM_OF_METADATA[],"
             "goto_table:"TABLE_POLICY, ip, prefix);
    put_rule(rules, "table="TABLE_ROUTE",priority=100,ip,nw_dst=%s actions="
             "dec_ttl,set_field:%s->tun_dst,"
             "move:OXM_OF_METADATA[]->NXM_NX_TUN_ID[],"
             "output:\""TENANT_PORT"\"", prefix, ip);
}

/* The longer its destination, then its source, the more a statement counts. */
static void
put_policy(struct sset *rules, const struct policy *p)
{
    char src[PREFIX_FMT_SIZE], dst[PREFIX_FMT_SIZE];

    put_rule(rules, "table="TABLE_POLICY",priority=%u,ip,metadata=%"PRIu32","
             "nw_src=%s,nw_dst=%s actions=%s",
             1000 + p->dst.len * 33 + p->src.len, p->tenant,
             format_prefix(&p->src, src), format_prefix(&p->dst, dst),
             p->allow ? "goto_table:"TABLE_ROUTE : "drop");
}

/* Returns whether there can be rules about 'iface'.  Until ovs-vswitchd has
 * seen it, that is in a dry run only. */
static bool
has_port(const struct ovsrec_interface *iface, enum rules_action action)
{
    return iface->n_ofport ? iface->ofport[0] > 0 : action == RULES_PRINT;
}

/* What is about a tunnel port, if that has not been lost. */
static void
put_tunnels(struct sset *rules, const struct overlay *overlay)
{
    if (overlay->plain) {
        put_rule(rules, "table=0,priority=100,in_port=\""PLAIN_PORT"\" "
                 "actions=drop");
    }
    if (overlay->tenants) {
        put_rule(rules, "table=0,priority=120,in_port=\""TENANT_PORT"\","
                 "tun_id=0 actions=drop");
        put_rule(rules, "table=0,priority=100,in_port=\""TENANT_PORT"\" "
                 "actions=drop");
    }
    for (size_t i = 0; i < overlay->n_remotes; i++) {
        if (overlay->plain) {
            put_remote_plain(rules, &overlay->remotes[i]);
        }
        if (overlay->tenants) {
            put_remote_tenants(rules, &overlay->remotes[i]);
        }
    }
}

/* Puts all rules for 'overlay' into 'rules', but none of containers about
 * which there can be none. */
static void
put_all(struct sset *rules, const struct overlay *overlay,
        enum rules_action action)
{
    put_tunnels(rules, overlay);
    put_rule(rules, "table="TABLE_POLICY",priority=0 "
             "actions=goto_table:"TABLE_ROUTE);
    for (size_t i = 0; i < overlay->n_containers; i++) {
        if (has_port(overlay->containers[i].iface, action)) {
            put_container(rules, &overlay->containers[i]);
        }
    }
    for (size_t i = 0; i < overlay->n_policies; i++) {
        put_policy(rules, &overlay->policies[i]);
    }
}

/* A port that has no number gets the one that it will have or, in a dry run,
 * one that no port has, so that rules can be told from each other. */
static void
put_port(struct ofputil_port_map *ports, const struct ovsrec_interface *iface,
         size_t i)
{
    uint16_t n = (iface->n_ofport && iface->ofport[0] > 0 ? iface->ofport[0]
                  : iface->n_ofport_request ? iface->ofport_request[0]
                  : ofp_to_u16(OFPP_MAX) - 1 - i);

    ofputil_port_map_put(ports, u16_to_ofp(n), iface->name);
}

/* Puts the names and numbers of all ports of 'overlay' into 'ports'. */
static void
put_ports(const struct overlay *overlay, struct ofputil_port_map *ports)
{
    if (overlay->plain) {
        put_port(ports, overlay->plain, 0);
    }
    if (overlay->tenants) {
        put_port(ports, overlay->tenants, 1);
    }
    for (size_t i = 0; i < overlay->n_containers; i++) {
        put_port(ports, overlay->containers[i].iface, i + 2);
    }
}

/* Checks that ovs-vswitchd runs and answers for 'bridge'. */
char *
rules_reachable(const char *bridge)
{
    struct vconn *vconn;
    char *error = openflow_connect(bridge, &vconn);

    if (!error) {
        vconn_close(vconn);
    }
    return error;
}

/* A rule as it is compared: 'name' is its match, and its data the actions. */
static void
put_flow(struct shash *flows, const struct match *match, int table,
         int priority, const struct ofpact *ofpacts, size_t ofpacts_len,
         const struct ofputil_port_map *ports)
{
    struct ds actions = DS_EMPTY_INITIALIZER;
    struct ds name = DS_EMPTY_INITIALIZER;
    struct ofpact_format_params params = {
        .port_map = ports,
        .s = &actions,
    };

    ds_put_format(&name, "table=%d,priority=%d,", table, priority);
    match_format(match, ports, &name, OFP_DEFAULT_PRIORITY);
    ds_put_cstr(&actions, "actions=");
    ofpacts_format(ofpacts, ofpacts_len, &params);
    shash_add_nocopy(flows, ds_steal_cstr(&name), ds_steal_cstr(&actions));
}

/* Returns that 'rule' is none, as the 'error', which it frees, says. */
static char *
explain_rule(const char *rule, char *error)
{
    char *s = xasprintf("%s: %s", rule, error);

    free(error);
    return s;
}

/* Puts the rules of 'rules' into 'flows'. */
static char *
put_wanted(const struct sset *rules, const struct ofputil_port_map *ports,
           struct shash *flows)
{
    const char *rule;

    SSET_FOR_EACH (rule, rules) {
        enum ofputil_protocol protocols;
        struct ofputil_flow_mod fm;
        struct match match;
        char *error = parse_ofp_str(&fm, OFPFC_ADD, rule, ports, NULL,
                                    &protocols);

        if (error) {
            return explain_rule(rule, error);
        }
        minimatch_expand(&fm.match, &match);
        put_flow(flows, &match, fm.table_id, fm.priority, fm.ofpacts,
                 fm.ofpacts_len, ports);
        minimatch_destroy(&fm.match);
        free(CONST_CAST(struct ofpact *, fm.ofpacts));
    }
    return NULL;
}

/* Where put_stats() puts a rule of the switch. */
struct stats_aux {
    const struct ofputil_port_map *ports;
    struct shash *flows;
};

/* Puts 'fs', a rule of the switch, where 'aux_', a struct stats_aux, says. */
static void
put_stats(const struct ofputil_flow_stats *fs, void *aux_)
{
    struct stats_aux *aux = aux_;

    put_flow(aux->flows, &fs->match, fs->table_id, fs->priority, fs->ofpacts,
             fs->ofpacts_len, aux->ports);
}

/* Puts what the switch has into 'flows'. */
static char *
get_flows(struct vconn *vconn, const struct ofputil_port_map *ports,
          struct shash *flows)
{
    struct ofputil_flow_stats_request request = {
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
        .cookie = htonll(COOKIE_NUMBER),
        .cookie_mask = OVS_BE64_MAX,
    };
    struct stats_aux aux = { .ports = ports, .flows = flows };
    int error;

    match_init_catchall(&request.match);
    error = openflow_dump(vconn, &request, put_stats, &aux);
    return (error ? xasprintf("cannot read the rules of ovs-vswitchd (%s)",
                              ovs_retval_to_string(error))
            : NULL);
}

/* What has to be done to get from 'have' to 'want': a rule that is there with
 * other actions is added again. */
static void
compare_flows(const struct shash *have, const struct shash *want,
              struct svec *add, struct svec *del)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, want) {
        const char *actions = shash_find_data(have, node->name);

        if (!actions || strcmp(actions, node->data)) {
            svec_add_nocopy(add, xasprintf("cookie="COOKIE",%s %s", node->name,
                                           (const char *) node->data));
        }
    }
    SHASH_FOR_EACH (node, have) {
        if (!shash_find(want, node->name)) {
            svec_add_nocopy(del, xasprintf("cookie="COOKIE"/-1,%s",
                                           node->name));
        }
    }
    svec_sort(add);
    svec_sort(del);
}

/* Appends to 'requests' a message for each of 'rules', for the caller to free
 * even if this fails.  'command' is OFPFC_*. */
static char *
put_requests(const struct svec *rules, int command,
             const struct ofputil_port_map *ports,
             enum ofputil_protocol protocol, struct ovs_list *requests)
{
    const char *rule;
    size_t i;

    SVEC_FOR_EACH (i, rule, rules) {
        enum ofputil_protocol protocols;
        struct ofputil_flow_mod fm;
        struct ofpbuf *request;
        char *error = parse_ofp_str(&fm, command, rule, ports, NULL,
                                    &protocols);

        if (error) {
            return explain_rule(rule, error);
        }
        request = ofputil_encode_flow_mod(&fm, protocol);
        ovs_list_push_back(requests, &request->list_node);
        minimatch_destroy(&fm.match);
        free(CONST_CAST(struct ofpact *, fm.ofpacts));
    }
    return NULL;
}

/* Sends all changes, which take effect at once or not at all. */
static char *
send_changes(struct vconn *vconn, const struct svec *add,
             const struct svec *del, const struct ofputil_port_map *ports)
{
    enum ofputil_protocol protocol
        = ofputil_protocol_from_ofp_version(vconn_get_version(vconn));
    struct ovs_list requests;
    char *s;
    int error;

    ovs_list_init(&requests);
    s = put_requests(del, OFPFC_DELETE_STRICT, ports, protocol, &requests);
    if (!s) {
        s = put_requests(add, OFPFC_ADD, ports, protocol, &requests);
    }
    if (!s && !ovs_list_is_empty(&requests)) {
        error = openflow_bundle(vconn, &requests);
        if (error) {
            s = xasprintf("ovs-vswitchd does not take the rules (%s)",
                          ovs_retval_to_string(error));
        }
    }
    ofpbuf_list_delete(&requests);
    return s;
}

/* Prints what ovs-ofctl would be told. */
static void
print_changes(const char *bridge, const struct svec *add,
              const struct svec *del)
{
    const char *rule;
    size_t i;

    SVEC_FOR_EACH (i, rule, del) {
        printf("ovs-ofctl --strict del-flows %s '%s'\n", bridge, rule);
    }
    SVEC_FOR_EACH (i, rule, add) {
        printf("ovs-ofctl add-flow %s '%s'\n", bridge, rule);
    }
}

/* Compares the rules of 'bridge' with those for 'overlay', or with none if
 * that is null, and does 'action' about it.  The bridge may be missing if they
 * are only printed. */
static char *
rules_do(const char *bridge, const struct overlay *overlay,
         enum rules_action action, struct rules_difference *difference)
{
    struct svec add = SVEC_EMPTY_INITIALIZER;
    struct svec del = SVEC_EMPTY_INITIALIZER;
    struct sset rules = SSET_INITIALIZER(&rules);
    struct shash have, want;
    struct ofputil_port_map ports;
    struct vconn *vconn = NULL;
    char *error = openflow_connect(bridge, &vconn);

    if (error && action == RULES_PRINT) {
        free(error);
        error = NULL;
    }
    shash_init(&have);
    shash_init(&want);
    ofputil_port_map_init(&ports);
    if (overlay) {
        put_ports(overlay, &ports);
    }
    if (!error && vconn) {
        error = get_flows(vconn, &ports, &have);
    }
    if (!error) {
        if (overlay) {
            put_all(&rules, overlay, action);
        }
        error = put_wanted(&rules, &ports, &want);
    }
    if (!error) {
        compare_flows(&have, &want, &add, &del);
        if (action == RULES_PRINT) {
            print_changes(bridge, &add, &del);
        } else if (action == RULES_SEND) {
            error = send_changes(vconn, &add, &del, &ports);
        } else {
            difference->missing = add.n;
            difference->extra = del.n;
        }
    }
    vconn_close(vconn);
    ofputil_port_map_destroy(&ports);
    shash_destroy_free_data(&have);
    shash_destroy_free_data(&want);
    sset_destroy(&rules);
    svec_destroy(&add);
    svec_destroy(&del);
    return error;
}

/* Stores how many rules are missing or wrong, and how many too many. */
char *
rules_check(const struct overlay *overlay, struct rules_difference *difference)
{
    return rules_do(overlay->bridge->name, overlay, RULES_CHECK, difference);
}

/* Makes the rules what they shall be, or prints what is to be done. */
char *
rules_sync(const struct overlay *overlay, bool dry_run)
{
    return rules_do(overlay->bridge->name, overlay,
                    dry_run ? RULES_PRINT : RULES_SEND, NULL);
}

/* Removes all rules of the overlay from 'bridge', or prints what is to be
 * done. */
char *
rules_remove(const char *bridge, bool dry_run)
{
    return rules_do(bridge, NULL, dry_run ? RULES_PRINT : RULES_SEND, NULL);
}
