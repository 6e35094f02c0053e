/* SPDX-License-Identifier: Apache-2.0 */

/* "decode": what the IPO packets of a capture carry. */

#include "ipoctl.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipo-wire.h"

/* The containers of a node. */
struct node {
    uint32_t addr;
    uint32_t prefix, mask;
};

/* The nodes that were given, sorted by address. */
struct node_list {
    struct node *nodes;
    size_t n, allocated;
};

/* An IPO packet, as far as it can be known.  An inner address is known where
 * its mask has bits. */
struct decoded {
    unsigned int n;             /* In the capture, from 1. */
    bool has_header;            /* src, dst and outer_protocol are known. */
    bool cut;                   /* The capture lacks some of the header. */
    bool native;
    enum ipo_drop drop;
    uint8_t outer_protocol;
    struct ipo_rx rx;           /* Meaningful where 'format' is not null. */
    const char *format;
    uint32_t inner_src, inner_dst, inner_mask;
    unsigned int inner_len;
};

struct totals {
    unsigned long int ipo, dropped, others;
};

/* For qsort() and bsearch(): by address. */
static int
compare_nodes(const void *a_, const void *b_)
{
    const struct node *a = a_;
    const struct node *b = b_;

    return a->addr < b->addr ? -1 : a->addr > b->addr;
}

/* Returns the node with 'addr', in host byte order, in the sorted 'list', or
 * null. */
static const struct node *
find_node(const struct node_list *list, uint32_t addr)
{
    struct node key = { .addr = addr };

    return list->n ? bsearch(&key, list->nodes, list->n, sizeof key,
                             compare_nodes)
                   : NULL;
}

/* Parses 'word', NODE=PREFIX, which this function changes. */
static int
parse_node_prefix(char *word, struct node *node)
{
    char *prefix_word = strchr(word, '=');
    struct prefix prefix;
    struct in_addr addr;

    if (!prefix_word) {
        return complain(EXIT_USAGE, "'peers' is not NODE=PREFIX: '%s'", word);
    }
    *prefix_word++ = '\0';
    if (parse_node_addr(word, "peers", &addr)
        || parse_prefix(prefix_word, "peers", &prefix)) {
        return EXIT_USAGE;
    }
    node->addr = ntohl(addr.s_addr);
    node->prefix = ntohl(prefix.addr.s_addr);
    node->mask = ipo_mask(prefix.plen);
    return EXIT_OK;
}

/* Parses 'words', NODE=PREFIX with commas between them, which this function
 * changes. */
static int
parse_nodes(char *words, struct node_list *list)
{
    char *word;

    while ((word = strsep(&words, ","))) {
        if (list->n >= list->allocated) {
            list->nodes = grow(list->nodes, &list->allocated,
                               sizeof *list->nodes);
        }
        if (parse_node_prefix(word, &list->nodes[list->n])) {
            return EXIT_USAGE;
        }
        list->n++;
    }
    qsort(list->nodes, list->n, sizeof *list->nodes, compare_nodes);
    for (size_t i = 1; i < list->n; i++) {
        if (list->nodes[i].addr == list->nodes[i - 1].addr) {
            struct in_addr addr = { htonl(list->nodes[i].addr) };

            return complain(EXIT_USAGE, "'peers' has %s twice",
                            inet_ntoa(addr));
        }
    }
    return EXIT_OK;
}

/* Parses what follows the file. */
static int
parse_decode_words(char **words, struct node_list *list)
{
    if (!words[0]) {
        return EXIT_OK;
    }
    if (strcmp(words[0], "peers")) {
        return complain(EXIT_USAGE, "unknown word '%s'", words[0]);
    }
    if (!words[1]) {
        return complain(EXIT_USAGE, "'peers' needs NODE=PREFIX,...");
    }
    if (words[2]) {
        return complain(EXIT_USAGE, "%s '%s'", strcmp(words[2], "peers")
                        ? "unknown word" : "duplicate", words[2]);
    }
    return parse_nodes(words[1], list);
}

/* Returns whether the IPv4 packet at 'ip', of which 'len' bytes were captured,
 * is to be taken for IPO: it has one of the protocols that a receiver looks
 * at, or one of the options, which nothing else uses. */
