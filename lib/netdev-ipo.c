/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "netdev-ipo.h"

#include <errno.h>
#include <net/if.h>

#include "csum.h"
#include "dpif.h"
#include "flow.h"
#include "if-notifier.h"
#include "ipo-fast.h"
#include "ipo-kernel.h"
#include "ipo-odp.h"
#include "ipo-options.h"
#include "ipo-peers.h"
#include "ipo-stats.h"
#include "ipo-uapi.h"
#include "ipo-wire.h"
#include "netdev.h"
#include "netdev-vport-private.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "packets.h"
#include "seq.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_ipo);

/* Ports. */

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* Ports whose peers are in the map, of struct netdev_ipo.  Under 'mutex'. */
static struct ovs_list ports = OVS_LIST_INITIALIZER(&ports);

/* Changes when 'ports' or the peers that they give do. */
static struct seq *ports_seq;

/* The last error logged for each port that has one: name to string, for at
 * most MAX_LOGGED ports.  Under 'mutex'. */
static struct shash logged = SHASH_INITIALIZER(&logged);
enum { MAX_LOGGED = 4096 };

/* Returns the options of 'netdev', a port of this type, or null if it is not
 * configured.  Valid until the calling thread quiesces. */
static const struct ipo_options *
get_options(const struct netdev *netdev)
{
    return ovsrcu_get(struct ipo_options *,
                      &netdev_vport_cast(netdev)->ipo.options);
}

/* Makes 'options', which this function takes over and which may be null, those
 * of 'netdev'.  The old ones are freed when no reader has them.  The caller
 * sees to it that nobody else does that for 'netdev' at the same time. */
static void
set_options(struct netdev *netdev, struct ipo_options *options)
{
    struct netdev_ipo *ipo = &netdev_vport_cast(netdev)->ipo;
    struct ipo_options *old = ovsrcu_get_protected(struct ipo_options *,
                                                   &ipo->options);

    ovsrcu_set(&ipo->options, options);
    if (old) {
        ovsrcu_postpone(ipo_options_destroy, old);
    }
}

/* Returns the port that 'ipo' is part of.  Takes no reference to it. */
static struct netdev *
netdev_from_ipo(struct netdev_ipo *ipo)
{
    return &CONTAINER_OF(ipo, struct netdev_vport, ipo)->up;
}

/* Returns whether 'a' and 'b' have the same peers in the same order. */
static bool
lists_equal(const struct ipo_peer_list *a, const struct ipo_peer_list *b)
{
    BUILD_ASSERT_DECL(sizeof *a->peers == 5 * sizeof(uint32_t));
    return (a->n == b->n
            && (!a->n
                || !memcmp(a->peers, b->peers, a->n * sizeof *a->peers)));
}

/* Makes 'new', which may be null, the options whose peers 'netdev' gives.
 * Returns what is wrong, for the caller to free, or null. */
static char *
give_peers(struct netdev *netdev, const struct ipo_options *new)
    OVS_REQUIRES(mutex)
{
    static const struct ipo_peer_list none;
    struct netdev_ipo *ipo = &netdev_vport_cast(netdev)->ipo;
    const struct ipo_peer_list *old_peers, *new_peers;
    char *error;

    old_peers = ipo->gives_peers ? &get_options(netdev)->peers : &none;
    new_peers = new ? &new->peers : &none;
    error = ipo_peers_replace(old_peers, new_peers);
    if (error) {
        return error;
    }

    if (ipo->gives_peers != (new != NULL)) {
        ipo->gives_peers = new != NULL;
        if (new) {
            ovs_list_push_back(&ports, &ipo->node);
        } else {
            ovs_list_remove(&ipo->node);
        }
        seq_change(ports_seq);
    } else if (!lists_equal(old_peers, new_peers)) {
        seq_change(ports_seq);
    }
    return NULL;
}

/* Takes away the peers of 'netdev'. */
static void
take_peers(struct netdev *netdev)
    OVS_REQUIRES(mutex)
{
    char *error = give_peers(netdev, NULL);

    ovs_assert(!error);
}

/* Takes away the peers of ports that were deleted: others may hold such a
 * netdev for some time. */
static void
take_peers_of_deleted(void)
    OVS_REQUIRES(mutex)
{
    struct netdev_ipo *ipo, *next;

    LIST_FOR_EACH_SAFE (ipo, next, node, &ports) {
        if (!netdev_from_ipo(ipo)->node) {
            take_peers(netdev_from_ipo(ipo));
        }
    }
}

/* Logs 'error' of the port called 'name' unless it was the last one logged for
 * it: a port that cannot be configured is tried again and again.  A null
 * 'error' means that the port is all right. */
