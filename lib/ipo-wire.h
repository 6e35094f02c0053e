/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* The IPO wire format: an IPv4 packet carried between two nodes inside its own
 * IPv4 header, with one IPv4 option that says how to undo that.
 * Documentation/wire-format.rst has it in words.
 *
 * The same file serves the switch, the kernel module, the tools and the tests.
 * It reads and writes bytes that the caller hands over with their length,
 * allocates nothing and logs nothing.  A function that can fail returns zero
 * or a positive value on success and a negative 'enum ipo_drop' otherwise;
 * after a negative value the packet is unchanged.
 *
 * Addresses, masks and keys in the structures below are numbers in host byte
 * order; only the bytes of packets are in network byte order. */

#ifndef IPO_WIRE_H
#define IPO_WIRE_H 1

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#else
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#endif

/* Numbers of the protocol.  Option 40 and the shift by 143 are the compact
 * format's own; 253 and option 158 are reserved for experiments by RFC 3692
 * and RFC 4727. */
#define IPO_OPT_COMPACT      0x28  /* Not copied, class 1, number 8. */
#define IPO_OPT_EXTENDED     0x9e  /* Copied, class 0, number 30. */
#define IPO_PROTO_SHIFT      143   /* Compact: outer minus inner protocol. */
#define IPO_PROTO_INNER_MIN  1     /* The protocols that compact can shift. */
#define IPO_PROTO_INNER_MAX  109
#define IPO_PROTO_EXTENDED   253   /* Outer protocol of short and full. */
#define IPO_VERSION          1     /* Upper four bits of the third byte. */
#define IPO_FLAG_KEY         0x08  /* In the third byte: a key follows. */
#define IPO_FLAG_FULL        0x01  /* In the third byte: full addresses. */
#define IPO_FLAG_RESERVED    0x06  /* In the third byte: must be zero. */

/* IPv4, RFC 791. */
#define IPO_IP_HLEN_MIN      20
#define IPO_IP_HLEN_MAX      60
#define IPO_IP_OPT_END       0
#define IPO_IP_OPT_NOP       1
#define IPO_IP_OPT_LSRR      131
#define IPO_IP_OPT_SSRR      137

#define IPO_OPT_LEN_COMPACT  4
#define IPO_OPT_LEN_MAX      16    /* Full with key. */

/* How the addresses of the inner packet travel. */
enum ipo_format {
    IPO_COMPACT,                /* One octet each. */
    IPO_SHORT,                  /* Two octets each. */
    IPO_FULL,                   /* All four octets each. */
    IPO_N_FORMATS
};

/* Why a packet is dropped.  X(NAME, name, text): 'name' is what counters are
 * called, 'text' what a person reads. */
#define IPO_DROPS                                                         \
    X(MALFORMED, malformed, "not IPv4, truncated, or lengths disagree")    \
    X(CSUM, bad_checksum, "wrong IPv4 header checksum")                   \
    X(TTL, ttl_zero, "TTL is 0")                                          \
    X(NO_ROOM, no_room, "inner options leave no room for IPO's")           \
    X(SOURCE_ROUTE, source_route, "inner source-route option")            \
    X(INNER_OPTION, bad_inner_option, "inner options malformed")          \
    X(TOO_BIG, too_big, "longer than 65,535 bytes with the option")       \
    X(FORMAT, format, "the port's format cannot represent it")            \
    X(KEY, key_too_big, "tunnel key needs more than 32 bits")             \
    X(OFFLOAD, offload, "checksum or segmentation left to hardware")      \
    X(NO_OPTION, no_option, "no IPO option")                              \
    X(FRAGMENT, fragment, "compact fragment that lost its option")        \
    X(OPTION_LEN, bad_option_length, "IPO option of a wrong length")      \
    X(VERSION, unknown_version, "unknown version or reserved bits set")   \
    X(PEER, unknown_peer, "unknown peer")                                 \
    X(PEER_PREFIX, short_prefix, "peer's prefix too short for the format") \
    X(PREFIX, outside_prefix, "inner address outside the prefix")         \
    X(PROTOCOL, bad_protocol, "protocol that cannot be shifted back")

