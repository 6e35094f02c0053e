/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ipo-odp.h"

#include "flow.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* These follow the Ethernet and IPv4 headers, unaligned. */
struct pushed {
    struct ipo_push push;
    struct ipo_fast fast;       /* The same, prepared for many packets. */
};
#define PUSH_OFS (ETH_HEADER_LEN + IP_HEADER_LEN)
#define PUSH_LEN (PUSH_OFS + sizeof(struct pushed))

/* Stores '*push', in which padding must be zeroed, behind the headers in
 * 'data' and sets the length of the whole. */
void
ipo_push_put(struct ovs_action_push_tnl *data, const struct ipo_push *push)
{
    struct pushed pushed;

    BUILD_ASSERT_DECL(PUSH_LEN <= sizeof data->header);
    memset(&pushed, 0, sizeof pushed);
    pushed.push = *push;
    if (push->drop) {
        ipo_fast_init_none(&pushed.fast);
    } else {
        ipo_fast_init_tx(&pushed.fast, &push->tx);
    }
    memcpy((uint8_t *) data->header + PUSH_OFS, &pushed, sizeof pushed);
    data->header_len = PUSH_LEN;
}

/* Reads into '*push' what ipo_push_put() stored in 'data'. */
void
ipo_push_get(const struct ovs_action_push_tnl *data, struct ipo_push *push)
{
    memcpy(push, (const uint8_t *) data->header + PUSH_OFS
                 + offsetof(struct pushed, push), sizeof *push);
}

/* Reads into '*fast' what ipo_push_put() prepared in 'data'.  It takes no
 * packet if all are to be dropped. */
void
ipo_push_get_fast(const struct ovs_action_push_tnl *data,
                  struct ipo_fast *fast)
{
    memcpy(fast, (const uint8_t *) data->header + PUSH_OFS
                 + offsetof(struct pushed, fast), sizeof *fast);
}

/* Appends 'prefixes' to 'ds' as "local=A/N,remote=B/M". */
void
ipo_odp_format_prefixes(const struct ipo_prefixes *prefixes, struct ds *ds)
{
    ds_put_format(ds, "local="IP_FMT"/%u,remote="IP_FMT"/%u",
                  IP_ARGS(htonl(prefixes->local)),
                  count_1bits(prefixes->local_mask),
                  IP_ARGS(htonl(prefixes->remote)),
                  count_1bits(prefixes->remote_mask));
}

/* Returns whether the formats in 'tx' make use of its prefixes. */
static bool
uses_prefixes(const struct ipo_tx *tx)
{
    return tx->formats & ((1u << IPO_COMPACT) | (1u << IPO_SHORT));
}

/* Appends the "ipo(...)" of 'data' to 'ds'. */
void
ipo_odp_format(struct ds *ds, const struct ovs_action_push_tnl *data)
{
    struct ipo_push push;

    if (data->header_len != PUSH_LEN) {
        ds_put_cstr(ds, "ipo(truncated header)");
        return;
    }

    ipo_push_get(data, &push);
    if (push.drop) {
        ds_put_format(ds, "ipo(drop=%s)", ipo_drop_name(push.drop));
        return;
    }

    ds_put_cstr(ds, "ipo(formats=");
    for (int f = 0; f < IPO_N_FORMATS; f++) {
        if (push.tx.formats & (1u << f)) {
            ds_put_format(ds, "%s+", ipo_format_name(f));
        }
    }
    if (!ds_chomp(ds, '+')) {
        ds_put_cstr(ds, "none");
    }
    if (push.tx.has_key) {
        ds_put_format(ds, ",key=%#"PRIx32, push.tx.key);
    }
    if (uses_prefixes(&push.tx)) {
        ds_put_char(ds, ',');
        ipo_odp_format_prefixes(&push.tx.prefixes, ds);
    }
    ds_put_char(ds, ')');
}

/* If 's' + '*n' starts with 'word', advances '*n' over it and returns true. */
static bool
scan_word(const char *s, int *n, const char *word)
{
    size_t len = strlen(word);
    bool found = !strncmp(s + *n, word, len);

    *n += found ? len : 0;
    return found;
}

/* Parses at 's' + '*n' "F+F...", or "none", into '*formats', and advances '*n'
 * over it.  Returns false, with '*n' anywhere, if that is not there. */
static bool
scan_formats(const char *s, int *n, uint8_t *formats)
{
    *formats = 0;
    if (scan_word(s, n, "none")) {
        return true;
    }
    do {
        int f = 0;

        while (!scan_word(s, n, ipo_format_name(f))) {
            if (++f == IPO_N_FORMATS) {
                return false;
            }
        }
        *formats |= 1u << f;
    } while (scan_word(s, n, "+"));
    return true;
}

