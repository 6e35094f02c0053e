/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* Teaches iproute2's program ip the link kind "ipo".  See ip-link-ipo(8). */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "ipo-uapi.h"
#include "link-util.h"

static const char *const format_names[IPO_N_FMTS] = {
    [IPO_FMT_AUTO] = "auto",
    [IPO_FMT_COMPACT] = "compact",
    [IPO_FMT_SHORT] = "short",
    [IPO_FMT_FULL] = "full",
};

static const char *const proto_names[IPO_N_PROTO_MODES] = {
    [IPO_PROTO_MODE_SHIFT] = "shift",
    [IPO_PROTO_MODE_NATIVE] = "native",
};

/* Prints to 'file' what can be said behind "type ipo". */
static void
print_usage(FILE *file)
{
    fputs("Usage: ip link { add | set } DEV type ipo\n"
          "               [ local { ADDRESS | any } ]\n"
          "               [ link DEV ]\n"
          "               [ format { auto | compact | short | full } ]\n"
          "               [ proto { shift | native } ]\n"
          "               [ external ]\n"
          "\n"
          "local     this node's address on the underlay\n"
          "link      the underlay's device (also: dev)\n"
          "format    how packets are sent; auto (the default) takes the\n"
          "          smallest format that can represent a packet\n"
          "proto     whether compact packets carry their protocol plus 143\n"
          "          (shift, the default) or their own (native)\n"
          "external  take nodes and keys from each packet's tunnel metadata,\n"
          "          and peers from ipoctl\n",
          file);
}

static int complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Prints an error in a line and returns what makes ip fail. */
static int
complain(const char *format, ...)
{
    va_list args;

    fputs("Error: ipo: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(".\n", stderr);
    return -1;
}

/* Returns the index of 'word' among the 'n' 'names', or -1. */
static int
find_name(const char *word, const char *const names[], int n)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(word, names[i])) {
            return i;
        }
    }
    return -1;
}

/* Adds to 'msg' an attribute of this 'type', with 'len' bytes of 'data'.
 * Returns 0, or what makes ip fail if there is no room for it. */
static int
put(struct nlmsghdr *msg, int type, const void *data, int len)
{
    return addattr_l(msg, LINK_UTIL_MSG_MAX, type, data, len) ? -1 : 0;
}

/* These add the attribute for 'word', the value of an option, to 'msg'.  They
 * return 0, or what makes ip fail after printing an error. */
static int
parse_local(const char *word, struct nlmsghdr *msg)
{
    struct in_addr addr = { htonl(INADDR_ANY) };

    if (strcmp(word, "any")) {
        if (inet_pton(AF_INET, word, &addr) != 1) {
            return complain("\"local\" is not an IPv4 address: \"%s\"", word);
        }
        if (addr.s_addr == htonl(INADDR_ANY)
            || addr.s_addr == htonl(INADDR_BROADCAST)
            || IN_MULTICAST(ntohl(addr.s_addr))) {
            return complain("\"local\" is not an address of a node: \"%s\"",
                            word);
        }
    }
    return put(msg, IFLA_IPO_LOCAL, &addr, sizeof addr);
}

static int
parse_link(const char *word, struct nlmsghdr *msg)
{
    uint32_t ifindex = ll_name_to_index(word);

    if (!ifindex) {
        return complain("there is no device \"%s\"", word);
    }
    return put(msg, IFLA_IPO_LINK, &ifindex, sizeof ifindex);
}

static int
parse_format(const char *word, struct nlmsghdr *msg)
{
    int format = find_name(word, format_names, IPO_N_FMTS);
    uint8_t value = format;

    if (format < 0) {
        return complain("\"format\" is not auto, compact, short or full: "
                        "\"%s\"", word);
    }
    return put(msg, IFLA_IPO_FORMAT, &value, sizeof value);
}

static int
parse_proto(const char *word, struct nlmsghdr *msg)
{
    int proto = find_name(word, proto_names, IPO_N_PROTO_MODES);
    uint8_t value = proto;

    if (proto < 0) {
        return complain("\"proto\" is not shift or native: \"%s\"", word);
    }
    return put(msg, IFLA_IPO_PROTO_MODE, &value, sizeof value);
}

static int
parse_external(const char *word, struct nlmsghdr *msg)
{
    (void) word;
    return put(msg, IFLA_IPO_EXTERNAL, NULL, 0);
}

/* The words behind "type ipo".  Those with an equal 'id' are one option. */
static const struct option {
    const char *name;
    int id;
    const char *value;          /* What follows, or null for nothing. */
    int (*parse)(const char *value, struct nlmsghdr *);
} options[] = {
    { "local", IFLA_IPO_LOCAL, "an address", parse_local },
    { "link", IFLA_IPO_LINK, "a device", parse_link },
    { "dev", IFLA_IPO_LINK, "a device", parse_link },
    { "format", IFLA_IPO_FORMAT, "a format", parse_format },
    { "proto", IFLA_IPO_PROTO_MODE, "shift or native", parse_proto },
    { "external", IFLA_IPO_EXTERNAL, NULL, parse_external },
};