enum ipo_drop {
    IPO_DROP_NONE,
#define X(NAME, name, text) IPO_DROP_##NAME,
    IPO_DROPS
#undef X
    IPO_N_DROPS
};

/* The containers at both ends of a pair of nodes: what the sender may leave
 * out of an address and the receiver fills in again.  An address has no bits
 * outside its mask. */
struct ipo_prefixes {
    uint32_t local, local_mask;
    uint32_t remote, remote_mask;
};

/* How to send: the outer addresses, the key, and the formats to choose from,
 * no others than ipo_formats_auto() returns for 'prefixes' and 'has_key'. */
struct ipo_tx {
    uint32_t src, dst;          /* Local and remote node. */
    uint32_t key;               /* Meaningful only with 'has_key'. */
    bool has_key;
    bool native;                /* Compact leaves the protocol alone. */
    uint8_t formats;            /* Bits: 1 << IPO_COMPACT and so on. */
    struct ipo_prefixes prefixes;
};

/* What ipo_parse() found in a received packet. */
struct ipo_rx {
    uint32_t src, dst;          /* Remote and local node. */
    uint32_t key;               /* Meaningful only with 'has_key'. */
    bool has_key;
    uint8_t format;             /* enum ipo_format. */
    uint8_t opt_len;            /* Bytes of the IPO option. */
    uint8_t protocol;           /* Of the inner packet. */

    /* For ipo_decap(): the outer header, and the inner addresses as far as the
     * option has them. */
    uint32_t w[3];              /* The first three words. */
    uint32_t inner_src, inner_dst;
    uint64_t opt_sum;           /* Of the words behind the IPO option. */
};

#define IPO_UNLIKELY(CONDITION) __builtin_expect(!!(CONDITION), 0)

/* For sparse, which tells numbers in network byte order from others. */
#ifdef __CHECKER__
#define IPO_FORCE __attribute__((force))
#else
#define IPO_FORCE
#endif

/* Returns the 4 bytes at 'p', which need not be aligned, as a number. */
static inline uint32_t
ipo_get32(const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return ntohl((IPO_FORCE __typeof__(htonl(0))) x);
}

/* Writes 'x' to the 4 bytes at 'p', which need not be aligned. */
static inline void
ipo_put32(uint8_t *p, uint32_t x)
{
    uint32_t n = (IPO_FORCE uint32_t) htonl(x);

    memcpy(p, &n, sizeof n);
}

/* Returns the sum of 32-bit words 'sum' folded into 16 bits with its carries:
 * 0xffff if the words are an IPv4 header whose checksum is right. */
static inline uint16_t
ipo_csum_fold(uint64_t sum)
{
    uint32_t half;

    /* The upper half of a number plus itself with its halves swapped is the
     * sum of the halves, with the carry. */
    sum += sum << 32 | sum >> 32;
    half = (uint32_t) (sum >> 32);
    half += half << 16 | half >> 16;
    return (uint16_t) (half >> 16);
}

/* Returns the sum of the 32-bit words in the 'len' bytes at 'p', 'len' being a
 * multiple of 4. */
static inline uint64_t
ipo_csum_words(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < len; i += 4) {
        sum += ipo_get32(p + i);
    }
    return sum;
}

/* Returns the mask of a prefix of 'plen' bits, 0 to 32. */
static inline uint32_t
ipo_mask(unsigned int plen)
{
    return plen ? 0xffffffffu << (32 - plen) : 0;
}

/* Returns the octets of a prefix that 'format' counts on, as a mask. */
static inline uint32_t
ipo_format_mask(enum ipo_format format)
{
    return (format == IPO_COMPACT ? 0xffffff00u
            : format == IPO_SHORT ? 0xffff0000u
            : 0);
}

