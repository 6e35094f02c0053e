/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-ipo.h"
#include "ovs-ipo-db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smap.h"
#include "util.h"

/* Policies are pairs of the bridge's external_ids, with keys
 * "ovs-ipo-policy:TENANT:SRC:DST". */
#define POLICY_PREFIX ID_OVERLAY"-policy:"

/* Returns in one line, whatever there is in the database, that 'error', which
 * it frees, was found there. */
static char *
damaged(const char *what, const char *name, char *error)
{
    char *s = xasprintf("the database is damaged: %s %s: %s",
                        what, name, error);

    for (char *p = s; *p; p++) {
        if ((unsigned char) *p < ' ' || *p == '\177') {
            *p = '?';
        }
    }
    free(error);
    return s;
}

/* Returns the value of 'key', or "" if there is none, which is no number and
 * no address. */
static const char *
get_id(const struct ovsrec_interface *iface, const char *key)
{
    return smap_get_def(&iface->external_ids, key, "");
}

/* Adds the nodes that 'options' of a tunnel port name to 'overlay'. */
static char *
load_remotes(const struct smap *options, struct overlay *overlay)
{
    char *peers = xstrdup(smap_get_def(options, "ipo_peers", ""));
    size_t allocated = 0;
    char *save = NULL;
    char *error = NULL;

    for (char *word = strtok_r(peers, ",", &save); word && !error;
         word = strtok_r(NULL, ",", &save)) {
        char *prefix = strchr(word, '=');
        struct remote r;

        if (!prefix) {
            error = xasprintf("'%s' is not NODE=PREFIX", word);
            break;
        }
        *prefix++ = '\0';
        error = parse_address(word, &r.ip);
        if (!error) {
            error = parse_prefix(prefix, &r.prefix);
        }
        if (!error) {
            if (overlay->n_remotes == allocated) {
                overlay->remotes = x2nrealloc(overlay->remotes, &allocated,
                                              sizeof r);
            }
            overlay->remotes[overlay->n_remotes++] = r;
        }
    }
    free(peers);
    return error;
}

/* Reads the tunnel port 'iface', which has all that 'overlay' says of
 * nodes. */
static char *
load_plain(const struct ovsrec_interface *iface, struct overlay *overlay)
{
    const struct smap *options = &iface->options;
    char *error = parse_address(smap_get_def(options, "local_ip", ""),
                                &overlay->local_ip);

    if (!error) {
        error = parse_prefix(smap_get_def(options, "ipo_local_prefix", ""),
                             &overlay->prefix);
    }
    if (!error) {
        error = load_remotes(options, overlay);
    }
    overlay->plain = iface;
    return error;
}

/* Checks that what is in the database of 'c' is what an "attach" could have
 * put there, as whoever can write to the database may not be root. */
static char *
check_record(const struct container *c)
{
    char device[IF_NAMESIZE];
    char *error = check_ifname(c->ifname);

    if (!error) {
        error = check_path(c->netns);
    }
    link_name(c->ip, c->tenant, device);
    return (error ? error
            : strcmp(c->device, device)
            ? xasprintf("its name would be %s", device)
            : NULL);
}

/* Reads a container's 'iface' into '*c', whose strings stay the database's. */
static char *
load_container(const struct ovsrec_interface *iface, struct container *c)
{
    char *error;
    uint32_t mtu;

    c->iface = iface;
    c->device = iface->name;
    c->netns = get_id(iface, ID_NETNS);
    c->netns_id = get_id(iface, ID_NETNS_ID);
    c->ifname = get_id(iface, ID_IFNAME);
    c->owner = smap_get(&iface->external_ids, ID_OWNER);
    error = parse_address(get_id(iface, ID_IP), &c->ip);
    if (!error) {
        error = parse_number(get_id(iface, ID_TENANT), 0, UINT32_MAX,
                             &c->tenant);
    }
    if (!error) {
        error = parse_number(get_id(iface, ID_MTU), 0, UINT16_MAX, &mtu);
        c->mtu = mtu;
    }
    return error ? error : check_record(c);
}

/* Checks that 'port', whose interface has a 'role', has the name that goes
 * with it, so that there is no other with the same role. */
static char *
check_role(const struct ovsrec_port *port, const char *role)
{
    const char *name = (!strcmp(role, ROLE_PLAIN) ? PLAIN_PORT
                        : !strcmp(role, ROLE_TENANTS) ? TENANT_PORT
                        : port->name);

    return (strcmp(port->name, name) || strcmp(port->interfaces[0]->name, name)
            ? xasprintf("external_ids:"ID_OVERLAY"=%s belongs to port %s only",
                        role, name)
            : NULL);
}

