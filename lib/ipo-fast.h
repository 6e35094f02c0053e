/* SPDX-License-Identifier: Apache-2.0 */

/* Most packets, faster: IPv4 packets without options, with what is the same
 * for many packets worked out before.
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

#include <endian.h>

#include "ipo-wire.h"

/* What the option makes the first 8 bytes of a header bigger by: words of
 * header, and bytes. */
#define IPO_FAST_LONGER(OPT_LEN) \
    ((uint64_t) ((OPT_LEN) / 4 << 24 | (OPT_LEN)) << 32)

/* The first byte of a header that has an IPO option and no other, or none. */
#define IPO_FAST_FIRST(OPT_LEN) (0x45 + (OPT_LEN) / 4)

/* In the word with the protocol. */
#define IPO_FAST_SHIFT ((uint32_t) IPO_PROTO_SHIFT << 16)
#define IPO_FAST_EXTENDED ((uint32_t) IPO_PROTO_EXTENDED << 16)

/* The compact option with both octets 0, and the extended ones' first word
 * with protocol 0. */
#define IPO_FAST_COMPACT ((uint32_t) IPO_OPT_COMPACT << 24 \
                          | IPO_OPT_LEN_COMPACT << 16)
#define IPO_FAST_EXT(OPT_LEN, FLAGS) \
    ((uint32_t) IPO_OPT_EXTENDED << 24 | (OPT_LEN) << 16 \
     | IPO_VERSION << 12 | (FLAGS) << 8)

/* What is the same for packets between the containers of two nodes, for one
 * direction: from ipo_fast_init_tx() or ipo_fast_init_rx(). */
struct ipo_fast {
    uint64_t nodes;             /* Outer addresses, as bytes of the packet. */
    uint64_t base;              /* Inner addresses without last octets. */
    uint64_t prefixes, masks;   /* Of the inner addresses. */
    uint64_t sum;               /* Of the words of 'nodes'. */
    uint32_t delta;             /* See ipo_fast_csum(). */
    int first;                  /* First byte of packets to take, or -1. */

    /* To send in short and full format. */
    uint32_t opt;               /* First word of the option, or 0: compact. */
    uint32_t key;
    uint8_t opt_len;
    bool has_key;

    bool can_short;             /* To receive: do the prefixes do for it? */
};

/* Compilers do not always see that it pays. */
#define IPO_FAST_INLINE static inline __attribute__((always_inline))

/* Returns the 8 bytes at 'p', which need not be aligned, as a number in host
 * byte order. */
static inline uint64_t
ipo_fast_get64(const uint8_t *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return be64toh(x);
}

/* Returns the 2 bytes at 'p', which need not be aligned, as a number in host
 * byte order. */
static inline uint16_t
ipo_fast_get16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return be16toh(x);
}

/* Writes 'x' in network byte order to the 8 bytes at 'p', which need not be
 * aligned. */
static inline void
ipo_fast_put64(uint8_t *p, uint64_t x)
{
    x = htobe64(x);
    memcpy(p, &x, sizeof x);
}

/* Returns a pair of addresses, in host byte order, as one number with 'src' in
 * the upper half. */
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
 * All that is different is the same for all packets between two nodes, and
 * goes into 'delta', but for the last octets S and D of the inner addresses in
 * a compact packet, which become the option's last two bytes.  In the sum of
 * 16-bit words they count S + D there, 256 * S + D here.  So 'octets' is 255 *
 * S, to be added for the outer header and subtracted for the inner one.  In
 * other formats, the parts of the inner addresses that move count the same. */
static inline uint16_t
ipo_fast_csum(uint32_t delta, uint16_t csum, int octets)
{
    uint32_t sum = delta - csum + octets;

    sum += sum << 16 | sum >> 16;
    return (uint16_t) ~(sum >> 16);
}

/* Returns the 'delta' that makes a sum of 'from' one of 'to', neither
 * folded. */
static inline uint32_t
ipo_fast_delta(uint64_t from, uint64_t to)
{
    /* Enough times 0xffff, which is 0 here, for sums above 0. */
    return ipo_csum_fold(to) + 3 * 0xffff - ipo_csum_fold(from);
}

