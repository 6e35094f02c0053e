/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes what a port of the userspace datapath does to packets: any bytes are
 * popped, and pushed, in packets with more or less room around them, with the
 * header that the port builds for any tunnel metadata.  What comes out, or that
 * nothing does, is what ipo-wire.h says. */

#include <config.h>

#include "packet.h"

#include <errno.h>

#include "dp-packet.h"
#include "flow.h"
#include "fuzz-netdev.h"
#include "hash.h"
#include "ipo-odp.h"
#include "ipo-peers.h"
#include "ipo-stats.h"
#include "netdev-ipo.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

#define OUT_PORT u32_to_odp(2)

/* The only port.  It has no peers but while it builds a header. */
static struct netdev *port;

/* What both nodes have in the frames between them. */
static const uint8_t ethernet[ETH_HEADER_LEN] = {
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
};

/* Makes the peer, if 'p' has one, 'node' with 'prefixes', or takes it away. */
static void
set_peer(const struct fuzz_packet *p, uint32_t node,
         const struct ipo_prefixes *prefixes, bool add)
{
    struct ipo_peer peer = { node, *prefixes };
    struct ipo_peer_list none = { NULL, 0 }, list = { &peer, 1 };

    if (p->has_prefixes) {
        FUZZ_CHECK(!ipo_peers_replace(add ? &none : &list,
                                      add ? &list : &none));
    }
}

/* Adds to 'batch' a packet with the 'len' bytes at 'bytes', in memory that ends
 * with them, behind 'headroom' bytes and, if 'with_ethernet', the Ethernet
 * header.  Returns the packet. */
static struct dp_packet *
add_packet(struct dp_packet_batch *batch, const uint8_t *bytes, size_t len,
           size_t headroom, bool with_ethernet)
{
    size_t before = headroom + (with_ethernet ? ETH_HEADER_LEN : 0);
    struct dp_packet *packet = dp_packet_new(0);

    dp_packet_use(packet, fuzz_copy(bytes, len, before, 0), before + len);
    dp_packet_set_data(packet, (uint8_t *) dp_packet_base(packet) + headroom);
    dp_packet_set_size(packet, before - headroom + len);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    if (with_ethernet) {
        memcpy(dp_packet_data(packet), ethernet, sizeof ethernet);
        packet->packet_type = htonl(PT_ETH);
        packet->l3_ofs = ETH_HEADER_LEN;
    } else {
        packet->packet_type = htonl(PT_IPV4);
        packet->l3_ofs = 0;
    }
    dp_packet_batch_add(batch, packet);
    return packet;
}

/* What this thread has counted, and what it is to have counted. */

static struct ipo_counters expected;

/* Expects that nothing is counted from now on. */
static void
expect_none(void)
{
    memcpy(&expected, ipo_counters_get(), sizeof expected);
}

/* Expects one more drop.  'error' is the negative reason. */
static void
expect_drop(enum ipo_direction direction, int error)
{
    ipo_counter_add(&expected.drops[direction][-error], 1);
}

/* Checks that what was expected, and nothing else, was counted. */
static void
check_counters(void)
{
    const struct ipo_counters *c = ipo_counters_get();

    FUZZ_CHECK(!memcmp(c->packets, expected.packets, sizeof c->packets));
    FUZZ_CHECK(!memcmp(c->drops, expected.drops, sizeof c->drops));
}

/* Checks the inner 'packet' that was popped: it is 'inner' of 'len' bytes, and
 * its metadata is what '*rx' says. */
static void
check_popped(const struct dp_packet *packet, const uint8_t *inner, size_t len,
             const struct ipo_rx *rx)
{
    const struct flow_tnl *tnl = &packet->md.tunnel;
    bool has_key = tnl->flags & FLOW_TNL_F_KEY;

    FUZZ_CHECK(packet->packet_type == htonl(PT_IPV4));
    FUZZ_CHECK(dp_packet_size(packet) == len);
    FUZZ_CHECK(!memcmp(dp_packet_data(packet), inner, len));
    FUZZ_CHECK(tnl->ip_src == htonl(rx->src) && tnl->ip_dst == htonl(rx->dst));
    FUZZ_CHECK(has_key == rx->has_key);
    FUZZ_CHECK(tnl->tun_id == (has_key ? htonll(rx->key) : htonll(0)));
}

