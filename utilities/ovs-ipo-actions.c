/* SPDX-License-Identifier: Apache-2.0 */

/* What the commands do.  Whatever fails, what was begun is undone. */

#include <config.h>
#include "ovs-ipo.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

/* Prefixes are at least as long as this, so that every packet goes in compact
 * or short format, and its growth is known. */
#define MIN_PREFIX_LEN 16

/* By how many bytes packets of any protocol grow (wire-format.rst, "Extended
 * format"). */
#define GROWTH 8
#define GROWTH_WITH_TENANT 12

/* Reads the overlay, which must be complete, and checks that ovs-vswitchd can
 * be talked to. */
static char *
load(struct db *db, struct overlay *overlay)
{
    char *error = overlay_load(db, overlay);

    if (error) {
        return error;
    }
    error = overlay_require(overlay);
    if (!error) {
        error = rules_reachable(overlay->bridge->name);
    }
    if (error) {
        overlay_destroy(overlay);
    }
    return error;
}

/* Makes the rules what the database says now, if there is an overlay. */
static char *
sync_rules(struct db *db)
{
    struct overlay overlay;
    char *error = overlay_load(db, &overlay);

    if (!error && overlay.bridge) {
        error = rules_sync(&overlay, db_dry_run(db));
        overlay_destroy(&overlay);
    }
    return error;
}

/* Returns whether the bridge is of the userspace datapath. */
static bool
is_userspace(const struct overlay *overlay)
{
    return !strcmp(overlay->bridge->datapath_type, "netdev");
}

/* Nodes. */

/* Checks that 'prefix' is as long as it must be. */
static char *
check_prefix(const struct prefix *prefix)
{
    char buf[PREFIX_FMT_SIZE];

    return (prefix->len >= MIN_PREFIX_LEN ? NULL
            : xasprintf("prefix %s is shorter than /%d",
                        format_prefix(prefix, buf), MIN_PREFIX_LEN));
}

/* Checks that 'r' does not claim what is the node's own or that of a node in
 * 'overlay'. */
static char *
check_remote(const struct overlay *overlay, const struct remote *r)
{
    char ip[IP_FMT_SIZE], other[IP_FMT_SIZE];
    char prefix[PREFIX_FMT_SIZE], taken[PREFIX_FMT_SIZE];
    char *error = check_prefix(&r->prefix);

    if (error) {
        return error;
    }
    format_ip(r->ip, ip);
    format_prefix(&r->prefix, prefix);
    if (r->ip == overlay->local_ip) {
        return xasprintf("%s is this node", ip);
    } else if (prefixes_overlap(&r->prefix, &overlay->prefix)) {
        return xasprintf("prefix %s overlaps %s of this node", prefix,
                         format_prefix(&overlay->prefix, taken));
    }
    for (size_t i = 0; i < overlay->n_remotes; i++) {
        const struct remote *o = &overlay->remotes[i];

        if (o->ip == r->ip) {
            return xasprintf("node %s has the prefix %s already", ip,
                             format_prefix(&o->prefix, taken));
        } else if (prefixes_overlap(&o->prefix, &r->prefix)) {
            return xasprintf("prefix %s overlaps %s of node %s", prefix,
                             format_prefix(&o->prefix, taken),
                             format_ip(o->ip, other));
        }
    }
    return NULL;
}

/* Returns whether 'overlay' has the node 'r', with this very prefix. */
static bool
is_known(const struct overlay *overlay, const struct remote *r)
{
    const struct remote *o = overlay_find_remote(overlay, r->ip);

    return o && o->prefix.addr == r->prefix.addr
        && o->prefix.len == r->prefix.len;
}

/* These make 'options' those of one of the two tunnel ports, for the caller to
 * destroy. */
