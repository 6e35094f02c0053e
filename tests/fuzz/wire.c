/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the wire format: any bytes are received, and sent, which says what was
 * wrong or makes a packet that gives the same bytes when it is received, or
 * sent back.  What ipo-fast.h takes, it makes the same of. */

#include "packet.h"

#include "ipo-fast.h"

/* Checks that 'retval' says why a packet was dropped. */
static void
check_drop(int retval)
{
    FUZZ_CHECK(retval < 0 && retval > -IPO_N_DROPS);
}

/* Checks that the header of the packet at 'ip' is right: ipo_read_ip_header()
 * says nothing against it. */
static unsigned int
check_header(const uint8_t *ip, size_t len)
{
    uint64_t opt_sum;
    uint32_t w[5];
    int hlen = ipo_read_ip_header(ip, len, w, &opt_sum);

    FUZZ_CHECK(hlen >= IPO_IP_HLEN_MIN);
    return w[0] & 0xffff;
}

/* Compares what ipo-fast.h makes of the packet 'p' with 'outer', 'len' bytes
 * with an option of 'opt_len' at their start, which ipo_encap() made of it, or
 * which is null if it refused to. */
static void
check_fast_encap(const struct fuzz_packet *p, const uint8_t *outer, size_t len,
                 unsigned int opt_len)
{
    uint8_t *copy = fuzz_copy(p->bytes, p->len, IPO_OPT_LEN_MAX, 0);
    uint8_t *ip = copy + IPO_OPT_LEN_MAX;
    struct ipo_fast fast;
    unsigned int n;

    ipo_fast_init_tx(&fast, &p->tx);
    n = fast.opt ? ipo_fast_encap_ext(ip, p->len, &fast)
                 : ipo_fast_encap(ip, p->len, &fast);
    if (n) {
        FUZZ_CHECK(outer);
        FUZZ_CHECK(n == check_header(outer, len));
        FUZZ_CHECK((fast.opt ? fast.opt_len : IPO_OPT_LEN_COMPACT) == opt_len);
        FUZZ_CHECK(!memcmp(ip - opt_len, outer, len));
    } else {
        FUZZ_CHECK(!p->len || !memcmp(ip, p->bytes, p->len));
    }
    free(copy);
}

/* Compares what ipo-fast.h makes of the packet of 'len' bytes at 'bytes', with
 * 'prefixes' or none if that is null, with 'inner', which ipo_decap() made of it
 * as '*rx' says, or which is null if it refused to. */
static void
check_fast_decap(const uint8_t *bytes, size_t len,
                 const struct ipo_prefixes *prefixes, const uint8_t *inner,
                 const struct ipo_rx *rx)
{
    unsigned int n, opt_len = IPO_OPT_LEN_COMPACT;
    uint8_t *ip = fuzz_copy(bytes, len, 0, 0);
    struct ipo_fast fast;
    uint32_t opt = 0, key = 0;

    if (len < IPO_IP_HLEN_MIN) {
        free(ip);
        return;
    }
    ipo_fast_init_rx(&fast, ipo_fast_pair(ipo_get32(ip + 12),
                                          ipo_get32(ip + 16)), prefixes);
    n = ipo_fast_decap(ip, len, &fast);
    if (!n) {
        n = ipo_fast_decap_ext(ip, len, &fast, &opt, &key);
        opt_len = IPO_FAST_OPT_LEN(opt);
    }
    if (n) {
        FUZZ_CHECK(inner);
        FUZZ_CHECK(n == check_header(inner, len - rx->opt_len));
        FUZZ_CHECK(opt_len == rx->opt_len);
        FUZZ_CHECK(!memcmp(ip + opt_len, inner, len - opt_len));
        FUZZ_CHECK(!opt || (key == rx->key
                            && !(opt & IPO_FLAG_KEY << 8) == !rx->has_key));
    } else {
        FUZZ_CHECK(!memcmp(ip, bytes, len));
    }
    free(ip);
}

/* Checks that no packet is received but one that a node would send: that the
 * remote node makes of 'inner' the 'len' bytes at 'bytes' again, of which it was
 * made at the local one as '*rx' says. */
static void
check_sent(const uint8_t *bytes, size_t len, bool native,
           const struct ipo_prefixes *prefixes, const uint8_t *inner,
           const struct ipo_rx *rx)
{
    uint8_t *copy = fuzz_copy(inner, len - rx->opt_len, IPO_OPT_LEN_MAX, 0);
    uint8_t *ip = copy + IPO_OPT_LEN_MAX;
    struct ipo_tx tx = {
        .src = rx->src, .dst = rx->dst, .key = rx->key,
        .has_key = rx->has_key, .native = native, .formats = 1u << rx->format,
    };
    int opt_len;

    if (prefixes) {
        tx.prefixes = fuzz_mirror(prefixes);
    }
    opt_len = ipo_encap(ip, len - rx->opt_len, &tx);
    if (opt_len < 0) {
        /* What only senders look at. */
        FUZZ_CHECK(opt_len == -IPO_DROP_TTL
                   || opt_len == -IPO_DROP_SOURCE_ROUTE
                   || opt_len == -IPO_DROP_INNER_OPTION);
    } else {
        FUZZ_CHECK(opt_len == rx->opt_len);
        ip -= opt_len;
        FUZZ_CHECK(!memcmp(ip, bytes, 10));
        FUZZ_CHECK(!memcmp(ip + 12, bytes + 12, len - 12));
    }
    free(copy);
}