/* Returns whether 'format' can abbreviate addresses under both of 'prefixes'
 * (wire-format.rst, table under "Extended format"). */
static inline bool
ipo_prefixes_fit(const struct ipo_prefixes *prefixes, enum ipo_format format)
{
    uint32_t mask = ipo_format_mask(format);

    return prefixes->local_mask >= mask && prefixes->remote_mask >= mask;
}

/* Returns the length in bytes of the option in 'format', with a key if
 * 'has_key'. */
static inline unsigned int
ipo_option_len(enum ipo_format format, bool has_key)
{
    return format == IPO_COMPACT ? IPO_OPT_LEN_COMPACT
                                 : (format == IPO_SHORT ? 8 : 12)
                                   + (has_key ? 4 : 0);
}

/* Returns the outer protocol of a packet with 'protocol' in 'format'. */
static inline uint8_t
ipo_outer_protocol(enum ipo_format format, uint8_t protocol)
{
    return format == IPO_COMPACT ? protocol + IPO_PROTO_SHIFT
                                 : IPO_PROTO_EXTENDED;
}

/* Returns whether compact format can shift 'protocol'. */
static inline bool
ipo_protocol_shifts(uint8_t protocol)
{
    return protocol >= IPO_PROTO_INNER_MIN && protocol <= IPO_PROTO_INNER_MAX;
}

/* Returns the formats to choose from, as bits, on a port that has an output
 * key if 'has_key' and that knows 'prefixes', or no prefixes if that is null
 * (wire-format.rst, "Choosing the format"). */
static inline uint8_t
ipo_formats_auto(const struct ipo_prefixes *prefixes, bool has_key)
{
    uint8_t formats = 1u << IPO_FULL;

    if (prefixes && ipo_prefixes_fit(prefixes, IPO_SHORT)) {
        formats |= 1u << IPO_SHORT;
    }
    if (prefixes && !has_key && ipo_prefixes_fit(prefixes, IPO_COMPACT)) {
        formats |= 1u << IPO_COMPACT;
    }
    return formats;
}

/* Returns the smallest format of 'tx' that represents exactly a packet with
 * 'protocol' from 'src' to 'dst', or -IPO_DROP_FORMAT. */
static inline int
ipo_choose_format(const struct ipo_tx *tx, uint8_t protocol,
                  uint32_t src, uint32_t dst)
{
    const struct ipo_prefixes *p = &tx->prefixes;

    if (!(((src ^ p->local) & p->local_mask)
          | ((dst ^ p->remote) & p->remote_mask))) {
        if (tx->formats & (1u << IPO_COMPACT)
            && ipo_protocol_shifts(protocol)) {
            return IPO_COMPACT;
        }
        if (tx->formats & (1u << IPO_SHORT)) {
            return IPO_SHORT;
        }
    }
    return tx->formats & (1u << IPO_FULL) ? (int) IPO_FULL : -IPO_DROP_FORMAT;
}

/* Checks the 'len' bytes of IPv4 options at 'opt', those of a packet about to
 * be sent: well formed (RFC 791, section 3.1), and no source route among them,
 * which underlay routers would obey (wire-format.rst, rule 1). */
static inline int
ipo_check_inner_options(const uint8_t *opt, size_t len)
{
    size_t i = 0;

    while (i < len && opt[i] != IPO_IP_OPT_END) {
        if (opt[i] == IPO_IP_OPT_NOP) {
            i++;
            continue;
        }
        if (opt[i] == IPO_IP_OPT_LSRR || opt[i] == IPO_IP_OPT_SSRR) {
            return -IPO_DROP_SOURCE_ROUTE;
        }
        if (len - i < 2 || opt[i + 1] < 2 || opt[i + 1] > len - i) {
            return -IPO_DROP_INNER_OPTION;
        }
        i += opt[i + 1];
    }
    return 0;
}