static void
plain_options(const struct overlay *overlay, struct smap *options)
{
    struct ds peers = DS_EMPTY_INITIALIZER;
    char ip[IP_FMT_SIZE], prefix[PREFIX_FMT_SIZE];

    smap_init(options);
    smap_add(options, "remote_ip", "flow");
    smap_add(options, "local_ip", format_ip(overlay->local_ip, ip));
    smap_add(options, "ipo_local_prefix",
             format_prefix(&overlay->prefix, prefix));
    for (size_t i = 0; i < overlay->n_remotes; i++) {
        const struct remote *r = &overlay->remotes[i];

        ds_put_format(&peers, "%s%s=%s", i ? "," : "", format_ip(r->ip, ip),
                      format_prefix(&r->prefix, prefix));
    }
    if (overlay->n_remotes) {
        smap_add(options, "ipo_peers", ds_cstr(&peers));
    }
    ds_destroy(&peers);
}

static void
tenant_options(const struct overlay *overlay, struct smap *options)
{
    char ip[IP_FMT_SIZE];

    smap_init(options);
    smap_add(options, "remote_ip", "flow");
    smap_add(options, "local_ip", format_ip(overlay->local_ip, ip));
    smap_add(options, "key", "flow");
}

/* Sets the options of the tunnel port 'iface', or of a new one 'name' if that
 * is null. */
static void
set_tunnel(struct db *db, const struct ovsrec_bridge *br,
           const struct ovsrec_interface *iface, const char *name,
           uint16_t ofport, const char *role, const struct smap *options)
{
    if (iface) {
        db_set_tunnel(db, iface, ofport, options);
    } else {
        struct smap ids = SMAP_CONST1(&ids, ID_OVERLAY, role);

        db_add_port(db, br, name, "ipo", ofport, options, &ids);
    }
}

/* Sets both tunnel ports to what 'overlay' says. */
static void
set_tunnels(struct db *db, const struct overlay *overlay)
{
    struct smap options;

    plain_options(overlay, &options);
    set_tunnel(db, overlay->bridge, overlay->plain, PLAIN_PORT, PLAIN_OFPORT,
               ROLE_PLAIN, &options);
    smap_destroy(&options);
    tenant_options(overlay, &options);
    set_tunnel(db, overlay->bridge, overlay->tenants, TENANT_PORT,
               TENANT_OFPORT, ROLE_TENANTS, &options);
    smap_destroy(&options);
}

/* Ends a change of the tunnel ports. */
static char *
commit_tunnels(struct db *db)
{
    char *error = db_commit(db);

    if (!error) {
        error = db_check_interface(db, PLAIN_PORT);
    }
    if (!error) {
        error = db_check_interface(db, TENANT_PORT);
    }
    return error ? error : sync_rules(db);
}

/* Replaces the overlay's remote nodes, and undoes that if it fails. */
static char *
replace_remotes(struct db *db, struct overlay *overlay,
                struct remote *remotes, size_t n)
{
    struct overlay now = *overlay;
    char *error;

    now.remotes = remotes;
    now.n_remotes = n;
    db_begin(db);
    set_tunnels(db, &now);
    error = commit_tunnels(db);
    if (error) {
        db_begin(db);
        set_tunnels(db, overlay);
        free(commit_tunnels(db));
    }
    return error;
}

/* Adds nodes.  One that is there with the same prefix is left alone. */
char *
overlay_add_remotes(struct db *db, const struct remote *remotes, size_t n)
{
    struct overlay overlay, more;
    char *error = load(db, &overlay);
    size_t n_old;

    if (error) {
        return error;
    }
    n_old = overlay.n_remotes;
    more = overlay;
    more.remotes = xmemdup(overlay.remotes, n_old * sizeof *remotes);
    more.remotes = xrealloc(more.remotes, (n_old + n) * sizeof *remotes);
    for (size_t i = 0; i < n && !error; i++) {
        if (!is_known(&more, &remotes[i])) {
            error = check_remote(&more, &remotes[i]);
            more.remotes[more.n_remotes++] = remotes[i];
        }
    }
    if (!error) {
        error = replace_remotes(db, &overlay, more.remotes, more.n_remotes);
    }
    free(more.remotes);
    overlay_destroy(&overlay);
    return error;
}

