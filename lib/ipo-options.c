/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ipo-options.h"

#include <errno.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* What ipo_options_parse() has read so far. */
struct parser {
    struct ipo_options *options;
    struct smap *tunnel_args;   /* For the code common to all tunnels. */

    bool remote_flow, local_flow, sends_key, has_peers;
    uint32_t remote;            /* Host byte order, 0 if absent or 'flow'. */
    bool has_local_prefix, has_remote_prefix;
    struct ipo_prefixes prefixes;
};

/* Functions that parse return what is wrong, as a string for the caller to
 * free, or null if nothing is. */

/* Parses 's' into '*node', in host byte order: the IPv4 address of one node,
 * not 0, multicast or broadcast. */
static char *
parse_node(const char *s, uint32_t *node)
{
    struct in_addr in;

    if (inet_pton(AF_INET, s, &in) != 1) {
        return xasprintf("'%s' is not an IPv4 address", s);
    }
    *node = ntohl(in.s_addr);
    if (!*node || ip_is_multicast(in.s_addr) || *node == UINT32_MAX) {
        return xasprintf("%s is not the address of one node", s);
    }
    return NULL;
}

/* Parses the prefix 's' into '*addr' and '*mask', in host byte order.  It must
 * have a length, and no bits set behind that. */
static char *
parse_prefix(const char *s, uint32_t *addr, uint32_t *mask)
{
    unsigned int plen = 0;
    ovs_be32 ip = 0;
    char *error;

    error = strchr(s, '/') ? ip_parse_cidr(s, &ip, &plen)
                           : xstrdup("no length");
    if (error) {
        free(error);
        return xasprintf("'%s' is not a prefix ADDRESS/LENGTH", s);
    }
    *addr = ntohl(ip);
    *mask = ipo_mask(plen);
    if (*addr & ~*mask) {
        return xasprintf("prefix %s has bits set behind its length", s);
    }
    return NULL;
}

/* Checks a number in 'base', which is 0 to have it told from the prefix. */
static char *
parse_number(const char *s, int base)
{
    unsigned long long int x;
    char *end;

    errno = 0;
    x = strtoull(s, &end, base);
    if (errno || s[0] < '0' || s[0] > '9' || *end || x > UINT32_MAX) {
        return xasprintf("'%s' is not a number below 2^32", s);
    }
    return NULL;
}

/* Reads "remote_ip" into 'p': "flow", or the address of a node. */
static char *
parse_remote_ip(struct parser *p, const char *value)
{
    if (!strcmp(value, "flow")) {
        p->remote_flow = true;
        return NULL;
    }
    return parse_node(value, &p->remote);
}

/* Checks "local_ip": "flow", which is all that goes into 'p', or the address
 * of a node. */
static char *
parse_local_ip(struct parser *p, const char *value)
{
    uint32_t node;

    if (!strcmp(value, "flow")) {
        p->local_flow = true;
        return NULL;
    }
    return parse_node(value, &node);
}

/* Checks "in_key": "flow", or a number below 2^32. */
static char *
parse_in_key(struct parser *p OVS_UNUSED, const char *value)
{
    return strcmp(value, "flow") ? parse_number(value, 0) : NULL;
}

/* Checks "key" or "out_key" as parse_in_key() does.  Either makes 'p' send a
 * key. */
static char *
parse_out_key(struct parser *p, const char *value)
{
    p->sends_key = true;
    return parse_in_key(p, value);
}

/* Checks "egress_pkt_mark": a decimal number below 2^32. */
static char *
parse_mark(struct parser *p OVS_UNUSED, const char *value)
{
    return parse_number(value, 10);
}

/* Checks "ttl" or "tos": nothing but "inherit". */
static char *
parse_inherit(struct parser *p OVS_UNUSED, const char *value)
{
    return (strcmp(value, "inherit")
            ? xasprintf("'%s' cannot be: the packet has one IP header, whose "
                        "field is always inherited", value)
            : NULL);
}

/* Reads "ipo_local_prefix", a prefix as for parse_prefix(), into 'p'. */
static char *
parse_local_prefix(struct parser *p, const char *value)
{
    p->has_local_prefix = true;
    return parse_prefix(value, &p->prefixes.local, &p->prefixes.local_mask);
}

/* Reads "ipo_remote_prefix", a prefix as for parse_prefix(), into 'p'. */
static char *
parse_remote_prefix(struct parser *p, const char *value)
{
    p->has_remote_prefix = true;
    return parse_prefix(value, &p->prefixes.remote, &p->prefixes.remote_mask);
}

