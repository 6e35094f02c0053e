/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipo-uapi.h"

#define MAX_TRIES 5             /* To get a list that is consistent. */

/* A peer as the kernel reports it.  What it left out is 0. */
struct peer {
    char dev[IF_NAMESIZE];
    struct in_addr node;
    struct prefix local, remote;
    bool has_prefixes, has_proto;
    uint8_t proto;              /* enum ipo_proto_mode. */
    uint32_t routes;
};

struct peer_list {
    struct peer *peers;
    size_t n, allocated;
};

/* Changing peers. */

/* Adds 'prefix' to 'msg', as attributes of these two types. */
static void
put_prefix(struct nlmsghdr *msg, const struct prefix *prefix,
           uint16_t addr_type, uint16_t plen_type)
{
    mnl_attr_put(msg, addr_type, sizeof prefix->addr, &prefix->addr);
    mnl_attr_put_u8(msg, plen_type, prefix->plen);
}

/* Queues 'cmd' with what of the words 'a' were given. */
static int
queue_command(const struct arguments *a, uint8_t cmd, uint16_t flags,
              const char *what)
{
    struct nlmsghdr *msg;
    uint32_t ifindex;

    if (nl_open() || dev_index(a->dev, &ifindex)) {
        return EXIT_FAILED;
    }
    msg = nl_queue(cmd, flags, what);
    mnl_attr_put_u32(msg, IPO_A_IFINDEX, ifindex);
    if (a->words & WORD_NODE) {
        mnl_attr_put(msg, IPO_A_NODE, sizeof a->node, &a->node);
    }
    if (a->words & WORD_LOCAL) {
        put_prefix(msg, &a->local, IPO_A_LOCAL, IPO_A_LOCAL_PLEN);
        put_prefix(msg, &a->remote, IPO_A_REMOTE, IPO_A_REMOTE_PLEN);
    }
    if (a->words & WORD_PROTO) {
        mnl_attr_put_u8(msg, IPO_A_PROTO_MODE, a->proto);
    }
    return EXIT_OK;
}

/* Carries out "peer add" or "peer replace": 'flags' tells them apart, and
 * 'what' is what an error is said to be of. */
static int
new_peer(char **words, uint16_t flags, const char *what)
{
    struct arguments a;
    int status = parse_arguments(words, WORD_DEV | WORD_NODE,
                                 WORD_LOCAL | WORD_REMOTE | WORD_PROTO, &a);

    return status ? status
                  : queue_command(&a, IPO_CMD_NEW_PEER, NLM_F_CREATE | flags,
                                  what);
}

/* "peer add" */
int
peer_add(char **words)
{
    return new_peer(words, NLM_F_EXCL, "peer add");
}

/* "peer replace" */
int
peer_replace(char **words)
{
    return new_peer(words, NLM_F_REPLACE, "peer replace");
}

/* "peer del" */
int
peer_del(char **words)
{
    struct arguments a;
    int status = parse_arguments(words, WORD_DEV | WORD_NODE, 0, &a);

    return status ? status
                  : queue_command(&a, IPO_CMD_DEL_PEER, 0, "peer del");
}

/* "peer flush" */
int
peer_flush(char **words)
{
    struct arguments a;
    int status = parse_arguments(words, WORD_DEV, 0, &a);

    return status ? status
                  : queue_command(&a, IPO_CMD_FLUSH_PEERS, 0, "peer flush");
}

/* Reading peers. */

/* Stores in '*prefix' what the attributes say.  Returns false, and stores
 * nothing, if one of them is missing. */
static bool
get_prefix(const struct nlattr *addr, const struct nlattr *plen,
           struct prefix *prefix)
{
    const void *addr_ = nl_payload(addr, sizeof prefix->addr);
    const uint8_t *plen_ = nl_payload(plen, sizeof *plen_);

    if (addr_ && plen_) {
        memcpy(&prefix->addr, addr_, sizeof prefix->addr);
        prefix->plen = *plen_;
    }
    return addr_ && plen_;
}

