/* SPDX-License-Identifier: Apache-2.0 */

/* Tests lib/ipo-wire.h: against golden vectors (vectors/README.rst), with
 * random packets, and with every small corruption of the vectors.
 *
 * What is right is said a second time here, in functions that start with
 * 'ref_': byte by byte, from the description of the wire format.  They share
 * no code with the header under test. */

#include "ipo-fast.h"
#include "ipo-wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADROOM IPO_OPT_LEN_MAX
#define CANARY 0xc3

/* Where we are, for messages. */
static char where[512] = "start";

/* How often each outcome was seen; index 0 is success. */
static uint64_t counts[IPO_N_DROPS];

/* Prints an error, with where we are, and ends the program. */
static void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "test-ipo-wire: %s: ", where);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    putc('\n', stderr);
    exit(1);
}

/* Returns 'size' bytes of memory, for the caller to free. */
static void *
xalloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p) {
        fail("out of memory");
    }
    return p;
}

/* Fails, and says of 'what', unless both have the same 'len' bytes. */
static void
check_equal(const char *what, const uint8_t *got, const uint8_t *expected,
            size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (got[i] != expected[i]) {
            fail("%s: byte %zu is %02x, should be %02x",
                 what, i, got[i], expected[i]);
        }
    }
}

/* Returns the name of 'outcome', an enum ipo_drop, or that of success for
 * 0. */
static const char *
outcome_name(int outcome)
{
    return outcome ? ipo_drop_name((enum ipo_drop) outcome) : "accepted";
}

/* The reference.
 *
 * A packet may be wrong in several ways at once and the format does not rank
 * them, so that the reference gives a set of reasons, as bits, any of which
 * may be counted.  A packet is accepted if, and only if, the set is empty.
 * Only a packet with a malformed or corrupted header has just this reason. */

#define BIT(NAME) (1u << IPO_DROP_##NAME)

struct ref_prefix {
    uint8_t addr[4];
    unsigned int plen;
};

/* How a vector or random test configures a pair of nodes, as the sender sees
 * it.  The receiver knows the same prefixes the other way around. */
struct config {
    uint8_t src[4], dst[4];
    bool known;                 /* Whether the prefixes are. */
    struct ref_prefix local, remote;
    bool has_key;
    uint32_t key;
    int pinned;                 /* enum ipo_format, or -1 for auto. */
};

/* RFC 1071, as in its section 4.1: zero over data with a right checksum. */
static uint16_t
ref_checksum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : p[i] * 256u;
        if (sum >= 65536) {
            sum -= 65535;
        }
    }
    return 65535 - sum;
}

/* Makes the checksum of the header at 'ip', 'hlen' bytes long, right. */
static void
ref_fix_checksum(uint8_t *ip, size_t hlen)
{
    uint16_t checksum;

    ip[10] = ip[11] = 0;
    checksum = ref_checksum(ip, hlen);
    ip[10] = checksum / 256;
    ip[11] = checksum % 256;
}

/* Whether 'addr' is in 'prefix'. */
static bool
ref_in_prefix(const uint8_t addr[4], const struct ref_prefix *prefix)
{
    for (unsigned int i = 0; i < prefix->plen; i++) {
        int bit = 128 >> i % 8;

        if ((addr[i / 8] & bit) != (prefix->addr[i / 8] & bit)) {
            return false;
        }
    }
    return true;
}

/* Number of octets of an address that each format sends. */
static unsigned int
ref_octets(int format)
{
    static const unsigned int octets[] = { 1, 2, 4 };

    return octets[format];
}

/* Length of the option in 'format', in bytes. */
static unsigned int
ref_option_len(int format, bool has_key)
{
    if (format == IPO_COMPACT) {
        return 4;
    }
    return 4 + (has_key ? 4 : 0) + 2 * ref_octets(format);
}

/* Fills in the octets of 'addr' that are not sent in 'format'. */
static void
ref_fill_in(uint8_t addr[4], int format, const struct ref_prefix *prefix)
{
    for (unsigned int i = 0; i < 4 - ref_octets(format); i++) {
        addr[i] = prefix->addr[i];
    }
}

/* Whether 'addr' sent in 'format' can be told again by someone who knows
 * 'prefix'. */
static bool
ref_says_exactly(int format, const uint8_t addr[4], bool known,
                 const struct ref_prefix *prefix)
{
    if (format == IPO_FULL) {
        return true;
    }
    return (known && prefix->plen >= 8 * (4 - ref_octets(format))
            && ref_in_prefix(addr, prefix));
}

/* Whether 'format' represents exactly the packet at 'ip'. */
static bool
ref_represents(int format, const struct config *c, const uint8_t *ip)
{
    if (format == IPO_COMPACT
        && (c->has_key || ip[9] + 143 < 144 || ip[9] + 143 > 252)) {
        return false;
    }
    return (ref_says_exactly(format, ip + 12, c->known, &c->local)
            && ref_says_exactly(format, ip + 16, c->known, &c->remote));
}

/* What is wrong with the header at 'ip' itself. */
static uint32_t
ref_check_header(const uint8_t *ip, size_t len)
{
    size_t hlen, tot_len;

    if (len < 20) {
        return BIT(MALFORMED);
    }
    hlen = ip[0] % 16 * 4;
    tot_len = ip[2] * 256 + ip[3];
    if (ip[0] / 16 != 4 || hlen < 20 || hlen > tot_len || tot_len > len) {
        return BIT(MALFORMED);
    }
    return ref_checksum(ip, hlen) ? BIT(CSUM) : 0;
}

/* What is wrong with the options of an inner packet. */
static uint32_t
ref_check_options(const uint8_t *opt, size_t len)
{
    uint32_t why = 0;

    while (len && opt[0] != 0) {
        size_t n;

        if (opt[0] == 131 || opt[0] == 137) {
            why |= BIT(SOURCE_ROUTE);
        }
        if (opt[0] == 1) {
            n = 1;
        } else if (len < 2 || opt[1] < 2 || opt[1] > len) {
            return why | BIT(INNER_OPTION);
        } else {
            n = opt[1];
        }
        opt += n;
        len -= n;
    }
    return why;
}

/* Returns why the 'len' bytes at 'ip' must not be sent, or zero after storing
 * the packet that must be sent in 'out' and its length in '*out_len'. */
