/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ipo-uapi.h"
#include "ipo-wire.h"

static const char *const proto_names[IPO_N_PROTO_MODES] = {
    [IPO_PROTO_MODE_SHIFT] = "shift",
    [IPO_PROTO_MODE_NATIVE] = "native",
};

/* Returns the word for 'proto', an enum ipo_proto_mode. */
const char *
proto_name(uint8_t proto)
{
    return proto < IPO_N_PROTO_MODES ? proto_names[proto] : "unknown";
}

/* Stores 'word', the value of "dev", in '*a'.  It is not copied. */
static int
parse_dev(const char *word, struct arguments *a)
{
    a->dev = word;
    return EXIT_OK;
}

/* Parses 'word', the address of a node behind the word 'name'. */
int
parse_node_addr(const char *word, const char *name, struct in_addr *node)
{
    uint32_t addr;

    if (inet_pton(AF_INET, word, node) != 1) {
        return complain(EXIT_USAGE, "'%s' is not an IPv4 address: '%s'", name,
                        word);
    }
    addr = ntohl(node->s_addr);
    if (addr == INADDR_ANY || addr == INADDR_BROADCAST || IN_MULTICAST(addr)) {
        return complain(EXIT_USAGE, "'%s' is not an address of a node: '%s'",
                        name, word);
    }
    return EXIT_OK;
}

/* Parses 'word', the value of "node", into '*a'. */
static int
parse_node(const char *word, struct arguments *a)
{
    return parse_node_addr(word, "node", &a->node);
}

/* Returns the number 0 to 32 that 'word' is, without ornaments, or -1. */
static int
parse_plen(const char *word)
{
    int plen = 0;
    size_t i;

    for (i = 0; i < 3 && word[i] >= '0' && word[i] <= '9'; i++) {
        plen = plen * 10 + (word[i] - '0');
    }
    return i && !word[i] && plen <= 32 && (i == 1 || word[0] != '0') ? plen
                                                                     : -1;
}

/* Parses 'word', a prefix behind the word 'name'. */
int
parse_prefix(const char *word, const char *name, struct prefix *prefix)
{
    char addr[INET_ADDRSTRLEN];
    size_t len = strcspn(word, "/");
    struct in_addr fixed;
    int plen = -1;

    if (len < sizeof addr && word[len]) {
        memcpy(addr, word, len);
        addr[len] = '\0';
        plen = parse_plen(word + len + 1);
    }
    if (plen < 0 || inet_pton(AF_INET, addr, &prefix->addr) != 1) {
        return complain(EXIT_USAGE, "'%s' is not an IPv4 prefix, "
                        "ADDRESS/LENGTH: '%s'", name, word);
    }
    fixed.s_addr = prefix->addr.s_addr & htonl(ipo_mask(plen));
    if (fixed.s_addr != prefix->addr.s_addr) {
        inet_ntop(AF_INET, &fixed, addr, sizeof addr);
        return complain(EXIT_USAGE, "'%s' has bits behind its length: '%s', "
                        "perhaps %s/%d", name, word, addr, plen);
    }
    prefix->plen = plen;
    return EXIT_OK;
}

/* These parse 'word', the value of "local" or "remote", into '*a'. */
static int
parse_local(const char *word, struct arguments *a)
{
    return parse_prefix(word, "local", &a->local);
}

static int
parse_remote(const char *word, struct arguments *a)
{
    return parse_prefix(word, "remote", &a->remote);
}

/* Parses 'word', the value of "proto", into '*a'. */
static int
parse_proto(const char *word, struct arguments *a)
{
    for (int i = 0; i < IPO_N_PROTO_MODES; i++) {
        if (!strcmp(word, proto_names[i])) {
            a->proto = i;
            return EXIT_OK;
        }
    }
    return complain(EXIT_USAGE, "'proto' is not shift or native: '%s'", word);
}

static const struct word {
    const char *name;
    unsigned int bit;           /* WORD_*. */
    const char *value;
    int (*parse)(const char *value, struct arguments *);
} all_words[] = {
    { "dev", WORD_DEV, "a device", parse_dev },
    { "node", WORD_NODE, "an address", parse_node },
    { "local", WORD_LOCAL, "a prefix", parse_local },
    { "remote", WORD_REMOTE, "a prefix", parse_remote },
    { "proto", WORD_PROTO, "shift or native", parse_proto },
};

/* Returns the word 'name', or null if there is none such. */
static const struct word *
find_word(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(all_words); i++) {
        if (!strcmp(name, all_words[i].name)) {
            return &all_words[i];
        }
    }
    return NULL;
}

/* Complains unless the words that are there need no others. */
static int
check_words(const struct arguments *a, unsigned int required)
{
    if (a->words & (WORD_LOCAL | WORD_REMOTE)) {
        required |= WORD_LOCAL | WORD_REMOTE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(all_words); i++) {
        if (required & ~a->words & all_words[i].bit) {
            return complain(EXIT_USAGE, "'%s' is missing", all_words[i].name);
        }
    }
    return EXIT_OK;
}

/* Parses 'words', an array that ends in a null pointer, into '*a'.  'required'
 * and 'allowed' are sets of WORD_*.  The node may also come first and without
 * its word, as 'peer show' prints it. */
int
parse_arguments(char **words, unsigned int required, unsigned int allowed,
                struct arguments *a)
{
    struct in_addr addr;

    memset(a, 0, sizeof *a);
    allowed |= required;
    if (*words && allowed & WORD_NODE
        && inet_pton(AF_INET, *words, &addr) == 1) {
        if (parse_node(*words++, a)) {
            return EXIT_USAGE;
        }
        a->words |= WORD_NODE;
    }
    for (; *words; words++) {
        const struct word *w = find_word(*words);

        if (!w || !(allowed & w->bit)) {
            return complain(EXIT_USAGE, "unknown word '%s'", *words);
        }
        if (a->words & w->bit) {
            return complain(EXIT_USAGE, "duplicate '%s'", *words);
        }
        a->words |= w->bit;
        if (!*++words) {
            return complain(EXIT_USAGE, "'%s' needs %s", w->name, w->value);
        }
        if (w->parse(*words, a)) {
            return EXIT_USAGE;
        }
    }
    return check_words(a, required);
}