/* Checks that 'packet', which was popped with the option of 'opt_len' bytes, is
 * what was pushed of 'p'. */
static void
check_carried(const struct fuzz_packet *p, const struct dp_packet *packet,
              unsigned int opt_len)
{
    const struct flow_tnl *tnl = &packet->md.tunnel;
    const uint8_t *data = dp_packet_data(packet);
    size_t len = dp_packet_size(packet);

    /* The checksum of a header has two forms of zero: both are right. */
    FUZZ_CHECK(len <= p->len && len == (p->bytes[2] << 8 | p->bytes[3]));
    FUZZ_CHECK(!memcmp(data, p->bytes, 10));
    FUZZ_CHECK(!memcmp(data + 12, p->bytes + 12, len - 12));
    FUZZ_CHECK(tnl->ip_src == htonl(p->tx.src)
               && tnl->ip_dst == htonl(p->tx.dst));
    FUZZ_CHECK(tnl->tun_id == (opt_len > IPO_OPT_LEN_COMPACT
                               ? htonll(p->tx.key) : htonll(0)));
}

/* Pops the packet of 'len' bytes at 'bytes' at a node that has 'prefixes' for
 * its source, or none if that is null.  The packet is what 'sent' became, unless
 * that is null.
 *
 * It comes twice: the second one finds prepared what the first one needed.
 * Between them is a packet whose parser found no IPv4 header. */
static void
pop(const uint8_t *bytes, size_t len, size_t headroom,
    const struct ipo_prefixes *prefixes, const struct fuzz_packet *sent)
{
    uint8_t *ip = fuzz_copy(bytes, len, 0, 0);
    struct dp_packet_batch batch;
    struct ipo_rx rx;
    int error;

    memset(&rx, 0, sizeof rx);
    error = ipo_parse(ip, len, &rx);
    if (!error) {
        error = ipo_decap(ip, &rx, prefixes);
    }
    FUZZ_CHECK(!sent || !error);

    dp_packet_batch_init(&batch);
    add_packet(&batch, bytes, len, headroom, true);
    add_packet(&batch, bytes, len, headroom, true)->l3_ofs = UINT16_MAX;
    add_packet(&batch, bytes, len, headroom, true);
    expect_none();
    expect_drop(IPO_RECEIVED, -IPO_DROP_MALFORMED);
    FUZZ_CHECK(netdev_ipo_pop_batch(port, &batch));
    FUZZ_CHECK(dp_packet_batch_size(&batch) == (error ? 0 : 2));
    for (int i = 0; i < 2; i++) {
        if (error) {
            expect_drop(IPO_RECEIVED, error);
            continue;
        }
        ipo_stats_packets(&expected, IPO_RECEIVED, rx.format, rx.has_key, 1);
        check_popped(batch.packets[i], ip + rx.opt_len,
                     (rx.w[0] & 0xffff) - rx.opt_len, &rx);
        if (sent) {
            check_carried(sent, batch.packets[i], rx.opt_len);
        }
    }
    check_counters();
    dp_packet_delete_batch(&batch, true);
    free(ip);
}

/* Has the port pop 'p', whose source is a peer with its prefixes, if it has
 * these. */
static void
fuzz_pop(const struct fuzz_packet *p)
{
    uint32_t src = p->len < IPO_IP_HLEN_MIN ? 0 : ipo_get32(p->bytes + 12);

    set_peer(p, src, &p->tx.prefixes, true);
    for (int i = 0; i < 2; i++) {
        pop(p->bytes, p->len, p->headroom,
            p->has_prefixes ? &p->tx.prefixes : NULL, NULL);
    }
    set_peer(p, src, &p->tx.prefixes, false);
}