static uint32_t
ref_encap(const struct config *c, const uint8_t *ip, size_t len,
          uint8_t *out, size_t *out_len, int *format)
{
    uint32_t why = ref_check_header(ip, len);
    unsigned int hlen, tot_len, opt_len, n;
    uint8_t *o;

    if (why) {
        return why;
    }
    hlen = ip[0] % 16 * 4;
    tot_len = ip[2] * 256 + ip[3];
    why = ref_check_options(ip + 20, hlen - 20);
    if (ip[8] == 0) {
        why |= BIT(TTL);
    }

    /* The smallest of those that are allowed and represent it. */
    *format = -1;
    for (int f = 0; f < 3; f++) {
        if ((c->pinned == -1 || c->pinned == f) && ref_represents(f, c, ip)
            && (*format == -1 || ref_option_len(f, c->has_key)
                                 < ref_option_len(*format, c->has_key))) {
            *format = f;
        }
    }
    if (*format == -1) {
        return why | BIT(FORMAT);
    }
    opt_len = ref_option_len(*format, c->has_key);
    if (hlen + opt_len > 60) {
        why |= BIT(NO_ROOM);
    }
    if (tot_len + opt_len > 65535) {
        why |= BIT(TOO_BIG);
    }
    if (why) {
        return why;
    }

    memcpy(out, ip, 20);
    out[0] += opt_len / 4;
    out[2] = (tot_len + opt_len) / 256;
    out[3] = (tot_len + opt_len) % 256;
    memcpy(out + 12, c->src, 4);
    memcpy(out + 16, c->dst, 4);
    o = out + 20;
    if (*format == IPO_COMPACT) {
        out[9] = ip[9] + 143;
        *o++ = 40;
        *o++ = 4;
    } else {
        out[9] = 253;
        *o++ = 158;
        *o++ = opt_len;
        *o++ = 16 + (c->has_key ? 8 : 0) + (*format == IPO_FULL ? 1 : 0);
        *o++ = ip[9];
        if (c->has_key) {
            for (int shift = 24; shift >= 0; shift -= 8) {
                *o++ = c->key >> shift & 255;
            }
        }
    }
    n = ref_octets(*format);
    memcpy(o, ip + 16 - n, n);
    memcpy(o + n, ip + 20 - n, n);
    memcpy(o + 2 * n, ip + 20, len - 20);
    *out_len = len + opt_len;
    ref_fix_checksum(out, hlen + opt_len);
    return 0;
}

/* The opposite of ref_encap(). */
static uint32_t
ref_decap(const struct config *c, const uint8_t *ip, size_t len,
          uint8_t *out, size_t *out_len, struct ipo_rx *rx)
{
    const uint8_t *opt = ip + 20, *addrs;
    uint32_t why = ref_check_header(ip, len);
    unsigned int hlen, opt_len, n;
    uint8_t protocol;
    int format;

    if (why) {
        return why;
    }
    hlen = ip[0] % 16 * 4;
    memset(rx, 0, sizeof *rx);
    if (ip[9] >= 144 && ip[9] <= 252) {
        if (hlen == 20 || opt[0] != 40) {
            return (ip[6] % 32 || ip[7]) ? BIT(FRAGMENT) : BIT(NO_OPTION);
        }
        if (opt[1] != 4) {
            return BIT(OPTION_LEN);
        }
        format = IPO_COMPACT;
        opt_len = 4;
        protocol = ip[9] - 143;
        addrs = opt + 2;
    } else if (ip[9] == 253) {
        if (hlen == 20 || opt[0] != 158) {
            return BIT(NO_OPTION);
        }
        format = opt[2] % 2 ? IPO_FULL : IPO_SHORT;
        rx->has_key = opt[2] / 8 % 2;
        opt_len = opt[1];
        if (opt_len > hlen - 20
            || (opt_len != 8 && opt_len != 12 && opt_len != 16)) {
            why |= BIT(OPTION_LEN);
        }
        if (opt[2] / 16 != 1 || opt[2] / 2 % 4) {
            why |= BIT(VERSION);
        } else if (opt_len != ref_option_len(format, rx->has_key)) {
            why |= BIT(OPTION_LEN);
        }
        if (why) {
            return why;
        }
        addrs = opt + 4;
        if (rx->has_key) {
            for (int i = 0; i < 4; i++) {
                rx->key = rx->key * 256 + *addrs++;
            }
        }
        protocol = opt[3];
    } else {
        return BIT(PROTOCOL);
    }
    if (format != IPO_FULL) {
        unsigned int plen = 8 * (4 - ref_octets(format));

        if (!c->known) {
            return BIT(PEER);
        }
        if (c->local.plen < plen || c->remote.plen < plen) {
            why |= BIT(PEER_PREFIX);
        }
    }

    rx->src = ((uint32_t) ip[12] << 24) + (ip[13] << 16) + (ip[14] << 8)
              + ip[15];
    rx->dst = ((uint32_t) ip[16] << 24) + (ip[17] << 16) + (ip[18] << 8)
              + ip[19];
    rx->format = format;
    rx->opt_len = opt_len;
    rx->protocol = protocol;

    memcpy(out, ip, 20);
    out[0] -= opt_len / 4;
    out[2] = (ip[2] * 256 + ip[3] - opt_len) / 256;
    out[3] = (ip[2] * 256 + ip[3] - opt_len) % 256;
    out[9] = protocol;
    n = ref_octets(format);
    memcpy(out + 16 - n, addrs, n);
    memcpy(out + 20 - n, addrs + n, n);
    if (format != IPO_FULL) {
        ref_fill_in(out + 12, format, &c->local);
        ref_fill_in(out + 16, format, &c->remote);
        if (!ref_in_prefix(out + 12, &c->local)
            || !ref_in_prefix(out + 16, &c->remote)) {
            why |= BIT(PREFIX);
        }
    }
    if (why) {
        return why;
    }
    memcpy(out + 20, ip + 20 + opt_len, len - 20 - opt_len);
    *out_len = len - opt_len;
    ref_fix_checksum(out, hlen - opt_len);
    return 0;
}

/* The header under test, called the way that its users call it. */