/* Reads 'port' into 'overlay', if it has a role there.  '*allocated' is how
 * many containers there is room for. */
static char *
load_port(const struct ovsrec_port *port, struct overlay *overlay,
          size_t *allocated)
{
    const struct ovsrec_interface *iface;
    const char *role;
    char *error;

    if (port->n_interfaces != 1) {
        return NULL;
    }
    iface = port->interfaces[0];
    role = get_id(iface, ID_OVERLAY);
    error = role[0] ? check_role(port, role) : NULL;
    if (error) {
        return error;
    } else if (!strcmp(role, ROLE_PLAIN)) {
        return load_plain(iface, overlay);
    } else if (!strcmp(role, ROLE_TENANTS)) {
        overlay->tenants = iface;
    } else if (!strcmp(role, ROLE_CONTAINER)) {
        if (overlay->n_containers == *allocated) {
            overlay->containers = x2nrealloc(overlay->containers, allocated,
                                             sizeof *overlay->containers);
        }
        return load_container(iface,
                              &overlay->containers[overlay->n_containers++]);
    }
    return NULL;
}

/* For qsort(): by tenant, then by address. */
static int
compare_containers(const void *a_, const void *b_)
{
    const struct container *a = a_;
    const struct container *b = b_;

    return (a->tenant != b->tenant ? (a->tenant < b->tenant ? -1 : 1)
            : a->ip < b->ip ? -1 : a->ip > b->ip);
}

/* Reads the ports of the bridge into 'overlay', and sorts the containers. */
static char *
load_ports(struct overlay *overlay)
{
    const struct ovsrec_bridge *br = overlay->bridge;
    size_t allocated = 0;

    for (size_t i = 0; i < br->n_ports; i++) {
        char *error = load_port(br->ports[i], overlay, &allocated);

        if (error) {
            return damaged("port", br->ports[i]->name, error);
        }
    }
    if (overlay->n_containers) {
        qsort(overlay->containers, overlay->n_containers,
              sizeof *overlay->containers, compare_containers);
    }
    return NULL;
}

/* Parses what follows POLICY_PREFIX in a key. */
static char *
parse_policy(const char *key, const char *value, struct policy *p)
{
    char *words = xstrdup(key);
    char *save = NULL;
    char *tenant = strtok_r(words, ":", &save);
    char *src = strtok_r(NULL, ":", &save);
    char *dst = strtok_r(NULL, ":", &save);
    char *error;

    p->allow = !strcmp(value, "allow");
    error = (dst ? parse_number(tenant, 0, UINT32_MAX, &p->tenant)
             : xstrdup("no TENANT:SRC:DST"));
    if (!error) {
        error = parse_prefix(src, &p->src);
    }
    if (!error) {
        error = parse_prefix(dst, &p->dst);
    }
    free(words);
    return error;
}

/* Returns the key of the bridge's external_ids that stands for 'p', for the
 * caller to free. */
char *
policy_key(const struct policy *p)
{
    char src[PREFIX_FMT_SIZE], dst[PREFIX_FMT_SIZE];

    return xasprintf(POLICY_PREFIX"%"PRIu32":%s:%s", p->tenant,
                     format_prefix(&p->src, src), format_prefix(&p->dst, dst));
}

/* Reads the policies into 'overlay', in the order of their keys. */
static char *
load_policies(struct overlay *overlay)
{
    const struct smap_node **nodes
        = smap_sort(&overlay->bridge->external_ids);
    size_t n = smap_count(&overlay->bridge->external_ids);
    char *error = NULL;

    overlay->policies = xmalloc(n * sizeof *overlay->policies);
    for (size_t i = 0; i < n && !error; i++) {
        const char *key = nodes[i]->key;

        if (!strncmp(key, POLICY_PREFIX, strlen(POLICY_PREFIX))) {
            error = parse_policy(key + strlen(POLICY_PREFIX), nodes[i]->value,
                                 &overlay->policies[overlay->n_policies++]);
            if (error) {
                error = damaged("external_ids of bridge",
                                overlay->bridge->name, error);
            }
        }
    }
    free(nodes);
    return error;
}

/* Finds the bridge that has the overlay, and leaves '*found' null if there is
 * none. */
static char *
find_overlay(const struct db *db, const struct ovsrec_bridge **found)
{
    const struct ovsrec_bridge *br;
    char *error;

    OVSREC_BRIDGE_FOR_EACH (br, db->idl) {
        if (smap_get(&br->external_ids, ID_OVERLAY)) {
            error = (*found ? xasprintf("so has %s external_ids:"ID_OVERLAY,
                                        (*found)->name)
                     : check_ifname(br->name));
            if (error) {
                return damaged("bridge", br->name, error);
            }
            *found = br;
        }
    }
    return NULL;
}