/* Removes the nodes with these addresses, as far as they are there. */
char *
overlay_del_remotes(struct db *db, const uint32_t *ips, size_t n)
{
    struct overlay overlay;
    char *error = load(db, &overlay);
    struct remote *rest;
    size_t n_rest = 0;

    if (error) {
        return error;
    }
    rest = xmalloc(overlay.n_remotes * sizeof *rest);
    for (size_t i = 0; i < overlay.n_remotes; i++) {
        size_t j = 0;

        while (j < n && ips[j] != overlay.remotes[i].ip) {
            j++;
        }
        if (j == n) {
            rest[n_rest++] = overlay.remotes[i];
        }
    }
    error = replace_remotes(db, &overlay, rest, n_rest);
    free(rest);
    overlay_destroy(&overlay);
    return error;
}

/* The node itself. */

/* Checks that the node's containers and peers agree with its new address and
 * prefix. */
static char *
check_init(const struct overlay *overlay, const struct initialization *init)
{
    struct overlay now = *overlay;
    char ip[IP_FMT_SIZE], prefix[PREFIX_FMT_SIZE];
    unsigned int mtu;
    char *error = check_prefix(&init->prefix);

    if (!error) {
        error = link_underlay_mtu(init->local_ip, &mtu);
    }
    for (size_t i = 0; !error && i < overlay->n_containers; i++) {
        uint32_t addr = overlay->containers[i].ip;

        if (!prefix_contains(&init->prefix, addr)) {
            error = xasprintf("container %s is not in %s",
                              format_ip(addr, ip),
                              format_prefix(&init->prefix, prefix));
        }
    }
    now.local_ip = init->local_ip;
    now.prefix = init->prefix;
    now.n_remotes = 0;
    for (size_t i = 0; !error && i < overlay->n_remotes; i++) {
        error = check_remote(&now, &overlay->remotes[i]);
    }
    return error;
}

/* Checks that 'init' is about the bridge that has the overlay, if one has. */
static char *
check_bridge(struct db *db, const struct overlay *overlay,
             const struct initialization *init)
{
    const struct ovsrec_bridge *br = overlay->bridge;
    const char *strange = (!overlay->plain && db_has_port(db, PLAIN_PORT)
                           ? PLAIN_PORT
                           : !overlay->tenants && db_has_port(db, TENANT_PORT)
                           ? TENANT_PORT : NULL);

    if (br && strcmp(br->name, init->bridge)) {
        return xasprintf("the overlay is on %s already", br->name);
    } else if (strange) {
        return xasprintf("there is a port %s that ovs-ipo did not make",
                         strange);
    }
    br = db_find_bridge(db, init->bridge);
    if (br && (!br->fail_mode || strcmp(br->fail_mode, "secure"))) {
        return xasprintf("%s forwards packets that no rule is about (see "
                         "\"ovs-vsctl set-fail-mode %s secure\")",
                         br->name, br->name);
    }
    if (br && init->datapath_type
        && strcmp(br->datapath_type, init->datapath_type)) {
        return xasprintf("%s has the datapath type '%s' already",
                         br->name, br->datapath_type);
    }
    return NULL;
}

/* Checks that a bridge that overlay_init() made has nothing that others
 * added. */
static char *
check_created(const struct ovsrec_bridge *br)
{
    if (strcmp(smap_get_def(&br->external_ids, ID_OVERLAY, ""), "created")) {
        return NULL;
    }
    for (size_t i = 0; i < br->n_ports; i++) {
        const char *name = br->ports[i]->name;

        if (strcmp(name, br->name) && strcmp(name, PLAIN_PORT)
            && strcmp(name, TENANT_PORT)) {
            return xasprintf("%s has a port %s that ovs-ipo did not make",
                             br->name, name);
        }
    }
    return NULL;
}

/* Gives back what overlay_init() took of a bridge that had no overlay. */
static char *
leave_bridge(struct db *db, const char *name)
{
    const struct ovsrec_bridge *br = db_find_bridge(db, name);
    const char *mark = br ? smap_get(&br->external_ids, ID_OVERLAY) : NULL;

    if (!mark) {
        return NULL;
    }
    db_begin(db);
    if (!strcmp(mark, "created")) {
        db_del_bridge(db, br);
    } else {
        db_del_port(db, br, PLAIN_PORT);
        db_del_port(db, br, TENANT_PORT);
        db_set_bridge_id(db, br, ID_OVERLAY, NULL);
    }
    return db_commit(db);
}