/* Checks that 'packet' is 'outer' of 'len' bytes with an Ethernet header. */
static void
check_pushed(const struct dp_packet *packet, const uint8_t *outer, size_t len)
{
    const uint8_t *data = dp_packet_data(packet);

    FUZZ_CHECK(packet->packet_type == htonl(PT_ETH));
    FUZZ_CHECK(dp_packet_size(packet) == ETH_HEADER_LEN + len);
    FUZZ_CHECK(!memcmp(data, ethernet, ETH_HEADER_LEN));
    FUZZ_CHECK(!memcmp(data + ETH_HEADER_LEN, outer, len));
    FUZZ_CHECK(packet->l3_ofs == ETH_HEADER_LEN);
    FUZZ_CHECK(packet->l4_ofs == ETH_HEADER_LEN + (outer[0] & 0xf) * 4);
    FUZZ_CHECK(packet->md.in_port.odp_port == OUT_PORT);
}

/* Has the remote node pop what 'p' became, 'outer' of 'len' bytes. */
static void
pop_pushed(const struct fuzz_packet *p, const uint8_t *outer, size_t len)
{
    struct ipo_prefixes mirror = fuzz_mirror(&p->tx.prefixes);

    set_peer(p, p->tx.src, &mirror, true);
    pop(outer, len, p->headroom, p->has_prefixes ? &mirror : NULL, p);
    set_peer(p, p->tx.src, &mirror, false);
}

/* Stores in '*push' how the packet 'p' is to be sent. */
static void
expect_push(const struct fuzz_packet *p, struct ipo_push *push)
{
    memset(push, 0, sizeof *push);
    memcpy(&push->tx, &p->tx, sizeof push->tx);
    push->tx.native = false;    /* Not in this datapath. */
    push->drop = p->has_big_key ? IPO_DROP_KEY : IPO_DROP_NONE;
}

/* Makes the options of the port those for the packet 'p', or if that is null
 * some without peers.  Returns false if there cannot be a port like this. */
static bool
configure(const struct fuzz_packet *p)
{
    static const char *const formats[] = {
        "auto", "compact", "short", "full",
    };
    struct smap args = SMAP_INITIALIZER(&args);
    char *reason = NULL;
    bool right = true;

    smap_add(&args, "remote_ip", "flow");
    if (p) {
        const struct ipo_prefixes *prefixes = &p->tx.prefixes;
        ovs_be32 dst = htonl(p->tx.dst);

        right = p->tx.formats
                && (!p->has_prefixes || (dst && !ip_is_multicast(dst)
                                         && dst != OVS_BE32_MAX));
        smap_add(&args, "local_ip", "flow");
        smap_add(&args, "ipo_format", formats[p->format]);
        if (p->tx.has_key) {
            smap_add(&args, "key", "flow");
        }
        if (p->has_prefixes) {
            smap_add_format(&args, "ipo_local_prefix", IP_FMT"/%u",
                            IP_ARGS(htonl(prefixes->local)),
                            count_1bits(prefixes->local_mask));
            smap_add_format(&args, "ipo_peers", IP_FMT"="IP_FMT"/%u",
                            IP_ARGS(dst), IP_ARGS(htonl(prefixes->remote)),
                            count_1bits(prefixes->remote_mask));
        }
    }
    FUZZ_CHECK(!netdev_set_config(port, &args, &reason) == right);
    free(reason);
    smap_destroy(&args);
    return right;
}

/* Has 'flow' be one that a controller sends to the port for the packet 'p'.
 * What else it has in its tunnel metadata, of which nothing may matter, is what
 * the packet begins with. */
static void
make_flow(const struct fuzz_packet *p, struct flow *flow)
{
    struct flow_tnl *tnl = &flow->tunnel;
    uint64_t key = p->tx.key;

    memset(flow, 0, sizeof *flow);
    memcpy(tnl, p->bytes, MIN(p->len, offsetof(struct flow_tnl, metadata)));
    tnl->ip_dst = htonl(p->tx.dst);
    tnl->flags &= ~FLOW_TNL_F_KEY;
    if (p->tx.has_key) {
        key |= p->has_big_key ? UINT64_C(1) << (32 + p->headroom % 32) : 0;
        tnl->flags |= FLOW_TNL_F_KEY;
        tnl->tun_id = htonll(key);
    }
}

/* Checks that 'data' says how to push as 'push' does, and has the same text
 * after it was read from text. */