/* Returns the address in host byte order. */
static uint32_t
host32(const uint8_t b[4])
{
    return (uint32_t) b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* Returns 'c' as the prefixes of the sender, or of the receiver if 'mirror'.
 * Null if they are not known. */
static const struct ipo_prefixes *
config_prefixes(const struct config *c, bool mirror, struct ipo_prefixes *p)
{
    const struct ref_prefix *local = mirror ? &c->remote : &c->local;
    const struct ref_prefix *remote = mirror ? &c->local : &c->remote;

    if (!c->known) {
        return NULL;
    }
    p->local_mask = ipo_mask(local->plen);
    p->local = host32(local->addr) & p->local_mask;
    p->remote_mask = ipo_mask(remote->plen);
    p->remote = host32(remote->addr) & p->remote_mask;
    return p;
}

/* Makes '*tx' what a sender has that is configured as 'c' says. */
static void
config_to_tx(const struct config *c, struct ipo_tx *tx)
{
    const struct ipo_prefixes *prefixes;

    memset(tx, 0, sizeof *tx);
    tx->src = host32(c->src);
    tx->dst = host32(c->dst);
    tx->has_key = c->has_key;
    /* A key where there is none must not be sent. */
    tx->key = c->has_key ? c->key : 0xbadbadba;
    prefixes = config_prefixes(c, false, &tx->prefixes);
    tx->formats = ipo_formats_auto(prefixes, c->has_key);
    if (c->pinned >= 0) {
        tx->formats &= 1u << c->pinned;
    }
}

/* Checks that the packet of 'len' bytes at 'ip' is one that may be handed
 * on. */
static void
check_valid(const char *what, const uint8_t *ip, size_t len)
{
    if (len < 20) {
        fail("%s: only %zu bytes", what, len);
    } else if (ip[0] >> 4 != 4) {
        fail("%s: version %d", what, ip[0] >> 4);
    } else if ((ip[0] & 15) < 5) {
        fail("%s: IHL %d", what, ip[0] & 15);
    } else if (ip[2] * 256 + ip[3] < (ip[0] & 15) * 4) {
        fail("%s: total length shorter than the header", what);
    } else if ((size_t) (ip[2] * 256 + ip[3]) > len) {
        fail("%s: total length beyond the packet", what);
    } else if (ref_checksum(ip, (ip[0] & 15) * 4)) {
        fail("%s: wrong header checksum", what);
    }
}

/* Checks 'retval', which is negative if the packet was dropped, against the
 * reference's set of reasons, 'why', and counts it. */
static void
check_outcome(const char *what, int retval, uint32_t why)
{
    if (retval < 0 && (-retval >= IPO_N_DROPS || retval == 0)) {
        fail("%s: unknown reason %d", what, -retval);
    } else if (retval >= 0 && why) {
        for (int i = 1; i < IPO_N_DROPS; i++) {
            if (why >> i & 1) {
                fail("%s: accepted, should be dropped: %s",
                     what, outcome_name(i));
            }
        }
    } else if (retval < 0 && !(why >> -retval & 1)) {
        fail("%s: dropped: %s, which is not so", what, outcome_name(-retval));
    }
    counts[retval < 0 ? -retval : 0]++;
}

/* Checks that sending fast makes 'expected' of 'inner', in format 'fmt', or -1
 * for none, or does nothing if that format is not the one to prepare for. */
static void
test_fast_encap(const struct config *c, const uint8_t *inner, size_t len,
                int fmt, const uint8_t *expected)
{
    uint8_t *buf = xalloc(IPO_OPT_LEN_MAX + len);
    uint8_t *ip = buf + IPO_OPT_LEN_MAX;
    unsigned int tot_len;
    struct ipo_fast fast;
    struct ipo_tx tx;
    int smallest = 0;
    bool takes;

    config_to_tx(c, &tx);
    ipo_fast_init_tx(&fast, &tx);
    while (smallest < IPO_N_FORMATS && !(tx.formats & 1u << smallest)) {
        smallest++;
    }
    takes = fmt >= 0 && fmt == smallest && inner[0] == 0x45;

    memcpy(ip, inner, len);
    tot_len = (fast.opt ? ipo_fast_encap_ext(ip, len, &fast)
                        : ipo_fast_encap(ip, len, &fast));
    if (!tot_len != !takes) {
        fail("fast encap: packet is %staken", takes ? "not " : "");
    }
    if (!takes) {
        check_equal("fast encap: packet not taken", ip, inner, len);
    } else {
        check_equal("fast encap", ip - fast.opt_len, expected,
                    len + fast.opt_len);
        if (tot_len != (unsigned int) (expected[2] << 8 | expected[3])) {
            fail("fast encap: length is %u", tot_len);
        }
    }
    free(buf);
}

/* Likewise for receiving: 'rx' is what the packet's option says if it is to be
 * taken, and null otherwise. */
static void
test_fast_decap(const struct config *c, const uint8_t *outer, size_t len,
                const struct ipo_rx *rx, const uint8_t *expected)
{
    bool takes = rx && outer[0] == 0x45 + rx->opt_len / 4;
    uint8_t *buf = xalloc(len);
    struct ipo_prefixes p;
    unsigned int tot_len;
    struct ipo_fast fast;
    uint64_t nodes = 0;
    uint32_t opt = 0, key = 0;

    memcpy(buf, outer, len);
    if (len >= IPO_IP_HLEN_MIN) {
        nodes = ipo_fast_pair(ipo_get32(outer + 12), ipo_get32(outer + 16));
    }
    ipo_fast_init_rx(&fast, nodes, config_prefixes(c, true, &p));
    tot_len = ipo_fast_decap(buf, len, &fast);
    if (!tot_len) {
        tot_len = ipo_fast_decap_ext(buf, len, &fast, &opt, &key);
    }
    if (!tot_len != !takes) {
        fail("fast decap: packet is %staken", takes ? "not " : "");
    }
    if (!takes) {
        check_equal("fast decap: packet not taken", buf, outer, len);
    } else {
        check_equal("fast decap", buf + rx->opt_len, expected,
                    len - rx->opt_len);
        if (tot_len != (unsigned int) (expected[2] << 8 | expected[3])) {
            fail("fast decap: length is %u", tot_len);
        }
        if (opt && (IPO_FAST_OPT_LEN(opt) != rx->opt_len
                    || rx->has_key != !!(opt & IPO_FLAG_KEY << 8)
                    || rx->key != key)) {
            fail("fast decap: option is %"PRIx32, opt);
        }
    }
    free(buf);
}

/* Sends the 'len' bytes at 'inner' as 'c' says and compares with the
 * reference.  The packet is at the end of a buffer of just its size.  Returns
 * the reason if it is dropped.  Otherwise returns 0 and, with 'out' nonnull,
 * stores there the outer packet and in '*out_len' its length. */
static int
test_encap(const struct config *c, const uint8_t *inner, size_t len,
           uint8_t *out, size_t *out_len, int *format)
{
    uint8_t *expected = xalloc(len + 16);
    uint8_t *buf = xalloc(HEADROOM + len);
    size_t expected_len = 0;
    struct ipo_tx tx;
    uint32_t why;
    int retval, fmt = -1;

    config_to_tx(c, &tx);
    memset(buf, CANARY, HEADROOM);
    memcpy(buf + HEADROOM, inner, len);
    why = ref_encap(c, inner, len, expected, &expected_len, &fmt);
    retval = ipo_encap(buf + HEADROOM, len, &tx);
    check_outcome("encap", retval, why);
    test_fast_encap(c, inner, len, retval < 0 ? -1 : fmt, expected);
    if (retval < 0) {
        check_equal("encap: packet after drop", buf + HEADROOM, inner, len);
        for (size_t i = 0; i < HEADROOM; i++) {
            if (buf[i] != CANARY) {
                fail("encap: headroom byte %zu written before drop", i);
            }
        }
    } else {
        size_t opt_len = expected_len - len;

        if ((size_t) retval != opt_len) {
            fail("encap: option of %d bytes, should be %zu", retval, opt_len);
        }
        if (opt_len != ipo_option_len((enum ipo_format) fmt, c->has_key)) {
            fail("ipo_option_len: %u, should be %zu",
                 ipo_option_len((enum ipo_format) fmt, c->has_key), opt_len);
        }
        for (size_t i = 0; i < HEADROOM - opt_len; i++) {
            if (buf[i] != CANARY) {
                fail("encap: headroom byte %zu written", i);
            }
        }
        check_equal("outer packet", buf + HEADROOM - opt_len, expected,
                    expected_len);
        check_valid("outer packet", buf + HEADROOM - opt_len, expected_len);
        if (out) {
            memcpy(out, buf + HEADROOM - opt_len, expected_len);
            *out_len = expected_len;
            *format = fmt;
        }
    }
    free(buf);
    free(expected);
    return retval < 0 ? -retval : 0;
}

/* Does to 'inner', which becomes the compact packet 'outer', what the native
 * variant does: the same but for the protocol, there and back. */
static void
test_native(const struct config *c, const uint8_t *inner, size_t len,
            const uint8_t *outer)
{
    size_t outer_len = len + IPO_OPT_LEN_COMPACT;
    uint8_t *buf = xalloc(HEADROOM + len);
    uint8_t *ip = buf + HEADROOM - IPO_OPT_LEN_COMPACT;
    uint8_t *expected = xalloc(outer_len);
    struct ipo_prefixes mirror;
    struct ipo_rx rx;
    struct ipo_tx tx;

    memcpy(expected, outer, outer_len);
    expected[9] = inner[9];
    ref_fix_checksum(expected, (expected[0] & 15) * 4);

    config_to_tx(c, &tx);
    tx.native = true;
    memcpy(buf + HEADROOM, inner, len);
    if (ipo_parse_native(inner, len, &rx) != -IPO_DROP_NO_OPTION
        && inner[20] != IPO_OPT_COMPACT) {
        fail("native: a packet without the option is taken");
    }
    if (ipo_encap(buf + HEADROOM, len, &tx) != IPO_OPT_LEN_COMPACT) {
        fail("native: encap fails");
    }
    check_equal("native", ip, expected, outer_len);
    if (ipo_parse_native(ip, outer_len, &rx) || rx.protocol != inner[9]
        || rx.src != host32(c->src) || rx.dst != host32(c->dst)) {
        fail("native: parse fails");
    }
    config_prefixes(c, true, &mirror);
    if (ipo_decap(ip, &rx, &mirror)) {
        fail("native: decap fails");
    }
    check_equal("native: round trip", ip + rx.opt_len, inner, len);
    if (ipo_parse_native(outer, outer_len, &rx) != -IPO_DROP_NO_OPTION) {
        fail("native: a shifted packet is taken");
    }
    free(expected);
    free(buf);
}

/* Likewise for the 'len' bytes at 'outer', received. */
static int
test_decap(const struct config *c, const uint8_t *outer, size_t len,
           uint8_t *out, size_t *out_len, struct ipo_rx *rx_out)
{
    uint8_t *expected = xalloc(len);
    uint8_t *buf = xalloc(len);
    struct ipo_rx rx, ref_rx;
    struct ipo_prefixes p;
    size_t expected_len = 0;
    uint32_t why;
    int retval;

    memset(&rx, CANARY, sizeof rx);
    memcpy(buf, outer, len);
    why = ref_decap(c, outer, len, expected, &expected_len, &ref_rx);
    retval = ipo_parse(buf, len, &rx);
    if (retval > 0) {
        fail("parse: returned %d", retval);
    }
    check_equal("packet after parse", buf, outer, len);
    if (!retval) {
        retval = ipo_decap(buf, &rx, config_prefixes(c, true, &p));
        if (retval > 0) {
            fail("decap: returned %d", retval);
        }
    }
    check_outcome("decap", retval, why);
    test_fast_decap(c, outer, len, retval ? NULL : &rx, expected);
    if (retval < 0) {
        check_equal("decap: packet after drop", buf, outer, len);
    } else {
        const uint8_t *inner = buf + rx.opt_len;

#define CHECK_RX(FIELD)                                                 \
        if (rx.FIELD != ref_rx.FIELD) {                                 \
            fail("parse: " #FIELD " is %"PRIu32", should be %"PRIu32,   \
                 (uint32_t) rx.FIELD, (uint32_t) ref_rx.FIELD);         \
        }
        CHECK_RX(src);
        CHECK_RX(dst);
        CHECK_RX(has_key);
        CHECK_RX(key);
        CHECK_RX(format);
        CHECK_RX(opt_len);
        CHECK_RX(protocol);
#undef CHECK_RX
        check_equal("inner packet", inner, expected, expected_len);
        check_valid("inner packet", inner, expected_len);
        check_equal("inner packet's options and payload", inner + 20,
                    outer + 20 + rx.opt_len, len - 20 - rx.opt_len);
        if (out) {
            memcpy(out, inner, expected_len);
            *out_len = expected_len;
            *rx_out = rx;
        }
    }
    free(buf);
    free(expected);
    return retval < 0 ? -retval : 0;
}

/* Vector files. */

struct packet {
    bool present;
    uint8_t *data;
    size_t len;
};

struct vector {
    char name[64];
    struct config config;
    struct packet inner, outer;
    int wire;                   /* enum ipo_format, or -1. */
    int drop;                   /* enum ipo_drop, or 0. */
};

/* These parse the words of a vector, and fail if they are wrong.  The last one
 * changes 's'. */
static int
parse_format(const char *s)
{
    for (int i = 0; i < IPO_N_FORMATS; i++) {
        if (!strcmp(s, ipo_format_name((enum ipo_format) i))) {
            return i;
        }
    }
    fail("unknown format '%s'", s);
}

static int
parse_drop(const char *s)
{
    for (int i = 1; i < IPO_N_DROPS; i++) {
        if (!strcmp(s, ipo_drop_name((enum ipo_drop) i))) {
            return i;
        }
    }
    fail("unknown reason '%s'", s);
}

static void
parse_addr(const char *s, uint8_t addr[4])
{
    if (inet_pton(AF_INET, s, addr) != 1) {
        fail("bad address '%s'", s);
    }
}

static unsigned long
parse_number(const char *s, int base, unsigned long max)
{
    char *tail;
    unsigned long x = strtoul(s, &tail, base);

    if (!*s || *tail || x > max) {
        fail("bad number '%s'", s);
    }
    return x;
}

static void
parse_prefix(char *s, struct ref_prefix *prefix)
{
    char *slash = strchr(s, '/');

    if (!slash) {
        fail("bad prefix '%s'", s);
    }
    *slash = '\0';
    parse_addr(s, prefix->addr);
    prefix->plen = parse_number(slash + 1, 10, 32);
}

/* Appends 'n' times 'byte' to 'p', or fails if that gets too long. */
static void
packet_put(struct packet *p, size_t n, int byte)
{
    if (p->len + n > 70000) {
        fail("packet longer than 70,000 bytes");
    }
    memset(p->data + p->len, byte, n);
    p->len += n;
}

/* Calls 'cb' with each vector of the file named 'file'. */
static void
read_vectors(const char *file, void (*cb)(const struct vector *))
{
    FILE *stream = fopen(file, "r");
    struct packet *section = NULL;
    bool in_vector = false;
    bool has_remote = false, has_format = false;
    unsigned int n_vectors = 0;
    char line[256];
    struct vector v;

    if (!stream) {
        fail("%s: cannot open", file);
    }
    memset(&v, 0, sizeof v);
    v.inner.data = xalloc(70000);
    v.outer.data = xalloc(70000);
    for (int number = 1; fgets(line, sizeof line, stream); number++) {
        char *word, *arg, *save = NULL;

        snprintf(where, sizeof where, "%s:%d", file, number);
        line[strcspn(line, "#\n")] = '\0';
        word = strtok_r(line, " \t", &save);
        if (!word) {
            continue;
        }
        if (section && strlen(word) == 2) {
            for (; word; word = strtok_r(NULL, " \t", &save)) {
                if (strlen(word) != 2) {
                    fail("bad byte '%s'", word);
                }
                packet_put(section, 1, parse_number(word, 16, 255));
            }
            continue;
        }
        arg = strtok_r(NULL, " \t", &save);
        if (section && !strcmp(word, "fill") && arg) {
            char *byte = strtok_r(NULL, " \t", &save);

            if (!byte) {
                fail("fill without a byte");
            }
            packet_put(section, parse_number(arg, 10, 65535),
                       parse_number(byte, 16, 255));
        } else if (!strcmp(word, "vector") && arg && !in_vector) {
            struct packet inner = v.inner, outer = v.outer;

            memset(&v, 0, sizeof v);
            v.inner = inner;
            v.outer = outer;
            v.inner.present = v.outer.present = false;
            v.inner.len = v.outer.len = 0;
            v.wire = v.config.pinned = -1;
            snprintf(v.name, sizeof v.name, "%s", arg);
            in_vector = true;
            has_remote = has_format = false;
        } else if (!in_vector) {
            fail("'%s' outside of a vector", word);
        } else if (!strcmp(word, "end") && !arg) {
            if (v.drop
                ? v.inner.present == v.outer.present || v.wire >= 0
                : !v.inner.present || !v.outer.present || v.wire < 0) {
                fail("vector needs inner, outer and wire, or one of inner "
                     "and outer and drop");
            }
            if (has_remote != v.config.known || !has_format
                || !host32(v.config.src) || !host32(v.config.dst)) {
                fail("incomplete configuration");
            }
            snprintf(where, sizeof where, "%s:%d: vector %s",
                     file, number, v.name);
            cb(&v);
            n_vectors++;
            in_vector = false;
            section = NULL;
        } else if ((!strcmp(word, "inner") || !strcmp(word, "outer"))
                   && !arg) {
            section = word[0] == 'i' ? &v.inner : &v.outer;
            if (section->present) {
                fail("second '%s'", word);
            }
            section->present = true;
        } else if (!arg || strtok_r(NULL, " \t", &save)) {
            fail("'%s' needs one argument", word);
        } else if (!strcmp(word, "src")) {
            parse_addr(arg, v.config.src);
        } else if (!strcmp(word, "dst")) {
            parse_addr(arg, v.config.dst);
        } else if (!strcmp(word, "local")) {
            parse_prefix(arg, &v.config.local);
            v.config.known = true;
        } else if (!strcmp(word, "remote")) {
            parse_prefix(arg, &v.config.remote);
            has_remote = true;
        } else if (!strcmp(word, "key")) {
            v.config.has_key = true;
            v.config.key = parse_number(arg, 0, UINT32_MAX);
        } else if (!strcmp(word, "format")) {
            v.config.pinned = strcmp(arg, "auto") ? parse_format(arg) : -1;
            has_format = true;
        } else if (!strcmp(word, "wire")) {
            v.wire = parse_format(arg);
        } else if (!strcmp(word, "drop")) {
            v.drop = parse_drop(arg);
        } else {
            fail("unknown word '%s'", word);
        }
    }
    if (in_vector) {
        fail("vector without end");
    }
    if (!n_vectors) {
        snprintf(where, sizeof where, "%s", file);
        fail("no vectors");
    }
    fclose(stream);
    free(v.inner.data);
    free(v.outer.data);
}

/* vectors. */

static unsigned int n_round_trips[IPO_N_FORMATS][2];
static unsigned int n_drops[2][IPO_N_DROPS];

/* Tests 'v' and counts it: both ways, or the one in which it is dropped. */
static void
run_vector(const struct vector *v)
{
    const struct config *c = &v->config;
    uint8_t *out = xalloc(70016);
    size_t out_len = 0;
    struct ipo_rx rx;
    int outcome, format = -1;
    uint32_t why;

    if (v->drop) {
        outcome = (v->inner.present
                   ? test_encap(c, v->inner.data, v->inner.len, NULL, NULL,
                                NULL)
                   : test_decap(c, v->outer.data, v->outer.len, NULL, NULL,
                                NULL));
        if (outcome != v->drop) {
            fail("outcome is %s, should be %s", outcome_name(outcome),
                 outcome_name(v->drop));
        }
        why = (v->inner.present
               ? ref_encap(c, v->inner.data, v->inner.len, out, &out_len,
                           &format)
               : ref_decap(c, v->outer.data, v->outer.len, out, &out_len,
                           &rx));
        if (why != 1u << v->drop) {
            fail("more than one thing is wrong with the packet");
        }
        n_drops[v->outer.present][v->drop]++;
        free(out);
        return;
    }

    outcome = test_encap(c, v->inner.data, v->inner.len, out, &out_len,
                         &format);
    if (outcome) {
        fail("encap: dropped: %s", outcome_name(outcome));
    }
    if (out_len != v->outer.len) {
        fail("encap: outer packet has %zu bytes, should have %zu",
             out_len, v->outer.len);
    }
    check_equal("encap", out, v->outer.data, out_len);
    if (format == IPO_COMPACT) {
        test_native(c, v->inner.data, v->inner.len, out);
    }

    memset(&rx, 0, sizeof rx);
    outcome = test_decap(c, v->outer.data, v->outer.len, out, &out_len, &rx);
    if (outcome) {
        fail("decap: dropped: %s", outcome_name(outcome));
    }
    if (out_len != v->inner.len) {
        fail("decap: inner packet has %zu bytes, should have %zu",
             out_len, v->inner.len);
    }
    check_equal("decap", out, v->inner.data, out_len);
    if (rx.format != v->wire || format != v->wire) {
        fail("sent as %s, received as %s, should be %s",
             ipo_format_name((enum ipo_format) format),
             ipo_format_name((enum ipo_format) rx.format),
             ipo_format_name((enum ipo_format) v->wire));
    }
    if (rx.has_key != c->has_key || (c->has_key && rx.key != c->key)) {
        fail("key is not the sender's");
    }
    if (rx.src != host32(c->src) || rx.dst != host32(c->dst)) {
        fail("nodes are not the sender's");
    }
    n_round_trips[v->wire][c->has_key]++;
    free(out);
}

/* Fails if no vector was read for some format or for some reason. */
static void
check_complete(void)
{
    static const int sends[] = {
        IPO_DROP_MALFORMED, IPO_DROP_CSUM, IPO_DROP_TTL, IPO_DROP_NO_ROOM,
        IPO_DROP_SOURCE_ROUTE, IPO_DROP_INNER_OPTION, IPO_DROP_TOO_BIG,
        IPO_DROP_FORMAT
    };
    static const int receives[] = {
        IPO_DROP_MALFORMED, IPO_DROP_CSUM, IPO_DROP_NO_OPTION,
        IPO_DROP_FRAGMENT, IPO_DROP_OPTION_LEN, IPO_DROP_VERSION,
        IPO_DROP_PEER, IPO_DROP_PEER_PREFIX, IPO_DROP_PREFIX,
        IPO_DROP_PROTOCOL
    };
    bool covered[IPO_N_DROPS] = { true };

    snprintf(where, sizeof where, "vectors");
    for (int f = 0; f < IPO_N_FORMATS; f++) {
        for (int key = 0; key < 2; key++) {
            if (!n_round_trips[f][key] && !(f == IPO_COMPACT && key)) {
                fail("none in format %s, key %d",
                     ipo_format_name((enum ipo_format) f), key);
            }
        }
    }
    for (size_t i = 0; i < sizeof sends / sizeof *sends; i++) {
        if (!n_drops[0][sends[i]]) {
            fail("none for a drop on send: %s", outcome_name(sends[i]));
        }
        covered[sends[i]] = true;
    }
    for (size_t i = 0; i < sizeof receives / sizeof *receives; i++) {
        if (!n_drops[1][receives[i]]) {
            fail("none for a drop on receive: %s", outcome_name(receives[i]));
        }
        covered[receives[i]] = true;
    }

    /* Those that are counted around the header, not in it. */
    covered[IPO_DROP_KEY] = covered[IPO_DROP_OFFLOAD] = true;
    for (int i = 0; i < IPO_N_DROPS; i++) {
        if (!covered[i]) {
            fail("a reason that this program does not know: %s",
                 outcome_name(i));
        }
    }
}

/* Prints how often each outcome was seen so far.  'what' is the title. */
static void
print_counts(const char *what)
{
    uint64_t total = 0;

    for (int i = 0; i < IPO_N_DROPS; i++) {
        total += counts[i];
    }
    printf("%s: %"PRIu64" packets\n", what, total);
    for (int i = 0; i < IPO_N_DROPS; i++) {
        if (counts[i]) {
            printf("  %-18s %"PRIu64"\n", outcome_name(i), counts[i]);
        }
    }
}

/* Commands get the words behind theirs, and return the exit status. */
static int
cmd_vectors(int argc, char *argv[])
{
    bool complete = argc && !strcmp(argv[0], "--complete");

    for (int i = complete; i < argc; i++) {
        read_vectors(argv[i], run_vector);
    }
    if (complete) {
        check_complete();
    }
    print_counts("vectors");
    return 0;
}

/* random. */

static uint64_t rnd_state;

/* splitmix64. */
static uint64_t
rnd64(void)
{
    uint64_t z = (rnd_state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* A number from 0 to 'n' - 1. */
static unsigned int
rnd(unsigned int n)
{
    return rnd64() % n;
}

/* True once in 'n' times. */
static bool
one_in(unsigned int n)
{
    return !rnd(n);
}

/* Makes up 'n' bytes at 'p'. */
static void
rnd_bytes(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = rnd(256);
    }
}

/* Makes up a prefix, mostly of a length that matters. */
static void
rnd_prefix(struct ref_prefix *prefix)
{
    static const unsigned int plens[] = {
        0, 8, 15, 16, 17, 20, 23, 24, 24, 24, 25, 26, 30, 31, 32
    };

    prefix->plen = (one_in(3) ? rnd(33)
                    : plens[rnd(sizeof plens / sizeof *plens)]);
    rnd_bytes(prefix->addr, 4);
    for (unsigned int i = prefix->plen; i < 32; i++) {
        prefix->addr[i / 8] &= ~(128 >> i % 8);
    }
}

/* An address, mostly in 'prefix', sometimes just one bit outside. */
static void
rnd_addr(const struct ref_prefix *prefix, uint8_t addr[4])
{
    rnd_bytes(addr, 4);
    if (one_in(20)) {
        return;
    }
    for (unsigned int i = 0; i < prefix->plen; i++) {
        int bit = 128 >> i % 8;

        addr[i / 8] = (addr[i / 8] & ~bit) | (prefix->addr[i / 8] & bit);
    }
    if (prefix->plen && one_in(10)) {
        unsigned int i = (one_in(2) ? prefix->plen - 1
                          : rnd(prefix->plen));

        addr[i / 8] ^= 128 >> i % 8;
    }
}

/* Makes up a pair of nodes. */
static void
rnd_config(struct config *c)
{
    rnd_bytes(c->src, 4);
    rnd_bytes(c->dst, 4);
    c->known = !one_in(10);
    rnd_prefix(&c->local);
    rnd_prefix(&c->remote);
    c->has_key = one_in(3);
    c->key = one_in(8) ? 0 : rnd64();
    c->pinned = one_in(3) ? (int) rnd(3) : -1;
}

/* Fills the 'len' bytes at 'opt' with options, now and then with bad ones. */
static void
rnd_options(uint8_t *opt, size_t len)
{
    static const uint8_t kinds[] = { 7, 68, 148, 130, 136, 40, 158, 255, 2 };
    bool bad = one_in(30);

    rnd_bytes(opt, len);
    while (len) {
        size_t n = 1;

        if (one_in(5)) {
            opt[0] = 1;
        } else if (one_in(20)) {
            /* What follows the end may be anything. */
            opt[0] = 0;
            return;
        } else if (bad && one_in(3)) {
            opt[0] = kinds[rnd(sizeof kinds)];
            if (len > 1) {
                opt[1] = one_in(2) ? rnd(2) : len + 1 + rnd(3);
            }
            return;
        } else if (bad && one_in(3)) {
            opt[0] = one_in(2) ? 131 : 137;
            if (len < 3) {
                return;
            }
            n = opt[1] = 3 + rnd(len - 2);
        } else if (len < 2) {
            opt[0] = rnd(2);
        } else {
            opt[0] = kinds[rnd(sizeof kinds)];
            n = opt[1] = one_in(3) ? len : 2 + rnd(len - 1);
        }
        opt += n;
        len -= n;
    }
}

/* Makes up a packet in the 70,000 bytes at 'ip'.  Returns its length. */
static size_t
rnd_packet(const struct config *c, uint8_t *ip)
{
    static const uint8_t protos[] = {
        0, 1, 6, 17, 47, 108, 109, 110, 111, 132, 143, 144, 252, 253, 255
    };
    size_t hlen = 20 + (one_in(2) ? 0 : one_in(2) ? rnd(11) * 4
                        : 24 + rnd(5) * 4);
    size_t tot_len = hlen + (one_in(1000) ? 65500 - rnd(60) + rnd(80) - hlen
                             : rnd(200));
    size_t len;

    if (tot_len > 65535) {
        tot_len = 65535;
    }
    len = tot_len + (one_in(4) ? rnd(40) : 0);

    if (len < 1000) {
        rnd_bytes(ip + 20, len - 20);
    } else {
        memset(ip + 20, rnd(256), len - 20);
    }
    ip[0] = 0x40 + hlen / 4;
    ip[1] = rnd(256);
    ip[2] = tot_len >> 8;
    ip[3] = tot_len;
    rnd_bytes(ip + 4, 2);
    if (one_in(2)) {
        rnd_bytes(ip + 6, 2);
    } else {
        ip[6] = rnd(4) * 32;
        ip[7] = 0;
    }
    ip[8] = one_in(40) ? 0 : one_in(20) ? 1 : rnd(256);
    ip[9] = one_in(2) ? protos[rnd(sizeof protos)] : rnd(256);
    rnd_addr(&c->local, ip + 12);
    rnd_addr(&c->remote, ip + 16);
    rnd_options(ip + 20, hlen - 20);
    ref_fix_checksum(ip, hlen);
    if (one_in(50)) {
        /* The ID makes the checksum come out as zero. */
        uint32_t id = (ip[4] << 8 | ip[5]) + (ip[10] << 8 | ip[11]);

        id = (id & 0xffff) + (id >> 16);
        ip[4] = id >> 8;
        ip[5] = id;
        ref_fix_checksum(ip, hlen);
    }
    return len;
}

/* "random" */
static int
cmd_random(int argc, char *argv[])
{
    static uint8_t inner[70016], outer[70016], back[70016];
    uint64_t seed, n, n_formats[IPO_N_FORMATS][2];

    memset(n_formats, 0, sizeof n_formats);
    if (argc != 2) {
        fail("random: needs SEED and N");
    }
    seed = strtoull(argv[0], NULL, 0);
    n = strtoull(argv[1], NULL, 0);
    for (uint64_t i = 0; i < n; i++) {
        struct config c, other;
        struct ipo_rx rx;
        size_t inner_len, outer_len, back_len, hlen;
        int format, outcome;

        snprintf(where, sizeof where, "seed %"PRIu64", packet %"PRIu64,
                 seed, i);
        rnd_state = seed * 0xd1342543de82ef95 + i;
        rnd_config(&c);
        inner_len = rnd_packet(&c, inner);
        if (test_encap(&c, inner, inner_len, outer, &outer_len, &format)) {
            continue;
        }
        n_formats[format][c.has_key]++;

        /* Straight back. */
        if (format == IPO_COMPACT) {
            test_native(&c, inner, inner_len, outer);
        }
        memset(&rx, 0, sizeof rx);
        outcome = test_decap(&c, outer, outer_len, back, &back_len, &rx);
        if (outcome) {
            fail("round trip: dropped: %s", outcome_name(outcome));
        } else if (back_len != inner_len) {
            fail("round trip: %zu bytes, should be %zu", back_len, inner_len);
        }
        check_equal("round trip", back, inner, inner_len);
        if (rx.format != format) {
            fail("round trip: sent in format %d, received %d",
                 format, rx.format);
        }

        /* By way of routers that change what routers change. */
        outer[1] = inner[1] = (inner[1] & 0xfc) | rnd(4);
        outer[8] = inner[8] = rnd(256);
        ref_fix_checksum(outer, (outer[0] & 15) * 4);
        ref_fix_checksum(inner, (inner[0] & 15) * 4);
        outcome = test_decap(&c, outer, outer_len, back, &back_len, &rx);
        if (outcome || back_len != inner_len) {
            fail("routed: dropped: %s", outcome_name(outcome));
        }
        check_equal("routed", back, inner, inner_len);

        /* To someone who knows other prefixes. */
        other = c;
        if (one_in(2)) {
            other.known = false;
        } else {
            rnd_prefix(one_in(2) ? &other.local : &other.remote);
        }
        test_decap(&other, outer, outer_len, NULL, NULL, NULL);

        /* After bytes of the header were hit, the checksum mostly
         * repaired. */
        hlen = (outer[0] & 15) * 4;
        for (int hits = 1 + rnd(3); hits > 0; hits--) {
            outer[rnd(one_in(2) ? 24 : hlen)] = rnd(256);
        }
        if ((outer[0] & 15) * 4u >= 20 && (outer[0] & 15) * 4u <= outer_len
            && !one_in(10)) {
            ref_fix_checksum(outer, (outer[0] & 15) * 4);
        }
        test_decap(&c, outer, outer_len, NULL, NULL, NULL);
        test_encap(&c, outer, outer_len, NULL, NULL, NULL);
    }

    snprintf(where, sizeof where, "seed %"PRIu64, seed);
    printf("seed %"PRIu64"\n", seed);
    print_counts("random");
    for (int f = 0; f < IPO_N_FORMATS; f++) {
        for (int key = 0; key < 2; key++) {
            if (f != IPO_COMPACT || !key) {
                printf("  sent as %s%s: %"PRIu64"\n",
                       ipo_format_name((enum ipo_format) f),
                       key ? " with key" : "", n_formats[f][key]);
                if (n >= 10000 && !n_formats[f][key]) {
                    fail("none in format %s, key %d",
                         ipo_format_name((enum ipo_format) f), key);
                }
            }
        }
    }
    for (int i = 0; i < IPO_N_DROPS; i++) {
        if (n >= 10000 && !counts[i] && i != IPO_DROP_KEY
            && i != IPO_DROP_OFFLOAD) {
            fail("never seen: %s", outcome_name(i));
        }
    }
    return 0;
}

/* hostile. */

static char vector_where[sizeof where];

/* Says where we are: in the vector, and at what, formatted. */
static void __attribute__((format(printf, 1, 2)))
hostile_where(const char *format, ...)
{
    char detail[128];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    snprintf(where, sizeof where, "%.380s: %s", vector_where, detail);
}

/* Sends, or receives, the 'len' bytes at 'p', which may be wrong; receives
 * them also without prefixes. */
static void
hostile_try(const struct config *c, bool send, const uint8_t *p, size_t len)
{
    if (send) {
        test_encap(c, p, len, NULL, NULL, NULL);
    } else {
        struct config unknown = *c;

        test_decap(c, p, len, NULL, NULL, NULL);
        unknown.known = false;
        test_decap(&unknown, p, len, NULL, NULL, NULL);
    }
}

/* Tries 'packet' cut anywhere, and with each byte changed; of very long ones,
 * only some of that. */
static void
hostile_packet(const struct config *c, bool send, const struct packet *packet)
{
    const char *what = send ? "inner" : "outer";
    size_t len = packet->len;
    uint8_t *p = xalloc(len);
    size_t hlen = len ? (packet->data[0] & 15) * 4 : 0;

    if (hlen < 20) {
        hlen = 20;
    }
    if (hlen > len) {
        hlen = len;
    }
    for (size_t n = 0; n < len; n++) {
        /* In the middle of very long ones, one cut of many is enough. */
        if (len > 2000 && n > hlen + 100 && n + 100 < len && n % 61) {
            continue;
        }
        hostile_where("%s packet cut to %zu bytes", what, n);
        memcpy(p, packet->data, n);
        hostile_try(c, send, p, n);

        /* Cut the same, and the length changed to agree. */
        if (n >= 20) {
            hostile_where("%s packet cut to %zu bytes, length changed",
                          what, n);
            p[2] = n >> 8;
            p[3] = n;
            ref_fix_checksum(p, n < hlen ? 20 : hlen);
            hostile_try(c, send, p, n);
        }
    }

    memcpy(p, packet->data, len);
    for (size_t i = 0; i < len; i++) {
        uint8_t orig = p[i];

        /* Behind the header one value is as good as another. */
        for (int x = i < hlen ? 1 : 255; x < 256; x++) {
            uint8_t csum[2];
            size_t fixed_hlen;

            /* Long packets are slow: only flips of one bit, and of all. */
            if (len > 2000 && x & (x - 1) && x != 255) {
                continue;
            }
            p[i] = orig ^ x;
            hostile_where("%s packet, byte %zu %02x instead of %02x",
                          what, i, p[i], orig);
            hostile_try(c, send, p, len);
            if (i < hlen && len >= 20) {
                fixed_hlen = (p[0] & 15) * 4;
                if (fixed_hlen < 20 || fixed_hlen > len) {
                    fixed_hlen = hlen;
                }
                hostile_where("%s packet, byte %zu %02x instead of %02x, "
                              "checksum repaired", what, i, p[i], orig);
                memcpy(csum, p + 10, 2);
                ref_fix_checksum(p, fixed_hlen);
                hostile_try(c, send, p, len);
                memcpy(p + 10, csum, 2);
            }
        }
        p[i] = orig;
        if (len > 2000 && i == hlen + 63) {
            break;
        }
    }
    free(p);
}

/* Tries the packets of 'v'. */
static void
hostile_vector(const struct vector *v)
{
    snprintf(vector_where, sizeof vector_where, "%s", where);
    if (v->inner.present) {
        hostile_packet(&v->config, true, &v->inner);
    }
    if (v->outer.present) {
        hostile_packet(&v->config, false, &v->outer);
    }
}

/* "hostile" */
static int
cmd_hostile(int argc, char *argv[])
{
    for (int i = 0; i < argc; i++) {
        read_vectors(argv[i], hostile_vector);
    }
    print_counts("hostile");
    return 0;
}

/* tables: what can be checked in full. */

/* "tables" */
static int
cmd_tables(int argc, char *argv[])
{
    static const char *const drops[] = {
        "none", "malformed", "bad_checksum", "ttl_zero", "no_room",
        "source_route", "bad_inner_option", "too_big", "format",
        "key_too_big", "offload", "no_option", "fragment",
        "bad_option_length", "unknown_version", "unknown_peer",
        "short_prefix", "outside_prefix", "bad_protocol"
    };
    static const char *const formats[] = { "compact", "short", "full" };
    unsigned int n = 0;

    (void) argc;
    (void) argv;
    snprintf(where, sizeof where, "tables");
    if (IPO_N_DROPS != sizeof drops / sizeof *drops) {
        fail("%d reasons, should be %zu", IPO_N_DROPS,
             sizeof drops / sizeof *drops);
    }
    for (int i = 0; i <= IPO_N_DROPS; i++) {
        const char *name = ipo_drop_name((enum ipo_drop) i);
        const char *text = ipo_drop_text((enum ipo_drop) i);
        const char *expected = i < IPO_N_DROPS ? drops[i] : "none";

        if (strcmp(name, expected)) {
            fail("reason %d is '%s', should be '%s'", i, name, expected);
        }
        if (!*text || !strcmp(text, "none") != !strcmp(expected, "none")) {
            fail("reason %d has the text '%s'", i, text);
        }
    }
    for (int i = 0; i < 3; i++) {
        if (strcmp(ipo_format_name((enum ipo_format) i), formats[i])) {
            fail("format %d is '%s'", i, ipo_format_name((enum ipo_format) i));
        }
        for (int key = 0; key < (i == IPO_COMPACT ? 1 : 2); key++) {
            if (ipo_option_len((enum ipo_format) i, key)
                != ref_option_len(i, key)) {
                fail("ipo_option_len: %u in format %s, key %d",
                     ipo_option_len((enum ipo_format) i, key), formats[i],
                     key);
            }
        }
    }
    for (unsigned int plen = 0; plen <= 32; plen++) {
        uint32_t mask = 0;

        for (unsigned int i = 0; i < plen; i++) {
            mask += UINT32_C(0x80000000) >> i;
        }
        if (ipo_mask(plen) != mask) {
            fail("ipo_mask: %08"PRIx32" for /%u", ipo_mask(plen), plen);
        }
    }

    /* All lengths of prefixes, with and without a key, the formats left to
     * choose and pinned, addresses inside and one bit outside; all protocols
     * with the usual prefixes, otherwise those at the edges. */
    for (unsigned int x = 0; x < 33 * 33 * 2 * 4 * 4; x++) {
        struct config c;
        uint8_t ip[20];

        memset(&c, 0, sizeof c);
        memcpy(c.src, "\12\0\0\1", 4);
        memcpy(c.dst, "\12\0\0\2", 4);
        c.known = true;
        c.local.plen = x % 33;
        c.remote.plen = x / 33 % 33;
        c.has_key = x / 33 / 33 % 2;
        c.pinned = (int) (x / 33 / 33 / 2 % 4) - 1;
        memcpy(ip, "\105\0\0\24\0\0\0\0\100\0\0\0", 12);
        memset(ip + 12, 0xa5, 8);
        memset(c.local.addr, 0, 4);
        for (unsigned int i = 0; i < 32; i++) {
            int bit = 0xa5 & (128 >> i % 8);

            c.local.addr[i / 8] |= i < c.local.plen ? bit : 0;
            c.remote.addr[i / 8] |= i < c.remote.plen ? bit : 0;
        }
        if (x / 33 / 33 / 8 & 1 && c.local.plen) {
            ip[12 + (c.local.plen - 1) / 8] ^= 128 >> (c.local.plen - 1) % 8;
        }
        if (x / 33 / 33 / 8 & 2 && c.remote.plen) {
            ip[16 + (c.remote.plen - 1) / 8] ^= 128 >> (c.remote.plen - 1) % 8;
        }
        for (int proto = 0; proto < 256; proto++) {
            uint8_t out[36];
            size_t out_len;
            int format;

            if ((c.local.plen != 24 || c.remote.plen != 24)
                && !strchr("\1\6\155\156\375", proto)) {
                continue;
            }
            snprintf(where, sizeof where, "tables: case %u, local /%u, remote "
                     "/%u, key %d, pinned %d, protocol %d", x, c.local.plen,
                     c.remote.plen, c.has_key, c.pinned, proto);
            ip[9] = proto;
            ref_fix_checksum(ip, 20);
            if (!test_encap(&c, ip, 20, out, &out_len, &format)
                && test_decap(&c, out, out_len, NULL, NULL, NULL)) {
                fail("not received as it was sent");
            }
            n++;
        }
    }
    printf("tables: %u choices\n", n);
    return 0;
}

int
main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        int (*cb)(int argc, char *argv[]);
    } commands[] = {
        { "vectors", cmd_vectors },
        { "random", cmd_random },
        { "hostile", cmd_hostile },
        { "tables", cmd_tables },
    };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (argc > 1 && !strcmp(argv[1], commands[i].name)) {
            return commands[i].cb(argc - 2, argv + 2);
        }
    }
    fprintf(stderr, "usage: test-ipo-wire vectors [--complete] FILE...\n"
            "       test-ipo-wire random SEED N\n"
            "       test-ipo-wire hostile FILE...\n"
            "       test-ipo-wire tables\n");
    return 2;
}