/* Within a change, gives the tunnel port 'iface', named 'name', its options
 * from before, or removes it if there are none as there was no such port. */
static void
put_back(struct db *db, const struct ovsrec_bridge *br,
         const struct ovsrec_interface *iface, const char *name,
         uint16_t ofport, const struct smap *options)
{
    if (iface) {
        db_set_tunnel(db, iface, ofport, options);
    } else {
        db_del_port(db, br, name);
    }
}

/* Makes the tunnel ports again what 'overlay' says, which was loaded before
 * they were changed, when there is nobody to hear of an error. */
static void
undo_tunnels(struct db *db, const struct overlay *overlay,
             const struct smap *plain, const struct smap *tenants)
{
    db_begin(db);
    put_back(db, overlay->bridge, overlay->plain, PLAIN_PORT, PLAIN_OFPORT,
             plain);
    put_back(db, overlay->bridge, overlay->tenants, TENANT_PORT, TENANT_OFPORT,
             tenants);
    free(db_commit(db));
    free(sync_rules(db));
}

/* Stores a copy of the options of 'iface', which may be null, in 'options'. */
static void
clone_options(const struct ovsrec_interface *iface, struct smap *options)
{
    if (iface) {
        smap_clone(options, &iface->options);
    } else {
        smap_init(options);
    }
}

/* Makes this node one of the overlay, or changes what it was. */
char *
overlay_init(struct db *db, const struct initialization *init)
{
    struct overlay overlay, now;
    struct smap plain, tenants;
    char *error = overlay_load(db, &overlay);

    if (error) {
        return error;
    }
    error = check_bridge(db, &overlay, init);
    if (!error) {
        error = check_init(&overlay, init);
    }
    if (error) {
        overlay_destroy(&overlay);
        return error;
    }
    now = overlay;
    now.local_ip = init->local_ip;
    now.prefix = init->prefix;
    clone_options(overlay.plain, &plain);
    clone_options(overlay.tenants, &tenants);
    db_begin(db);
    now.bridge = db_find_bridge(db, init->bridge);
    if (!now.bridge) {
        db_add_bridge(db, init->bridge,
                      init->datapath_type ? init->datapath_type : "");
        now.bridge = db_find_bridge(db, init->bridge);
        db_set_bridge_id(db, now.bridge, ID_OVERLAY, "created");
    } else if (!overlay.bridge) {
        db_set_bridge_id(db, now.bridge, ID_OVERLAY, "used");
    }
    set_tunnels(db, &now);
    error = commit_tunnels(db);
    if (error && !overlay.bridge) {
        free(leave_bridge(db, init->bridge));
    } else if (error) {
        undo_tunnels(db, &overlay, &plain, &tenants);
    }
    smap_destroy(&plain);
    smap_destroy(&tenants);
    overlay_destroy(&overlay);
    return error;
}

/* Takes this node out of the overlay. */
char *
overlay_deinit(struct db *db)
{
    struct overlay overlay;
    char *error = overlay_load(db, &overlay);

    if (error || !overlay.bridge) {
        return error;
    }
    if (overlay.n_containers) {
        error = xasprintf("%"PRIuSIZE" containers are attached",
                          overlay.n_containers);
    }
    if (!error) {
        error = check_created(overlay.bridge);
    }
    if (!error) {
        error = rules_remove(overlay.bridge->name, db_dry_run(db));
    }
    if (!error) {
        char *bridge = xstrdup(overlay.bridge->name);

        db_begin(db);
        for (size_t i = 0; i < overlay.n_policies; i++) {
            char *key = policy_key(&overlay.policies[i]);

            db_set_bridge_id(db, overlay.bridge, key, NULL);
            free(key);
        }
        error = leave_bridge(db, bridge);
        if (error) {
            free(sync_rules(db));
        }
        free(bridge);
    }
    overlay_destroy(&overlay);
    return error;
}

