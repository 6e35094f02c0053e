/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the options of ports.  The input is lines, each an option with its
 * value, "NAME=VALUE".  What is accepted is given back as options that are
 * accepted and mean the same, and its peers can be put into the map. */

#include <config.h>

#include "fuzz.h"

#include "ipo-options.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
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
        FUZZ_CHECK(strchr(error, ':'));
    } else {
        check_get_args(options, &tunnel_args);
        check_peers(&options->peers);
    }
    ipo_options_destroy(options);
    smap_destroy(&tunnel_args);
    smap_destroy(&args);
    free(error);
    free(text);
    ovsrcu_quiesce();
    return 0;
}
