/* SPDX-License-Identifier: Apache-2.0 */

/* Network devices of type "bench", for an ovs-vswitchd that is to be measured:
 * they receive packets from memory as fast as they are polled, and count and
 * forget what they send.
 *
 *   bench/fill PORT FLOWS SIZE [mixed]
 *       PORT receives UDP packets of FLOWS flows from now on, IPv4 packets of
 *       SIZE bytes, those of bench_packet_fill().
 *   bench/record PORT N
 *       PORT keeps the next N packets that it sends.
 *   bench/turn FROM TO
 *       TO receives from now on what FROM kept, sent back by its receiver.
 *   bench/run PORT COUNT BATCH [NAME]
 *       PORT receives COUNT packets in batches of BATCH.  Waits for the end
 *       and prints how many packets all ports sent meanwhile, and in how many
 *       nanoseconds.  Under callgrind, leaves a profile called "NAME COUNT" of
 *       the thread that did this.  If COUNT is 0, PORT receives without end,
 *       and nobody waits.
 *   bench/heap
 *       Prints how many bytes of memory are allocated. */

#include <config.h>

#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

#include "dp-packet.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "traffic.h"
#include "unixctl.h"
#include "util.h"

/* A frame that is received again and again. */
struct frame {
    uint16_t len;
    uint8_t data[2046];
};

struct bench_port {
    struct netdev up;
    struct eth_addr mac;
    int mtu;
    enum netdev_flags flags;
    atomic_uint64_t n_sent;     /* Only one thread sends. */

    /* What is received.  Changed by the main thread while 'running' is off. */
    struct frame *frames;
    size_t n_frames;

    /* What is kept of what is sent, as above. */
    struct frame *kept;
    size_t n_kept, max_kept;

    /* The run.  All but 'running' belong to who polls while it is on. */
    atomic_bool running;
    size_t todo, next;
    unsigned int batch_size;
    bool begun;
    const char *name;           /* Of the profile, or null. */
    long long int start, end;   /* In nanoseconds. */
};

struct bench_rxq {
    struct netdev_rxq up;
};

/* Returns the time, in nanoseconds. */
static long long int
now(void)
{
    struct timespec ts;

    xclock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Returns the port that 'netdev', which is of type "bench", is part of. */
static struct bench_port *
bench_port_cast(const struct netdev *netdev)
{
    return CONTAINER_OF(netdev, struct bench_port, up);
}

/* The class.  What its functions take and return is said in Open vSwitch's
 * netdev-provider.h. */

static struct netdev *
bench_alloc(void)
{
    struct bench_port *port = xzalloc(sizeof *port);

    return &port->up;
}

static int
bench_construct(struct netdev *netdev)
{
    static unsigned int n;
    struct bench_port *port = bench_port_cast(netdev);

    eth_addr_from_uint64(0x020000001000 + n++, &port->mac);
    port->mtu = 9000;
    port->flags = NETDEV_UP | NETDEV_PROMISC;
    atomic_init(&port->n_sent, 0);
    atomic_init(&port->running, false);
    return 0;
}

static void
bench_destruct(struct netdev *netdev)
{
    struct bench_port *port = bench_port_cast(netdev);

    free(port->frames);
    free(port->kept);
}

static void
bench_dealloc(struct netdev *netdev)
{
    free(bench_port_cast(netdev));
}

static int
bench_set_config(struct netdev *netdev OVS_UNUSED,
                 const struct smap *args OVS_UNUSED, char **errp OVS_UNUSED)
{
    return 0;
}

static int
bench_set_etheraddr(struct netdev *netdev, const struct eth_addr mac)
{
    bench_port_cast(netdev)->mac = mac;
    return 0;
}

static int
bench_get_etheraddr(const struct netdev *netdev, struct eth_addr *mac)
{
    *mac = bench_port_cast(netdev)->mac;
    return 0;
}

static int
bench_get_mtu(const struct netdev *netdev, int *mtu)
{
    *mtu = bench_port_cast(netdev)->mtu;
    return 0;
}

static int
bench_set_mtu(struct netdev *netdev, int mtu)
{
    bench_port_cast(netdev)->mtu = mtu;
    return 0;
}

static int
bench_get_stats(const struct netdev *netdev, struct netdev_stats *stats)
{
    uint64_t n;

    memset(stats, 0, sizeof *stats);
    atomic_read_relaxed(&bench_port_cast(netdev)->n_sent, &n);
    stats->tx_packets = n;
    return 0;
}

static int
bench_update_flags(struct netdev *netdev, enum netdev_flags off,
                   enum netdev_flags on, enum netdev_flags *old_flags)
{
    struct bench_port *port = bench_port_cast(netdev);

    *old_flags = port->flags;
    port->flags = (port->flags & ~off) | on;
    return 0;
}

static int
bench_reconfigure(struct netdev *netdev OVS_UNUSED)
{
    return 0;
}

/* Keeps a copy of 'packet', for which there is room, cut to what a frame
 * holds. */
static void
keep(struct bench_port *port, const struct dp_packet *packet)
{
    struct frame *frame = &port->kept[port->n_kept];

    frame->len = MIN(dp_packet_size(packet), sizeof frame->data);
    memcpy(frame->data, dp_packet_data(packet), frame->len);
    port->n_kept++;
}

/* Counts the packets, keeps those that are to be kept, and frees all. */
static int
bench_send(struct netdev *netdev, int qid OVS_UNUSED,
           struct dp_packet_batch *batch, bool concurrent_txq OVS_UNUSED)
{
    struct bench_port *port = bench_port_cast(netdev);
    struct dp_packet *packet;
    uint64_t n;

    if (OVS_UNLIKELY(port->n_kept < port->max_kept)) {
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            if (port->n_kept < port->max_kept) {
                keep(port, packet);
            }
        }
    }
    atomic_read_relaxed(&port->n_sent, &n);
    atomic_store_relaxed(&port->n_sent, n + dp_packet_batch_size(batch));
    bench_batch_free(batch);
    return 0;
}