/* Parses at 's' + '*n' 'name' with a prefix behind it into '*addr' and
 * '*mask', in host byte order, and advances '*n' over both.  Returns false,
 * with '*n' anywhere, if they are not there or bits outside the mask are
 * set. */
static bool
scan_prefix(const char *s, int *n, const char *name,
            uint32_t *addr, uint32_t *mask)
{
    uint8_t plen;
    ovs_be32 ip;

    if (!scan_word(s, n, name)
        || !ovs_scan_len(s, n, IP_SCAN_FMT"/%"SCNu8, IP_SCAN_ARGS(&ip), &plen)
        || plen > 32) {
        return false;
    }
    *addr = ntohl(ip);
    *mask = ipo_mask(plen);
    return !(*addr & ~*mask);
}

/* Parses at 's' + '*n' the name of a reason with ')' behind it into '*drop',
 * an enum ipo_drop, and advances '*n' to the ')'.  Returns false and changes
 * nothing if that is not there. */
static bool
scan_drop(const char *s, int *n, uint32_t *drop)
{
    for (int r = IPO_DROP_NONE + 1; r < IPO_N_DROPS; r++) {
        int end = *n;

        /* One reason's name may begin with another's. */
        if (scan_word(s, &end, ipo_drop_name(r)) && s[end] == ')') {
            *n = end;
            *drop = r;
            return true;
        }
    }
    return false;
}

/* Parses at 's' + '*n' an "ipo(...)" and another ')' into '*push', all 0
 * before, and advances '*n' over it.  Leaves the nodes' addresses alone.
 * Returns false, with '*n' and '*push' anything, if that is not there or names
 * formats that its key and prefixes rule out. */
static bool
scan_push(const char *s, int *n, struct ipo_push *push)
{
    struct ipo_tx *tx = &push->tx;

    if (!scan_word(s, n, "ipo(")) {
        return false;
    }
    if (scan_word(s, n, "drop=")) {
        return scan_drop(s, n, &push->drop) && scan_word(s, n, "))");
    }
    if (!scan_word(s, n, "formats=") || !scan_formats(s, n, &tx->formats)) {
        return false;
    }
    if (scan_word(s, n, ",key=")) {
        tx->has_key = true;
        if (!ovs_scan_len(s, n, "%"SCNi32, &tx->key)) {
            return false;
        }
    }
    if (uses_prefixes(tx)
        && (!scan_prefix(s, n, ",local=", &tx->prefixes.local,
                         &tx->prefixes.local_mask)
            || !scan_prefix(s, n, ",remote=", &tx->prefixes.remote,
                            &tx->prefixes.remote_mask))) {
        return false;
    }
    if (tx->formats & ~ipo_formats_auto(&tx->prefixes, tx->has_key)) {
        return false;           /* Such packets would be sent wrong. */
    }
    return scan_word(s, n, "))");
}

/* Parses at 's' + '*n' an "ipo(...)" and the parenthesis that closes
 * "header(".  On success advances '*n', completes 'data', whose IPv4 header is
 * already there, stores its length in '*header_len' and returns true. */
bool
ipo_odp_scan(const char *s, int *n, struct ovs_action_push_tnl *data,
             uint32_t *header_len)
{
    const struct eth_header *eth = (const struct eth_header *) data->header;
    const struct ip_header *ip = (const struct ip_header *) (eth + 1);
    uint32_t given_len = data->header_len;
    struct ipo_push push;
    int end = *n;

    memset(&push, 0, sizeof push);
    if (eth->eth_type != htons(ETH_TYPE_IP) || !scan_push(s, &end, &push)) {
        return false;
    }
    push.tx.src = ntohl(get_16aligned_be32(&ip->ip_src));
    push.tx.dst = ntohl(get_16aligned_be32(&ip->ip_dst));
    ipo_push_put(data, &push);
    *header_len = data->header_len;
    data->header_len = given_len;
    *n = end;
    return true;
}

/* Returns whether the packet, which is 'base_flow' after the actions so far,
 * has lost its Ethernet header to a layer 3 tunnel, while in 'flow', to which
 * further actions apply, it still has it.  Then this header has to be pushed
 * again, which makes its addresses exact in 'wc'. */
bool
ipo_odp_ethernet_again(const struct flow *flow, const struct flow *base_flow,
                       struct flow_wildcards *wc)
{
    ovs_be32 without = PACKET_TYPE_BE(OFPHTN_ETHERTYPE, ntohs(flow->dl_type));

    /* NSH and MPLS end in other ways. */
    if (flow->packet_type != htonl(PT_ETH)
        || base_flow->packet_type != without
        || without == htonl(PT_NSH)
        || without == htonl(PT_MPLS)
        || without == htonl(PT_MPLS_MC)) {
        return false;
    }
    memset(&wc->masks.dl_src, 0xff, sizeof wc->masks.dl_src);
    memset(&wc->masks.dl_dst, 0xff, sizeof wc->masks.dl_dst);
    return true;
}