/* Reads the peer in 'msg' into '*peer'. */
static void
get_peer(const struct nlmsghdr *msg, struct peer *peer)
{
    const struct nlattr *table[IPO_A_MAX + 1];
    const uint8_t *proto;
    const void *node;
    uint32_t ifindex = 0;

    nl_message_attributes(msg, table, IPO_A_MAX);
    memset(peer, 0, sizeof *peer);
    nl_u32(table[IPO_A_IFINDEX], &ifindex);
    nl_u32(table[IPO_A_ROUTES], &peer->routes);
    snprintf(peer->dev, sizeof peer->dev, "%s",
             dev_name(ifindex, nl_string(table[IPO_A_IFNAME])));
    node = nl_payload(table[IPO_A_NODE], sizeof peer->node);
    if (node) {
        memcpy(&peer->node, node, sizeof peer->node);
    }
    peer->has_prefixes = get_prefix(table[IPO_A_LOCAL],
                                    table[IPO_A_LOCAL_PLEN], &peer->local)
                         && get_prefix(table[IPO_A_REMOTE],
                                       table[IPO_A_REMOTE_PLEN],
                                       &peer->remote);
    proto = nl_payload(table[IPO_A_PROTO_MODE], sizeof *proto);
    peer->has_proto = proto != NULL;
    peer->proto = proto ? *proto : 0;
}

/* These return text that is good until the next call of either. */
static const char *
format_addr(struct in_addr addr)
{
    static char buf[INET_ADDRSTRLEN];

    return inet_ntop(AF_INET, &addr, buf, sizeof buf);
}

static const char *
format_prefix(const struct prefix *prefix)
{
    static char buf[INET_ADDRSTRLEN + 4];

    snprintf(buf, sizeof buf, "%s/%"PRIu8, format_addr(prefix->addr),
             prefix->plen);
    return buf;
}

/* Prints 'peer', the end of a line, as words that "peer add" takes, but for
 * the number of routes. */
static void
print_text(const struct peer *peer)
{
    printf("%s dev %s", format_addr(peer->node), peer->dev);
    if (peer->has_prefixes) {
        printf(" local %s", format_prefix(&peer->local));
        printf(" remote %s", format_prefix(&peer->remote));
    }
    if (peer->has_proto) {
        printf(" proto %s", proto_name(peer->proto));
    }
    if (peer->routes) {
        printf(" routes %"PRIu32, peer->routes);
    }
    putchar('\n');
}

/* Prints the members of the object that is 'peer'. */
static void
print_json(const struct peer *peer)
{
    json_string("node", format_addr(peer->node));
    json_string("dev", peer->dev);
    if (peer->has_prefixes) {
        json_string("local", format_prefix(&peer->local));
        json_string("remote", format_prefix(&peer->remote));
    }
    if (peer->has_proto) {
        json_string("proto", proto_name(peer->proto));
    }
    if (peer->routes) {
        json_number("routes", peer->routes);
    }
}

/* Adds the peer in 'msg', if it has one, to 'list_', a struct peer_list. */
static void
add_peer(const struct nlmsghdr *msg, void *list_)
{
    struct peer_list *list = list_;

    if (nl_command(msg) != IPO_CMD_NEW_PEER) {
        return;
    }
    if (list->n >= list->allocated) {
        list->peers = grow(list->peers, &list->allocated,
                           sizeof *list->peers);
    }
    get_peer(msg, &list->peers[list->n++]);
}

/* For qsort(): by device, then by node. */
static int
compare_peers(const void *a_, const void *b_)
{
    const struct peer *a = a_, *b = b_;
    int d = strcmp(a->dev, b->dev);

    return d ? d : memcmp(&a->node, &b->node, sizeof a->node);
}

/* Sorts 'list'.  A peer that was removed and added again while the list was
 * read may be in it twice: leaves one of each. */
static void
sort_peers(struct peer_list *list)
{
    size_t n = 0;

    if (!list->n) {
        return;
    }
    qsort(list->peers, list->n, sizeof *list->peers, compare_peers);
    for (size_t i = 1; i < list->n; i++) {
        if (compare_peers(&list->peers[n], &list->peers[i])) {
            list->peers[++n] = list->peers[i];
        }
    }
    list->n = n + 1;
}

