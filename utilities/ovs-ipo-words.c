/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-ipo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

/* Parses the IPv4 address of one node or container. */
char *
parse_address(const char *s, uint32_t *addr)
{
    ovs_be32 ip;

    if (!ip_parse(s, &ip)) {
        return xasprintf("'%s' is not an IPv4 address", s);
    }
    *addr = ntohl(ip);
    if (!ip || ip_is_multicast(ip) || *addr == UINT32_MAX) {
        return xasprintf("%s is not the address of one host", s);
    }
    return NULL;
}

/* Parses ADDRESS/LENGTH, or ADDRESS for one of 32 bits. */
char *
parse_prefix(const char *s, struct prefix *prefix)
{
    ovs_be32 ip;
    char *error = ip_parse_cidr(s, &ip, &prefix->len);

    if (error) {
        free(error);
        return xasprintf("'%s' is not a prefix ADDRESS/LENGTH", s);
    }
    prefix->addr = ntohl(ip);
    if (prefix->len < 32 && prefix->addr & (UINT32_MAX >> prefix->len)) {
        return xasprintf("prefix %s has bits set behind its length", s);
    }
    return NULL;
}

/* Parses a number of at least 'min' and at most 'max', decimal or hexadecimal
 * with "0x". */
char *
parse_number(const char *s, uint32_t min, uint32_t max, uint32_t *number)
{
    unsigned long long int x;
    char *end;

    errno = 0;
    x = strtoull(s, &end, s[0] == '0' && (s[1] | 0x20) == 'x' ? 16 : 10);
    if (errno || s[0] < '0' || s[0] > '9' || *end || x < min || x > max) {
        return xasprintf("'%s' is not a number from %"PRIu32" to %"PRIu32,
                         s, min, max);
    }
    *number = x;
    return NULL;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD LETTERS "0123456789_.-"

/* Returns whether 's' is letters, digits, '_', '.' and '-', of which the last
 * two do not begin it: no option, no more than one word, and nothing to
 * quote. */
bool
is_word(const char *s)
{
    return s[0] && !strchr(".-", s[0]) && !s[strspn(s, WORD)];
}

/* Checks that 's' can be the name of an interface. */
char *
check_ifname(const char *s)
{
    return (is_word(s) && strlen(s) < IF_NAMESIZE ? NULL
            : xasprintf("'%s' is not the name of an interface", s));
}

/* Checks that 's' is a path from the root that needs no quotes. */
char *
check_path(const char *s)
{
    return (s[0] == '/' && !s[strspn(s, "/+,:=@%" WORD)] ? NULL
            : xasprintf("'%s' is not an absolute path of letters, digits and "
                        "/+,:=@%%_.-", s));
}

/* These write the text of 'addr', or of 'prefix', to 'buf' and return that. */
const char *
format_ip(uint32_t addr, char buf[IP_FMT_SIZE])
{
    snprintf(buf, IP_FMT_SIZE, IP_FMT, IP_ARGS(htonl(addr)));
    return buf;
}

const char *
format_prefix(const struct prefix *prefix, char buf[PREFIX_FMT_SIZE])
{
    snprintf(buf, PREFIX_FMT_SIZE, IP_FMT"/%u",
             IP_ARGS(htonl(prefix->addr)), prefix->len);
    return buf;
}

/* Returns whether 'addr' is in 'prefix'. */
bool
prefix_contains(const struct prefix *prefix, uint32_t addr)
{
    return !prefix->len || !((prefix->addr ^ addr) >> (32 - prefix->len));
}

/* Returns whether any address is in both. */
bool
prefixes_overlap(const struct prefix *a, const struct prefix *b)
{
    return prefix_contains(a->len < b->len ? a : b,
                           a->len < b->len ? b->addr : a->addr);
}