/* Policies. */

/* States that packets may pass, or not, or withdraws what was stated of the
 * same pair of prefixes if 'remove'. */
char *
overlay_set_policy(struct db *db, const struct policy *policy, bool remove)
{
    struct overlay overlay;
    char *error = load(db, &overlay);
    char *key, *old;

    if (error) {
        return error;
    }
    key = policy_key(policy);
    old = nullable_xstrdup(smap_get(&overlay.bridge->external_ids, key));
    db_begin(db);
    db_set_bridge_id(db, overlay.bridge, key,
                     remove ? NULL : policy->allow ? "allow" : "deny");
    error = db_commit(db);
    if (!error) {
        error = sync_rules(db);
        if (error) {
            db_begin(db);
            db_set_bridge_id(db, overlay.bridge, key, old);
            free(db_commit(db));
        }
    }
    free(key);
    free(old);
    overlay_destroy(&overlay);
    return error;
}

/* Containers. */

/* Sets 'key' of 'ids' to 'value', which it frees. */
static void
put_id(struct smap *ids, const char *key, char *value)
{
    smap_replace(ids, key, value);
    free(value);
}

/* Stores the external_ids of 'c' in 'ids': those of 'iface' too that others
 * put there, unless it is null. */
static void
container_ids(const struct container *c, const struct ovsrec_interface *iface,
              struct smap *ids)
{
    char ip[IP_FMT_SIZE], mac[18];

    if (iface) {
        smap_clone(ids, &iface->external_ids);
    } else {
        smap_init(ids);
    }
    link_mac(c->ip, mac);
    smap_replace(ids, ID_OVERLAY, ROLE_CONTAINER);
    smap_replace(ids, ID_IP, format_ip(c->ip, ip));
    put_id(ids, ID_TENANT, xasprintf("%"PRIu32, c->tenant));
    smap_replace(ids, ID_NETNS, c->netns);
    smap_replace(ids, ID_NETNS_ID, c->netns_id);
    smap_replace(ids, ID_IFNAME, c->ifname);
    put_id(ids, ID_MTU, xasprintf("%u", c->mtu));
    smap_replace(ids, ID_MAC, mac);
    smap_remove(ids, ID_OWNER);
    if (c->owner) {
        smap_replace(ids, ID_OWNER, c->owner);
    }
}

/* Within a change, makes the port of 'c', or changes the one that it has, to
 * 'type'. */
static void
put_port(struct db *db, const struct ovsrec_bridge *br,
         const struct container *c, const char *type)
{
    const struct ovsrec_interface *iface = db_find_interface(db, c->device);
    struct smap ids;

    container_ids(c, iface, &ids);
    if (iface) {
        db_set_interface(db, iface, type, &ids);
    } else {
        db_add_port(db, br, c->device, type, 0, NULL, &ids);
    }
    smap_destroy(&ids);
}

/* Returns whether put_port() would change nothing. */
static bool
has_port(const struct db *db, const struct container *c, const char *type)
{
    const struct ovsrec_interface *iface = db_find_interface(db, c->device);
    struct smap ids;
    bool same;

    container_ids(c, iface, &ids);
    same = iface && !strcmp(iface->type, type)
        && smap_equal(&ids, &iface->external_ids);
    smap_destroy(&ids);
    return same;
}

/* Makes the port of 'c', or changes the one that it has, to 'type', in a
 * change of its own, unless that would change nothing. */
static char *
set_port(struct db *db, const struct ovsrec_bridge *br,
         const struct container *c, const char *type)
{
    if (has_port(db, c, type)) {
        return NULL;
    }
    db_begin(db);
    put_port(db, br, c, type);
    return db_commit(db);
}

/* Removes the port of 'c', if it is there, in a change of its own. */
static char *
del_port(struct db *db, const struct ovsrec_bridge *br,
         const struct container *c)
{
    db_begin(db);
    db_del_port(db, br, c->device);
    return db_commit(db);
}

