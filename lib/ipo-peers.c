/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ipo-peers.h"

#include <stdlib.h>

#include "cmap.h"
#include "hash.h"
#include "ipo-odp.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "util.h"

struct ipo_peer_node {
    struct cmap_node node;      /* In 'peer_map'. */
    struct ipo_peer peer;       /* Never changes: readers hold no lock. */
    unsigned int n_ports;       /* Ports that give it.  Under 'mutex'. */
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct cmap peer_map = CMAP_INITIALIZER; /* Written under 'mutex'. */

/* Incremented after every change of the map, and never 0. */
static atomic_uint generation = 1;

/* Returns the entry of 'node', in host byte order, or null.  Valid until the
 * calling thread quiesces.  Its 'n_ports' may be read only under 'mutex'. */
static struct ipo_peer_node *
find_node(uint32_t node)
{
    struct ipo_peer_node *pn;

    CMAP_FOR_EACH_WITH_HASH (pn, node, hash_int(node, 0), &peer_map) {
        if (pn->peer.node == node) {
            return pn;
        }
    }
    return NULL;
}

/* Returns whether 'a' and 'b' are the same prefixes, on both sides. */
static bool
prefixes_equal(const struct ipo_prefixes *a, const struct ipo_prefixes *b)
{
    return (a->local == b->local && a->local_mask == b->local_mask
            && a->remote == b->remote && a->remote_mask == b->remote_mask);
}

/* Returns what is wrong with giving 'peer', as a string for the caller to
 * free, or null if nothing is. */
static char *
check_conflict(const struct ipo_peer *peer)
    OVS_REQUIRES(mutex)
{
    const struct ipo_peer_node *pn = find_node(peer->node);

    if (!pn || !pn->n_ports
        || prefixes_equal(&pn->peer.prefixes, &peer->prefixes)) {
        return NULL;
    }

    struct ds ds = DS_EMPTY_INITIALIZER;
    ds_put_format(&ds, "node "IP_FMT" already has ",
                  IP_ARGS(htonl(peer->node)));
    ipo_odp_format_prefixes(&pn->peer.prefixes, &ds);
    ds_put_cstr(&ds, " from another port");
    return ds_steal_cstr(&ds);
}

/* Adds a port to those that give 'peer', which check_conflict() has let pass.
 * An entry with other prefixes, which no port gives any more, is replaced, and
 * freed when no reader has it. */
static void
add_peer(const struct ipo_peer *peer)
    OVS_REQUIRES(mutex)
{
    struct ipo_peer_node *pn = find_node(peer->node);
    struct ipo_peer_node *new;
    uint32_t hash = hash_int(peer->node, 0);

    if (pn && prefixes_equal(&pn->peer.prefixes, &peer->prefixes)) {
        pn->n_ports++;
        return;
    }

    new = xmalloc(sizeof *new);
    new->peer = *peer;
    new->n_ports = 1;
    if (pn) {
        /* Its only port changes the prefixes. */
        cmap_replace(&peer_map, &pn->node, &new->node, hash);
        ovsrcu_postpone(free, pn);
    } else {
        cmap_insert(&peer_map, &new->node, hash);
    }
}

/* Takes 'node' out of the map if no port gives it any more.  Its entry is
 * freed when no reader has it. */
static void
release_peer(uint32_t node)
    OVS_REQUIRES(mutex)
{
    struct ipo_peer_node *pn = find_node(node);

    if (pn && !pn->n_ports) {
        cmap_remove(&peer_map, &pn->node, hash_int(node, 0));
        ovsrcu_postpone(free, pn);
    }
}

/* Has ipo_peers_generation() return another number.  To be called when the map
 * has changed. */
static void
next_generation(void)
    OVS_REQUIRES(mutex)
{
    unsigned int x;

    atomic_read_relaxed(&generation, &x);
    atomic_store(&generation, x + 1 ? x + 1 : 1);
}

/* Returns a number, not 0, that is another one once the peers have changed.
 * What ipo_peers_find() finds after that holds until then. */
unsigned int
ipo_peers_generation(void)
{
    unsigned int x;

    atomic_read_explicit(&generation, &x, memory_order_acquire);
    return x;
}

/* Adds 'delta' to the ports that give each of 'list'. */
static void
count_ports(const struct ipo_peer_list *list, int delta)
    OVS_REQUIRES(mutex)
{
    for (size_t i = 0; i < list->n; i++) {
        struct ipo_peer_node *pn = find_node(list->peers[i].node);

        ovs_assert(pn);
        pn->n_ports += delta;
    }
}

/* Makes 'new' the peers of a port whose peers were 'old', all or nothing.
 * Peers that are in both, and other ports' peers, stay in the map throughout.
 *
 * Returns null on success.  If a node of 'new' has other prefixes from another
 * port, changes nothing and returns a string that says so, which the caller
 * must free. */
char *
ipo_peers_replace(const struct ipo_peer_list *old,
                  const struct ipo_peer_list *new)
{
    char *error = NULL;
    size_t i;

    ovs_mutex_lock(&mutex);
    count_ports(old, -1);
    for (i = 0; i < new->n && !error; i++) {
        error = check_conflict(&new->peers[i]);
    }
    if (error) {
        count_ports(old, 1);
        goto out;
    }
    for (i = 0; i < new->n; i++) {
        add_peer(&new->peers[i]);
    }
    for (i = 0; i < old->n; i++) {
        release_peer(old->peers[i].node);
    }
    next_generation();
out:
    ovs_mutex_unlock(&mutex);
    return error;
}

/* Returns the prefixes to use with 'node', an underlay address in host byte
 * order, or null if it is no peer.  Valid until the calling thread
 * quiesces. */
const struct ipo_prefixes *
ipo_peers_find(uint32_t node)
{
    const struct ipo_peer_node *pn = find_node(node);

    return pn ? &pn->peer.prefixes : NULL;
}

/* For qsort(): compares two of struct ipo_peer by their nodes' addresses. */
static int
compare_peers(const void *a_, const void *b_)
{
    const struct ipo_peer *a = a_;
    const struct ipo_peer *b = b_;

    return (a->node > b->node) - (a->node < b->node);
}

/* Sorts 'list' by the nodes' addresses. */
void
ipo_peers_sort(struct ipo_peer_list *list)
{
    if (list->n) {              /* Else there may be no array. */
        qsort(list->peers, list->n, sizeof *list->peers, compare_peers);
    }
}

/* Makes 'list' all peers, in the order of their addresses.  The caller must
 * free 'list->peers'. */
void
ipo_peers_get_all(struct ipo_peer_list *list)
{
    const struct ipo_peer_node *pn;

    ovs_mutex_lock(&mutex);
    list->n = 0;
    list->peers = xcalloc(cmap_count(&peer_map), sizeof *list->peers);
    CMAP_FOR_EACH (pn, node, &peer_map) {
        list->peers[list->n++] = pn->peer;
    }
    ovs_mutex_unlock(&mutex);
    ipo_peers_sort(list);
}

/* For qsort(): compares two pointers to struct ipo_peer_node by their nodes'
 * addresses. */
static int
compare_nodes(const void *a_, const void *b_)
{
    const struct ipo_peer_node *const *a = a_;
    const struct ipo_peer_node *const *b = b_;

    return compare_peers(&(*a)->peer, &(*b)->peer);
}

/* Appends to 'ds' a line with the prefixes of 'pn', the smallest format that
 * they are long enough for, and its number of ports.  The caller holds
 * 'mutex'. */
static void
format_peer(const struct ipo_peer_node *pn, struct ds *ds)
{
    const struct ipo_peer *peer = &pn->peer;
    enum ipo_format smallest = IPO_COMPACT;

    while (!ipo_prefixes_fit(&peer->prefixes, smallest)) {
        smallest++;
    }
    ds_put_format(ds, "    "IP_FMT": ", IP_ARGS(htonl(peer->node)));
    ipo_odp_format_prefixes(&peer->prefixes, ds);
    ds_put_format(ds, " smallest=%s ports=%u\n", ipo_format_name(smallest),
                  pn->n_ports);
}

/* Appends to 'ds' how many peers there are whose node is in the prefix 'node'
 * with the netmask 'mask', both in host byte order, and a line for each,
 * sorted by their addresses. */
void
ipo_peers_format(uint32_t node, uint32_t mask, struct ds *ds)
{
    const struct ipo_peer_node **sorted;
    struct ipo_peer_node *pn;
    size_t n = 0;

    ovs_mutex_lock(&mutex);
    sorted = xmalloc(cmap_count(&peer_map) * sizeof *sorted);
    CMAP_FOR_EACH (pn, node, &peer_map) {
        if (!((pn->peer.node ^ node) & mask)) {
            sorted[n++] = pn;
        }
    }
    qsort(sorted, n, sizeof *sorted, compare_nodes);

    ds_put_format(ds, "peers: %"PRIuSIZE, n);
    if (mask) {
        ds_put_format(ds, " of %"PRIuSIZE, cmap_count(&peer_map));
    }
    ds_put_char(ds, '\n');
    for (size_t i = 0; i < n; i++) {
        format_peer(sorted[i], ds);
    }
    ovs_mutex_unlock(&mutex);
    free(sorted);
}