/* Fills in '*f' to take no packet. */
static inline void
ipo_fast_init_none(struct ipo_fast *f)
{
    memset(f, 0, sizeof *f);
    f->first = -1;
}

/* Fills in what directions have in common.  The arguments are pairs in host
 * byte order, from ipo_fast_pair(). */
static inline void
ipo_fast_init(struct ipo_fast *f, uint64_t nodes, uint64_t prefixes,
              uint64_t masks)
{
    ipo_fast_init_none(f);
    f->nodes = htobe64(nodes);
    f->sum = (nodes >> 32) + (uint32_t) nodes;
    f->prefixes = prefixes;
    f->masks = masks;
}

/* Fills in '*f' for packets that are to be sent as 'tx' says, in the smallest
 * of its formats. */
static inline void
ipo_fast_init_tx(struct ipo_fast *f, const struct ipo_tx *tx)
{
    const struct ipo_prefixes *p = &tx->prefixes;
    uint64_t outer, base;
    uint32_t mask, flags;
    bool full;

    ipo_fast_init(f, ipo_fast_pair(tx->src, tx->dst),
                  ipo_fast_pair(p->local, p->remote),
                  ipo_fast_pair(p->local_mask, p->remote_mask));
    if (!tx->formats || tx->native) {
        return;
    }
    f->first = IPO_FAST_FIRST(0);
    if (tx->formats & (1u << IPO_COMPACT)) {
        mask = ipo_format_mask(IPO_COMPACT);
        base = f->prefixes & ipo_fast_pair(mask, mask);
        outer = f->sum + IPO_FAST_SHIFT + IPO_FAST_COMPACT;
        f->opt_len = IPO_OPT_LEN_COMPACT;
    } else {
        full = !(tx->formats & (1u << IPO_SHORT));
        flags = (full ? IPO_FLAG_FULL : 0) | (tx->has_key ? IPO_FLAG_KEY : 0);
        f->opt_len = ipo_option_len(full ? IPO_FULL : IPO_SHORT, tx->has_key);
        f->opt = IPO_FAST_EXT(f->opt_len, flags);
        f->has_key = tx->has_key;
        f->key = tx->has_key ? tx->key : 0;
        mask = ipo_format_mask(IPO_SHORT);
        base = full ? 0 : f->prefixes & ipo_fast_pair(mask, mask);
        outer = f->sum + IPO_FAST_EXTENDED + f->opt + f->key;
        if (full) {
            f->prefixes = f->masks = 0;
        }
    }
    f->delta = ipo_fast_delta(base, ipo_fast_add(outer,
                                                 IPO_FAST_LONGER(f->opt_len)));
}

/* Fills in '*f' for packets received with outer addresses 'nodes', in host
 * byte order, from ipo_fast_pair().  'p' are the prefixes of the source, or
 * null if it is no peer. */
static inline void
ipo_fast_init_rx(struct ipo_fast *f, uint64_t nodes,
                 const struct ipo_prefixes *p)
{
    uint32_t mask = ipo_format_mask(IPO_COMPACT);
    uint64_t outer;

    ipo_fast_init(f, nodes, p ? ipo_fast_pair(p->remote, p->local) : 0,
                  p ? ipo_fast_pair(p->remote_mask, p->local_mask) : 0);
    f->base = f->prefixes & ipo_fast_pair(mask, mask);
    f->can_short = p && ipo_prefixes_fit(p, IPO_SHORT);
    if (p && ipo_prefixes_fit(p, IPO_COMPACT)) {
        f->first = IPO_FAST_FIRST(IPO_OPT_LEN_COMPACT);
        outer = f->sum + IPO_FAST_SHIFT + IPO_FAST_COMPACT;
        outer = ipo_fast_add(outer, IPO_FAST_LONGER(IPO_OPT_LEN_COMPACT));
        f->delta = ipo_fast_delta(outer, f->base);
    }
}

/* Returns whether the packet at 'ip', of which 'len' bytes can be read, is one
 * to take, if its protocol is right: 'f' says so and it is valid. */
