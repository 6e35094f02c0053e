/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the options of ports.  The input is lines, each an option with its
 * value, "NAME=VALUE".  What is accepted is given back as options that are
 * accepted and mean the same, and its peers can be put into the map.  A port
 * that has them gives back what they say, and is not changed by being told
 * again. */

#include <config.h>

#include "fuzz.h"

#include <ctype.h>

#include "fuzz-netdev.h"
#include "ipo-options.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

/* Adds to 'args' the lines of 's', which this function changes. */
static void
read_args(char *s, struct smap *args)
{
    char *save_ptr = NULL;

    for (char *line = strtok_r(s, "\n", &save_ptr); line;
         line = strtok_r(NULL, "\n", &save_ptr)) {
        char *value = strchr(line, '=');

        if (value) {
            *value++ = '\0';
            smap_replace(args, line, value);
        }
    }
}

/* Checks that both have the same options and the same peers. */
static void
check_equal(const struct ipo_options *a, const struct ipo_options *b)
{
    FUZZ_CHECK(a->format == b->format);
    FUZZ_CHECK(smap_equal(&a->ipo_args, &b->ipo_args));
    FUZZ_CHECK(a->peers.n == b->peers.n);
    for (size_t i = 0; i < a->peers.n; i++) {
        FUZZ_CHECK(!memcmp(&a->peers.peers[i], &b->peers.peers[i],
                           sizeof a->peers.peers[i]));
    }
}

/* Checks that 'options' survive what a port does when it is asked for them:
 * 'tunnel_args' are those that other code keeps. */
static void
check_get_args(const struct ipo_options *options, struct smap *tunnel_args)
{
    struct smap again = SMAP_INITIALIZER(&again);
    struct ipo_options *same;

    ipo_options_get_args(options, tunnel_args);
    FUZZ_CHECK(!ipo_options_parse(tunnel_args, &same, &again));
    check_equal(options, same);
    ipo_options_destroy(same);
    smap_destroy(&again);
}

/* Puts the peers of 'list' into the map and takes them out. */
static void
check_peers(const struct ipo_peer_list *list)
{
    struct ipo_peer_list none = { NULL, 0 }, all;
    struct ds ds = DS_EMPTY_INITIALIZER;

    FUZZ_CHECK(!ipo_peers_replace(&none, list));
    for (size_t i = 0; i < list->n; i++) {
        const struct ipo_peer *peer = &list->peers[i];
        const struct ipo_prefixes *prefixes = ipo_peers_find(peer->node);

        FUZZ_CHECK(prefixes);
        FUZZ_CHECK(!memcmp(prefixes, &peer->prefixes, sizeof *prefixes));
        FUZZ_CHECK(!(prefixes->local & ~prefixes->local_mask));
        FUZZ_CHECK(!(prefixes->remote & ~prefixes->remote_mask));
    }
    ipo_peers_get_all(&all);
    FUZZ_CHECK(all.n == list->n);
    free(all.peers);
    ipo_peers_format(0, 0, &ds);
    ds_destroy(&ds);
    FUZZ_CHECK(!ipo_peers_replace(list, &none));
    ipo_peers_get_all(&all);
    FUZZ_CHECK(!all.n);
    free(all.peers);
}

/* What a port with options gives back, said without ipo-options.c. */

/* Returns the number, or "flow", that 's' says as decimal digits, for the caller
 * to free. */
static char *
want_number(const char *s, int base)
{
    unsigned long long int x;
    char *end;

    if (!strcmp(s, "flow")) {
        return xstrdup(s);
    }
    x = strtoull(s, &end, base);
    FUZZ_CHECK(!*end && x <= UINT32_MAX);
    return xasprintf("%llu", x);
}

/* Adds to 'want' the keys that a port with 'args' gives back. */
static void
want_keys(const struct smap *args, struct smap *want)
{
    const char *key = smap_get(args, "key");
    const char *in = smap_get_def(args, "in_key", key);
    const char *out = smap_get_def(args, "out_key", key);
    char *in_key = in ? want_number(in, 0) : NULL;
    char *out_key = out ? want_number(out, 0) : NULL;

    if (in && out && !strcmp(in_key, out_key)) {
        smap_add(want, "key", in_key);
    } else {
        if (in) {
            smap_add(want, "in_key", in_key);
        }
        if (out) {
            smap_add(want, "out_key", out_key);
        }
    }
    free(in_key);
    free(out_key);
}

struct wanted_peer {
    uint32_t node;
    ovs_be32 prefix;
    unsigned int plen;
};

/* For qsort(): by node. */
static int
compare_wanted(const void *a_, const void *b_)
{
    const struct wanted_peer *a = a_;
    const struct wanted_peer *b = b_;

    return (a->node > b->node) - (a->node < b->node);
}

/* Returns 's', what "ipo_peers" says, in the order of the nodes and with a comma
 * between them, for the caller to free. */