static bool
is_ipo(const uint8_t *ip, size_t len)
{
    if (len > 9 && ip[9] > IPO_PROTO_SHIFT && ip[9] <= IPO_PROTO_EXTENDED) {
        return true;
    }
    return len > IPO_IP_HLEN_MIN && (ip[0] & 0xf) * 4 > IPO_IP_HLEN_MIN
           && (ip[IPO_IP_HLEN_MIN] == IPO_OPT_COMPACT
               || ip[IPO_IP_HLEN_MIN] == IPO_OPT_EXTENDED);
}

/* Finds the inner addresses of 'd', whose outer header is at 'ip' with room
 * for the longest.  Without 'list', they are known as far as the packet has
 * them. */
static void
decode_addresses(uint8_t *ip, const struct node_list *list, struct decoded *d)
{
    const struct node *remote = find_node(list, d->rx.src);
    const struct node *local = find_node(list, d->rx.dst);
    struct ipo_prefixes prefixes;
    int error;

    d->inner_src = d->rx.inner_src;
    d->inner_dst = d->rx.inner_dst;
    d->inner_mask = ~ipo_format_mask((enum ipo_format) d->rx.format);
    if (d->rx.format != IPO_FULL && !list->n) {
        return;
    }
    if (remote && local) {
        prefixes.remote = remote->prefix;
        prefixes.remote_mask = remote->mask;
        prefixes.local = local->prefix;
        prefixes.local_mask = local->mask;
    }
    error = ipo_decap(ip, &d->rx, remote && local ? &prefixes : NULL);
    if (error) {
        d->drop = (enum ipo_drop) -error;
        return;
    }
    d->inner_src = ipo_get32(ip + d->rx.opt_len + 12);
    d->inner_dst = ipo_get32(ip + d->rx.opt_len + 16);
    d->inner_mask = 0xffffffffu;
}

/* Returns the word for the format of 'd', which was parsed without an
 * error. */
static const char *
format_name(const struct decoded *d)
{
    return (d->native ? "native"
            : d->rx.format == IPO_COMPACT ? "compact"
            : d->rx.format == IPO_SHORT ? (d->rx.has_key ? "short+key"
                                                          : "short")
            : d->rx.has_key ? "full+key"
            : "full");
}

/* Decodes into '*d' the IPO packet that starts at 'captured', of which 'len'
 * bytes were captured, and 'wire_len' were on the wire. */
static void
decode_packet(const uint8_t *captured, size_t len, size_t wire_len,
              const struct node_list *list, struct decoded *d)
{
    /* The header alone is read, so what was not captured behind it need not be
     * there. */
    uint8_t ip[IPO_IP_HLEN_MAX + IPO_OPT_LEN_MAX] = { 0 };
    size_t hlen = (captured[0] & 0xf) * 4;
    int error;

    memcpy(ip, captured, len < IPO_IP_HLEN_MAX ? len : IPO_IP_HLEN_MAX);
    if (len >= IPO_IP_HLEN_MIN) {
        d->has_header = true;
        d->outer_protocol = ip[9];
        d->rx.src = ipo_get32(ip + 12);
        d->rx.dst = ipo_get32(ip + 16);
    }
    if (len < wire_len && (len < IPO_IP_HLEN_MIN || len < hlen)) {
        d->cut = true;
        return;
    }
    error = ipo_parse_native(ip, wire_len, &d->rx);
    d->native = !error;
    if (error) {
        error = ipo_parse(ip, wire_len, &d->rx);
    }
    if (error) {
        d->drop = (enum ipo_drop) -error;
        return;
    }
    d->format = format_name(d);
    d->inner_len = (d->rx.w[0] & 0xffff) - d->rx.opt_len;
    decode_addresses(ip, list, d);
}

/* Returns the text of 'addr' with a '*' for each octet that is not in
 * 'mask'. */
static const char *
address_text(uint32_t addr, uint32_t mask, char text[INET_ADDRSTRLEN])
{
    char *p = text;

    for (int shift = 24; shift >= 0; shift -= 8) {
        const char *dot = shift ? "." : "";

        if (mask >> shift & 0xff) {
            p += sprintf(p, "%u%s", addr >> shift & 0xff, dot);
        } else {
            p += sprintf(p, "*%s", dot);
        }
    }
    return text;
}