IPO_FAST_INLINE bool
ipo_fast_encap_check(const uint8_t *ip, size_t len, const struct ipo_fast *f,
                     unsigned int opt_len)
{
    uint64_t start, addrs;
    unsigned int tot_len;

    if (IPO_UNLIKELY(len < IPO_IP_HLEN_MIN || ip[0] != f->first)) {
        return false;
    }
    start = ipo_fast_get64(ip);
    addrs = ipo_fast_get64(ip + 12);
    tot_len = start >> 32 & 0xffff;
    return !(IPO_UNLIKELY(tot_len > len || tot_len < IPO_IP_HLEN_MIN
                          || tot_len > 0xffff - opt_len || !ip[8])
             || IPO_UNLIKELY((addrs ^ f->prefixes) & f->masks)
             || IPO_UNLIKELY(!ipo_fast_csum_ok(
                                 ipo_fast_add(ipo_fast_add(start, addrs),
                                              ipo_get32(ip + 8)))));
}

/* Turns the packet at 'ip', of which 'len' bytes can be read and written, into
 * a compact one that starts IPO_OPT_LEN_COMPACT bytes before 'ip', and returns
 * its length in bytes.  Returns 0 for a packet that it does not take. */
IPO_FAST_INLINE unsigned int
ipo_fast_encap(uint8_t *ip, size_t len, const struct ipo_fast *f)
{
    uint8_t *outer = ip - IPO_OPT_LEN_COMPACT;
    uint64_t start;
    uint8_t src, dst;
    uint32_t ttl;

    if (IPO_UNLIKELY(!ipo_fast_encap_check(ip, len, f, IPO_OPT_LEN_COMPACT)
                     || !ipo_protocol_shifts(ip[9]))) {
        return 0;
    }
    start = ipo_fast_get64(ip);
    ttl = ipo_get32(ip + 8);
    src = ip[15];
    dst = ip[19];
    ipo_fast_put64(outer, start + IPO_FAST_LONGER(IPO_OPT_LEN_COMPACT));
    ipo_put32(outer + 8, ((ttl & 0xffff0000u) + IPO_FAST_SHIFT)
                         | ipo_fast_csum(f->delta, ttl & 0xffff, 255 * src));
    memcpy(outer + 12, &f->nodes, sizeof f->nodes);
    ipo_put32(outer + 20, IPO_FAST_COMPACT | (uint32_t) src << 8 | dst);
    return (start >> 32 & 0xffff) + IPO_OPT_LEN_COMPACT;
}

/* Does what ipo_fast_encap() does, for short or full format, whose option has
 * f->opt_len bytes. */
IPO_FAST_INLINE unsigned int
ipo_fast_encap_ext(uint8_t *ip, size_t len, const struct ipo_fast *f)
{
    uint8_t *outer = ip - f->opt_len;
    uint32_t ttl, octets;
    uint64_t start;

    if (IPO_UNLIKELY(!ipo_fast_encap_check(ip, len, f, f->opt_len))) {
        return 0;
    }
    start = ipo_fast_get64(ip);
    ttl = ipo_get32(ip + 8);
    octets = ipo_get32(ip + 12) << 16 | (ipo_get32(ip + 16) & 0xffff);

    ipo_fast_put64(outer, start + IPO_FAST_LONGER(f->opt_len));
    ipo_put32(outer + 8, (ttl & 0xff000000) | IPO_FAST_EXTENDED
                         | ipo_fast_csum(f->delta, ttl & 0xffff, 0));
    memcpy(outer + 12, &f->nodes, sizeof f->nodes);
    ipo_put32(outer + 20, f->opt | (ttl >> 16 & 0xff));
    if (f->has_key) {
        ipo_put32(outer + 24, f->key);
    }
    /* Full addresses stay where they are. */
    if (!(f->opt & IPO_FLAG_FULL << 8)) {
        ipo_put32(ip + 16, octets);
    }
    return (start >> 32 & 0xffff) + f->opt_len;
}

/* Rebuilds the inner packet of the compact packet at 'ip', of which 'len'
 * bytes can be read and written, which has the outer addresses of 'f'.
 * Returns the length in bytes of the inner packet, which starts
 * IPO_OPT_LEN_COMPACT bytes behind 'ip'.  Returns 0 for a packet that it does
 * not take. */