static void
log_once(const char *name, const char *error)
    OVS_REQUIRES(mutex)
{
    const char *last = shash_find_data(&logged, name);
    if (error && (!last || strcmp(last, error))) {
        VLOG_WARN("%s", error);
    }
    free(shash_find_and_delete(&logged, name));
    if (error) {
        if (shash_count(&logged) >= MAX_LOGGED) {
            shash_clear_free_data(&logged);
        }
        shash_add(&logged, name, xstrdup(error));
    }
}

/* Returns whether 'netdev' is a port of this type. */
bool
netdev_ipo_is(const struct netdev *netdev)
{
    return !strcmp(netdev_get_type(netdev), "ipo");
}

/* Makes 'new', which this function takes over, the options of 'netdev', of
 * which 'tunnel_args' are those that 'set_tunnel_config' sets.  Returns what
 * is wrong, for the caller to free, or null. */
static char *
commit_options(struct netdev *netdev, struct ipo_options *new,
               const struct smap *tunnel_args,
               netdev_set_config_func *set_tunnel_config)
{
    const struct ipo_options *old = get_options(netdev);
    bool changed = (!old || !smap_equal(&old->ipo_args, &new->ipo_args)
                    || !lists_equal(&old->peers, &new->peers));
    char *error;

    ovs_mutex_lock(&mutex);
    take_peers_of_deleted();
    error = give_peers(netdev, new);
    if (!error) {
        set_options(netdev, new);
    }
    ovs_mutex_unlock(&mutex);
    if (error) {
        ipo_options_destroy(new);
        return error;
    }

    /* Not under 'mutex': this takes netdev.c's, under which netdev.c calls
     * netdev_ipo_destruct(). */
    if (set_tunnel_config(netdev, tunnel_args, &error)) {
        return error ? error : xstrdup("tunnel options refused");
    }
    if (changed) {
        netdev_change_seq_changed(netdev);
    }
    return NULL;
}

/* Makes 'args' the options of 'netdev'.  Returns 0, or EINVAL with the reason
 * in '*errp', which the caller must free; the port then gives no peers, and
 * bridge.c deletes it. */
int
netdev_ipo_set_config(struct netdev *netdev, const struct smap *args,
                      char **errp, netdev_set_config_func *set_tunnel_config)
{
    struct smap tunnel_args = SMAP_INITIALIZER(&tunnel_args);
    const char *name = netdev_get_name(netdev);
    struct ipo_options *options;
    char *error = NULL;
    char *reason;

    reason = ipo_options_parse(args, &options, &tunnel_args);
    if (!reason) {
        reason = commit_options(netdev, options, &tunnel_args,
                                set_tunnel_config);
    }
    if (reason) {
        error = xasprintf("%s: %s", name, reason);
    }

    ovs_mutex_lock(&mutex);
    if (error) {
        take_peers(netdev);
    }
    log_once(name, error);
    ovs_mutex_unlock(&mutex);

    if (error) {
        *errp = error;
    }
    free(reason);
    smap_destroy(&tunnel_args);
    return error ? EINVAL : 0;
}

/* Adds the options of 'netdev' to 'args', those that all tunnels share by
 * 'get_tunnel_config'.  Returns 0 or a positive errno value. */
int
netdev_ipo_get_config(const struct netdev *netdev, struct smap *args,
                      netdev_get_config_func *get_tunnel_config)
{
    const struct ipo_options *options = get_options(netdev);

    if (options) {
        ipo_options_get_args(options, args);
    }
    return get_tunnel_config(netdev, args);
}

/* Takes away what 'netdev', about to be destroyed, gave.  Does nothing for a
 * port of another type. */
void
netdev_ipo_destruct(struct netdev *netdev)
{
    if (get_options(netdev)) {
        ovs_mutex_lock(&mutex);
        take_peers(netdev);
        ovs_mutex_unlock(&mutex);
        set_options(netdev, NULL);
    }
}

/* Appends to 'ds' a line with the name and the options of 'netdev'.  Must not
 * be called under 'mutex': see format_ports(). */
static void
format_port(const struct netdev *netdev, struct ds *ds)
{
    struct smap args = SMAP_INITIALIZER(&args);
    const struct smap_node **nodes;

    ds_put_format(ds, "    %s:", netdev_get_name(netdev));
    netdev_get_config(netdev, &args);
    if (!smap_get(&args, "ipo_format")) {
        smap_add(&args, "ipo_format", "auto");
    }
    nodes = smap_sort(&args);
    for (size_t i = 0; i < smap_count(&args); i++) {
        ds_put_format(ds, " %s=%s", nodes[i]->key, nodes[i]->value);
    }
    ds_put_char(ds, '\n');
    free(nodes);
    smap_destroy(&args);
}

/* Appends the ports to 'ds'.  Takes 'mutex' only to see which there are: what
 * a port says of itself it says under its own mutex, under which
 * netdev-vport.c takes netdev.c's, under which netdev.c calls
 * netdev_ipo_destruct(). */
