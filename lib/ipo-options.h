/* SPDX-License-Identifier: Apache-2.0 */

#ifndef IPO_OPTIONS_H
#define IPO_OPTIONS_H 1

/* The options of an ipo port, from the 'options' column of its Interface. */

#include "ipo-peers.h"
#include "smap.h"

/* 'ipo_format=auto': the smallest format that represents a packet. */
#define IPO_FORMAT_AUTO -1

struct ipo_options {
    int format;                 /* enum ipo_format or IPO_FORMAT_AUTO. */
    struct ipo_peer_list peers;
    struct smap ipo_args;       /* Those named "ipo_*", as they were given, but
                                 * for "ipo_peers", which may be long. */
};

char *ipo_options_parse(const struct smap *args, struct ipo_options **,
                        struct smap *tunnel_args);
void ipo_options_get_args(const struct ipo_options *, struct smap *args);
void ipo_options_destroy(struct ipo_options *);

#endif /* ipo-options.h */
