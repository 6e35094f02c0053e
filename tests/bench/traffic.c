/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "traffic.h"

#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

/* Packets of this thread that are not in use, for the same reason for which
 * drivers have pools: what malloc() costs is not to be measured. */
enum { POOL_SIZE = 2 * NETDEV_MAX_BURST, PACKET_SIZE = 2048 };
static __thread struct dp_packet *pool[POOL_SIZE];
static __thread unsigned int n_pool;

/* Returns a packet that holds the 'size' bytes of 'data', an Ethernet frame,
 * for the caller to free in a batch, by bench_batch_free(). */
struct dp_packet *
bench_packet_alloc(const void *data, uint16_t size)
{
    struct dp_packet *packet;

    packet = n_pool ? pool[--n_pool] : dp_packet_new(PACKET_SIZE);
    dp_packet_set_data(packet, (char *) dp_packet_base(packet)
                               + BENCH_HEADROOM);
    dp_packet_set_size(packet, size);
    dp_packet_reset_offsets(packet);
    dp_packet_reset_offload(packet);
    packet->packet_type = htonl(PT_ETH);
    memcpy(dp_packet_data(packet), data, size);
    return packet;
}

/* Frees 'packet', wherever it comes from. */
static void
packet_free(struct dp_packet *packet)
{
    if (n_pool < POOL_SIZE && packet->source == DPBUF_MALLOC
        && dp_packet_get_allocated(packet) >= PACKET_SIZE) {
        pool[n_pool++] = packet;
    } else {
        dp_packet_delete(packet);
    }
}

/* Frees the packets of 'batch'. */
void
bench_batch_free(struct dp_packet_batch *batch)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        packet_free(packet);
    }
}

/* Writes to 'frame' an Ethernet frame with a UDP packet from 192.168.1.3 to
 * 192.168.2.3, an IPv4 packet of 'size' bytes, 28 at least.  Its ports tell
 * 'flow' from others.  If 'mixed', its last octets do, too, for 1,024 pairs of
 * containers, and its TTL and DSCP differ.  Returns the length of the
 * frame. */
uint16_t
bench_packet_fill(uint8_t *frame, uint32_t flow, uint16_t size, bool mixed)
{
    struct eth_header *eth = ALIGNED_CAST(struct eth_header *, frame);
    struct ip_header *ip = ALIGNED_CAST(struct ip_header *, eth + 1);
    struct udp_header *udp = ALIGNED_CAST(struct udp_header *, ip + 1);

    memset(frame, 0, ETH_HEADER_LEN + size);
    eth->eth_dst = (struct eth_addr) ETH_ADDR_C(02,00,00,00,02,03);
    eth->eth_src = (struct eth_addr) ETH_ADDR_C(02,00,00,00,01,03);
    eth->eth_type = htons(ETH_TYPE_IP);

    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tos = mixed ? flow % 7 << 3 : 0;
    ip->ip_tot_len = htons(size);
    ip->ip_id = htons(flow);
    ip->ip_frag_off = htons(IP_DONT_FRAGMENT);
    ip->ip_ttl = 64 - (mixed ? flow % 5 : 0);
    ip->ip_proto = IPPROTO_UDP;
    put_16aligned_be32(&ip->ip_src,
                       htonl(0xc0a80103 + (mixed ? flow % 32 : 0)));
    put_16aligned_be32(&ip->ip_dst,
                       htonl(0xc0a80203 + (mixed ? flow / 32 % 32 : 0)));
    ip->ip_csum = csum(ip, sizeof *ip);

    udp->udp_src = htons(1024 + flow % 32768);
    udp->udp_dst = htons(9 + flow / 32768);
    udp->udp_len = htons(size - IP_HEADER_LEN);
    return ETH_HEADER_LEN + size;
}

/* Swaps the source and the destination of the Ethernet and of the IPv4 header
 * of 'frame': what a node sent becomes what it could have received. */
void
bench_packet_turn(uint8_t *frame)
{
    struct eth_header *eth = ALIGNED_CAST(struct eth_header *, frame);
    struct ip_header *ip = ALIGNED_CAST(struct ip_header *, eth + 1);
    struct eth_addr mac = eth->eth_dst;
    ovs_be32 addr = get_16aligned_be32(&ip->ip_dst);

    eth->eth_dst = eth->eth_src;
    eth->eth_src = mac;
    put_16aligned_be32(&ip->ip_dst, get_16aligned_be32(&ip->ip_src));
    put_16aligned_be32(&ip->ip_src, addr);
}
