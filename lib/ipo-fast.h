/* SPDX-License-Identifier: Apache-2.0 */

/* Most packets, faster: IPv4 packets without options in compact format, with
 * what is the same for many packets worked out before.
 *
 * For the packets that the functions here take, they do to the byte what
 * ipo_encap(), ipo_parse() and ipo_decap() do.  They take none that is to be
 * dropped: ipo-wire.h says why.
 *
 * A header is read as few numbers in host byte order: its first 8 bytes, the
 * word with TTL, protocol and checksum, and the pair of addresses, the source
 * in the upper half. */

#ifndef IPO_FAST_H
#define IPO_FAST_H 1

#include "ipo-wire.h"

/* What a compact packet has more than the inner one: a word of header and 4
 * bytes in the first 8 bytes of it, and the shift in the word with the
 * protocol. */
#define IPO_FAST_LONGER ((uint64_t) (1u << 24 | IPO_OPT_LEN_COMPACT) << 32)
#define IPO_FAST_SHIFT ((uint32_t) IPO_PROTO_SHIFT << 16)

/* The option with both octets 0. */
#define IPO_FAST_OPT ((uint32_t) IPO_OPT_COMPACT << 24 \
                      | IPO_OPT_LEN_COMPACT << 16)

/* First byte of the headers, without options and with IPO's alone. */
#define IPO_FAST_INNER 0x45
#define IPO_FAST_OUTER 0x46

/* What is the same for packets between the containers of two nodes, whichever
 * the direction: from ipo_fast_init(). */
struct ipo_fast {
    uint64_t nodes;             /* Outer addresses, as bytes of the packet. */
    uint64_t base;              /* Inner addresses without last octets. */
    uint64_t prefixes, masks;   /* Of the inner addresses. */
    uint64_t sum;               /* Of the words of 'nodes'. */
    uint32_t delta;             /* See ipo_fast_csum(). */
    int first;                  /* First byte of packets to take, or -1. */
};

static inline uint64_t
ipo_fast_get64(const uint8_t *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return be64toh(x);
}

static inline uint16_t
ipo_fast_get16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return be16toh(x);
}

static inline void
ipo_fast_put64(uint8_t *p, uint64_t x)
{
    x = htobe64(x);
    memcpy(p, &x, sizeof x);
}

static inline uint64_t
ipo_fast_pair(uint32_t src, uint32_t dst)
{
    return (uint64_t) src << 32 | dst;
}

/* Returns the sum of the 32-bit words of 'a' and 'b', not folded. */
static inline uint64_t
ipo_fast_add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

/* Returns whether 'sum', that of the words of a header, is 0xffff when folded:
 * folding is to take the remainder by 0xffff. */
static inline bool
ipo_fast_csum_ok(uint64_t sum)
{
    return sum % 0xffff == 0;
}

/* Returns the checksum of a header that is made of one with checksum 'csum'.
 *
 * All that is different in a compact packet is the same for all packets between
 * two nodes, but for the last octets S and D of the inner addresses, which
 * become the option's last two bytes.  In the sum of 16-bit words they count S +
 * D there, 256 * S + D here.  So 'delta' is what is the same, and 'octets' 255 *
 * S, to be added for the outer header and subtracted for the inner one. */
static inline uint16_t
ipo_fast_csum(uint32_t delta, uint16_t csum, int octets)
{
    uint32_t sum = delta - csum + octets;

    sum += sum << 16 | sum >> 16;
    return (uint16_t) ~(sum >> 16);
}

/* Fills in '*f' for packets between nodes of addresses 'nodes', with inner
 * addresses of 'prefixes' and 'masks'.  All of these are pairs in host byte
 * order, from ipo_fast_pair().  No mask is shorter than the compact format's. */
static inline void
ipo_fast_init(struct ipo_fast *f, int first, uint64_t nodes,
              uint64_t prefixes, uint64_t masks)
{
    uint32_t mask = ipo_format_mask(IPO_COMPACT);
    uint64_t base = prefixes & ipo_fast_pair(mask, mask);
    uint64_t outer = ipo_fast_add(nodes, IPO_FAST_LONGER);
    uint64_t inner = base;

    outer = ipo_fast_add(outer, (uint64_t) IPO_FAST_SHIFT + IPO_FAST_OPT);
    if (first == IPO_FAST_OUTER) {
        inner = outer;
        outer = base;
    }
    f->nodes = htobe64(nodes);
    f->sum = (nodes >> 32) + (uint32_t) nodes;
    f->base = base;
    f->prefixes = prefixes;
    f->masks = masks;
    /* Enough times 0xffff, which is 0 here, for sums above 0. */
    f->delta = ipo_csum_fold(outer) + 3 * 0xffff - ipo_csum_fold(inner);
    f->first = first;
}

/* Fills in '*f' to take no packet. */
static inline void
ipo_fast_init_none(struct ipo_fast *f)
{
    memset(f, 0, sizeof *f);
    f->first = -1;
}

/* Fills in '*f' for packets that are to be sent as 'tx' says. */
static inline void
ipo_fast_init_tx(struct ipo_fast *f, const struct ipo_tx *tx)
{
    const struct ipo_prefixes *p = &tx->prefixes;

    ipo_fast_init_none(f);
    if (tx->formats & (1u << IPO_COMPACT) && !tx->native) {
        ipo_fast_init(f, IPO_FAST_INNER, ipo_fast_pair(tx->src, tx->dst),
                      ipo_fast_pair(p->local, p->remote),
                      ipo_fast_pair(p->local_mask, p->remote_mask));
    }
}