IPO_FAST_INLINE unsigned int
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
                     || ipo_fast_get16(ip + 20) != IPO_FAST_COMPACT >> 16)) {
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

    ipo_fast_put64(inner, start - IPO_FAST_LONGER(IPO_OPT_LEN_COMPACT));
    ipo_put32(inner + 8, ((ttl & 0xffff0000u) - IPO_FAST_SHIFT)
                         | ipo_fast_csum(f->delta, ttl & 0xffff, -255 * src));
    ipo_fast_put64(inner + 12, addrs);
    return tot_len - IPO_OPT_LEN_COMPACT;
}

/* Does what ipo_fast_decap() does, for short and full format.  Stores in
 * '*opt' the first word of the option, whose length in bytes
 * IPO_FAST_OPT_LEN() tells, and in '*key' the key, if IPO_FLAG_KEY is in the
 * option's third byte. */
#define IPO_FAST_OPT_LEN(OPT) ((OPT) >> 16 & 0xff)
IPO_FAST_INLINE unsigned int
ipo_fast_decap_ext(uint8_t *ip, size_t len, const struct ipo_fast *f,
                   uint32_t *opt, uint32_t *key)
{
    uint64_t start, nodes, addrs, sum;
    unsigned int tot_len, opt_len;
    uint8_t *inner;
    uint32_t ttl, octets;
    bool full;

    if (IPO_UNLIKELY(len < IPO_IP_HLEN_MIN + 8)) {
        return 0;
    }
    *key = 0;
    *opt = ipo_get32(ip + 20);
    opt_len = IPO_FAST_OPT_LEN(*opt);
    full = *opt & IPO_FLAG_FULL << 8;
    if (IPO_UNLIKELY((*opt & 0xffffff00)
                     != IPO_FAST_EXT(ipo_option_len(full ? IPO_FULL
                                                         : IPO_SHORT,
                                                    *opt & IPO_FLAG_KEY << 8),
                                     (*opt >> 8) & (IPO_FLAG_FULL
                                                    | IPO_FLAG_KEY))
                     || ip[0] != IPO_FAST_FIRST(opt_len)
                     || ip[9] != IPO_PROTO_EXTENDED
                     || len < IPO_IP_HLEN_MIN + opt_len
                     || !(full || f->can_short))) {
        return 0;
    }
    inner = ip + opt_len;
    start = ipo_fast_get64(ip);
    nodes = ipo_fast_get64(ip + 12);
    ttl = ipo_get32(ip + 8);
    tot_len = start >> 32 & 0xffff;
    sum = (uint64_t) ttl + *opt;
    if (*opt & IPO_FLAG_KEY << 8) {
        *key = ipo_get32(ip + 24);
        sum += *key;
    }
    octets = ipo_get32(inner + 16);
    if (full) {
        addrs = ipo_fast_get64(inner + 12);
        sum = ipo_fast_add(sum, addrs);
    } else {
        addrs = (f->prefixes & ipo_fast_pair(0xffff0000, 0xffff0000))
                | ipo_fast_pair(octets >> 16, octets & 0xffff);
        sum += octets;
    }
    if (IPO_UNLIKELY(tot_len > len || tot_len < IPO_IP_HLEN_MIN + opt_len
                     || (!full && (addrs ^ f->prefixes) & f->masks)
                     || !ipo_fast_csum_ok(ipo_fast_add(
                            ipo_fast_add(start, nodes), sum)))) {
        return 0;
    }

    start -= IPO_FAST_LONGER(opt_len);
    ttl = (ttl & 0xff000000) | (*opt & 0xff) << 16;
    sum = ipo_fast_add(ipo_fast_add(start, addrs), ttl);
    ipo_fast_put64(inner, start);
    ipo_put32(inner + 8, ttl | (uint16_t) ~ipo_csum_fold(sum));
    ipo_fast_put64(inner + 12, addrs);
    return tot_len - opt_len;
}

#endif /* ipo-fast.h */