/* Returns the option 'word', or null if there is none such. */
static const struct option *
find_option(const char *word)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (!strcmp(word, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

/* For ip, as link-util.h says: parses the words behind "type ipo". */
static int
ipo_parse_opt(struct link_util *lu, int argc, char **argv,
              struct nlmsghdr *msg)
{
    unsigned int seen = 0;

    (void) lu;
    for (int i = 0; i < argc; i++) {
        const struct option *option = find_option(argv[i]);

        if (!strcmp(argv[i], "help")) {
            print_usage(stdout);
            return -1;
        }
        if (!option) {
            return complain("unknown word \"%s\" (try \"ip link help ipo\")",
                            argv[i]);
        }
        if (seen & 1u << option->id) {
            return complain("duplicate \"%s\"", argv[i]);
        }
        seen |= 1u << option->id;
        if (option->value && ++i >= argc) {
            return complain("\"%s\" needs %s", argv[i - 1], option->value);
        }
        if (option->parse(argv[i], msg)) {
            return -1;
        }
    }
    return 0;
}

/* Prints the option 'name' with 'value', in words that parse_opt() takes. */
static void
print_option(FILE *file, const char *name, const char *value)
{
    if (is_json_context()) {
        print_color_string(LINK_UTIL_PRINT_JSON, LINK_UTIL_COLOR_NONE,
                           name, NULL, value);
    } else {
        fprintf(file, "%s %s ", name, value);
    }
}

/* Returns the value of attribute 'type', 'len' bytes long, or null. */
static const void *
get(struct rtattr *tb[], int type, size_t len)
{
    return tb[type] && RTA_PAYLOAD(tb[type]) >= len ? RTA_DATA(tb[type])
                                                    : NULL;
}

/* Prints attribute 'type', the number of one of the 'n' 'names', as option
 * 'name'. */
static void
print_name(FILE *file, struct rtattr *tb[], int type, const char *name,
           const char *const names[], int n)
{
    const uint8_t *value = get(tb, type, sizeof *value);

    if (value) {
        print_option(file, name, *value < n ? names[*value] : "unknown");
    }
}

/* For ip, as link-util.h says: prints the options of a device. */
static void
ipo_print_opt(struct link_util *lu, FILE *file, struct rtattr *tb[])
{
    char buf[INET_ADDRSTRLEN];
    const struct in_addr *local;
    const uint32_t *ifindex;

    (void) lu;
    if (!tb) {
        return;
    }
    local = get(tb, IFLA_IPO_LOCAL, sizeof *local);
    if (local && local->s_addr && inet_ntop(AF_INET, local, buf, sizeof buf)) {
        print_option(file, "local", buf);
    }
    ifindex = get(tb, IFLA_IPO_LINK, sizeof *ifindex);
    if (ifindex && *ifindex) {
        print_option(file, "link", ll_index_to_name(*ifindex));
    }
    print_name(file, tb, IFLA_IPO_FORMAT, "format", format_names, IPO_N_FMTS);
    print_name(file, tb, IFLA_IPO_PROTO_MODE, "proto", proto_names,
               IPO_N_PROTO_MODES);
    if (tb[IFLA_IPO_EXTERNAL]) {
        if (is_json_context()) {
            print_color_bool(LINK_UTIL_PRINT_JSON, LINK_UTIL_COLOR_NONE,
                             "external", NULL, true);
        } else {
            fputs("external ", file);
        }
    }
}

/* Prints a counter of drops, in 'nested', if it is of packets 'received' or
 * sent, and before the first of those '*title', which becomes null. */
static void
print_drop(FILE *file, struct rtattr *nested, bool received,
           const char **title)
{
    struct rtattr *tb[IPO_COUNTER_A_MAX + 1];
    const char *name;
    uint64_t value;

    parse_rtattr(tb, IPO_COUNTER_A_MAX, RTA_DATA(nested),
                 RTA_PAYLOAD(nested));
    name = get(tb, IPO_COUNTER_A_NAME, 1);
    if (!name || !get(tb, IPO_COUNTER_A_VALUE, sizeof value)
        || received != !!tb[IPO_COUNTER_A_RECEIVED]) {
        return;
    }
    memcpy(&value, RTA_DATA(tb[IPO_COUNTER_A_VALUE]), sizeof value);
    if (*title && is_json_context()) {
        open_json_object(*title);
    } else if (*title) {
        print_nl();
        fprintf(file, "    %s: ", *title);
    }
    *title = NULL;
    if (is_json_context()) {
        print_color_u64(LINK_UTIL_PRINT_JSON, LINK_UTIL_COLOR_NONE, name, NULL,
                        value);
    } else {
        fprintf(file, "%s %"PRIu64" ", name, value);
    }
}

/* For ip, as link-util.h says: prints counters of drops. */
static void
ipo_print_xstats(struct link_util *lu, FILE *file, struct rtattr *xstats)
{
    bool any = false;

    (void) lu;
    for (int received = 1; received >= 0; received--) {
        const char *title = received ? "dropped_received" : "dropped_sent";
        struct rtattr *rta = RTA_DATA(xstats);
        int left = RTA_PAYLOAD(xstats);

        for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left)) {
            print_drop(file, rta, received, &title);
        }
        if (!title && is_json_context()) {
            close_json_object();
        }
        any |= !title;
    }
    if (any) {
        /* ip goes on with more words of its own. */
        print_nl();
        if (!is_json_context()) {
            fputs("    ", file);
        }
    }
}

/* "ip link help ipo" */
static void
ipo_print_help(struct link_util *lu, int argc, char **argv, FILE *file)
{
    (void) lu;
    (void) argc;
    (void) argv;
    print_usage(file);
}

extern struct link_util ipo_link_util;

/* What ip looks up. */
struct link_util ipo_link_util = {
    .id = "ipo",
    .maxattr = IFLA_IPO_MAX,
    .parse_opt = ipo_parse_opt,
    .print_opt = ipo_print_opt,
    .print_xstats = ipo_print_xstats,
    .print_help = ipo_print_help,
};
