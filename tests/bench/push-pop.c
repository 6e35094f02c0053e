/* SPDX-License-Identifier: Apache-2.0 */

/* push-pop - what tunnels' push_header() and pop_header() cost alone.
 *
 *     push-pop PEERS BATCHES SIZE...
 *
 * To be run by valgrind --tool=callgrind --collect-atstart=no, for which it
 * leaves a profile for each measurement, named "BENCH TUNNEL PARAMS PACKETS".
 * Knows PEERS peers, and cycles through them.  For each SIZE of an inner IPv4
 * packet, in bytes, and for batches of 1 and 32, pushes and pops BATCHES
 * batches through each type of tunnel.  Without valgrind, prints nanoseconds
 * in place of that. */

#include <config.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "dp-packet.h"
#include "dpif.h"
#include "flow.h"
#include "ipo-peers.h"
#include "netdev-ipo.h"
#include "netdev.h"
#include "odp-netlink.h"
#include "ovs-router.h"
#include "packets.h"
#include "seq.h"
#include "smap.h"
#include "timeval.h"
#include "traffic.h"
#include "util.h"

#define LOCAL_NODE 0x0a000001   /* 10.0.0.1 */
#define FIRST_PEER 0x0a010000   /* 10.1.0.0 */
#define LOCAL_PREFIX 0xc0a80100 /* 192.168.1.0/24 */
#define PEERS_PREFIX 0xc0a80200 /* 192.168.2.0/24 */

struct tunnel {
    const char *name;
    const char *type;
    const char *option, *value; /* Or null. */
    bool has_key;
    bool is_l3;
};

static const struct tunnel tunnels[] = {
    { "ipo-compact", "ipo", NULL, NULL, false, true },
    { "ipo-full", "ipo", "ipo_format", "full", false, true },
    { "ipo-full-key", "ipo", "ipo_format", "full", true, true },
    { "vxlan", "vxlan", NULL, NULL, true, false },
    { "geneve", "geneve", NULL, NULL, true, false },
    { "gre", "gre", NULL, NULL, false, false },
    { "gre-l3", "gre", "packet_type", "legacy_l3", false, true },
};

enum direction { PUSH, POP, NOTHING };

/* What is measured at a time. */
struct measurement {
    const struct tunnel *tunnel;
    struct netdev *netdev;
    struct ovs_action_push_tnl *headers; /* One for each peer. */
    unsigned int n_peers, n_batches, size, batch_size;
};

/* Gives the node 'n' peers from FIRST_PEER on. */
static void
add_peers(unsigned int n)
{
    struct ipo_peer_list none = { NULL, 0 };
    struct ipo_peer_list list = { xcalloc(n, sizeof *list.peers), n };
    char *error;

    for (unsigned int i = 0; i < n; i++) {
        list.peers[i] = (struct ipo_peer) {
            .node = FIRST_PEER + i,
            .prefixes = { LOCAL_PREFIX, 0xffffff00, PEERS_PREFIX, 0xffffff00 },
        };
    }
    error = ipo_peers_replace(&none, &list);
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    free(list.peers);
}

/* Returns a port of this kind, for the caller to netdev_close(), or exits. */
static struct netdev *
open_tunnel(const struct tunnel *tunnel)
{
    struct smap args = SMAP_INITIALIZER(&args);
    struct netdev *netdev;
    int error;

    smap_add(&args, "remote_ip", "flow");
    if (tunnel->has_key) {
        smap_add(&args, "key", "7");
    }
    if (tunnel->option) {
        smap_add(&args, tunnel->option, tunnel->value);
    }
    error = netdev_open(tunnel->name, tunnel->type, &netdev);
    if (!error) {
        error = netdev_set_config(netdev, &args, NULL);
    }
    if (error) {
        ovs_fatal(error, "%s: cannot be opened", tunnel->name);
    }
    smap_destroy(&args);
    return netdev;
}

/* Has the port build '*header' for packets to 'node', or exits. */
static void
build_header(const struct measurement *m, uint32_t node,
             struct ovs_action_push_tnl *header)
{
    struct netdev_tnl_build_header_params params;
    struct in6_addr src = in6_addr_mapped_ipv4(htonl(LOCAL_NODE));
    struct flow flow;
    int error;

    memset(&flow, 0, sizeof flow);
    flow.packet_type = htonl(m->tunnel->is_l3 ? PT_IPV4 : PT_ETH);
    flow.tunnel.ip_dst = htonl(node);
    flow.tunnel.ip_ttl = 64;
    flow.tunnel.flags = FLOW_TNL_F_DONT_FRAGMENT;
    if (m->tunnel->has_key) {
        flow.tunnel.flags |= FLOW_TNL_F_KEY;
        flow.tunnel.tun_id = htonll(7);
    }

    memset(header, 0, sizeof *header);
    netdev_init_tnl_build_header_params(
        &params, &flow, &src, (struct eth_addr) ETH_ADDR_C(02,00,00,00,00,02),
        (struct eth_addr) ETH_ADDR_C(02,00,00,00,00,01));
    error = netdev_build_header(m->netdev, header, &params);
    if (error) {
        ovs_fatal(error, "%s: no header", m->tunnel->name);
    }
}

