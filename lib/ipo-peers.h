/* SPDX-License-Identifier: Apache-2.0 */

#ifndef IPO_PEERS_H
#define IPO_PEERS_H 1

/* The peers of this node: for each remote node, the prefixes of the containers
 * there and here, which compact and short format leave out of the packet
 * (wire-format.rst, "Compact format" and "Extended format").
 *
 * There is one map in a process.  Ports put peers into it and take them out;
 * several ports may name the same node as long as they agree on the prefixes.
 * Reading takes no lock. */

#include "ipo-wire.h"

struct ds;

/* A remote node with the prefixes to use with it. */
struct ipo_peer {
    uint32_t node;              /* Underlay address, host byte order. */
    struct ipo_prefixes prefixes;
};

/* The peers that one port gives, each node at most once. */
struct ipo_peer_list {
    struct ipo_peer *peers;
    size_t n;
};

void ipo_peers_sort(struct ipo_peer_list *);
char *ipo_peers_replace(const struct ipo_peer_list *old,
                        const struct ipo_peer_list *new);
const struct ipo_prefixes *ipo_peers_find(uint32_t node);
unsigned int ipo_peers_generation(void);
void ipo_peers_get_all(struct ipo_peer_list *);
void ipo_peers_format(uint32_t node, uint32_t mask, struct ds *);

#endif /* ipo-peers.h */
