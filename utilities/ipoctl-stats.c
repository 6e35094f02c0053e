/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <inttypes.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipo-uapi.h"
#include "ipo-wire.h"

struct counter {
    uint32_t ifindex;
    char dev[IF_NAMESIZE];
    bool received, drop;
    char name[32];
    uint64_t value;
};

struct counter_list {
    struct counter *counters;
    size_t n, allocated;
};

/* Returns what a person reads about the reason 'name' of a drop, or null. */
static const char *
drop_text(const char *name)
{
    static const struct {
        const char *name, *text;
    } texts[] = {
#define X(NAME, name, text) { #name, text },
        IPO_DROPS
#undef X
        { "not_ipv4", "not an IPv4 packet" },
        { "no_route", "no route to the remote node" },
        { "no_memory", "out of memory" },
        { "need_frag", "too big for the path, and must not be fragmented" },
        { "looped", "the route to the remote node leads back here" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (!strcmp(name, texts[i].name)) {
            return texts[i].text;
        }
    }
    return NULL;
}

/* Adds to 'list' what 'nested' says of a counter of the device 'ifindex',
 * called 'dev'.  Does nothing if that has no name or no value. */
static void
add_counter(struct counter_list *list, uint32_t ifindex, const char *dev,
            const struct nlattr *nested)
{
    const struct nlattr *table[IPO_COUNTER_A_MAX + 1];
    const void *value;
    const char *name;
    struct counter *c;

    nl_attributes(mnl_attr_get_payload(nested),
                  mnl_attr_get_payload_len(nested), table, IPO_COUNTER_A_MAX);
    name = nl_string(table[IPO_COUNTER_A_NAME]);
    value = nl_payload(table[IPO_COUNTER_A_VALUE], sizeof c->value);
    if (!name || !value) {
        return;
    }
    if (list->n >= list->allocated) {
        list->counters = grow(list->counters, &list->allocated, sizeof *c);
    }
    c = &list->counters[list->n++];
    c->ifindex = ifindex;
    c->received = table[IPO_COUNTER_A_RECEIVED] != NULL;
    c->drop = table[IPO_COUNTER_A_DROP] != NULL;
    memcpy(&c->value, value, sizeof c->value);
    snprintf(c->dev, sizeof c->dev, "%s", dev);
    snprintf(c->name, sizeof c->name, "%s", name);
}

/* Adds the counters of a device in 'msg', if it has any, to 'list', a struct
 * counter_list. */
static void
add_counters(const struct nlmsghdr *msg, void *list)
{
    const struct nlattr *table[IPO_A_MAX + 1];
    const struct nlattr *attr;
    uint32_t ifindex = 0;
    const char *dev;

    if (nl_command(msg) != IPO_CMD_GET_STATS) {
        return;
    }
    nl_message_attributes(msg, table, IPO_A_MAX);
    nl_u32(table[IPO_A_IFINDEX], &ifindex);
    dev = dev_name(ifindex, nl_string(table[IPO_A_IFNAME]));
    mnl_attr_for_each (attr, msg, sizeof(struct genlmsghdr)) {
        if (mnl_attr_get_type(attr) == IPO_A_COUNTER) {
            add_counter(list, ifindex, dev, attr);
        }
    }
}

/* Prints the counters of one direction among the 'n' at 'c'. */
static void
print_text(const struct counter *c, size_t n, bool received)
{
    printf("packets %s:\n", received ? "received" : "sent");
    for (size_t i = 0; i < n; i++) {
        if (c[i].received == received && !c[i].drop) {
            printf("    %s: %"PRIu64"\n", c[i].name, c[i].value);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const char *text = drop_text(c[i].name);

        if (c[i].received == received && c[i].drop && c[i].value) {
            printf("    dropped %s: %"PRIu64, c[i].name, c[i].value);
            if (text) {
                printf(" (%s)", text);
            }
            putchar('\n');
        }
    }
}

/* Prints them as a member of an object, with all drops, zero or not. */
static void
print_json(const struct counter *c, size_t n, bool received)
{
    json_open(received ? "received" : "sent", '{');
    for (int drop = 0; drop < 2; drop++) {
        json_open(drop ? "dropped" : "packets", '{');
        for (size_t i = 0; i < n; i++) {
            if (c[i].received == received && c[i].drop == drop) {
                json_number(c[i].name, c[i].value);
            }
        }
        json_close('}');
    }
    json_close('}');
}

/* Prints the counters in 'list', where those of a device are next to each
 * other, as JSON if that is wanted. */
static void
print_counters(const struct counter_list *list)
{
    size_t n;

    if (json_wanted) {
        json_open(NULL, '[');
    }
    for (size_t i = 0; i < list->n; i += n) {
        const struct counter *c = &list->counters[i];

        for (n = 1; i + n < list->n && c[n].ifindex == c->ifindex; n++) {
            continue;
        }
        if (json_wanted) {
            json_open(NULL, '{');
            json_string("dev", c->dev);
            print_json(c, n, false);
            print_json(c, n, true);
            json_close('}');
        } else {
            printf("%s:\n", c->dev);
            print_text(c, n, false);
            print_text(c, n, true);
        }
    }
    if (json_wanted) {
        json_close(']');
        json_end();
    }
}

/* "stats" */
int
stats(char **words)
{
    struct counter_list list = { NULL, 0, 0 };
    struct nlmsghdr *msg;
    struct arguments a;
    bool interrupted;
    uint32_t ifindex;
    int status = parse_arguments(words, 0, WORD_DEV, &a);

    if (status) {
        return status;
    }
    if (nl_open() || (a.dev && dev_index(a.dev, &ifindex))) {
        return EXIT_FAILED;
    }
    msg = nl_query(IPO_CMD_GET_STATS, a.dev ? 0 : NLM_F_DUMP, "stats");
    if (a.dev) {
        mnl_attr_put_u32(msg, IPO_A_IFINDEX, ifindex);
    }
    status = nl_ask(add_counters, &list, &interrupted);
    if (interrupted) {
        complain(EXIT_OK, "devices changed while they were read: some may be "
                 "missing");
    }
    if (!status) {
        print_counters(&list);
    }
    free(list.counters);
    return status;
}