/* Reads into 'w' the first five words of the IPv4 header at 'ip', of which
 * 'len' bytes can be read, and checks the header: version, lengths and
 * checksum.  On success returns the length of the header in bytes and stores
 * in '*opt_sum' the sum of the words behind those five. */
static inline int
ipo_read_ip_header(const uint8_t *ip, size_t len, uint32_t w[5],
                   uint64_t *opt_sum)
{
    unsigned int hlen, tot_len;

    if (IPO_UNLIKELY(len < IPO_IP_HLEN_MIN)) {
        return -IPO_DROP_MALFORMED;
    }
    w[0] = ipo_get32(ip);
    w[1] = ipo_get32(ip + 4);
    w[2] = ipo_get32(ip + 8);
    w[3] = ipo_get32(ip + 12);
    w[4] = ipo_get32(ip + 16);

    hlen = w[0] >> 22 & 0x3c;
    tot_len = w[0] & 0xffff;
    if (IPO_UNLIKELY(w[0] >> 28 != 4 || hlen < IPO_IP_HLEN_MIN
                     || tot_len < hlen || tot_len > len)) {
        return -IPO_DROP_MALFORMED;
    }
    *opt_sum = ipo_csum_words(ip + IPO_IP_HLEN_MIN, hlen - IPO_IP_HLEN_MIN);
    if (IPO_UNLIKELY(ipo_csum_fold(*opt_sum + w[0] + w[1] + w[2] + w[3] + w[4])
                     != 0xffff)) {
        return -IPO_DROP_CSUM;
    }
    return (int) hlen;
}

/* Writes at 'ip' the first 20 bytes of an IPv4 header made of the words 'w',
 * of which the last 16 bits of the third, the checksum, are 0 and computed:
 * 'opt_sum' is the sum of the words that follow. */
static inline void
ipo_put_ip_header(uint8_t *ip, const uint32_t w[5], uint64_t opt_sum)
{
    uint16_t csum = ~ipo_csum_fold(opt_sum + w[0] + w[1] + w[2] + w[3] + w[4]);

    ipo_put32(ip, w[0]);
    ipo_put32(ip + 4, w[1]);
    ipo_put32(ip + 8, w[2] | csum);
    ipo_put32(ip + 12, w[3]);
    ipo_put32(ip + 16, w[4]);
}

/* Fills 'opt' with the words of the extended option that carries 'protocol',
 * 'src' and 'dst' in 'format' as 'tx' says.  Returns their sum. */
static inline uint64_t
ipo_make_option(uint32_t opt[IPO_OPT_LEN_MAX / 4], enum ipo_format format,
                const struct ipo_tx *tx, uint8_t protocol,
                uint32_t src, uint32_t dst)
{
    uint64_t sum;
    unsigned int n = 1;

    opt[0] = (uint32_t) IPO_OPT_EXTENDED << 24
             | ipo_option_len(format, tx->has_key) << 16
             | IPO_VERSION << 12
             | (tx->has_key ? IPO_FLAG_KEY << 8 : 0)
             | (format == IPO_FULL ? IPO_FLAG_FULL << 8 : 0)
             | protocol;
    sum = opt[0];
    if (tx->has_key) {
        opt[n++] = tx->key;
        sum += tx->key;
    }
    if (format == IPO_SHORT) {
        opt[n] = src << 16 | (dst & 0xffff);
        return sum + opt[n];
    }
    opt[n] = src;
    opt[n + 1] = dst;
    return sum + src + dst;
}

/* Writes before 'ip' the outer header of a packet in 'format', its option of
 * 'opt_len' bytes included.  'w' are the words of the inner header, which this
 * function changes, and 'opt_sum' the sum of the words that follow it. */
