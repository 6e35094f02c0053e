/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* The interface between iproute2's program ip and a plug-in that knows a kind
 * of link.  iproute2 installs no header for it, so these are the facts that a
 * plug-in depends on, as far as ours does.
 *
 * For a kind that it is told or that the kernel reports, ip loads link_KIND.so
 * from its library directory, or from $IP_LIB_DIR, and takes from it the
 * 'struct link_util' with the name KIND_link_util.  The plug-in in turn may
 * call the functions that ip exports.
 *
 * Checked against Debian's iproute2 6.1.0 (bookworm), 6.15.0 (trixie) and
 * 7.3.0 (sid). */

#ifndef LINK_UTIL_H
#define LINK_UTIL_H 1

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct link_util {
    struct link_util *next;     /* For ip's own use. */
    const char *id;             /* The kind. */
    int maxattr;                /* Largest attribute in IFLA_INFO_DATA. */

    /* Turns the words behind "type KIND" into attributes at the end of the
     * message.  Returns 0 or what ip fails with. */
    int (*parse_opt)(struct link_util *, int argc, char **argv,
                     struct nlmsghdr *);

    /* Prints what IFLA_INFO_DATA holds, in an array of 'maxattr' + 1 elements,
     * or in a null pointer if the kernel sent no such attribute. */
    void (*print_opt)(struct link_util *, FILE *, struct rtattr *[]);

    /* Prints what IFLA_INFO_XSTATS holds, if the user asks for statistics. */
    void (*print_xstats)(struct link_util *, FILE *, struct rtattr *);

    /* "ip link help KIND". */
    void (*print_help)(struct link_util *, int argc, char **argv, FILE *);

    int (*parse_ifla_xstats)(struct link_util *, int argc, char **argv);
    int (*print_ifla_xstats)(struct nlmsghdr *, void *);
};

/* A message that parse_opt() gets has room for this many bytes in all. */
#define LINK_UTIL_MSG_MAX 1024

/* Of ip's 'enum output_type'. */
#define LINK_UTIL_PRINT_JSON 2

/* Of ip's 'enum color_attr'; has no meaning for JSON. */
#define LINK_UTIL_COLOR_NONE 6

/* Exported by ip. */
int addattr_l(struct nlmsghdr *, int maxlen, int type, const void *data,
              int len);
int parse_rtattr(struct rtattr *tb[], int max, struct rtattr *, int len);
const char *ll_index_to_name(unsigned int ifindex);
unsigned int ll_name_to_index(const char *name);
bool is_json_context(void);
int print_color_string(int output_type, int color, const char *key,
                       const char *format, const char *value);
int print_color_bool(int output_type, int color, const char *key,
                     const char *format, bool value);
int print_color_u64(int output_type, int color, const char *key,
                    const char *format, uint64_t value);
void open_json_object(const char *name);
void close_json_object(void);
void print_nl(void);            /* Not in JSON. */

#endif /* link-util.h */
