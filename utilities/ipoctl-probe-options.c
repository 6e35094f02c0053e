/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"
#include "ipoctl-probe.h"

#include <string.h>

/* Parses 'word', an address for 'name' that one node can send to another from,
 * into '*addr', in host byte order. */
static int
parse_address(const char *word, const char *name, uint32_t *addr)
{
    struct in_addr in;

    if (parse_node_addr(word, name, &in)) {
        return EXIT_USAGE;
    }
    *addr = ntohl(in.s_addr);
    if (!(*addr >> 24) || *addr >> 24 == IN_LOOPBACKNET) {
        return complain(EXIT_USAGE, "'%s' is not an address of a node: '%s'",
                        name, word);
    }
    return EXIT_OK;
}

/* Parses 'word', the decimal number that 'o' takes. */
static int
parse_number(const char *word, const struct probe_option *o)
{
    unsigned long n = 0;
    size_t i;

    for (i = 0; i < 9 && word[i] >= '0' && word[i] <= '9'; i++) {
        n = n * 10 + (word[i] - '0');
    }
    if (!i || word[i] || n < o->min || n > o->max) {
        return complain(EXIT_USAGE, "'%s' is not a number from %lu to %lu: "
                        "'%s'", o->name, o->min, o->max, word);
    }
    *o->value = n;
    return EXIT_OK;
}

/* Takes the option at the front of '*wordsp', and its value. */
static int
parse_option(char ***wordsp, const struct probe_option *options, size_t n,
             unsigned int *seen)
{
    const char *word = **wordsp;
    size_t len = strcspn(word, "=");
    const char *value = word[len] ? word + len + 1 : NULL;

    for (size_t i = 0; i < n; i++) {
        const struct probe_option *o = &options[i];

        if (strlen(o->name) != len || memcmp(o->name, word, len)) {
            continue;
        }
        if (*seen & 1u << i) {
            return complain(EXIT_USAGE, "duplicate '%s'", o->name);
        }
        *seen |= 1u << i;
        if (!value) {
            value = *++*wordsp;
        }
        if (!value) {
            --*wordsp;
            return complain(EXIT_USAGE, "'%s' needs a value", o->name);
        }
        return o->addr ? parse_address(value, o->name, o->addr)
                       : parse_number(value, o);
    }
    return complain(EXIT_USAGE, "unknown option '%s'", word);
}

/* Parses 'words', an array that ends in a null pointer: the 'n' options, as
 * "--NAME VALUE" or "--NAME=VALUE", and, if 'remote' is not null, one address
 * among them, which is called 'remote_name' if something is wrong with it. */
int
probe_options(char **words, const struct probe_option *options, size_t n,
              const char *remote_name, uint32_t *remote)
{
    unsigned int seen = 0;
    bool have_remote = !remote;

    for (; *words; words++) {
        if (**words == '-') {
            if (parse_option(&words, options, n, &seen)) {
                return EXIT_USAGE;
            }
        } else if (have_remote) {
            return complain(EXIT_USAGE, "unknown word '%s'", *words);
        } else if (parse_address(*words, remote_name, remote)) {
            return EXIT_USAGE;
        } else {
            have_remote = true;
        }
    }
    return have_remote ? EXIT_OK
                       : complain(EXIT_USAGE, "'%s' is missing", remote_name);
}