static inline void
ipo_put_outer(uint8_t *ip, enum ipo_format format, unsigned int opt_len,
              const struct ipo_tx *tx, uint32_t w[5], uint64_t opt_sum)
{
    uint32_t ttl = w[2] & 0xff000000u;
    uint8_t protocol = w[2] >> 16;
    uint32_t opt[IPO_OPT_LEN_MAX / 4];
    unsigned int i;

    ip -= opt_len;
    w[0] += (opt_len / 4) << 24 | opt_len;
    if (format == IPO_COMPACT) {
        opt[0] = (uint32_t) IPO_OPT_COMPACT << 24 | IPO_OPT_LEN_COMPACT << 16
                 | (w[3] & 0xff) << 8 | (w[4] & 0xff);
        opt_sum += opt[0];
        ipo_put32(ip + IPO_IP_HLEN_MIN, opt[0]);
        if (!tx->native) {
            protocol += IPO_PROTO_SHIFT;
        }
    } else {
        opt_sum += ipo_make_option(opt, format, tx, protocol, w[3], w[4]);
        for (i = 0; i < opt_len; i += 4) {
            ipo_put32(ip + IPO_IP_HLEN_MIN + i, opt[i / 4]);
        }
        protocol = IPO_PROTO_EXTENDED;
    }
    w[2] = ttl | (uint32_t) protocol << 16;
    w[3] = tx->src;
    w[4] = tx->dst;
    ipo_put_ip_header(ip, w, opt_sum);
}

/* Turns the packet at 'ip', of which 'len' bytes can be read and written, into
 * an IPO packet.  The IPO_OPT_LEN_MAX bytes before 'ip' must be writable.
 *
 * Returns the length of the option, 4 to 16 bytes: the outer packet starts
 * that many bytes before 'ip'. */
static inline int
ipo_encap(uint8_t *ip, size_t len, const struct ipo_tx *tx)
{
    unsigned int opt_len;
    int hlen, format, error;
    uint64_t opt_sum;
    uint32_t w[5];

    hlen = ipo_read_ip_header(ip, len, w, &opt_sum);
    if (IPO_UNLIKELY(hlen < 0)) {
        return hlen;
    }
    if (IPO_UNLIKELY(hlen > IPO_IP_HLEN_MIN)) {
        error = ipo_check_inner_options(ip + IPO_IP_HLEN_MIN,
                                        hlen - IPO_IP_HLEN_MIN);
        if (error) {
            return error;
        }
    }
    if (IPO_UNLIKELY(!(w[2] >> 24))) {
        return -IPO_DROP_TTL;
    }
    format = ipo_choose_format(tx, (uint8_t) (w[2] >> 16), w[3], w[4]);
    if (IPO_UNLIKELY(format < 0)) {
        return format;
    }
    opt_len = ipo_option_len((enum ipo_format) format, tx->has_key);
    if (IPO_UNLIKELY(hlen + opt_len > IPO_IP_HLEN_MAX)) {
        return -IPO_DROP_NO_ROOM;
    }
    if (IPO_UNLIKELY((w[0] & 0xffff) + opt_len > 0xffff)) {
        return -IPO_DROP_TOO_BIG;
    }
    ipo_put_outer(ip, (enum ipo_format) format, opt_len, tx, w, opt_sum);
    return (int) opt_len;
}

/* Reads into '*rx' the option of a compact packet whose header, 'hlen' bytes,
 * starts at 'ip'. */
static inline int
ipo_parse_compact(const uint8_t *ip, unsigned int hlen, struct ipo_rx *rx)
{
    const uint8_t *opt = ip + IPO_IP_HLEN_MIN;
    uint32_t word;

    if (IPO_UNLIKELY(hlen < IPO_IP_HLEN_MIN + IPO_OPT_LEN_COMPACT
                     || opt[0] != IPO_OPT_COMPACT)) {
        /* Fragmentation on the way copies option 40 only into the first. */
        return rx->w[1] & 0x1fff ? -IPO_DROP_FRAGMENT : -IPO_DROP_NO_OPTION;
    }
    word = ipo_get32(opt);
    if (IPO_UNLIKELY((word >> 16 & 0xff) != IPO_OPT_LEN_COMPACT)) {
        return -IPO_DROP_OPTION_LEN;
    }
    rx->format = IPO_COMPACT;
    rx->has_key = false;
    rx->key = 0;
    rx->opt_len = IPO_OPT_LEN_COMPACT;
    rx->inner_src = word >> 8 & 0xff;
    rx->inner_dst = word & 0xff;
    rx->opt_sum -= word;
    return 0;
}