/* Receives the packet of 'len' bytes at 'bytes'.  Returns the inner packet, for
 * the caller to free, or null, and fills in '*rx'. */
static uint8_t *
receive(const uint8_t *bytes, size_t len, bool native,
        const struct ipo_prefixes *prefixes, struct ipo_rx *rx)
{
    uint8_t *ip = fuzz_copy(bytes, len, 0, 0);
    uint8_t *inner = NULL;
    int error;

    error = native ? ipo_parse_native(ip, len, rx) : ipo_parse(ip, len, rx);
    if (!error) {
        FUZZ_CHECK(rx->format < IPO_N_FORMATS);
        FUZZ_CHECK(rx->opt_len == ipo_option_len(rx->format, rx->has_key));
        error = ipo_decap(ip, rx, prefixes);
    }
    if (error) {
        check_drop(error);
        FUZZ_CHECK(!len || !memcmp(ip, bytes, len));
    } else {
        check_header(ip + rx->opt_len, len - rx->opt_len);
        inner = fuzz_copy(ip + rx->opt_len, len - rx->opt_len, 0, 0);
        check_sent(bytes, len, native, prefixes, inner, rx);
    }
    free(ip);
    return inner;
}

/* Receives the packet 'p' as the local node. */
static void
fuzz_receive(const struct fuzz_packet *p)
{
    const struct ipo_prefixes *prefixes
        = p->has_prefixes ? &p->tx.prefixes : NULL;
    struct ipo_rx rx;
    uint8_t *inner;

    inner = receive(p->bytes, p->len, true, prefixes, &rx);
    free(inner);
    inner = receive(p->bytes, p->len, false, prefixes, &rx);
    check_fast_decap(p->bytes, p->len, prefixes, inner, &rx);
    free(inner);
}

/* Checks that 'outer' of 'len' bytes, which the local node made of 'p', is 'p'
 * again at the remote one. */
static void
check_round_trip(const struct fuzz_packet *p, const uint8_t *outer, size_t len,
                 unsigned int opt_len)
{
    struct ipo_prefixes mirror = fuzz_mirror(&p->tx.prefixes);
    const struct ipo_prefixes *prefixes = p->has_prefixes ? &mirror : NULL;
    bool native = p->tx.native && opt_len == IPO_OPT_LEN_COMPACT;
    struct ipo_rx rx;
    uint8_t *inner = receive(outer, len, native, prefixes, &rx);

    FUZZ_CHECK(inner);
    FUZZ_CHECK(rx.opt_len == opt_len);
    FUZZ_CHECK(rx.src == p->tx.src && rx.dst == p->tx.dst);
    FUZZ_CHECK(rx.has_key == (p->tx.has_key && opt_len > IPO_OPT_LEN_COMPACT));
    FUZZ_CHECK(!rx.has_key || rx.key == p->tx.key);

    /* The checksum of a header has two forms of zero: both are right. */
    FUZZ_CHECK(!memcmp(inner, p->bytes, 10));
    FUZZ_CHECK(!memcmp(inner + 12, p->bytes + 12, p->len - 12));
    if (!native) {
        check_fast_decap(outer, len, prefixes, inner, &rx);
    }
    free(inner);
}

/* Sends the packet 'p' from the local node to the remote one. */
static void
fuzz_send(const struct fuzz_packet *p)
{
    uint8_t *copy = fuzz_copy(p->bytes, p->len, IPO_OPT_LEN_MAX, 0);
    uint8_t *ip = copy + IPO_OPT_LEN_MAX;
    int opt_len = ipo_encap(ip, p->len, &p->tx);
    uint8_t *outer = NULL;
    size_t len = 0;

    if (opt_len < 0) {
        check_drop(opt_len);
        FUZZ_CHECK(!p->len || !memcmp(ip, p->bytes, p->len));
    } else {
        FUZZ_CHECK(opt_len >= IPO_OPT_LEN_COMPACT
                   && opt_len <= IPO_OPT_LEN_MAX);
        len = p->len + opt_len;
        outer = fuzz_copy(ip - opt_len, len, 0, 0);
        check_header(outer, len);
        FUZZ_CHECK(outer[8]);   /* TTL. */
        check_round_trip(p, outer, len, opt_len);
    }
    check_fast_encap(p, outer, len, opt_len);
    free(outer);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_packet p;

    if (fuzz_packet_get(data, size, &p)) {
        fuzz_receive(&p);
        fuzz_send(&p);
        free(p.bytes);
    }
    return 0;
}