/* Reads the overlay from the database.  What 'overlay' then points to is good
 * until the database is read again.  If there is no overlay yet,
 * 'overlay->bridge' is null. */
char *
overlay_load(const struct db *db, struct overlay *overlay)
{
    char *error;

    memset(overlay, 0, sizeof *overlay);
    error = find_overlay(db, &overlay->bridge);
    if (!error && !overlay->bridge) {
        return NULL;
    }
    if (!error) {
        error = load_ports(overlay);
    }
    if (!error) {
        error = load_policies(overlay);
    }
    if (error) {
        overlay_destroy(overlay);
    }
    return error;
}

/* Frees what overlay_load() allocated: 'overlay' is as if there were none. */
void
overlay_destroy(struct overlay *overlay)
{
    free(overlay->remotes);
    free(overlay->containers);
    free(overlay->policies);
    memset(overlay, 0, sizeof *overlay);
}

/* Returns an error if there is no overlay on this node. */
char *
overlay_require_bridge(const struct overlay *overlay)
{
    return (overlay->bridge ? NULL : xstrdup("there is no overlay here yet "
                                             "(see \"ovs-ipo init\")"));
}

/* Returns an error if there is no overlay on this node, or only a part. */
char *
overlay_require(const struct overlay *overlay)
{
    char *error = overlay_require_bridge(overlay);

    if (!error && (!overlay->plain || !overlay->tenants)) {
        error = xasprintf("%s has lost its port %s (see \"ovs-ipo init\")",
                         overlay->bridge->name,
                         overlay->plain ? TENANT_PORT : PLAIN_PORT);
    }
    return error;
}

/* Returns the remote node with the address 'ip', or null. */
const struct remote *
overlay_find_remote(const struct overlay *overlay, uint32_t ip)
{
    for (size_t i = 0; i < overlay->n_remotes; i++) {
        if (overlay->remotes[i].ip == ip) {
            return &overlay->remotes[i];
        }
    }
    return NULL;
}

/* Returns the container with the address 'ip' of 'tenant', or null. */
const struct container *
overlay_find_ip(const struct overlay *overlay, uint32_t ip, uint32_t tenant)
{
    for (size_t i = 0; i < overlay->n_containers; i++) {
        const struct container *c = &overlay->containers[i];

        if (c->ip == ip && c->tenant == tenant) {
            return c;
        }
    }
    return NULL;
}

/* Returns the container whose namespace has the path 'netns', or the identity
 * 'id' by another path, and whose interface there is 'ifname', or any if that
 * is null.  Returns null if there is none. */
const struct container *
overlay_find_netns(const struct overlay *overlay, const char *netns,
                   const char *id, const char *ifname)
{
    for (size_t i = 0; i < overlay->n_containers; i++) {
        const struct container *c = &overlay->containers[i];

        if ((!strcmp(c->netns, netns) || (id && !strcmp(c->netns_id, id)))
            && (!ifname || !strcmp(c->ifname, ifname))) {
            return c;
        }
    }
    return NULL;
}

/* Returns the container that 'owner' attached, or null. */
const struct container *
overlay_find_owner(const struct overlay *overlay, const char *owner)
{
    for (size_t i = 0; i < overlay->n_containers; i++) {
        const struct container *c = &overlay->containers[i];

        if (c->owner && !strcmp(c->owner, owner)) {
            return c;
        }
    }
    return NULL;
}

/* Returns a copy that stays good when the database changes, but for its
 * 'iface', which is null. */
struct container *
container_clone(const struct container *c)
{
    struct container *copy = xmemdup(c, sizeof *c);

    copy->iface = NULL;
    copy->device = xstrdup(c->device);
    copy->netns = xstrdup(c->netns);
    copy->netns_id = xstrdup(c->netns_id);
    copy->ifname = xstrdup(c->ifname);
    copy->owner = nullable_xstrdup(c->owner);
    return copy;
}

/* Frees what container_clone() has returned, or null. */
void
container_free(struct container *c)
{
    if (!c) {
        return;
    }
    free(CONST_CAST(char *, c->device));
    free(CONST_CAST(char *, c->netns));
    free(CONST_CAST(char *, c->netns_id));
    free(CONST_CAST(char *, c->ifname));
    free(CONST_CAST(char *, c->owner));
    free(c);
}