/* Reads into '*rx' the option of an extended packet whose header, 'hlen'
 * bytes, starts at 'ip'. */
static inline int
ipo_parse_extended(const uint8_t *ip, unsigned int hlen, struct ipo_rx *rx)
{
    const uint8_t *opt = ip + IPO_IP_HLEN_MIN;
    unsigned int room = hlen - IPO_IP_HLEN_MIN;
    const uint8_t *addrs;

    if (IPO_UNLIKELY(!room || opt[0] != IPO_OPT_EXTENDED)) {
        return -IPO_DROP_NO_OPTION;
    }
    if (IPO_UNLIKELY(opt[1] < 4 || opt[1] > room)) {
        return -IPO_DROP_OPTION_LEN;
    }
    if (IPO_UNLIKELY(opt[2] >> 4 != IPO_VERSION
                     || opt[2] & IPO_FLAG_RESERVED)) {
        return -IPO_DROP_VERSION;
    }
    rx->format = opt[2] & IPO_FLAG_FULL ? IPO_FULL : IPO_SHORT;
    rx->has_key = (opt[2] & IPO_FLAG_KEY) != 0;
    rx->opt_len = ipo_option_len((enum ipo_format) rx->format, rx->has_key);
    if (IPO_UNLIKELY(opt[1] != rx->opt_len)) {
        return -IPO_DROP_OPTION_LEN;
    }
    rx->key = rx->has_key ? ipo_get32(opt + 4) : 0;
    rx->protocol = opt[3];
    addrs = opt + (rx->has_key ? 8 : 4);
    if (rx->format == IPO_FULL) {
        rx->inner_src = ipo_get32(addrs);
        rx->inner_dst = ipo_get32(addrs + 4);
    } else {
        rx->inner_src = ipo_get32(addrs) >> 16;
        rx->inner_dst = ipo_get32(addrs) & 0xffff;
    }
    rx->opt_sum -= ipo_csum_words(opt, rx->opt_len);
    return 0;
}

/* Checks the IPv4 header of the received packet at 'ip', of which 'len' bytes
 * can be read, and reads it into '*rx'.  Returns its length in bytes. */
static inline int
ipo_parse_header(const uint8_t *ip, size_t len, struct ipo_rx *rx)
{
    uint32_t w[5];
    int hlen;

    hlen = ipo_read_ip_header(ip, len, w, &rx->opt_sum);
    if (IPO_UNLIKELY(hlen < 0)) {
        return hlen;
    }
    rx->w[0] = w[0];
    rx->w[1] = w[1];
    rx->w[2] = w[2];
    rx->src = w[3];
    rx->dst = w[4];
    return hlen;
}

/* Checks the received packet at 'ip', of which 'len' bytes can be read, and
 * reads into '*rx' what its header and its IPO option say.  Returns 0 if
 * ipo_decap() can follow. */
static inline int
ipo_parse(const uint8_t *ip, size_t len, struct ipo_rx *rx)
{
    uint8_t protocol;
    int hlen;

    hlen = ipo_parse_header(ip, len, rx);
    if (IPO_UNLIKELY(hlen < 0)) {
        return hlen;
    }
    protocol = rx->w[2] >> 16;
    if (protocol == IPO_PROTO_EXTENDED) {
        return ipo_parse_extended(ip, (unsigned int) hlen, rx);
    }
    rx->protocol = protocol - IPO_PROTO_SHIFT;
    if (IPO_UNLIKELY(!ipo_protocol_shifts(rx->protocol))) {
        return -IPO_DROP_PROTOCOL;
    }
    return ipo_parse_compact(ip, (unsigned int) hlen, rx);
}