static void
check_header(const struct ovs_action_push_tnl *data,
             const struct ipo_push *push)
{
    const struct eth_header *eth = (const struct eth_header *) data->header;
    const struct ip_header *ip = (const struct ip_header *) (eth + 1);
    struct ds ds = DS_EMPTY_INITIALIZER, again = DS_EMPTY_INITIALIZER;
    struct ovs_action_push_tnl scanned = *data;
    struct ipo_push put;
    uint32_t len;
    int n = 0;

    FUZZ_CHECK(!memcmp(eth, ethernet, sizeof ethernet));
    FUZZ_CHECK(get_16aligned_be32(&ip->ip_src) == htonl(push->tx.src));
    FUZZ_CHECK(get_16aligned_be32(&ip->ip_dst) == htonl(push->tx.dst));
    FUZZ_CHECK(ipo_csum_fold(ipo_csum_words((const uint8_t *) ip,
                                            sizeof *ip)) == 0xffff);
    ipo_push_get(data, &put);
    FUZZ_CHECK(!memcmp(&put, push, sizeof put));

    ipo_odp_format(&ds, data);
    ds_put_char(&ds, ')');
    FUZZ_CHECK(ipo_odp_scan(ds_cstr(&ds), &n, &scanned, &len));
    FUZZ_CHECK((size_t) n == ds.length && len == data->header_len);
    ipo_odp_format(&again, &scanned);
    ds_put_char(&again, ')');
    FUZZ_CHECK(!strcmp(ds_cstr(&ds), ds_cstr(&again)));
    ds_destroy(&ds);
    ds_destroy(&again);
}

/* Has the port, with options for the packet 'p', build '*data', which is to say
 * what 'push' does.  Returns false if it refuses to. */
static bool
build_header(const struct fuzz_packet *p, const struct ipo_push *push,
             struct ovs_action_push_tnl *data)
{
    struct netdev_tnl_build_header_params params;
    struct in6_addr src;
    struct flow flow;
    int error;

    make_flow(p, &flow);
    in6_addr_set_mapped_ipv4(&src, htonl(p->tx.src));
    memset(&params, 0, sizeof params);
    params.flow = &flow;
    params.s_ip = &src;
    memcpy(&params.dmac, ethernet, sizeof params.dmac);
    memcpy(&params.smac, ethernet + ETH_ADDR_LEN, sizeof params.smac);
    params.is_ipv6 = p->is_ipv6;

    memset(data, 0xa5, sizeof *data);
    error = netdev_build_header(port, data, &params);
    FUZZ_CHECK(error == (p->is_ipv6 || !p->tx.dst ? EAFNOSUPPORT : 0));
    if (error) {
        return false;
    }
    FUZZ_CHECK(data->tnl_type == OVS_VPORT_TYPE_IPO);
    FUZZ_CHECK(data->header_len <= sizeof data->header);
    for (size_t i = data->header_len; i < sizeof data->header; i++) {
        FUZZ_CHECK(((const uint8_t *) data->header)[i] == 0xa5);
    }
    check_header(data, push);
    return true;
}

/* Fills '*data' with what says the same as 'push', as text may, of which no port
 * needs to be able to. */
static void
put_header(const struct ipo_push *push, struct ovs_action_push_tnl *data)
{
    memset(data, 0, sizeof *data);
    memcpy(data->header, ethernet, sizeof ethernet);
    ipo_push_put(data, push);
    data->tnl_type = OVS_VPORT_TYPE_IPO;
}

/* Checks that translation expects of 'data' that it makes 'outer', with an
 * option of 'opt_len' bytes, of the packet 'p', and the same protocol of all
 * others that its wildcards have for the same and that can be pushed. */
