/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-ipo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

/* These add a member 'name' to 'object'. */
static void
put_ip(struct json *object, const char *name, uint32_t addr)
{
    char ip[IP_FMT_SIZE];

    json_object_put_string(object, name, format_ip(addr, ip));
}

static void
put_prefix(struct json *object, const char *name, const struct prefix *prefix)
{
    char buf[PREFIX_FMT_SIZE];

    json_object_put_string(object, name, format_prefix(prefix, buf));
}

static void
put_number(struct json *object, const char *name, int64_t number)
{
    json_object_put(object, name, json_integer_create(number));
}

/* Returns whether ovs-vswitchd has made a port of 'iface'. */
static bool
has_port(const struct ovsrec_interface *iface)
{
    return iface->n_ofport && iface->ofport[0] > 0;
}

/* Returns "ok", or what is wrong with 'c'. */
static const char *
container_state(const struct container *c)
{
    return (!netns_is(c->netns, c->netns_id) ? "no namespace"
            : !link_exists(c->device) ? "no device"
            : !netns_is_same(c->netns, c->netns_id) ? "another namespace"
            : !has_port(c->iface) ? "no port"
            : "ok");
}

/* These return the object that stands for what they are given, for the caller
 * to destroy. */
static struct json *
describe_container(const struct container *c)
{
    struct json *o = json_object_create();
    char mac[18];

    link_mac(c->ip, mac);
    put_ip(o, "address", c->ip);
    put_number(o, "tenant", c->tenant);
    json_object_put_string(o, "netns", c->netns);
    json_object_put_string(o, "ifname", c->ifname);
    json_object_put_string(o, "port", c->device);
    json_object_put_string(o, "mac", mac);
    put_number(o, "mtu", c->mtu);
    json_object_put_string(o, "owner", c->owner ? c->owner : "ovs-ipo");
    json_object_put_string(o, "state", container_state(c));
    return o;
}

static struct json *
describe_remote(const struct remote *r)
{
    struct json *o = json_object_create();

    put_ip(o, "address", r->ip);
    put_prefix(o, "prefix", &r->prefix);
    return o;
}

static struct json *
describe_policy(const struct policy *p)
{
    struct json *o = json_object_create();

    json_object_put_string(o, "action", p->allow ? "allow" : "deny");
    put_number(o, "tenant", p->tenant);
    put_prefix(o, "from", &p->src);
    put_prefix(o, "to", &p->dst);
    return o;
}

static struct json *
describe_port(const struct ovsrec_interface *iface)
{
    struct json *o = json_object_create();

    json_object_put_string(o, "name", iface->name);
    json_object_put_string(o, "state", has_port(iface) ? "ok"
                           : iface->error && iface->error[0] ? iface->error
                           : "no port");
    return o;
}

/* Says what the rules are like: "ok", what differs, or why nobody knows. */
static char *
rules_state(const struct overlay *overlay)
{
    struct rules_difference d;
    char *error = rules_check(overlay, &d);

    if (error) {
        return error;
    }
    return (d.missing || d.extra
            ? xasprintf("%"PRIuSIZE" missing, %"PRIuSIZE" too many "
                        "(see \"ovs-ipo sync\")", d.missing, d.extra)
            : xstrdup("ok"));
}

/* Returns the object that is printed for 'overlay', which must be complete,
 * for the caller to destroy. */
static struct json *
describe(const struct overlay *overlay)
{
    struct json *ports = json_array_create_empty();
    struct json *nodes = json_array_create_empty();
    struct json *containers = json_array_create_empty();
    struct json *policies = json_array_create_empty();
    struct json *o = json_object_create();
    const char *type = overlay->bridge->datapath_type;
    char *rules = rules_state(overlay);

    json_object_put_string(o, "bridge", overlay->bridge->name);
    json_object_put_string(o, "datapath_type", type[0] ? type : "system");
    put_ip(o, "local_ip", overlay->local_ip);
    put_prefix(o, "prefix", &overlay->prefix);
    json_object_put_string(o, "rules", rules);
    free(rules);
    json_array_add(ports, describe_port(overlay->plain));
    json_array_add(ports, describe_port(overlay->tenants));
    for (size_t i = 0; i < overlay->n_remotes; i++) {
        json_array_add(nodes, describe_remote(&overlay->remotes[i]));
    }
    for (size_t i = 0; i < overlay->n_containers; i++) {
        json_array_add(containers,
                       describe_container(&overlay->containers[i]));
    }
    for (size_t i = 0; i < overlay->n_policies; i++) {
        json_array_add(policies, describe_policy(&overlay->policies[i]));
    }
    json_object_put(o, "ports", ports);
    json_object_put(o, "nodes", nodes);
    json_object_put(o, "containers", containers);
    json_object_put(o, "policies", policies);
    return o;
}

/* Prints 'overlay', which must be complete, as text. */
static void
print_text(const struct overlay *overlay)
{
    const char *type = overlay->bridge->datapath_type;
    char a[PREFIX_FMT_SIZE], b[PREFIX_FMT_SIZE];
    char *rules = rules_state(overlay);

    printf("bridge: %s (%s)\n", overlay->bridge->name,
           type[0] ? type : "system");
    printf("node: %s, containers %s\n", format_ip(overlay->local_ip, a),
           format_prefix(&overlay->prefix, b));
    printf("rules: %s\n", rules);
    free(rules);
    if (!has_port(overlay->plain) || !has_port(overlay->tenants)) {
        const struct ovsrec_interface *iface
            = has_port(overlay->plain) ? overlay->tenants : overlay->plain;

        printf("port %s: %s\n", iface->name,
               iface->error && iface->error[0] ? iface->error : "no port");
    }
    printf("nodes: %"PRIuSIZE"\n", overlay->n_remotes);
    for (size_t i = 0; i < overlay->n_remotes; i++) {
        printf("    %s %s\n", format_ip(overlay->remotes[i].ip, a),
               format_prefix(&overlay->remotes[i].prefix, b));
    }
    printf("containers: %"PRIuSIZE"\n", overlay->n_containers);
    for (size_t i = 0; i < overlay->n_containers; i++) {
        const struct container *c = &overlay->containers[i];

        printf("    %s tenant %"PRIu32" %s in %s, port %s, mtu %u: %s\n",
               format_ip(c->ip, a), c->tenant, c->ifname, c->netns,
               c->device, c->mtu, container_state(c));
    }
    printf("policies: %"PRIuSIZE"\n", overlay->n_policies);
    for (size_t i = 0; i < overlay->n_policies; i++) {
        const struct policy *p = &overlay->policies[i];

        printf("    %s tenant %"PRIu32" from %s to %s\n",
               p->allow ? "allow" : "deny", p->tenant,
               format_prefix(&p->src, a), format_prefix(&p->dst, b));
    }
}

/* Prints what the overlay of this node is, and whether it is in order. */
char *
overlay_status(struct db *db, bool json)
{
    struct overlay overlay;
    char *error = overlay_load(db, &overlay);

    if (!error) {
        error = overlay_require(&overlay);
    }
    if (!error && json) {
        struct json *o = describe(&overlay);
        char *s = json_to_string(o, JSSF_SORT);

        puts(s);
        free(s);
        json_destroy(o);
    } else if (!error) {
        print_text(&overlay);
    }
    overlay_destroy(&overlay);
    return error;
}