static char *
want_peers(const char *s)
{
    struct wanted_peer *peers = xcalloc(strlen(s) + 1, sizeof *peers);
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(s);
    char *save_ptr = NULL;
    size_t n = 0;

    for (char *item = strtok_r(copy, ", ", &save_ptr); item;
         item = strtok_r(NULL, ", ", &save_ptr)) {
        char *prefix = strchr(item, '=');
        struct in_addr node;

        FUZZ_CHECK(prefix);
        *prefix++ = '\0';
        FUZZ_CHECK(inet_pton(AF_INET, item, &node) == 1);
        peers[n].node = ntohl(node.s_addr);
        FUZZ_CHECK(!ip_parse_cidr(prefix, &peers[n].prefix, &peers[n].plen));
        n++;
    }
    qsort(peers, n, sizeof *peers, compare_wanted);
    for (size_t i = 0; i < n; i++) {
        ds_put_format(&ds, "%s"IP_FMT"="IP_FMT"/%u", i ? "," : "",
                      IP_ARGS(htonl(peers[i].node)),
                      IP_ARGS(peers[i].prefix), peers[i].plen);
    }
    free(copy);
    free(peers);
    return ds_steal_cstr(&ds);
}

/* Adds to 'want' what a port with 'args' gives back. */
static void
want_args(const struct smap *args, struct smap *want)
{
    static const char *const same[] = {
        "remote_ip", "local_ip", "ipo_local_prefix", "ipo_remote_prefix",
        "ipo_format",
    };
    const char *mark = smap_get(args, "egress_pkt_mark");
    char *peers = want_peers(smap_get_def(args, "ipo_peers", ""));

    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        const char *value = smap_get(args, same[i]);

        if (value) {
            smap_add(want, same[i], value);
        }
    }
    want_keys(args, want);
    if (mark) {
        smap_add_nocopy(want, xstrdup("egress_pkt_mark"),
                        want_number(mark, 10));
    }
    if (*peers) {
        smap_add(want, "ipo_peers", peers);
    }
    free(peers);
}

/* Returns whether 'want' has keys of which Open vSwitch, whatever the tunnel,
 * says "key=0": one that flows set, and one that is 0. */
static bool
are_keys_confused(const struct smap *want)
{
    const char *in = smap_get_def(want, "in_key", "");
    const char *out = smap_get_def(want, "out_key", "");

    return (!strcmp(in, "flow") && !strcmp(out, "0"))
           || (!strcmp(in, "0") && !strcmp(out, "flow"));
}

/* What is right, said without ipo-options.c. */

/* These return whether 's' is a node's address, a decimal number of 32 bits,
 * or a prefix, as users write them. */
static bool
is_node(const char *s)
{
    struct in_addr in;

    return inet_pton(AF_INET, s, &in) == 1 && in.s_addr
           && !ip_is_multicast(in.s_addr) && in.s_addr != OVS_BE32_MAX;
}

static bool
is_number(const char *s)
{
    unsigned long long int x = strtoull(s, NULL, 10);
    char *again = xasprintf("%llu", x);
    bool plain = !strcmp(s, again) && x <= UINT32_MAX;

    free(again);
    return plain;
}

static bool
is_prefix(const char *s)
{
    struct in_addr in;
    char addr[32];
    int plen, n;

    return sscanf(s, "%31[0-9.]/%2d%n", addr, &plen, &n) == 2 && !s[n]
           && inet_pton(AF_INET, addr, &in) == 1
           && isdigit((unsigned char) s[strlen(addr) + 1]) && plen <= 32
           && (plen == 32 || !(ntohl(in.s_addr) << plen));
}

/* Returns whether 'value' is, of what option 'name' may have by itself, what
 * users write.  False says nothing. */
static bool
is_plain(const char *name, const char *value)
{
    if (!strcmp(name, "remote_ip") || !strcmp(name, "local_ip")) {
        return !strcmp(value, "flow") || is_node(value);
    } else if (!strcmp(name, "key") || !strcmp(name, "in_key")
               || !strcmp(name, "out_key")) {
        return !strcmp(value, "flow") || is_number(value);
    } else if (!strcmp(name, "egress_pkt_mark")) {
        return is_number(value);
    } else if (!strcmp(name, "ttl") || !strcmp(name, "tos")) {
        return !strcmp(value, "inherit");
    } else if (!strcmp(name, "ipo_local_prefix")
               || !strcmp(name, "ipo_remote_prefix")) {
        return is_prefix(value);
    }
    return !strcmp(name, "ipo_format")
           && (!strcmp(value, "auto") || !strcmp(value, "compact")
               || !strcmp(value, "short") || !strcmp(value, "full"));
}

/* Checks that 'error', as "OPTION: REASON", is about one of 'args', or one that
 * is missing, and finds no fault with its value alone if there is none. */
static void
check_refused(const struct smap *args, const char *error)
{
    bool about_value = (!strstr(error, "needs")
                        && !strstr(error, "cannot carry")
                        && !strstr(error, "not an option"));
    bool found = !strcmp(error, "remote_ip: missing");
    const struct smap_node *node;

    SMAP_FOR_EACH (node, args) {
        size_t len = strlen(node->key);

        if (!strncmp(error, node->key, len)
            && !strncmp(error + len, ": ", 2)) {
            found = true;
            FUZZ_CHECK(!about_value || !is_plain(node->key, node->value));
        }
    }
    FUZZ_CHECK(found);
}