/* Prints 'd' as a line of text. */
static void
print_text(const struct decoded *d)
{
    char src[INET_ADDRSTRLEN], dst[INET_ADDRSTRLEN];

    printf("%u", d->n);
    if (d->has_header) {
        printf(" %s > %s", address_text(d->rx.src, UINT32_MAX, src),
               address_text(d->rx.dst, UINT32_MAX, dst));
    }
    if (d->format) {
        printf(" %s %s > %s protocol %u length %u", d->format,
               address_text(d->inner_src, d->inner_mask, src),
               address_text(d->inner_dst, d->inner_mask, dst),
               d->rx.protocol, d->inner_len);
        if (d->rx.has_key) {
            printf(" key 0x%"PRIx32, d->rx.key);
        }
    } else if (d->has_header) {
        printf(" protocol %u", d->outer_protocol);
    }
    if (d->cut) {
        fputs(" (the header was not captured whole)", stdout);
    }
    if (d->drop) {
        printf(" dropped %s (%s)", ipo_drop_name(d->drop),
               ipo_drop_text(d->drop));
    }
    putchar('\n');
}

/* Prints 'd' as a line of JSON. */
static void
print_json(const struct decoded *d)
{
    char text[INET_ADDRSTRLEN];

    json_open(NULL, '{');
    json_number("packet", d->n);
    if (d->has_header) {
        json_string("src", address_text(d->rx.src, UINT32_MAX, text));
        json_string("dst", address_text(d->rx.dst, UINT32_MAX, text));
        json_number("protocol", d->outer_protocol);
    }
    if (d->format) {
        json_string("format", d->format);
        json_string("inner_src", address_text(d->inner_src, d->inner_mask,
                                              text));
        json_string("inner_dst", address_text(d->inner_dst, d->inner_mask,
                                              text));
        json_number("inner_protocol", d->rx.protocol);
        json_number("inner_length", d->inner_len);
        if (d->rx.has_key) {
            json_number("key", d->rx.key);
        }
    }
    if (d->cut) {
        json_string("cut", "the header was not captured whole");
    }
    if (d->drop) {
        json_string("dropped", ipo_drop_name(d->drop));
        json_string("reason", ipo_drop_text(d->drop));
    }
    json_close('}');
    json_end();
}

/* Prints 'totals', as JSON if that is wanted. */
static void
print_totals(const struct totals *totals)
{
    if (json_wanted) {
        json_open(NULL, '{');
        json_number("ipo", totals->ipo);
        json_number("dropped", totals->dropped);
        json_number("others", totals->others);
        json_close('}');
        json_end();
    } else {
        printf("packets: %lu ipo, %lu of them dropped, %lu others\n",
               totals->ipo, totals->dropped, totals->others);
    }
}

/* Prints the packets of 'pcap' up to its end, or to where it is broken. */
static int
decode_packets(struct pcap *pcap, const struct node_list *list)
{
    struct totals totals = { 0, 0, 0 };
    struct pcap_packet p;
    int status;

    while (!(status = pcap_read(pcap, &p)) && p.n) {
        int ofs = pcap_ipv4(pcap, &p);
        struct decoded d = { .n = p.n };

        if (ofs < 0 || !is_ipo(p.data + ofs, p.len - ofs)) {
            totals.others++;
            continue;
        }
        decode_packet(p.data + ofs, p.len - ofs, p.wire_len - ofs, list, &d);
        totals.ipo++;
        totals.dropped += d.drop != IPO_DROP_NONE;
        if (json_wanted) {
            print_json(&d);
        } else {
            print_text(&d);
        }
        if (pcap->file == stdin) {
            fflush(stdout);     /* Somebody may be watching. */
        }
    }
    print_totals(&totals);
    return status;
}

/* "decode" */
int
decode(char **words)
{
    struct node_list list = { NULL, 0, 0 };
    struct pcap pcap;
    int status;

    if (!words[0]) {
        return complain(EXIT_USAGE, "'decode' needs a file");
    }
    if (position.file && !strcmp(words[0], "-")) {
        return complain(EXIT_USAGE, "in a batch, 'decode' needs a file");
    }
    status = parse_decode_words(words + 1, &list);
    if (!status) {
        status = pcap_open(&pcap, words[0]);
        if (!status) {
            status = decode_packets(&pcap, &list);
            pcap_close(&pcap);
        }
    }
    free(list.nodes);
    return status;
}