/* What attach() finds in the database of a container: what has the same
 * address, and thus the same port, and what has the same interface.  Copies;
 * each may be null, and both may be the same. */
struct remains {
    struct container *same_ip, *same_ifname;
};

/* Returns whether the same container has the address and the interface: it is
 * to be attached again. */
static bool
is_again(const struct remains *r)
{
    return r->same_ip && r->same_ifname
        && !strcmp(r->same_ip->device, r->same_ifname->device);
}

/* Returns what has the interface of 'c' by another device, or null. */
static const struct container *
find_other(const struct remains *r, const struct container *c)
{
    return (r->same_ifname && strcmp(r->same_ifname->device, c->device)
            ? r->same_ifname : NULL);
}

/* Removes the devices of 'c', and makes the database what it was before 'c',
 * when there is nobody to hear of an error. */
static void
undo_container(struct db *db, const struct ovsrec_bridge *br,
               const struct container *c, const struct remains *r)
{
    const struct container *other = find_other(r, c);

    db_begin(db);
    if (r->same_ip) {
        put_port(db, br, r->same_ip, TYPE_ABSENT);
    } else {
        db_del_port(db, br, c->device);
    }
    if (other) {
        put_port(db, br, other, TYPE_ABSENT);
    }
    free(db_commit(db));
    free(link_delete(c->device, db_dry_run(db)));
    free(sync_rules(db));
}

/* Lets ovs-vswitchd use the new device of 'c', instead of what the other
 * container with its interface had. */
static char *
switch_ports(struct db *db, const struct ovsrec_bridge *br,
             const struct container *c, const struct remains *r)
{
    const struct container *other = find_other(r, c);
    char *error;

    db_begin(db);
    if (other) {
        db_del_port(db, br, other->device);
    }
    put_port(db, br, c, "");
    error = db_commit(db);
    if (!error) {
        error = db_check_interface(db, c->device);
    }
    return (error || !other ? error
            : link_delete(other->device, db_dry_run(db)));
}

/* Makes the devices and the port of 'c', of which there may be remains.  What
 * the database says of these stays there until the devices have been made. */
static char *
create_container(struct db *db, const struct overlay *overlay,
                 const struct container *c, const struct remains *r)
{
    const struct ovsrec_bridge *br = overlay->bridge;
    char *error = NULL;

    if (r->same_ip) {
        error = set_port(db, br, r->same_ip, TYPE_ABSENT);
    }
    if (!error) {
        error = link_delete(c->device, db_dry_run(db));
    }
    if (!error) {
        error = link_create(c, is_userspace(overlay), db_dry_run(db));
    }
    if (error) {
        return error;
    }
    error = switch_ports(db, br, c, r);
    if (error) {
        undo_container(db, br, c, r);
    }
    return error;
}

/* Sets the devices of 'c' up again, and stores what has changed. */
static char *
repair_container(struct db *db, const struct overlay *overlay,
                 const struct container *c, const struct container *before)
{
    bool userspace = is_userspace(overlay);
    char *error = link_repair(c, userspace, db_dry_run(db));

    if (!error) {
        error = set_port(db, overlay->bridge, c, "");
    }
    if (!error) {
        error = db_check_interface(db, c->device);
    }
    if (error) {
        free(set_port(db, overlay->bridge, before, ""));
        free(link_repair(before, userspace, db_dry_run(db)));
    }
    return error;
}

/* Returns whether 'c' has its devices, and in the namespace 'netns_id', not in
 * an earlier one at the same path. */
static bool
has_devices(const struct container *c, const char *netns_id)
{
    return link_exists(c->device) && !strcmp(c->netns_id, netns_id);
}

/* Checks that nobody else has the port or the device of 'c', which is new. */
static char *
check_names(const struct db *db, const struct container *c)
{
    const char *what = (db_has_port(db, c->device) ? "port"
                        : link_is_strange(c->ip, c->tenant) ? "device" : NULL);

    return (what ? xasprintf("there is a %s %s that ovs-ipo did not make",
                             what, c->device) : NULL);
}