/* Reads into 'list' the peers that 'a' asks for, sorted. */
static int
read_peers(const struct arguments *a, struct peer_list *list)
{
    bool one = (a->words & WORD_DEV) && (a->words & WORD_NODE);
    bool interrupted = true;
    uint32_t ifindex = 0;

    if (nl_open() || (a->dev && dev_index(a->dev, &ifindex))) {
        return EXIT_FAILED;
    }
    for (int try = 0; interrupted && try < MAX_TRIES; try++) {
        struct nlmsghdr *msg = nl_query(IPO_CMD_GET_PEER, one ? 0 : NLM_F_DUMP,
                                        "peer show");

        list->n = 0;
        if (ifindex) {
            mnl_attr_put_u32(msg, IPO_A_IFINDEX, ifindex);
        }
        if (one) {
            mnl_attr_put(msg, IPO_A_NODE, sizeof a->node, &a->node);
        }
        if (nl_ask(add_peer, list, &interrupted)) {
            return EXIT_FAILED;
        }
    }
    if (interrupted) {
        complain(EXIT_OK, "peers changed while they were read: some may be "
                 "missing or out of date");
    }
    sort_peers(list);
    return EXIT_OK;
}

/* Prints the peers in 'list', or only those with the node in 'a' if there is
 * one, as JSON if that is wanted. */
static void
print_peers(const struct peer_list *list, const struct arguments *a)
{
    if (json_wanted) {
        json_open(NULL, '[');
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct peer *peer = &list->peers[i];

        if (a->words & WORD_NODE && peer->node.s_addr != a->node.s_addr) {
            continue;
        }
        if (json_wanted) {
            json_open(NULL, '{');
            print_json(peer);
            json_close('}');
        } else {
            print_text(peer);
        }
    }
    if (json_wanted) {
        json_close(']');
        json_end();
    }
}

/* "peer show" */
int
peer_show(char **words)
{
    struct peer_list list = { NULL, 0, 0 };
    struct arguments a;
    int status = parse_arguments(words, 0, WORD_DEV | WORD_NODE, &a);

    if (!status) {
        status = read_peers(&a, &list);
    }
    if (!status) {
        print_peers(&list, &a);
    }
    free(list.peers);
    return status;
}

/* Notifications. */

/* Prints a change as the command that makes it, which is "peer replace" unless
 * the kernel says that the peer is a new one. */
static void
print_event(const struct nlmsghdr *msg, void *aux)
{
    uint8_t cmd = nl_command(msg);
    const char *event = (cmd == IPO_CMD_DEL_PEER ? "del"
                         : cmd == IPO_CMD_FLUSH_PEERS ? "flush"
                         : cmd != IPO_CMD_NEW_PEER ? NULL
                         : msg->nlmsg_flags & NLM_F_EXCL ? "add"
                         : "replace");
    struct peer peer;

    (void) aux;
    if (!event) {
        return;
    }
    get_peer(msg, &peer);
    if (json_wanted) {
        json_open(NULL, '{');
        json_string("event", event);
        if (cmd == IPO_CMD_FLUSH_PEERS) {
            json_string("dev", peer.dev);
        } else {
            print_json(&peer);
        }
        json_close('}');
        json_end();
    } else if (cmd == IPO_CMD_FLUSH_PEERS) {
        printf("peer flush dev %s\n", peer.dev);
    } else if (cmd == IPO_CMD_DEL_PEER) {
        printf("peer del %s dev %s\n", format_addr(peer.node), peer.dev);
    } else {
        printf("peer %s ", event);
        print_text(&peer);
    }
    fflush(stdout);
}

/* "monitor" */
int
monitor(char **words)
{
    if (*words) {
        return complain(EXIT_USAGE, "unknown word '%s'", *words);
    }
    if (position.file) {
        return complain(EXIT_USAGE, "'monitor' never ends: not in a batch");
    }
    return nl_open() ? EXIT_FAILED : nl_listen(print_event, NULL);
}