/* Reads "ipo_format" into the options of 'p', which are IPO_FORMAT_AUTO
 * before. */
static char *
parse_format(struct parser *p, const char *value)
{
    if (!strcmp(value, "auto")) {
        return NULL;
    }
    for (int f = 0; f < IPO_N_FORMATS; f++) {
        if (!strcmp(value, ipo_format_name(f))) {
            p->options->format = f;
            return NULL;
        }
    }
    return xasprintf("'%s' is none of auto, compact, short and full", value);
}

/* Sorts 'list' by the nodes' addresses, and checks that they differ. */
static char *
check_peers_unique(struct ipo_peer_list *list)
{
    ipo_peers_sort(list);
    for (size_t i = 1; i < list->n; i++) {
        if (list->peers[i].node == list->peers[i - 1].node) {
            return xasprintf("node "IP_FMT" appears twice",
                             IP_ARGS(htonl(list->peers[i].node)));
        }
    }
    return NULL;
}

/* Parses "A=PREFIX,B=PREFIX,...".  The peers' local prefixes are filled in by
 * check_prefixes(). */
static char *
parse_peers(struct parser *p, const char *value)
{
    struct ipo_peer_list *list = &p->options->peers;
    char *copy = xstrdup(value);
    char *save_ptr = NULL;
    size_t allocated = 0;
    char *error = NULL;
    char *item;

    p->has_peers = true;
    for (item = strtok_r(copy, ", ", &save_ptr); item && !error;
         item = strtok_r(NULL, ", ", &save_ptr)) {
        char *prefix = strchr(item, '=');
        struct ipo_peer *peer;

        if (!prefix) {
            error = xasprintf("'%s' is not NODE=PREFIX", item);
            break;
        }
        *prefix++ = '\0';
        if (list->n >= allocated) {
            list->peers = x2nrealloc(list->peers, &allocated,
                                     sizeof *list->peers);
        }
        peer = &list->peers[list->n++];
        memset(peer, 0, sizeof *peer);
        error = parse_node(item, &peer->node);
        if (!error) {
            error = parse_prefix(prefix, &peer->prefixes.remote,
                                 &peer->prefixes.remote_mask);
        }
    }
    free(copy);
    if (list->n) {
        list->peers = xrealloc(list->peers, list->n * sizeof *list->peers);
    }
    return error ? error : check_peers_unique(list);
}

static const struct option_parser {
    const char *name;
    char *(*parse)(struct parser *, const char *value);
    bool tunnel;                /* Pass on to the code of all tunnels? */
} option_parsers[] = {
    { "remote_ip", parse_remote_ip, true },
    { "local_ip", parse_local_ip, true },
    { "key", parse_out_key, true },
    { "in_key", parse_in_key, true },
    { "out_key", parse_out_key, true },
    { "egress_pkt_mark", parse_mark, true },
    /* Not passed on, as matching on these fields would split megaflows. */
    { "ttl", parse_inherit, false },
    { "tos", parse_inherit, false },
    { "ipo_local_prefix", parse_local_prefix, false },
    { "ipo_remote_prefix", parse_remote_prefix, false },
    { "ipo_format", parse_format, false },
    { "ipo_peers", parse_peers, false },
};

/* Parses the option 'name', and keeps its value if the code of all tunnels or
 * ipo_options_get_args() needs it.  What it returns begins with 'name'. */
static char *
parse_option(struct parser *p, const char *name, const char *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(option_parsers); i++) {
        const struct option_parser *op = &option_parsers[i];

        if (!strcmp(name, op->name)) {
            char *reason = op->parse(p, value);
            char *error = reason ? xasprintf("%s: %s", name, reason) : NULL;

            free(reason);
            if (op->tunnel) {
                smap_replace(p->tunnel_args, name, value);
            } else if (op->parse != parse_peers
                       && !strncmp(name, "ipo_", 4)) {
                smap_replace(&p->options->ipo_args, name, value);
            }
            return error;
        }
    }
    return xasprintf("%s: not an option of type ipo", name);
}

