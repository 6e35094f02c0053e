/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes what a port of the userspace datapath does to packets: any bytes are
 * popped, and pushed, in packets with more or less room around them.  What comes
 * out, or that nothing does, is what ipo-wire.h says. */

#include <config.h>

#include "packet.h"

#include "dp-packet.h"
#include "ipo-odp.h"
#include "ipo-peers.h"
#include "netdev-ipo.h"
#include "netdev-provider.h"
#include "odp-netlink.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "util.h"

/* A port, as far as netdev_ipo_pop_batch() looks at it. */
static const struct netdev_class class = {
    .pop_header = netdev_ipo_pop_header,
};
static const struct netdev port = {
    .netdev_class = &class,
};

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

/* Returns a batch of one packet with the 'len' bytes at 'bytes', in memory that
 * ends with them, behind 'headroom' bytes and, if 'with_ethernet', the Ethernet
 * header. */
static void
make_batch(struct dp_packet_batch *batch, const uint8_t *bytes, size_t len,
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
    dp_packet_batch_init_packet(batch, packet);
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

/* Pops the packet of 'len' bytes at 'bytes' at a node that has 'prefixes' for
 * its source, or none if that is null. */
static void
pop(const uint8_t *bytes, size_t len, size_t headroom,
    const struct ipo_prefixes *prefixes)
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

    make_batch(&batch, bytes, len, headroom, true);
    FUZZ_CHECK(netdev_ipo_pop_batch(&port, &batch));
    FUZZ_CHECK(dp_packet_batch_size(&batch) == !error);
    if (!error) {
        check_popped(batch.packets[0], ip + rx.opt_len,
                     (rx.w[0] & 0xffff) - rx.opt_len, &rx);
    }
    dp_packet_delete_batch(&batch, true);
    free(ip);
}

/* A packet whose parser found no IPv4 header. */
static void
pop_without_l3(const struct fuzz_packet *p)
{
    struct dp_packet_batch batch;

    make_batch(&batch, p->bytes, p->len, p->headroom, true);
    batch.packets[0]->l3_ofs = UINT16_MAX;
    FUZZ_CHECK(netdev_ipo_pop_batch(&port, &batch));
    FUZZ_CHECK(dp_packet_batch_is_empty(&batch));
}

static void
fuzz_pop(const struct fuzz_packet *p)
{
    uint32_t src = p->len < IPO_IP_HLEN_MIN ? 0 : ipo_get32(p->bytes + 12);

    /* Twice: the second packet finds prepared what the first one needed. */
    set_peer(p, src, &p->tx.prefixes, true);
    for (int i = 0; i < 2; i++) {
        pop(p->bytes, p->len, p->headroom,
            p->has_prefixes ? &p->tx.prefixes : NULL);
    }
    pop_without_l3(p);
    set_peer(p, src, &p->tx.prefixes, false);
}

/* Checks that 'packet' is 'outer' of 'len' bytes with an Ethernet header, and
 * has the remote node pop it. */
static void
check_pushed(const struct fuzz_packet *p, const struct dp_packet *packet,
             const uint8_t *outer, size_t len)
{
    struct ipo_prefixes mirror = fuzz_mirror(&p->tx.prefixes);
    const uint8_t *data = dp_packet_data(packet);

    FUZZ_CHECK(packet->packet_type == htonl(PT_ETH));
    FUZZ_CHECK(dp_packet_size(packet) == ETH_HEADER_LEN + len);
    FUZZ_CHECK(!memcmp(data, ethernet, ETH_HEADER_LEN));
    FUZZ_CHECK(!memcmp(data + ETH_HEADER_LEN, outer, len));
    FUZZ_CHECK(packet->l3_ofs == ETH_HEADER_LEN);
    FUZZ_CHECK(packet->l4_ofs == ETH_HEADER_LEN + (outer[0] & 0xf) * 4);

    set_peer(p, p->tx.src, &mirror, true);
    pop(outer, len, p->headroom, p->has_prefixes ? &mirror : NULL);
    set_peer(p, p->tx.src, &mirror, false);
}

static void
fuzz_push(const struct fuzz_packet *p)
{
    uint8_t *copy = fuzz_copy(p->bytes, p->len, IPO_OPT_LEN_MAX, 0);
    uint8_t *ip = copy + IPO_OPT_LEN_MAX;
    struct ovs_action_push_tnl data;
    struct dp_packet_batch batch;
    struct ipo_push push;
    int opt_len;

    memset(&push, 0, sizeof push);
    push.tx = p->tx;
    push.tx.native = false;     /* Not in this datapath. */
    memset(&data, 0, sizeof data);
    memcpy(data.header, ethernet, sizeof ethernet);
    ipo_push_put(&data, &push);
    data.tnl_type = OVS_VPORT_TYPE_IPO;
    data.out_port = u32_to_odp(2);

    opt_len = ipo_encap(ip, p->len, &push.tx);
    make_batch(&batch, p->bytes, p->len, p->headroom, false);
    netdev_ipo_push_batch(&batch, &data);
    FUZZ_CHECK(dp_packet_batch_size(&batch) == (opt_len > 0));
    if (opt_len > 0) {
        check_pushed(p, batch.packets[0], ip - opt_len,
                     (ip - opt_len)[2] << 8 | (ip - opt_len)[3]);
    }
    dp_packet_delete_batch(&batch, true);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_packet p;

    if (fuzz_packet_get(data, size, &p)) {
        fuzz_pop(&p);
        fuzz_push(&p);
        free(p.bytes);
    }
    /* What was to be freed once no thread reads it is freed. */
    ovsrcu_quiesce();
    return 0;
}
