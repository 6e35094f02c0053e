/* SPDX-License-Identifier: Apache-2.0 */

/* Packets of "probe" and "reflect".
 *
 * Behind the IP header, in network byte order:
 *
 *     8 bytes   UDP header, from the prober's port to PROBE_PORT, or back;
 *               its checksum is over the inner addresses, as in a container's
 *               packet
 *     8         "ipoprobe"
 *     8         session
 *     4         seq
 *     2         size of the packet
 *     1         kind
 *     1         1 if an answer, else 0
 *     1         in answers: TTL of the request
 *     1         version, 1
 *     2 + 2     in answers: changed, largest
 *     2 each    in answers: arrived, of each kind
 *     ...       zeros
 *
 * 198.18.0.0, the inner address on both sides, is none that a container has:
 * it begins a block reserved for benchmarks (RFC 2544).  Its lower half is
 * zero, so what a node makes of a compact or short packet, by prefixes of its
 * own, is the first address of a network, or outside the prefix. */

#include "ipoctl-probe.h"

#include <string.h>

#define INNER_ADDR 0xc6120000u
#define INNER_PROTOCOL 17       /* UDP. */
#define KEY 0xfffffffdu
#define UDP_LEN 8
#define DATA_LEN 48             /* What follows UDP's header, but zeros. */
#define VERSION 1

static const uint8_t magic[8] = { 'i', 'p', 'o', 'p', 'r', 'o', 'b', 'e' };

#define SHIFTED (INNER_PROTOCOL + IPO_PROTO_SHIFT)
const struct probe_kind_info probe_kinds[PROBE_N_KINDS] = {
    [PROBE_PLAIN] = { "plain", INNER_PROTOCOL, 0, PROBE_PLAIN, 0, false },
    [PROBE_BARE_COMPACT] = { "plain-160", SHIFTED, 0, PROBE_BARE_COMPACT,
                             0, false },
    [PROBE_BARE_EXTENDED] = { "plain-253", IPO_PROTO_EXTENDED, 0,
                              PROBE_BARE_EXTENDED, 0, false },
    [PROBE_NATIVE] = { "native", INNER_PROTOCOL, 4, PROBE_PLAIN,
                       IPO_COMPACT, false },
    [PROBE_COMPACT] = { "compact", SHIFTED, 4, PROBE_BARE_COMPACT,
                        IPO_COMPACT, false },
    [PROBE_SHORT] = { "short", IPO_PROTO_EXTENDED, 8, PROBE_BARE_EXTENDED,
                      IPO_SHORT, false },
    [PROBE_SHORT_KEY] = { "short+key", IPO_PROTO_EXTENDED, 12,
                          PROBE_BARE_EXTENDED, IPO_SHORT, true },
    [PROBE_FULL] = { "full", IPO_PROTO_EXTENDED, 12, PROBE_BARE_EXTENDED,
                     IPO_FULL, false },
    [PROBE_FULL_KEY] = { "full+key", IPO_PROTO_EXTENDED, 16,
                         PROBE_BARE_EXTENDED, IPO_FULL, true },
};

/* These write and read 16 bits at 'p', in network byte order. */
static void
put16(uint8_t *p, unsigned int x)
{
    p[0] = x >> 8;
    p[1] = x;
}

static uint16_t
get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* Writes the 'len' bytes of UDP header and data of 'p' at 'udp'. */
static void
put_udp(const struct probe *p, uint8_t *udp, unsigned int len,
        uint32_t src, uint32_t dst)
{
    uint8_t *data = udp + UDP_LEN;
    uint64_t sum;
    uint16_t csum;

    memset(udp, 0, (len + 3) & ~3u);
    put16(udp, p->is_answer ? PROBE_PORT : p->port);
    put16(udp + 2, p->is_answer ? p->port : PROBE_PORT);
    put16(udp + 4, len);
    memcpy(data, magic, sizeof magic);
    ipo_put32(data + 8, p->session >> 32);
    ipo_put32(data + 12, p->session);
    ipo_put32(data + 16, p->seq);
    put16(data + 20, p->size);
    data[22] = p->kind;
    data[23] = p->is_answer;
    data[24] = p->request_ttl;
    data[25] = VERSION;
    put16(data + 26, p->changed);
    put16(data + 28, p->largest);
    for (int i = 0; i < PROBE_N_KINDS; i++) {
        put16(data + 30 + 2 * i, p->arrived[i]);
    }

    sum = ipo_csum_words(udp, (len + 3) & ~3u);
    csum = ~ipo_csum_fold(sum + src + dst + INNER_PROTOCOL + len);
    put16(udp + 6, csum ? csum : 0xffff);
}

/* Makes the packet of 'p', p->size bytes, somewhere in 'room', and returns
 * it. */