/* Checks that nobody else has the address of 'c', as 'same_ip' may, and that
 * its interface is not another container's, 'same_ifname'. */
static char *
check_container(const struct overlay *overlay, const struct container *c,
                const struct container *same_ip,
                const struct container *same_ifname)
{
    bool again = same_ip && same_ip == same_ifname;
    char ip[IP_FMT_SIZE], prefix[PREFIX_FMT_SIZE];

    format_ip(c->ip, ip);
    if (!prefix_contains(&overlay->prefix, c->ip)) {
        return xasprintf("%s is not in %s, the prefix of this node", ip,
                         format_prefix(&overlay->prefix, prefix));
    } else if (same_ip && !again
               && netns_is(same_ip->netns, same_ip->netns_id)) {
        return xasprintf("%s is in use by %s in %s", ip, same_ip->ifname,
                         same_ip->netns);
    } else if (same_ifname && !again
               && has_devices(same_ifname, c->netns_id)) {
        return xasprintf("%s in %s is attached as %s already", c->ifname,
                         c->netns, format_ip(same_ifname->ip, ip));
    }
    return NULL;
}

/* Attaches 'c', of which there are the remains 'r'. */
static char *
attach_again(struct db *db, const struct overlay *overlay,
             const struct container *c, const struct remains *r)
{
    char *error;

    if (is_again(r) && has_devices(r->same_ip, c->netns_id)) {
        error = repair_container(db, overlay, c, r->same_ip);
        return error ? error : sync_rules(db);
    }
    error = create_container(db, overlay, c, r);
    if (!error) {
        error = sync_rules(db);
        if (error) {
            undo_container(db, overlay->bridge, c, r);
        }
    }
    return error;
}

/* Gives 'c' the MTU with which packets of any protocol fit the underlay. */
static char *
choose_mtu(const struct overlay *overlay, struct container *c)
{
    unsigned int mtu;
    char *error = link_underlay_mtu(overlay->local_ip, &mtu);

    if (!error) {
        c->mtu = mtu - (c->tenant ? GROWTH_WITH_TENANT : GROWTH);
    }
    return error;
}

/* Attaches 'c', which gets an MTU if it has 0, and keeps its owner of before
 * if it has none.  After this, 'c' is of no use. */
static char *
attach(struct db *db, const struct overlay *overlay, struct container *c)
{
    const struct container *same_ip
        = overlay_find_ip(overlay, c->ip, c->tenant);
    const struct container *same_ifname
        = overlay_find_netns(overlay, c->netns, c->netns_id, c->ifname);
    char *error = check_container(overlay, c, same_ip, same_ifname);
    struct remains r;

    if (!error && !same_ip) {
        error = check_names(db, c);
    }
    if (!error && !c->mtu) {
        error = choose_mtu(overlay, c);
    }
    if (error) {
        return error;
    }
    r.same_ip = same_ip ? container_clone(same_ip) : NULL;
    r.same_ifname = same_ifname ? container_clone(same_ifname) : NULL;
    if (is_again(&r) && !c->owner) {
        /* It stays that of who attached it and will detach it. */
        c->owner = r.same_ip->owner;
    }
    error = attach_again(db, overlay, c, &r);
    container_free(r.same_ip);
    container_free(r.same_ifname);
    return error;
}

/* Checks that the namespace 'id' is not the one that this node is in. */
static char *
check_netns(const char *word, const char *id)
{
    return (netns_is_same("/proc/self/ns/net", id)
            ? xasprintf("the namespace of '%s' is this node's own", word)
            : NULL);
}

/* Puts a container onto the overlay.  If it is there already, it is set up
 * again. */
char *
overlay_attach(struct db *db, const struct attachment *a)
{
    struct overlay overlay;
    char device[IF_NAMESIZE];
    char *error = load(db, &overlay);
    char *netns, *netns_id;

    if (error) {
        return error;
    }
    error = netns_find(a->netns, &netns, &netns_id);
    if (!error) {
        struct container c = {
            .device = device,
            .ip = a->ip,
            .tenant = a->tenant,
            .netns = netns,
            .netns_id = netns_id,
            .ifname = a->ifname,
            .owner = a->owner,
            .mtu = a->mtu,
        };

        link_name(a->ip, a->tenant, device);
        error = check_netns(a->netns, netns_id);
        if (!error) {
            error = attach(db, &overlay, &c);
        }
        free(netns);
        free(netns_id);
    }
    overlay_destroy(&overlay);
    return error;
}