/* Checks that addresses go together. */
static char *
check_addresses(const struct parser *p)
{
    if (!p->remote && !p->remote_flow) {
        return xstrdup("remote_ip: missing");
    }
    if (p->local_flow && !p->remote_flow) {
        return xstrdup("local_ip: 'flow' needs remote_ip=flow");
    }
    if (p->has_peers && !p->remote_flow) {
        return xstrdup("ipo_peers: needs remote_ip=flow");
    }
    if (p->has_remote_prefix && p->remote_flow) {
        return xstrdup("ipo_remote_prefix: needs one remote_ip; with "
                       "remote_ip=flow use ipo_peers");
    }
    if (p->has_remote_prefix && !p->has_local_prefix) {
        return xstrdup("ipo_remote_prefix: needs ipo_local_prefix");
    }
    if (p->has_local_prefix && !p->has_remote_prefix && !p->remote_flow) {
        return xstrdup("ipo_local_prefix: needs ipo_remote_prefix");
    }
    if (p->has_peers && !p->has_local_prefix) {
        return xstrdup("ipo_peers: needs ipo_local_prefix");
    }
    return NULL;
}

/* Completes the list of peers. */
static void
complete_peers(struct parser *p)
{
    struct ipo_peer_list *list = &p->options->peers;

    if (p->has_remote_prefix) {
        list->peers = xzalloc(sizeof *list->peers);
        list->peers[0].node = p->remote;
        list->peers[0].prefixes = p->prefixes;
        list->n = 1;
    }
    for (size_t i = 0; i < list->n; i++) {
        list->peers[i].prefixes.local = p->prefixes.local;
        list->peers[i].prefixes.local_mask = p->prefixes.local_mask;
    }
}

/* Checks that a pinned format can represent something for every peer. */
static char *
check_format(const struct parser *p)
{
    const struct ipo_peer_list *list = &p->options->peers;
    enum ipo_format format = p->options->format;

    if (p->options->format == IPO_FORMAT_AUTO || format == IPO_FULL) {
        return NULL;
    }
    if (format == IPO_COMPACT && p->sends_key) {
        return xstrdup("ipo_format: 'compact' cannot carry a key");
    }
    if (!list->n) {
        return xasprintf("ipo_format: '%s' needs %s", ipo_format_name(format),
                         p->remote_flow
                         ? "ipo_peers"
                         : "ipo_local_prefix and ipo_remote_prefix");
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!ipo_prefixes_fit(&list->peers[i].prefixes, format)) {
            return xasprintf("ipo_format: '%s' needs prefixes of /%u or "
                             "longer for node "IP_FMT, ipo_format_name(format),
                             count_1bits(ipo_format_mask(format)),
                             IP_ARGS(htonl(list->peers[i].node)));
        }
    }
    return NULL;
}

/* Parses 'args', all options of a port.  On success returns null, stores in
 * '*optionsp' those of ipo alone, which the caller must free with
 * ipo_options_destroy(), and adds to 'tunnel_args' those that ipo shares with
 * other tunnels.
 *
 * Otherwise returns what is wrong as "OPTION: REASON", which the caller must
 * free, and stores null in '*optionsp'. */
char *
ipo_options_parse(const struct smap *args, struct ipo_options **optionsp,
                  struct smap *tunnel_args)
{
    struct parser p = { .tunnel_args = tunnel_args };
    const struct smap_node **nodes = smap_sort(args);
    size_t n = smap_count(args);
    char *error = NULL;

    p.options = xzalloc(sizeof *p.options);
    p.options->format = IPO_FORMAT_AUTO;
    smap_init(&p.options->ipo_args);

    for (size_t i = 0; i < n && !error; i++) {
        error = parse_option(&p, nodes[i]->key, nodes[i]->value);
    }
    free(nodes);
    if (!error) {
        error = check_addresses(&p);
    }
    if (!error) {
        complete_peers(&p);
        error = check_format(&p);
    }
    if (error) {
        ipo_options_destroy(p.options);
        p.options = NULL;
    }
    *optionsp = p.options;
    return error;
}

/* Adds to 'args' the options named "ipo_*" that 'options' come from. */
void
ipo_options_get_args(const struct ipo_options *options, struct smap *args)
{
    const struct ipo_peer_list *list = &options->peers;
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &options->ipo_args) {
        smap_add(args, node->key, node->value);
    }
    if (!list->n || smap_get(args, "ipo_remote_prefix")) {
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct ipo_peer *peer = &list->peers[i];

        ds_put_format(&ds, "%s"IP_FMT"="IP_FMT"/%u", i ? "," : "",
                      IP_ARGS(htonl(peer->node)),
                      IP_ARGS(htonl(peer->prefixes.remote)),
                      count_1bits(peer->prefixes.remote_mask));
    }
    smap_add_nocopy(args, xstrdup("ipo_peers"), ds_steal_cstr(&ds));
}

/* Frees 'options', which may be null. */
void
ipo_options_destroy(struct ipo_options *options)
{
    if (options) {
        smap_destroy(&options->ipo_args);
        free(options->peers.peers);
        free(options);
    }
}
