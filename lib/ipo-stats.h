/* SPDX-License-Identifier: Apache-2.0 */

#ifndef IPO_STATS_H
#define IPO_STATS_H 1

/* Packets carried and packets dropped, counted for each thread by itself so
 * that counting takes no lock. */

#include "ipo-wire.h"

struct ds;

enum ipo_direction {
    IPO_SENT,
    IPO_RECEIVED,
    IPO_N_DIRECTIONS
};

void ipo_stats_packet(enum ipo_direction, enum ipo_format, bool has_key);
void ipo_stats_drop(enum ipo_direction, enum ipo_drop);
void ipo_stats_format(struct ds *);

#endif /* ipo-stats.h */