/* Removes the port of 'c', its rules, and last what could not be undone, its
 * devices. */
static char *
detach(struct db *db, const struct ovsrec_bridge *br,
       const struct container *c)
{
    char *error = del_port(db, br, c);

    if (!error) {
        error = sync_rules(db);
    }
    if (!error) {
        error = link_delete(c->device, db_dry_run(db));
    }
    if (error) {
        free(set_port(db, br, c, ""));
        free(sync_rules(db));
    }
    return error;
}

/* Takes 'container' off the overlay, which may have lost its tunnel ports. */
char *
overlay_detach(struct db *db, const struct container *container)
{
    struct container *c = container_clone(container);
    struct overlay overlay;
    char *error = overlay_load(db, &overlay);

    if (!error) {
        error = overlay_require_bridge(&overlay);
    }
    if (!error) {
        error = rules_reachable(overlay.bridge->name);
    }
    if (!error) {
        error = detach(db, overlay.bridge, c);
    }
    overlay_destroy(&overlay);
    container_free(c);
    return error;
}

/* Everything. */

/* Makes the devices of 'c', whose namespace is there, what they shall be. */
static char *
restore(struct db *db, const struct overlay *overlay,
        const struct container *c)
{
    struct container now = *c;
    struct remains r = { .same_ip = CONST_CAST(struct container *, c) };
    char *path, *id;
    char *error = netns_find(c->netns, &path, &id);

    if (error) {
        return error;
    }
    now.netns_id = id;
    error = (has_devices(c, id) ? repair_container(db, overlay, c, c)
             : create_container(db, overlay, &now, &r));
    free(path);
    free(id);
    return error;
}

/* Restores the 'n' 'containers', and appends what is to be said of those that
 * cannot be to 'notes', a line each.  Returns how many are still there, but
 * could not be restored. */
static size_t
restore_all(struct db *db, const struct overlay *overlay,
            struct container **containers, size_t n, struct ds *notes)
{
    size_t n_failed = 0;

    for (size_t i = 0; i < n; i++) {
        const struct container *c = containers[i];
        bool gone = !netns_is(c->netns, c->netns_id);
        char *note = (gone ? xasprintf("namespace %s is gone", c->netns)
                      : restore(db, overlay, c));
        char ip[IP_FMT_SIZE];

        if (note) {
            ds_put_format(notes, "container %s of tenant %"PRIu32": %s\n",
                          format_ip(c->ip, ip), c->tenant, note);
            n_failed += !gone;
            free(note);
        }
    }
    return n_failed;
}

/* Makes devices and rules what the database says, if there is an overlay on
 * this node.  What is to be said of containers that could not be restored is
 * appended to 'notes', a line each.  That is an error unless their namespaces
 * are gone. */
char *
overlay_sync(struct db *db, struct ds *notes)
{
    struct overlay overlay;
    struct container **containers;
    char *error = overlay_load(db, &overlay);
    size_t n, n_failed;

    if (error || !overlay.bridge) {
        return error;
    }
    overlay_destroy(&overlay);
    error = load(db, &overlay);
    if (error) {
        return error;
    }
    n = overlay.n_containers;
    containers = xmalloc(n * sizeof *containers);
    for (size_t i = 0; i < n; i++) {
        containers[i] = container_clone(&overlay.containers[i]);
    }
    n_failed = restore_all(db, &overlay, containers, n, notes);
    for (size_t i = 0; i < n; i++) {
        container_free(containers[i]);
    }
    free(containers);
    overlay_destroy(&overlay);
    error = sync_rules(db);
    return (error || !n_failed ? error
            : xasprintf("%"PRIuSIZE" containers could not be restored",
                        n_failed));
}