static struct netdev_rxq *
bench_rxq_alloc(void)
{
    struct bench_rxq *rxq = xzalloc(sizeof *rxq);

    return &rxq->up;
}

static int
bench_rxq_construct(struct netdev_rxq *rxq OVS_UNUSED)
{
    return 0;
}

static void
bench_rxq_destruct(struct netdev_rxq *rxq OVS_UNUSED)
{
}

static void
bench_rxq_dealloc(struct netdev_rxq *rxq)
{
    free(CONTAINER_OF(rxq, struct bench_rxq, up));
}

/* What was received is sent by now: this is the poll after that. */
static void
end_run(struct bench_port *port)
{
    port->end = now();
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(port->name ? port->name : "");
    port->begun = false;
    atomic_store_explicit(&port->running, false, memory_order_release);
}

/* Receives the next frames of the run, if one is on. */
static int
bench_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
               int *qfill)
{
    struct bench_port *port = bench_port_cast(rxq->netdev);
    bool running;
    size_t n;

    atomic_read_explicit(&port->running, &running, memory_order_acquire);
    if (!running) {
        return EAGAIN;
    }
    if (!port->todo) {
        end_run(port);
        return EAGAIN;
    }
    if (!port->begun) {
        port->begun = true;
        port->start = now();
        CALLGRIND_TOGGLE_COLLECT;
    }

    n = MIN(port->todo, port->batch_size);
    port->todo -= n;
    while (n--) {
        const struct frame *frame = &port->frames[port->next];

        dp_packet_batch_add(batch, bench_packet_alloc(frame->data,
                                                      frame->len));
        if (++port->next >= port->n_frames) {
            port->next = 0;
        }
    }
    if (qfill) {
        *qfill = -ENOTSUP;
    }
    return 0;
}

static void
bench_rxq_wait(struct netdev_rxq *rxq OVS_UNUSED)
{
}

static int
bench_rxq_drain(struct netdev_rxq *rxq OVS_UNUSED)
{
    return 0;
}

static const struct netdev_class bench_class = {
    .type = "bench",
    .is_pmd = true,
    .alloc = bench_alloc,
    .construct = bench_construct,
    .destruct = bench_destruct,
    .dealloc = bench_dealloc,
    .set_config = bench_set_config,
    .send = bench_send,
    .set_etheraddr = bench_set_etheraddr,
    .get_etheraddr = bench_get_etheraddr,
    .get_mtu = bench_get_mtu,
    .set_mtu = bench_set_mtu,
    .get_stats = bench_get_stats,
    .update_flags = bench_update_flags,
    .reconfigure = bench_reconfigure,
    .rxq_alloc = bench_rxq_alloc,
    .rxq_construct = bench_rxq_construct,
    .rxq_destruct = bench_rxq_destruct,
    .rxq_dealloc = bench_rxq_dealloc,
    .rxq_recv = bench_rxq_recv,
    .rxq_wait = bench_rxq_wait,
    .rxq_drain = bench_rxq_drain,
};

/* Commands. */

/* Returns the port called 'name', for the caller to netdev_close(), or replies
 * to 'conn' and returns null. */
static struct bench_port *
find_port(struct unixctl_conn *conn, const char *name)
{
    struct netdev *netdev = netdev_from_name(name);

    if (netdev && netdev->netdev_class == &bench_class) {
        return bench_port_cast(netdev);
    }
    netdev_close(netdev);
    unixctl_command_reply_error(conn, "no such port of type bench");
    return NULL;
}

/* Has 'port' receive the 'n' frames at 'frames', which become its own. */
static void
set_frames(struct bench_port *port, struct frame *frames, size_t n)
{
    free(port->frames);
    port->frames = frames;
    port->n_frames = n;
    port->next = 0;
}