/* Does what ipo_parse() does for a packet that may be of the native variant
 * (wire-format.rst, "Native variant").  Returns -IPO_DROP_NO_OPTION if it is
 * not. */
static inline int
ipo_parse_native(const uint8_t *ip, size_t len, struct ipo_rx *rx)
{
    int hlen;

    hlen = ipo_parse_header(ip, len, rx);
    if (hlen < 0) {
        return hlen;
    }
    rx->protocol = rx->w[2] >> 16;
    if (!ipo_protocol_shifts(rx->protocol)
        || ipo_parse_compact(ip, (unsigned int) hlen, rx)) {
        return -IPO_DROP_NO_OPTION;
    }
    return 0;
}

/* Fills in the bits of '*addr' that 'format' leaves out from 'prefix'.
 * Returns false if the result is outside the prefix. */
static inline bool
ipo_expand(uint32_t *addr, enum ipo_format format,
           uint32_t prefix, uint32_t prefix_mask)
{
    *addr |= prefix & ipo_format_mask(format);
    return !((*addr ^ prefix) & prefix_mask);
}

/* Rebuilds the inner packet of the IPO packet at 'ip', which ipo_parse() read
 * into '*rx'.  'prefixes' are those of the pair of nodes, or null if rx->src
 * is no known peer.  On success returns 0: the inner packet starts rx->opt_len
 * bytes behind 'ip'. */
static inline int
ipo_decap(uint8_t *ip, const struct ipo_rx *rx,
          const struct ipo_prefixes *prefixes)
{
    enum ipo_format format = (enum ipo_format) rx->format;
    uint32_t w[5];

    w[0] = rx->w[0] - ((uint32_t) (rx->opt_len / 4) << 24 | rx->opt_len);
    w[1] = rx->w[1];
    w[2] = (rx->w[2] & 0xff000000u) | (uint32_t) rx->protocol << 16;
    w[3] = rx->inner_src;
    w[4] = rx->inner_dst;
    if (format != IPO_FULL) {
        if (IPO_UNLIKELY(!prefixes)) {
            return -IPO_DROP_PEER;
        }
        if (IPO_UNLIKELY(!ipo_prefixes_fit(prefixes, format))) {
            return -IPO_DROP_PEER_PREFIX;
        }
        if (IPO_UNLIKELY(!ipo_expand(&w[3], format, prefixes->remote,
                                     prefixes->remote_mask)
                         || !ipo_expand(&w[4], format, prefixes->local,
                                        prefixes->local_mask))) {
            return -IPO_DROP_PREFIX;
        }
    }
    ipo_put_ip_header(ip + rx->opt_len, w, rx->opt_sum);
    return 0;
}

/* Returns the name of 'format', as the port's option 'ipo_format' spells
 * it. */
static inline const char *
ipo_format_name(enum ipo_format format)
{
    return (format == IPO_COMPACT ? "compact"
            : format == IPO_SHORT ? "short"
            : "full");
}

/* Returns the name of the counter of 'drop'. */
static inline const char *
ipo_drop_name(enum ipo_drop drop)
{
    switch (drop) {
#define X(NAME, name, text) case IPO_DROP_##NAME: return #name;
    IPO_DROPS
#undef X
    case IPO_DROP_NONE:
    case IPO_N_DROPS:
        break;
    }
    return "none";
}

/* Returns a description of 'drop' for a person. */
static inline const char *
ipo_drop_text(enum ipo_drop drop)
{
    switch (drop) {
#define X(NAME, name, text) case IPO_DROP_##NAME: return text;
    IPO_DROPS
#undef X
    case IPO_DROP_NONE:
    case IPO_N_DROPS:
        break;
    }
    return "none";
}

#endif /* ipo-wire.h */