static void
format_ports(struct ds *ds)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    struct netdev_ipo *ipo;
    const char *name;
    size_t i;

    ovs_mutex_lock(&mutex);
    LIST_FOR_EACH (ipo, node, &ports) {
        svec_add(&names, netdev_get_name(netdev_from_ipo(ipo)));
    }
    ovs_mutex_unlock(&mutex);
    svec_sort(&names);

    ds_put_format(ds, "ports: %"PRIuSIZE"\n", names.n);
    SVEC_FOR_EACH (i, name, &names) {
        struct netdev *netdev = netdev_from_name(name);

        if (netdev) {
            format_port(netdev, ds);
            netdev_close(netdev);
        }
    }
    svec_destroy(&names);
}

/* Shows everything or, given an address or a prefix of nodes, only the peers
 * in it. */
static void
ipo_show(struct unixctl_conn *conn, int argc, const char *argv[],
         void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    ovs_be32 ip = 0, mask = 0;

    if (argc > 1) {
        char *error = ip_parse_masked(argv[1], &ip, &mask);

        if (error) {
            unixctl_command_reply_error(conn, error);
            free(error);
            return;
        }
    }
    ovs_mutex_lock(&mutex);
    take_peers_of_deleted();
    ovs_mutex_unlock(&mutex);
    if (argc == 1) {
        format_ports(&ds);
    }
    ipo_peers_format(ntohl(ip), ntohl(mask), &ds);
    if (argc == 1) {
        ipo_stats_format(&ds);
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

/* Prints the counters for programs that collect them. */
static void
ipo_stats(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ipo_stats_format_json(&ds);
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

/* Initializes the type.  To be called once, before there is a port. */
void
netdev_ipo_register(void)
{
    ports_seq = seq_create();
    unixctl_command_register("ipo/show", "[node[/length]]", 0, 1, ipo_show,
                             NULL);
    unixctl_command_register("ipo/stats", "", 0, 0, ipo_stats, NULL);
}

/* The kernel's datapath. */

/* How long to wait, in ms, before what failed is tried again. */
enum { RETRY_INTERVAL = 1000 };

static uint64_t last_ports_seq; /* As netdev_ipo_run() saw it last. */
static long long int retry_at = LLONG_MAX;

/* Returns whether a port is on a bridge of the kernel's datapath. */
static bool
kernel_is_in_use(void)
    OVS_REQUIRES(mutex)
{
    struct netdev_ipo *ipo;

    LIST_FOR_EACH (ipo, node, &ports) {
        const char *type = netdev_get_dpif_type(netdev_from_ipo(ipo));

        if (type && !strcmp(type, "system")) {
            return true;
        }
    }
    return false;
}

/* Has what did not work without the kernel module be tried again: ports that
 * could not be added, and the device if it got lost. */
static void
try_ports_again(void)
{
    struct netdev_ipo *ipo;

    ovs_mutex_lock(&mutex);
    LIST_FOR_EACH (ipo, node, &ports) {
        netdev_change_seq_changed(netdev_from_ipo(ipo));
    }
    ovs_mutex_unlock(&mutex);
    if_notifier_manual_report();
}

/* Gives the kernel the peers of all ports if it has use for them. */
static void
update_kernel(void)
{
    struct ipo_peer_list peers;
    bool in_use;

    ovs_mutex_lock(&mutex);
    take_peers_of_deleted();
    last_ports_seq = seq_read(ports_seq);
    in_use = kernel_is_in_use();
    ipo_peers_get_all(&peers);
    ovs_mutex_unlock(&mutex);

    retry_at = LLONG_MAX;
    if (in_use) {
        ipo_kernel_listen();
        if (ipo_kernel_set_peers(&peers)) {
            retry_at = time_msec() + RETRY_INTERVAL;
        }
    }
    free(peers.peers);
}

/* Keeps the kernel's peers equal to those of the ports.  Only the main thread
 * may call this. */
void
netdev_ipo_run(void)
{
    enum ipo_kernel_events events = ipo_kernel_run();

    if (events & IPO_KERNEL_NEW_MODULE) {
        try_ports_again();
    }
    if (events & IPO_KERNEL_NEW_DEV || seq_read(ports_seq) != last_ports_seq
        || time_msec() >= retry_at) {
        update_kernel();
    }
}

/* Wakes up the poll loop when netdev_ipo_run() has something to do. */
void
netdev_ipo_wait(void)
{
    ipo_kernel_wait();
    seq_wait(ports_seq, last_ports_seq);
    if (retry_at != LLONG_MAX) {
        poll_timer_wait_until(retry_at);
    }
}

/* If 'netdev' is a port of this type, stores its format in 'tnl', how to send,
 * where the kernel's datapath looks for it.  The userspace datapath has no use
 * for that. */
void
netdev_ipo_pin_format(const struct netdev *netdev, struct flow_tnl *tnl)
{
    BUILD_ASSERT_DECL(IPO_FORMAT_AUTO + 1 == IPO_FMT_AUTO
                      && IPO_COMPACT + 1 == IPO_FMT_COMPACT
                      && IPO_SHORT + 1 == IPO_FMT_SHORT
                      && IPO_FULL + 1 == IPO_FMT_FULL);

    if (netdev_ipo_is(netdev)) {
        const struct ipo_options *options = get_options(netdev);

        tnl->tp_dst = htons(options ? options->format + 1 : IPO_FMT_AUTO);
    }
}

/* Returns what 'error', from adding 'netdev' to a bridge, says to a user. */
const char *
netdev_ipo_strerror(const struct netdev *netdev, int error)
{
    const char *reason = netdev_ipo_is(netdev) ? ipo_kernel_strerror(error)
                                               : NULL;

    return reason ? reason : ovs_strerror(error);
}

/* The userspace datapath. */

/* Fills '*push' with how to send what 'options' and the tunnel metadata in
 * 'flow' ask for, from 'src', a node address. */
static void
init_push(struct ipo_push *push, const struct ipo_options *options,
          const struct flow *flow, ovs_be32 src)
{
    uint64_t key = ntohll(flow->tunnel.tun_id);
    const struct ipo_prefixes *prefixes;
    struct ipo_tx *tx = &push->tx;

    memset(push, 0, sizeof *push);
    tx->src = ntohl(src);
    tx->dst = ntohl(flow->tunnel.ip_dst);
    tx->has_key = (flow->tunnel.flags & FLOW_TNL_F_KEY) != 0;
    if (tx->has_key) {
        tx->key = key;
        push->drop = key > UINT32_MAX ? IPO_DROP_KEY : IPO_DROP_NONE;
    }

    prefixes = ipo_peers_find(tx->dst);
    if (prefixes) {
        tx->prefixes = *prefixes;
    }
    tx->formats = ipo_formats_auto(prefixes, tx->has_key);
    if (options->format != IPO_FORMAT_AUTO) {
        tx->formats &= 1u << options->format;
    }
}

/* Writes to 'data' the Ethernet header that 'params' ask for, and an IPv4
 * header with nothing but the addresses in 'tx'. */
static void
put_headers(struct ovs_action_push_tnl *data, const struct ipo_tx *tx,
            const struct netdev_tnl_build_header_params *params)
{
    struct eth_header *eth = (struct eth_header *) data->header;
    struct ip_header *ip = (struct ip_header *) (eth + 1);

    memset(eth, 0, sizeof *eth + sizeof *ip);
    eth->eth_dst = params->dmac;
    eth->eth_src = params->smac;
    eth->eth_type = htons(ETH_TYPE_IP);

    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    put_16aligned_be32(&ip->ip_src, htonl(tx->src));
    put_16aligned_be32(&ip->ip_dst, htonl(tx->dst));
    ip->ip_csum = csum(ip, sizeof *ip);
}

/* Fills 'data' for the packets of a flow to 'netdev', which
 * netdev_ipo_push_batch() will complete.  Returns 0 or a positive errno
 * value. */
int
netdev_ipo_build_header(const struct netdev *netdev,
                        struct ovs_action_push_tnl *data,
                        const struct netdev_tnl_build_header_params *params)
{
    const struct ipo_options *options = get_options(netdev);
    struct ipo_push push;

    if (!options) {
        return ENODEV;
    }
    if (params->is_ipv6 || !params->flow->tunnel.ip_dst) {
        return EAFNOSUPPORT;
    }

    init_push(&push, options, params->flow,
              in6_addr_get_mapped_ipv4(params->s_ip));
    put_headers(data, &push.tx, params);
    ipo_push_put(data, &push);
    data->tnl_type = OVS_VPORT_TYPE_IPO;
    return 0;
}

/* What a header needs before a packet at most. */
enum { PUSH_HEADROOM = ETH_HEADER_LEN + IPO_OPT_LEN_MAX };

/* Makes 'netdev' one that can push headers, but is never called:
 * netdev_ipo_push_batch() is, because it can drop packets. */
void
netdev_ipo_push_header(OVS_COMPAT_PUSH_HEADER_PARAMS)
{
    OVS_NOT_REACHED();
}

/* Turns 'packet' into an IPO packet, and counts it.  Returns the length of the
 * option in bytes or a negative 'enum ipo_drop'. */
static int
encap_packet(struct dp_packet *packet, const struct ipo_push *push,
             struct ipo_counters *counters)
{
    const struct ipo_tx *tx = &push->tx;
    int opt_len;

    if (push->drop) {
        return -(int) push->drop;
    }
    if (packet->packet_type != htonl(PT_IPV4)) {
        return -IPO_DROP_MALFORMED;
    }
    if (!ovs_compat_finish_offloads(packet)) {
        return -IPO_DROP_OFFLOAD;
    }
    dp_packet_prealloc_headroom(packet, PUSH_HEADROOM);
    opt_len = ipo_encap(dp_packet_data(packet), dp_packet_size(packet), tx);
    if (opt_len > 0) {
        ipo_stats_packets(counters, IPO_SENT, opt_len / 4 - 1 - tx->has_key,
                         tx->has_key, 1);
    }
    return opt_len;
}

/* Puts the Ethernet header in 'data' before the IPO packet at 'ip', 'tot_len'
 * bytes with a header of 'hlen', and makes that 'packet'. */
static inline void
finish_push(struct dp_packet *packet, uint8_t *ip, unsigned int hlen,
            unsigned int tot_len, const struct ovs_action_push_tnl *data)
{
    memcpy(ip - ETH_HEADER_LEN, data->header, ETH_HEADER_LEN);
    dp_packet_set_data(packet, ip - ETH_HEADER_LEN);
    dp_packet_set_size(packet, ETH_HEADER_LEN + tot_len);
    dp_packet_reset_offsets(packet);
    packet->packet_type = htonl(PT_ETH);
    packet->l3_ofs = ETH_HEADER_LEN;
    packet->l4_ofs = ETH_HEADER_LEN + hlen;
    pkt_metadata_init(&packet->md, data->out_port);
}

/* Turns 'packet' into an IPO packet and counts it.  Returns 0 or a negative
 * 'enum ipo_drop'. */
static int
push_packet(struct dp_packet *packet, const struct ipo_push *push,
            const struct ovs_action_push_tnl *data,
            struct ipo_counters *counters)
{
    int opt_len = encap_packet(packet, push, counters);
    uint8_t *ip;

    if (opt_len < 0) {
        return opt_len;
    }
    ip = (uint8_t *) dp_packet_data(packet) - opt_len;
    finish_push(packet, ip, (ip[0] & 0xf) * 4, ip[2] << 8 | ip[3], data);
    return 0;
}

/* Does what push_packet() does for most packets, and returns true, or returns
 * false.  Does not count.  'compact' says what '*fast' is for. */
static inline bool ALWAYS_INLINE
push_fast(struct dp_packet *packet, const struct ipo_fast *fast, bool compact,
          const struct ovs_action_push_tnl *data)
{
    unsigned int opt_len = compact ? IPO_OPT_LEN_COMPACT : fast->opt_len;
    uint8_t *ip = dp_packet_data(packet);
    size_t len = dp_packet_size(packet);
    unsigned int tot_len;

    if (OVS_UNLIKELY(packet->packet_type != htonl(PT_IPV4)
                     || dp_packet_headroom(packet) < PUSH_HEADROOM
                     || !ovs_compat_finish_offloads(packet))) {
        return false;
    }
    tot_len = (compact ? ipo_fast_encap(ip, len, fast)
                       : ipo_fast_encap_ext(ip, len, fast));
    if (OVS_UNLIKELY(!tot_len)) {
        return false;
    }
    finish_push(packet, ip - opt_len, IPO_IP_HLEN_MIN + opt_len, tot_len,
                data);
    return true;
}

/* Does what netdev_ipo_push_batch() does.  Compiled once for each value of
 * 'compact', which says what '*fast' is for. */
static inline void ALWAYS_INLINE
push_batch(struct dp_packet_batch *batch, const struct ipo_fast *fast,
           bool compact, const struct ovs_action_push_tnl *data)
{
    struct ipo_counters *counters = ipo_counters_get();
    struct dp_packet **in = batch->packets, **out = in;
    struct dp_packet **end = in + dp_packet_batch_size(batch);
    unsigned int n_slow = 0;
    struct ipo_push push;

    for (; in < end; in++) {
        struct dp_packet *packet = *in;

        if (OVS_UNLIKELY(!push_fast(packet, fast, compact, data))) {
            int error;

            if (!n_slow++) {
                ipo_push_get(data, &push);
            }
            error = push_packet(packet, &push, data, counters);
            if (error) {
                ipo_stats_drop(IPO_SENT, -error);
                dp_packet_delete(packet);
                continue;
            }
        }
        *out++ = packet;
    }
    ipo_stats_packets(counters, IPO_SENT,
                      (compact ? IPO_COMPACT
                       : fast->opt & IPO_FLAG_FULL << 8 ? IPO_FULL
                       : IPO_SHORT),
                      !compact && fast->has_key, batch->count - n_slow);
    batch->count = out - batch->packets;
}

/* Turns the packets of 'batch' into IPO packets as 'data' says.  Drops and
 * counts those that cannot be. */
void
netdev_ipo_push_batch(struct dp_packet_batch *batch,
                      const struct ovs_action_push_tnl *data)
{
    struct ipo_fast fast;

    ipo_push_get_fast(data, &fast);
    if (fast.opt) {
        push_batch(batch, &fast, false, data);
    } else {
        push_batch(batch, &fast, true, data);
    }
}

/* Turns the IPO packet at 'ip' in 'packet' into the inner packet, and counts
 * it.  Stores what its header said in '*rx'.  Returns 0 or a negative 'enum
 * ipo_drop'. */
static int
decap_packet(struct dp_packet *packet, uint8_t *ip, struct ipo_rx *rx,
             struct ipo_counters *counters)
{
    uint8_t *data = dp_packet_data(packet);
    int error;

    if (!ip) {
        return -IPO_DROP_MALFORMED;
    }
    error = ipo_parse(ip, dp_packet_size(packet) - (ip - data), rx);
    if (!error) {
        error = ipo_decap(ip, rx, (rx->format == IPO_FULL
                                   ? NULL : ipo_peers_find(rx->src)));
    }
    if (!error) {
        ipo_stats_packets(counters, IPO_RECEIVED, rx->format, rx->has_key, 1);
    }
    return error;
}

/* Makes 'packet' the inner packet at 'ip', 'tot_len' bytes, that came through
 * a tunnel from node 'src' to node 'dst'.
 *
 * TOS and TTL are in the inner header, and nowhere else: without them in the
 * metadata, packets that differ only in them make one megaflow. */
static inline void
finish_pop(struct dp_packet *packet, uint8_t *ip, unsigned int tot_len,
           ovs_be32 src, ovs_be32 dst)
{
    struct flow_tnl *tnl = &packet->md.tunnel;

    dp_packet_set_data(packet, ip);
    dp_packet_set_size(packet, tot_len);
    dp_packet_reset_offsets(packet);
    dp_packet_reset_offload(packet);
    packet->packet_type = htonl(PT_IPV4);

    /* As pkt_metadata_init_tnl() does, but for what nobody looks at, and in
     * pieces that compilers do not make a slow loop of. */
    pkt_metadata_init(&packet->md, packet->md.in_port.odp_port);
    memset(tnl, 0, offsetof(struct flow_tnl, tun_id));
    memset(&tnl->tun_id, 0, (offsetof(struct flow_tnl, metadata.opts)
                             - offsetof(struct flow_tnl, tun_id)));
    tnl->ip_src = src;
    tnl->ip_dst = dst;
}

/* Turns 'packet' into the inner packet with its tunnel metadata, and counts
 * it.  Returns 0 or a negative 'enum ipo_drop'. */
static int
pop_packet(struct dp_packet *packet, struct ipo_counters *counters)
{
    struct flow_tnl *tnl = &packet->md.tunnel;
    uint8_t *ip = dp_packet_l3(packet);
    struct ipo_rx rx;
    int error;

    error = decap_packet(packet, ip, &rx, counters);
    if (error) {
        return error;
    }
    finish_pop(packet, ip + rx.opt_len, (rx.w[0] & 0xffff) - rx.opt_len,
               htonl(rx.src), htonl(rx.dst));
    if (rx.has_key) {
        tnl->flags |= FLOW_TNL_F_KEY;
        tnl->tun_id = htonll(rx.key);
    }
    return 0;
}

/* Does what pop_packet() does for most packets in short and full format, and
 * returns true, or returns false.  '*fast' is for packets like this. */
static bool
pop_fast_ext(struct dp_packet *packet, const struct ipo_fast *fast,
             struct ipo_counters *counters)
{
    size_t len = dp_packet_size(packet) - packet->l3_ofs;
    struct flow_tnl *tnl = &packet->md.tunnel;
    uint8_t *ip = dp_packet_l3(packet);
    unsigned int tot_len;
    ovs_be32 src, dst;
    uint32_t opt, key;
    bool has_key;

    if (!ip || len < IPO_IP_HLEN_MIN) {
        return false;
    }
    memcpy(&src, ip + 12, sizeof src);
    memcpy(&dst, ip + 16, sizeof dst);
    tot_len = ipo_fast_decap_ext(ip, len, fast, &opt, &key);
    if (!tot_len) {
        return false;
    }
    finish_pop(packet, ip + IPO_FAST_OPT_LEN(opt), tot_len, src, dst);
    has_key = (opt & IPO_FLAG_KEY << 8) != 0;
    if (has_key) {
        tnl->flags |= FLOW_TNL_F_KEY;
        tnl->tun_id = htonll(key);
    }
    ipo_stats_packets(counters, IPO_RECEIVED,
                      opt & IPO_FLAG_FULL << 8 ? IPO_FULL : IPO_SHORT,
                      has_key, 1);
    return true;
}

/* Does what pop_packet() does for most packets in compact format but for
 * counting, and returns true, or returns false.  '*fast' is for packets like
 * the one before, and for packets like this one after that. */
static inline bool ALWAYS_INLINE
pop_fast(struct dp_packet *packet, struct ipo_fast *fast)
{
    uint8_t *ip = (uint8_t *) dp_packet_data(packet) + packet->l3_ofs;
    size_t len = dp_packet_size(packet) - packet->l3_ofs;
    unsigned int tot_len;
    ovs_be32 src, dst;
    uint64_t nodes;

    if (OVS_UNLIKELY(packet->l3_ofs == UINT16_MAX
                     || len < IPO_IP_HLEN_MIN + IPO_OPT_LEN_COMPACT)) {
        return false;
    }
    memcpy(&nodes, ip + 12, sizeof nodes);
    memcpy(&src, &nodes, sizeof src);
    memcpy(&dst, ip + 16, sizeof dst);
    if (OVS_UNLIKELY(fast->nodes != nodes)) {
        ipo_fast_init_rx(fast, ipo_fast_pair(ntohl(src), ntohl(dst)),
                         ipo_peers_find(ntohl(src)));
    }
    tot_len = ipo_fast_decap(ip, len, fast);
    if (OVS_UNLIKELY(!tot_len)) {
        return false;
    }
    finish_pop(packet, ip + IPO_OPT_LEN_COMPACT, tot_len, src, dst);
    return true;
}

/* For packets like the last one that this thread popped, unless the peers have
 * changed since. */
struct last_peer {
    struct ipo_fast fast;
    unsigned int generation;    /* ipo_peers_generation() before the lookup. */
};
DEFINE_STATIC_PER_THREAD_DATA(struct last_peer, last_peer,
                              { .generation = 0 });

/* If 'netdev' is a port of this type, turns the IPO packets of 'batch' into
 * the inner packets with their tunnel metadata, drops and counts those that
 * are wrong, and returns true. */
bool
netdev_ipo_pop_batch(const struct netdev *netdev,
                     struct dp_packet_batch *batch)
{
    struct dp_packet **in = batch->packets, **out = in;
    struct dp_packet **end = in + dp_packet_batch_size(batch);
    unsigned int n_other = 0, generation;
    struct ipo_counters *counters;
    struct last_peer *last;
    struct ipo_fast fast;

    if (netdev->netdev_class->pop_header != netdev_ipo_pop_header) {
        return false;
    }
    counters = ipo_counters_get();
    last = last_peer_get();
    generation = ipo_peers_generation();
    if (OVS_LIKELY(last->generation == generation)) {
        fast = last->fast;
    } else {
        ipo_fast_init_none(&fast);
        last->fast = fast;
        last->generation = generation;
    }
    for (; in < end; in++) {
        struct dp_packet *packet = *in;

        if (OVS_UNLIKELY(!pop_fast(packet, &fast))) {
            n_other++;
            if (!pop_fast_ext(packet, &fast, counters)) {
                int error = pop_packet(packet, counters);

                if (error) {
                    ipo_stats_drop(IPO_RECEIVED, -error);
                    dp_packet_delete(packet);
                    continue;
                }
            }
        }
        *out++ = packet;
    }
    if (last->fast.nodes != fast.nodes) {
        last->fast = fast;
    }
    ipo_stats_packets(counters, IPO_RECEIVED, IPO_COMPACT, false,
                      batch->count - n_other);
    batch->count = out - batch->packets;
    return true;
}

/* Makes 'netdev' one that can pop headers, but is never called:
 * netdev_ipo_pop_batch() is. */
struct dp_packet *
netdev_ipo_pop_header(struct dp_packet *packet OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

/* Translation of what follows a push. */

/* Returns the format of the packets of 'inner' when sent by 'push', or a
 * negative 'enum ipo_drop'. */
static int
choose_format(const struct ipo_push *push, const struct flow *inner)
{
    return ipo_choose_format(&push->tx, inner->nw_proto,
                             ntohl(inner->nw_src), ntohl(inner->nw_dst));
}

/* Sets in 'outer' the protocol to 'nw_proto', TOS, TTL and fragment bits to
 * those of 'inner', and TCP flags to none. */
static void
set_outer_fields(const struct flow *inner, uint8_t nw_proto,
                 struct flow *outer)
{
    outer->nw_proto = nw_proto;
    outer->nw_tos = inner->nw_tos;
    outer->nw_ttl = inner->nw_ttl;
    outer->nw_frag = inner->nw_frag;
    outer->tcp_flags = 0;
}

/* If 'data' pushes an IPO header to packets of 'inner', sets in 'base_flow'
 * and 'flow', which describe the packet after that, the fields of the IPv4
 * header that are the packet's own. */
void
netdev_ipo_outer_flow(const struct ovs_action_push_tnl *data,
                      const struct flow *inner,
                      struct flow *base_flow, struct flow *flow)
{
    struct ipo_push push;
    uint8_t nw_proto;
    int format;

    if (data->tnl_type != OVS_VPORT_TYPE_IPO) {
        return;
    }

    ipo_push_get(data, &push);
    format = choose_format(&push, inner);
    nw_proto = format < 0 ? 0 : ipo_outer_protocol(format, inner->nw_proto);
    set_outer_fields(inner, nw_proto, base_flow);
    set_outer_fields(inner, nw_proto, flow);
}

/* Makes exact in 'wc' what decides on the outer protocol of the packets of
 * 'inner' when 'tx' sends them. */
static void
unwildcard_protocol(const struct ipo_tx *tx, const struct flow *inner,
                    struct flow_wildcards *wc)
{
    const struct ipo_prefixes *p = &tx->prefixes;

    if (!(tx->formats & (1u << IPO_COMPACT))) {
        return;                 /* Always IPO_PROTO_EXTENDED. */
    }
    wc->masks.nw_proto = UINT8_MAX;
    if (tx->formats == 1u << IPO_COMPACT
        || !ipo_protocol_shifts(inner->nw_proto)) {
        return;
    }
    wc->masks.nw_src |= htonl(p->local_mask);
    if (!((ntohl(inner->nw_src) ^ p->local) & p->local_mask)) {
        wc->masks.nw_dst |= htonl(p->remote_mask);
    }
}

/* If 'data' pushed an IPO header to packets of 'inner', makes exact in 'wc'
 * the fields that decided on what was translated after that.  'outer_wc' says
 * which fields of the outer header that translation looked at. */
void
netdev_ipo_unwildcard(const struct ovs_action_push_tnl *data,
                      const struct flow *inner,
                      const struct flow_wildcards *outer_wc,
                      struct flow_wildcards *wc)
{
    struct ipo_push push;

    if (data->tnl_type != OVS_VPORT_TYPE_IPO
        || inner->dl_type != htons(ETH_TYPE_IP)) {
        return;
    }

    ipo_push_get(data, &push);
    wc->masks.nw_tos |= outer_wc->masks.nw_tos;
    wc->masks.nw_ttl |= outer_wc->masks.nw_ttl;
    wc->masks.nw_frag |= outer_wc->masks.nw_frag;
    if (outer_wc->masks.nw_proto) {
        unwildcard_protocol(&push.tx, inner, wc);
    }
}

/* Returns by how many bytes 'data' makes the packets of 'inner' longer, for
 * the statistics of what they pass after that. */
uint16_t
netdev_ipo_growth(const struct ovs_action_push_tnl *data,
                  const struct flow *inner)
{
    struct ipo_push push;
    int format;

    if (data->tnl_type != OVS_VPORT_TYPE_IPO) {
        return data->header_len;
    }
    ipo_push_get(data, &push);
    format = choose_format(&push, inner);
    return format < 0 ? 0 : ipo_option_len(format, push.tx.has_key);
}

/* Reception. */

/* The protocols from IPO_PROTO_SHIFT + IPO_PROTO_INNER_MIN to IPO_PROTO_SHIFT
 * + IPO_PROTO_INNER_MAX, then IPO_PROTO_EXTENDED, as few masked matches. */
static const struct {
    uint8_t value, mask;
} nw_protos[] = {
    { 144, 0xf0 },
    { 160, 0xe0 },
    { 192, 0xe0 },
    { 224, 0xf0 },
    { 240, 0xf8 },
    { 248, 0xfc },
    { 252, 0xff },
    { 253, 0xff },
};

/* Stores in '*nw_proto' the protocol number 'i', counted from 0, under which a
 * type whose only one is 'type_nw_proto' receives at 'addr'.  If there are not
 * that many, restores 'type_nw_proto' and returns false. */
bool
netdev_ipo_nw_proto(uint8_t type_nw_proto, const struct in6_addr *addr,
                    unsigned int i, uint8_t *nw_proto)
{
    *nw_proto = type_nw_proto;
    if (type_nw_proto != NETDEV_IPO_NW_PROTO) {
        return i == 0;
    }
    if (i >= ARRAY_SIZE(nw_protos) || !IN6_IS_ADDR_V4MAPPED(addr)) {
        return false;
    }
    *nw_proto = nw_protos[i].value;
    return true;
}

/* If 'nw_proto' comes from netdev_ipo_nw_proto() for type ipo, makes 'wc'
 * match all the protocols that it stands for, and fragments, each of which is
 * an IPO packet (wire-format.rst, rules 3 and 4). */
void
netdev_ipo_tnl_port_match(uint8_t nw_proto, struct flow_wildcards *wc)
{
    for (size_t i = 0; i < ARRAY_SIZE(nw_protos); i++) {
        if (nw_proto == nw_protos[i].value) {
            wc->masks.nw_proto = nw_protos[i].mask;
            wc->masks.nw_frag = 0;
        }
    }
}
