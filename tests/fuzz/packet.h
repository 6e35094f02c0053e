/* SPDX-License-Identifier: Apache-2.0 */

/* Inputs of the targets that take packets: how two nodes are set up, then a
 * packet.  seeds.py makes some of the golden vectors.
 *
 *     offset  0  FUZZ_*
 *             1  headroom, less than FUZZ_HEADROOM
 *             2  format to send in: 0 is auto, then enum ipo_format + 1
 *             3  length of the local prefix
 *             4  length of the remote prefix
 *             5  local node
 *             9  remote node
 *            13  local prefix
 *            17  remote prefix
 *            21  key
 *            25  the packet */

#ifndef FUZZ_PACKET_H
#define FUZZ_PACKET_H 1

#include "fuzz.h"
#include "ipo-wire.h"

#define FUZZ_HEADER_LEN 25
#define FUZZ_HEADROOM   40      /* Pushing needs no more than 30. */

/* In the first byte. */
#define FUZZ_PREFIXES 0x01      /* The nodes know each other's prefixes. */
#define FUZZ_KEY      0x02
#define FUZZ_NATIVE   0x04
#define FUZZ_LENGTHS  0x08      /* Makes the packet's length right, */
#define FUZZ_CSUM     0x10      /* and the checksum of its header. */
#define FUZZ_BIG_KEY  0x20      /* The key needs more than 32 bits. */
#define FUZZ_IPV6     0x40      /* The nodes' addresses are IPv6. */

struct fuzz_packet {
    struct ipo_tx tx;
    bool has_prefixes, has_big_key, is_ipv6;
    uint8_t format;             /* To send in: 0 is auto. */
    uint8_t headroom;
    size_t len;
    uint8_t *bytes;             /* For the user to free. */
};

/* Has the lengths and the checksum of the header at 'ip' be what 'flags' want:
 * otherwise next to none of the packets has a header that is right. */
static inline void
fuzz_fix_header(uint8_t *ip, size_t len, uint8_t flags)
{
    unsigned int hlen = len ? (ip[0] & 0xf) * 4 : 0;
    uint16_t csum;

    if (len < IPO_IP_HLEN_MIN) {
        return;
    }
    if (flags & FUZZ_LENGTHS && len <= UINT16_MAX) {
        ip[2] = len >> 8;
        ip[3] = (uint8_t) len;
    }
    if (flags & FUZZ_CSUM && hlen >= IPO_IP_HLEN_MIN && hlen <= len) {
        ip[10] = ip[11] = 0;
        csum = ~ipo_csum_fold(ipo_csum_words(ip, hlen));
        ip[10] = csum >> 8;
        ip[11] = (uint8_t) csum;
    }
}

/* Returns the prefixes as the remote node has them. */
static inline struct ipo_prefixes
fuzz_mirror(const struct ipo_prefixes *p)
{
    return (struct ipo_prefixes) { p->remote, p->remote_mask,
                                   p->local, p->local_mask };
}

/* Reads 'data', an input of 'size' bytes, into '*p'.  Returns false if it is too
 * short. */
static inline bool
fuzz_packet_get(const uint8_t *data, size_t size, struct fuzz_packet *p)
{
    struct ipo_tx *tx = &p->tx;
    struct ipo_prefixes *prefixes = &tx->prefixes;

    if (size < FUZZ_HEADER_LEN) {
        return false;
    }
    memset(p, 0, sizeof *p);
    p->has_prefixes = data[0] & FUZZ_PREFIXES;
    p->has_big_key = data[0] & FUZZ_KEY && data[0] & FUZZ_BIG_KEY;
    p->is_ipv6 = data[0] & FUZZ_IPV6;
    p->headroom = data[1] % FUZZ_HEADROOM;
    if (p->has_prefixes) {
        prefixes->local_mask = ipo_mask(data[3] % 33);
        prefixes->remote_mask = ipo_mask(data[4] % 33);
        prefixes->local = ipo_get32(data + 13) & prefixes->local_mask;
        prefixes->remote = ipo_get32(data + 17) & prefixes->remote_mask;
    }
    tx->src = ipo_get32(data + 5);
    tx->dst = ipo_get32(data + 9);
    tx->has_key = data[0] & FUZZ_KEY;
    tx->key = tx->has_key ? ipo_get32(data + 21) : 0;
    tx->native = data[0] & FUZZ_NATIVE;
    tx->formats = ipo_formats_auto(p->has_prefixes ? prefixes : NULL,
                                   tx->has_key);
    p->format = data[2] <= IPO_N_FORMATS ? data[2] : 0;
    if (p->format) {
        tx->formats &= 1u << (p->format - 1);
    }
    p->len = size - FUZZ_HEADER_LEN;
    p->bytes = fuzz_copy(data + FUZZ_HEADER_LEN, p->len, 0, 0);
    fuzz_fix_header(p->bytes, p->len, data[0]);
    return true;
}

#endif /* packet.h */