static void
check_translation(const struct fuzz_packet *p,
                  const struct ovs_action_push_tnl *data,
                  const uint8_t *outer, unsigned int opt_len)
{
    struct flow_wildcards outer_wc, wc;
    struct flow inner, base, flow;

    memset(&inner, 0, sizeof inner);
    inner.dl_type = htons(ETH_TYPE_IP);
    inner.nw_proto = p->bytes[9];
    inner.nw_tos = p->bytes[1];
    inner.nw_ttl = p->bytes[8];
    inner.nw_src = htonl(ipo_get32(p->bytes + 12));
    inner.nw_dst = htonl(ipo_get32(p->bytes + 16));
    FUZZ_CHECK(netdev_ipo_growth(data, &inner) == opt_len);

    memset(&base, 0, sizeof base);
    memset(&flow, 0, sizeof flow);
    netdev_ipo_outer_flow(data, &inner, &base, &flow);
    FUZZ_CHECK(!memcmp(&base, &flow, sizeof base));
    FUZZ_CHECK(flow.nw_tos == outer[1] && flow.nw_ttl == outer[8]
               && flow.nw_proto == outer[9]);

    memset(&outer_wc, 0xff, sizeof outer_wc);
    memset(&wc, 0, sizeof wc);
    netdev_ipo_unwildcard(data, &inner, &outer_wc, &wc);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t random = hash_bytes(p->bytes, p->len, i);

        inner.nw_proto ^= random & ~wc.masks.nw_proto;
        inner.nw_src ^= hash_add(random, 1) & ~wc.masks.nw_src;
        inner.nw_dst ^= hash_add(random, 2) & ~wc.masks.nw_dst;
        netdev_ipo_outer_flow(data, &inner, &base, &flow);
        FUZZ_CHECK(flow.nw_proto == outer[9]
                   || !netdev_ipo_growth(data, &inner));
    }
}

/* Pushes the packet 'p', which 'push' says how to, twice by 'data', with one
 * between them that is no IPv4 packet. */
static void
push_packets(const struct fuzz_packet *p, const struct ipo_push *push,
             const struct ovs_action_push_tnl *data)
{
    uint8_t *copy = fuzz_copy(p->bytes, p->len, IPO_OPT_LEN_MAX, 0);
    uint8_t *ip = copy + IPO_OPT_LEN_MAX;
    int drop = -(int) push->drop;
    struct dp_packet_batch batch;
    int opt_len;

    opt_len = drop ? drop : ipo_encap(ip, p->len, &push->tx);
    dp_packet_batch_init(&batch);
    add_packet(&batch, p->bytes, p->len, p->headroom, false);
    add_packet(&batch, p->bytes, p->len, p->headroom, false)->packet_type
        = htonl(PT_MPLS);
    add_packet(&batch, p->bytes, p->len, p->headroom, false);
    expect_none();
    expect_drop(IPO_SENT, drop ? drop : -IPO_DROP_MALFORMED);
    netdev_ipo_push_batch(&batch, data);
    FUZZ_CHECK(dp_packet_batch_size(&batch) == (opt_len < 0 ? 0 : 2));
    if (opt_len < 0) {
        expect_drop(IPO_SENT, opt_len);
        expect_drop(IPO_SENT, opt_len);
        check_counters();
    } else {
        bool has_key = p->tx.has_key && opt_len > IPO_OPT_LEN_COMPACT;
        size_t len = p->bytes[2] << 8 | p->bytes[3];

        ip -= opt_len;
        len += opt_len;
        ipo_stats_packets(&expected, IPO_SENT, opt_len / 4 - 1 - has_key,
                          has_key, 2);
        check_counters();
        check_pushed(batch.packets[0], ip, len);
        check_pushed(batch.packets[1], ip, len);
        pop_pushed(p, ip, len);
        check_translation(p, data, ip, opt_len);
    }
    dp_packet_delete_batch(&batch, true);
    free(copy);
}

/* Has the port push 'p' by a header that it has built, or by one made here if
 * it builds none. */
static void
fuzz_push(const struct fuzz_packet *p)
{
    struct ovs_action_push_tnl data;
    struct ipo_push push;

    expect_push(p, &push);
    if (!configure(p) || !build_header(p, &push, &data)) {
        put_header(&push, &data);
    }
    configure(NULL);
    data.out_port = OUT_PORT;
    push_packets(p, &push, &data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_packet p;

    if (!port) {
        port = fuzz_netdev_open("ipo0");
    }
    if (fuzz_packet_get(data, size, &p)) {
        fuzz_pop(&p);
        fuzz_push(&p);
        free(p.bytes);
    }
    /* What was to be freed once no thread reads it is freed. */
    ovsrcu_quiesce();
    return 0;
}