/* Checks that 'netdev' gives back 'want'. */
static void
check_given(const struct netdev *netdev, const struct smap *want)
{
    struct smap given = SMAP_INITIALIZER(&given);

    FUZZ_CHECK(!netdev_get_config(netdev, &given));
    FUZZ_CHECK(smap_equal(&given, want));
    smap_destroy(&given);
}

/* Checks that all ports together have 'n' peers. */
static void
check_n_peers(size_t n)
{
    struct ipo_peer_list all;

    ipo_peers_get_all(&all);
    FUZZ_CHECK(all.n == n);
    free(all.peers);
}

/* Has 'netdev' refuse 'args'.  Then it has no peers, and others 'n'. */
static void
refuse(struct netdev *netdev, const struct smap *args, size_t n)
{
    const char *name = netdev_get_name(netdev);
    char *reason = NULL;

    FUZZ_CHECK(netdev_set_config(netdev, args, &reason));
    FUZZ_CHECK(reason && !strncmp(reason, name, strlen(name)));
    free(reason);
    check_n_peers(n);
}

/* Has 'netdev' accept 'args', after which all have 'n' peers together. */
static void
accept_args(struct netdev *netdev, const struct smap *args, size_t n)
{
    char *reason = NULL;

    FUZZ_CHECK(!netdev_set_config(netdev, args, &reason));
    FUZZ_CHECK(!reason);
    check_n_peers(n);
}

/* Checks that a port that is told 'args', 'n' peers among them, gives back what
 * they say and is not changed by that, and that it is none the worse for options
 * that are wrong. */
static void
check_told(struct netdev *netdev, const struct smap *args, size_t n)
{
    struct smap want = SMAP_INITIALIZER(&want);
    struct smap wrong;
    uint64_t seq;

    want_args(args, &want);
    accept_args(netdev, args, n);
    seq = netdev_get_change_seq(netdev);
    accept_args(netdev, args, n);
    FUZZ_CHECK(netdev_get_change_seq(netdev) == seq);
    if (!are_keys_confused(&want)) {
        check_given(netdev, &want);
        accept_args(netdev, &want, n);
        FUZZ_CHECK(netdev_get_change_seq(netdev) == seq);
        check_given(netdev, &want);
    }

    smap_clone(&wrong, args);
    smap_add(&wrong, "no_such", "1");
    refuse(netdev, &wrong, 0);
    accept_args(netdev, args, n);
    smap_destroy(&wrong);
    smap_destroy(&want);
}

/* Checks that beside a port with 'args', of which 'list' are the peers, there can
 * be another one like it, but none that has other prefixes for a peer. */
static void
check_neighbor(const struct smap *args, const struct ipo_peer_list *list)
{
    struct netdev *netdev = fuzz_netdev_open("ipo1");
    struct smap other = SMAP_INITIALIZER(&other);

    accept_args(netdev, args, list->n);
    if (list->n) {
        const struct ipo_peer *peer = &list->peers[0];

        smap_add(&other, "remote_ip", "flow");
        smap_add(&other, "ipo_local_prefix", "0.0.0.0/0");
        smap_add_format(&other, "ipo_peers", IP_FMT"=0.0.0.0/0",
                        IP_ARGS(htonl(peer->node)));
        if (peer->prefixes.local_mask || peer->prefixes.remote_mask) {
            refuse(netdev, &other, list->n);
        } else {
            accept_args(netdev, &other, list->n);
        }
    }
    netdev_close(netdev);
    check_n_peers(list->n);
    smap_destroy(&other);
}

/* Makes 'args' the options of a port.  'options' are what ipo_options_parse()
 * makes of them, or null if they are wrong. */
static void
check_port(const struct smap *args, const struct ipo_options *options)
{
    struct netdev *netdev = fuzz_netdev_open("ipo0");

    if (options) {
        check_told(netdev, args, options->peers.n);
        check_neighbor(args, &options->peers);
    } else {
        refuse(netdev, args, 0);
    }
    netdev_close(netdev);
    check_n_peers(0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smap args = SMAP_INITIALIZER(&args);
    struct smap tunnel_args = SMAP_INITIALIZER(&tunnel_args);
    char *text = fuzz_string(data, size);
    struct ipo_options *options;
    char *error;

    read_args(text, &args);
    error = ipo_options_parse(&args, &options, &tunnel_args);
    FUZZ_CHECK(!error == (options != NULL));
    if (error) {
        check_refused(&args, error);
    } else {
        check_get_args(options, &tunnel_args);
        check_peers(&options->peers);
    }
    check_port(&args, options);
    ipo_options_destroy(options);
    smap_destroy(&tunnel_args);
    smap_destroy(&args);
    free(error);
    free(text);
    ovsrcu_quiesce();
    return 0;
}