uint8_t *
probe_build(const struct probe *p, uint8_t room[PROBE_ROOM])
{
    const struct probe_kind_info *k = &probe_kinds[p->kind];
    struct ipo_tx tx = {
        .src = p->src, .dst = p->dst, .key = KEY, .has_key = k->has_key,
        .native = p->kind == PROBE_NATIVE, .formats = 1u << k->format,
        .prefixes = { INNER_ADDR, ipo_mask(24), INNER_ADDR, ipo_mask(24) },
    };
    unsigned int len = p->size - k->opt_len;
    uint32_t src = k->opt_len ? INNER_ADDR : p->src;
    uint32_t dst = k->opt_len ? INNER_ADDR : p->dst;
    uint8_t protocol = k->opt_len ? INNER_PROTOCOL : k->protocol;
    uint8_t *ip = room + IPO_OPT_LEN_MAX;
    uint32_t w[5] = {
        (uint32_t) 0x45 << 24 | len,
        p->seq << 16 | 0x4000,          /* Don't fragment. */
        (uint32_t) p->ttl << 24 | (uint32_t) protocol << 16,
        src, dst
    };

    put_udp(p, ip + IPO_IP_HLEN_MIN, len - IPO_IP_HLEN_MIN, src, dst);
    ipo_put_ip_header(ip, w, 0);
    return k->opt_len ? ip - ipo_encap(ip, len, &tx) : ip;
}

/* Returns whether the header of the packet at 'ip' is that of the kind that
 * the packet says it is, with nothing added, taken away or changed. */
static bool
is_as_sent(const uint8_t *ip, size_t len, const struct probe *p)
{
    const struct probe_kind_info *k = &probe_kinds[p->kind];
    struct ipo_rx rx;
    int error;

    if (ip[9] != k->protocol
        || (ip[0] & 15u) * 4 != IPO_IP_HLEN_MIN + (unsigned int) k->opt_len) {
        return false;
    }
    if (!k->opt_len) {
        return ipo_parse_header(ip, len, &rx) > 0;
    }
    error = (p->kind == PROBE_NATIVE ? ipo_parse_native(ip, len, &rx)
                                     : ipo_parse(ip, len, &rx));
    return !error && rx.format == k->format && rx.has_key == k->has_key
           && rx.opt_len == k->opt_len && rx.protocol == INNER_PROTOCOL
           && (!rx.has_key || rx.key == KEY)
           && rx.inner_src == (INNER_ADDR & ~ipo_format_mask(k->format))
           && rx.inner_dst == (INNER_ADDR & ~ipo_format_mask(k->format));
}

/* Reads the 'len' bytes of a received packet into '*p'.  Unless this returns
 * PROBE_MALFORMED, all of it is there, and it is no fragment. */
enum probe_verdict
probe_parse(const uint8_t *ip, size_t len, struct probe *p)
{
    const uint8_t *udp, *data;
    struct ipo_rx rx;
    int hlen;

    hlen = ipo_parse_header(ip, len, &rx);
    if (hlen < 0) {
        return PROBE_MALFORMED;
    }
    len = rx.w[0] & 0xffff;
    if (len < (unsigned int) hlen + UDP_LEN + DATA_LEN || rx.w[1] & 0x3fff) {
        return PROBE_MALFORMED;
    }
    udp = ip + hlen;
    data = udp + UDP_LEN;
    if (memcmp(data, magic, sizeof magic) || data[22] >= PROBE_N_KINDS
        || data[23] > 1 || data[25] != VERSION
        || get16(udp + 4) != len - hlen) {
        return PROBE_MALFORMED;
    }
    p->src = rx.src;
    p->dst = rx.dst;
    p->ttl = rx.w[2] >> 24;
    p->session = (uint64_t) ipo_get32(data + 8) << 32 | ipo_get32(data + 12);
    p->seq = ipo_get32(data + 16);
    p->size = get16(data + 20);
    p->kind = data[22];
    p->is_answer = data[23];
    p->port = get16(p->is_answer ? udp + 2 : udp);
    p->request_ttl = data[24];
    p->changed = get16(data + 26);
    p->largest = get16(data + 28);
    for (int i = 0; i < PROBE_N_KINDS; i++) {
        p->arrived[i] = get16(data + 30 + 2 * i);
    }
    if (!p->port || p->size < PROBE_MIN_SIZE
        || get16(p->is_answer ? udp : udp + 2) != PROBE_PORT) {
        return PROBE_MALFORMED;
    }
    return p->size == len && is_as_sent(ip, len, p) ? PROBE_OK : PROBE_CHANGED;
}

/* Reads the beginning of a packet that somebody quotes in an ICMP error, 'len'
 * bytes, as far as it tells which probe it was: its addresses, port and, in 16
 * bits, seq.  (Routers may have changed TTL, checksum and options before they
 * quote it.) */
bool
probe_parse_quote(const uint8_t *ip, size_t len, struct probe *p)
{
    unsigned int hlen;

    if (len < IPO_IP_HLEN_MIN || ip[0] >> 4 != 4) {
        return false;
    }
    hlen = (ip[0] & 15u) * 4;
    if (hlen < IPO_IP_HLEN_MIN || len < hlen + 4) {
        return false;
    }
    p->src = ipo_get32(ip + 12);
    p->dst = ipo_get32(ip + 16);
    p->seq = get16(ip + 4);
    p->port = get16(ip + hlen);
    return get16(ip + hlen + 2) == PROBE_PORT;
}