/* Fills 'batch' with packets to push, for bench_batch_free(). */
static void
fill_batch(const struct measurement *m, struct dp_packet_batch *batch)
{
    uint8_t frame[2048];
    uint16_t len = bench_packet_fill(frame, 0, m->size, false);

    dp_packet_batch_init(batch);
    for (unsigned int i = 0; i < m->batch_size; i++) {
        struct dp_packet *packet = bench_packet_alloc(frame, len);

        packet->l3_ofs = ETH_HEADER_LEN;
        packet->l4_ofs = ETH_HEADER_LEN + IP_HEADER_LEN;
        if (m->tunnel->is_l3) {
            dp_packet_reset_packet(packet, ETH_HEADER_LEN);
            packet->packet_type = htonl(PT_IPV4);
            packet->l3_ofs = 0;
            packet->l4_ofs = IP_HEADER_LEN;
        }
        pkt_metadata_init(&packet->md, u32_to_odp(1));
        dp_packet_batch_add(batch, packet);
    }
}

/* Pushes 'header' onto the packets of 'batch'. */
static void
push(const struct measurement *m, struct dp_packet_batch *batch,
     const struct ovs_action_push_tnl *header)
{
    if (header->tnl_type == OVS_VPORT_TYPE_IPO) {
        netdev_ipo_push_batch(batch, header);
    } else {
        netdev_push_header(m->netdev, batch, header);
    }
}

/* Exits if 'batch' has lost packets. */
static void
check_batch(const struct measurement *m, const struct dp_packet_batch *batch)
{
    if (dp_packet_batch_size(batch) != m->batch_size) {
        ovs_fatal(0, "%s: packets were dropped", m->tunnel->name);
    }
}

/* Returns the time, in nanoseconds. */
static long long int
now(void)
{
    struct timespec ts;

    xclock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Pushes and pops a batch to and from peer 'i'.  Returns the nanoseconds that
 * 'direction' took of that. */
static long long int
run_batch(const struct measurement *m, enum direction direction,
          unsigned int i)
{
    struct dp_packet_batch batch;
    struct dp_packet *packet;
    long long int start, elapsed = 0;

    fill_batch(m, &batch);
    start = now();
    if (direction == PUSH) {
        CALLGRIND_TOGGLE_COLLECT;
        push(m, &batch, &m->headers[i]);
        CALLGRIND_TOGGLE_COLLECT;
        elapsed = now() - start;
    } else if (direction == POP) {
        push(m, &batch, &m->headers[i]);
        DP_PACKET_BATCH_FOR_EACH (j, packet, &batch) {
            bench_packet_turn(dp_packet_data(packet));
        }
        start = now();
        CALLGRIND_TOGGLE_COLLECT;
        if (!netdev_ipo_pop_batch(m->netdev, &batch)) {
            netdev_pop_header(m->netdev, &batch);
        }
        CALLGRIND_TOGGLE_COLLECT;
        elapsed = now() - start;
    } else {
        CALLGRIND_TOGGLE_COLLECT;
        CALLGRIND_TOGGLE_COLLECT;
    }
    check_batch(m, &batch);
    bench_batch_free(&batch);
    return elapsed;
}

/* Takes one measurement, of 'direction', and leaves or prints it. */
static void
measure(const struct measurement *m, enum direction direction)
{
    static const char *const names[] = { "push", "pop", "nothing" };
    long long int elapsed = 0;
    char *name;

    /* Once without, for what is done once. */
    CALLGRIND_ZERO_STATS;
    run_batch(m, direction, 0);
    CALLGRIND_ZERO_STATS;
    for (unsigned int i = 0; i < m->n_batches; i++) {
        /* A stride, lest the next one be in the cache already. */
        elapsed += run_batch(m, direction, i * 7919 % m->n_peers);
    }
    name = xasprintf("push-pop %s direction=%s,size=%u,batch=%u,peers=%u %u",
                     m->tunnel->name, names[direction], m->size, m->batch_size,
                     m->n_peers, m->n_batches * m->batch_size);
    CALLGRIND_DUMP_STATS_AT(name);
    if (!RUNNING_ON_VALGRIND) {
        printf("%s %lld ns\n", name, elapsed);
    }
    free(name);
}

/* Takes all measurements of 'm->tunnel' with packets of 'm->size'. */
static void
measure_tunnel(struct measurement *m)
{
    static const unsigned int batch_sizes[] = { 1, NETDEV_MAX_BURST };

    m->netdev = open_tunnel(m->tunnel);
    m->headers = xcalloc(m->n_peers, sizeof *m->headers);
    for (unsigned int i = 0; i < m->n_peers; i++) {
        build_header(m, FIRST_PEER + i, &m->headers[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(batch_sizes); i++) {
        m->batch_size = batch_sizes[i];
        measure(m, NOTHING);
        measure(m, PUSH);
        measure(m, POP);
    }
    free(m->headers);
    netdev_close(m->netdev);
}

int
main(int argc, char *argv[])
{
    struct measurement m;

    set_program_name(argv[0]);
    if (argc < 4) {
        ovs_fatal(0, "usage: %s PEERS BATCHES SIZE...", argv[0]);
    }
    m.n_peers = atoi(argv[1]);
    m.n_batches = atoi(argv[2]);

    /* Of dpif.c, and the routing table cannot do without. */
    tnl_conf_seq = seq_create();
    ovs_router_init();
    add_peers(m.n_peers);
    for (int i = 3; i < argc; i++) {
        m.size = atoi(argv[i]);
        for (size_t j = 0; j < ARRAY_SIZE(tunnels); j++) {
            m.tunnel = &tunnels[j];
            measure_tunnel(&m);
        }
    }
    return 0;
}