/* "bench/fill".  As the others, replies to 'conn'. */
static void
bench_fill(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    struct bench_port *port = find_port(conn, argv[1]);
    size_t n = atoi(argv[2]);
    struct frame *frames;

    if (!port) {
        return;
    }
    frames = xcalloc(n, sizeof *frames);
    for (size_t i = 0; i < n; i++) {
        frames[i].len = bench_packet_fill(frames[i].data, i, atoi(argv[3]),
                                          argc > 4);
    }
    set_frames(port, frames, n);
    netdev_close(&port->up);
    unixctl_command_reply(conn, NULL);
}

/* "bench/record" */
static void
bench_record(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[], void *aux OVS_UNUSED)
{
    struct bench_port *port = find_port(conn, argv[1]);

    if (!port) {
        return;
    }
    free(port->kept);
    port->n_kept = 0;
    port->max_kept = atoi(argv[2]);
    port->kept = xcalloc(port->max_kept, sizeof *port->kept);
    netdev_close(&port->up);
    unixctl_command_reply(conn, NULL);
}

/* "bench/turn" */
static void
bench_turn(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
           void *aux OVS_UNUSED)
{
    struct bench_port *from = find_port(conn, argv[1]);
    struct bench_port *to = from ? find_port(conn, argv[2]) : NULL;
    struct frame *frames;

    if (!to) {
        netdev_close(from ? &from->up : NULL);
        return;
    }
    frames = xmemdup(from->kept, from->n_kept * sizeof *frames);
    for (size_t i = 0; i < from->n_kept; i++) {
        bench_packet_turn(frames[i].data);
    }
    set_frames(to, frames, from->n_kept);
    unixctl_command_reply(conn, NULL);
    netdev_close(&from->up);
    netdev_close(&to->up);
}

/* Returns how many packets all ports have sent. */
static uint64_t
count_sent(void)
{
    struct shash ports = SHASH_INITIALIZER(&ports);
    struct shash_node *node;
    uint64_t x, n = 0;

    netdev_get_devices(&bench_class, &ports);
    SHASH_FOR_EACH (node, &ports) {
        struct netdev *netdev = node->data;

        atomic_read_relaxed(&bench_port_cast(netdev)->n_sent, &x);
        n += x;
        netdev_close(netdev);
    }
    shash_destroy(&ports);
    return n;
}

/* Waits for the end of the run of 'port', two minutes at most.  Returns
 * whether that was it. */
static bool
wait_for_end(struct bench_port *port)
{
    long long int deadline = now() + 120 * 1000000000LL;
    bool running;

    ovsrcu_quiesce_start();
    do {
        xnanosleep(1000000);
        atomic_read_explicit(&port->running, &running, memory_order_acquire);
    } while (running && now() < deadline);
    ovsrcu_quiesce_end();
    return !running;
}

/* "bench/run" */
static void
bench_run(struct unixctl_conn *conn, int argc, const char *argv[],
          void *aux OVS_UNUSED)
{
    struct bench_port *port = find_port(conn, argv[1]);
    uint64_t sent = count_sent();
    char *name = NULL;
    bool endless;

    if (!port) {
        return;
    }
    if (!port->n_frames) {
        unixctl_command_reply_error(conn, "nothing to receive");
        netdev_close(&port->up);
        return;
    }
    port->todo = atoi(argv[2]);
    endless = !port->todo;
    if (endless) {
        port->todo = SIZE_MAX;
    }
    port->batch_size = MIN(atoi(argv[3]), NETDEV_MAX_BURST);
    if (argc > 4 && !endless) {
        name = xasprintf("%s %"PRIuSIZE, argv[4], port->todo);
    }
    port->name = name;
    CALLGRIND_ZERO_STATS;
    atomic_store_explicit(&port->running, true, memory_order_release);
    if (!endless && !wait_for_end(port)) {
        unixctl_command_reply_error(conn, "nobody polls the port");
        name = NULL;            /* Who may yet do so has it. */
    } else if (endless) {
        unixctl_command_reply(conn, NULL);
    } else {
        char *reply = xasprintf("%"PRIu64" %lld", count_sent() - sent,
                                port->end - port->start);

        unixctl_command_reply(conn, reply);
        free(reply);
    }
    free(name);
    netdev_close(&port->up);
}

/* "bench/heap" */
static void
bench_heap(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct mallinfo2 info = mallinfo2();
    char *reply = xasprintf("%"PRIuSIZE, info.uordblks + info.hblkhd);

    unixctl_command_reply(conn, reply);
    free(reply);
}

/* Before main(), which this file has none of: it is linked to
 * ovs-vswitchd's. */
static void __attribute__((constructor))
bench_register(void)
{
    netdev_register_provider(&bench_class);
    unixctl_command_register("bench/fill", "port flows size [mixed]", 3, 4,
                             bench_fill, NULL);
    unixctl_command_register("bench/record", "port n", 2, 2,
                             bench_record, NULL);
    unixctl_command_register("bench/turn", "from to", 2, 2, bench_turn, NULL);
    unixctl_command_register("bench/run", "port count batch [name]", 3, 4,
                             bench_run, NULL);
    unixctl_command_register("bench/heap", "", 0, 0, bench_heap, NULL);
}