/* Fills in '*f' for packets received with outer addresses 'nodes', in host byte
 * order, from ipo_fast_pair().  'p' are the prefixes of the source, or null if
 * it is no peer. */
static inline void
ipo_fast_init_rx(struct ipo_fast *f, uint64_t nodes,
                 const struct ipo_prefixes *p)
{
    ipo_fast_init_none(f);
    f->nodes = htobe64(nodes);
    if (p && ipo_prefixes_fit(p, IPO_COMPACT)) {
        ipo_fast_init(f, IPO_FAST_OUTER, nodes,
                      ipo_fast_pair(p->remote, p->local),
                      ipo_fast_pair(p->remote_mask, p->local_mask));
    }
}

/* Turns the packet at 'ip', of which 'len' bytes can be read and written, into a
 * compact one that starts IPO_OPT_LEN_COMPACT bytes before 'ip', and returns its
 * length in bytes.  Returns 0 for a packet that it does not take. */
static inline unsigned int
ipo_fast_encap(uint8_t *ip, size_t len, const struct ipo_fast *f)
{
    uint8_t *outer = ip - IPO_OPT_LEN_COMPACT;
    uint64_t start, addrs;
    unsigned int tot_len;
    uint8_t src, dst;
    uint32_t ttl;

    if (IPO_UNLIKELY(len < IPO_IP_HLEN_MIN || ip[0] != f->first)) {
        return 0;
    }
    start = ipo_fast_get64(ip);
    ttl = ipo_get32(ip + 8);
    addrs = ipo_fast_get64(ip + 12);
    src = ip[15];
    dst = ip[19];
    tot_len = start >> 32 & 0xffff;
    if (IPO_UNLIKELY(tot_len > len || tot_len < IPO_IP_HLEN_MIN
                     || tot_len > 0xffff - IPO_OPT_LEN_COMPACT
                     || !ipo_protocol_shifts(ip[9]) || !ip[8])) {
        return 0;
    }
    if (IPO_UNLIKELY((addrs ^ f->prefixes) & f->masks)) {
        return 0;
    }
    if (IPO_UNLIKELY(!ipo_fast_csum_ok(ipo_fast_add(ipo_fast_add(start, addrs),
                                                    ttl)))) {
        return 0;
    }

    ipo_fast_put64(outer, start + IPO_FAST_LONGER);
    ipo_put32(outer + 8, ((ttl & 0xffff0000u) + IPO_FAST_SHIFT)
                         | ipo_fast_csum(f->delta, ttl & 0xffff, 255 * src));
    memcpy(outer + 12, &f->nodes, sizeof f->nodes);
    ipo_put32(outer + 20, IPO_FAST_OPT | (uint32_t) src << 8 | dst);
    return tot_len + IPO_OPT_LEN_COMPACT;
}

/* Rebuilds the inner packet of the compact packet at 'ip', of which 'len' bytes
 * can be read and written, which has the outer addresses of 'f'.  Returns the
 * length in bytes of the inner packet, which starts IPO_OPT_LEN_COMPACT bytes
 * behind 'ip'.  Returns 0 for a packet that it does not take. */
static inline unsigned int
ipo_fast_decap(uint8_t *ip, size_t len, const struct ipo_fast *f)
{
    uint8_t *inner = ip + IPO_OPT_LEN_COMPACT;
    uint64_t start, addrs;
    unsigned int tot_len;
    uint32_t ttl, opt;
    uint8_t src;

    if (IPO_UNLIKELY(len < IPO_IP_HLEN_MIN + IPO_OPT_LEN_COMPACT
                     || ip[0] != f->first)) {
        return 0;
    }
    start = ipo_fast_get64(ip);
    ttl = ipo_get32(ip + 8);
    opt = ipo_get32(ip + 20);
    tot_len = start >> 32 & 0xffff;
    if (IPO_UNLIKELY(tot_len > len
                     || tot_len < IPO_IP_HLEN_MIN + IPO_OPT_LEN_COMPACT
                     || !ipo_protocol_shifts(ip[9] - IPO_PROTO_SHIFT)
                     || ipo_fast_get16(ip + 20) != IPO_FAST_OPT >> 16)) {
        return 0;
    }
    if (IPO_UNLIKELY(!ipo_fast_csum_ok(ipo_fast_add(start,
                                                    f->sum + ttl + opt)))) {
        return 0;
    }
    src = ip[22];
    addrs = f->base | ipo_fast_pair(src, ip[23]);
    if (IPO_UNLIKELY((addrs ^ f->prefixes) & f->masks)) {
        return 0;
    }

    ipo_fast_put64(inner, start - IPO_FAST_LONGER);
    ipo_put32(inner + 8, ((ttl & 0xffff0000u) - IPO_FAST_SHIFT)
                         | ipo_fast_csum(f->delta, ttl & 0xffff, -255 * src));
    ipo_fast_put64(inner + 12, addrs);
    return tot_len - IPO_OPT_LEN_COMPACT;
}

#endif /* ipo-fast.h */
