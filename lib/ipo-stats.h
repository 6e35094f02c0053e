/* SPDX-License-Identifier: Apache-2.0 */

#ifndef IPO_STATS_H
#define IPO_STATS_H 1

/* Packets carried and packets dropped, counted for each thread by itself so
 * that counting takes no lock. */

#include "ipo-wire.h"
#include "openvswitch/list.h"
#include "ovs-atomic.h"

struct ds;

enum ipo_direction {
    IPO_SENT,
    IPO_RECEIVED,
    IPO_N_DIRECTIONS
};

/* The counters of one thread.  Only that thread writes them, so a plain load
 * and store will do; others may read them at any time. */
struct ipo_counters {
    struct ovs_list node;       /* Of ipo-stats.c. */
    atomic_uint64_t packets[IPO_N_DIRECTIONS][IPO_N_FORMATS][2];
    atomic_uint64_t drops[IPO_N_DIRECTIONS][IPO_N_DROPS];
};

struct ipo_counters *ipo_counters_get(void);
void ipo_stats_drop(enum ipo_direction, enum ipo_drop);
void ipo_stats_format(struct ds *);
void ipo_stats_format_json(struct ds *);

/* Adds 'n' to 'counter', one of this thread's: no other thread writes it. */
static inline void
ipo_counter_add(atomic_uint64_t *counter, unsigned int n)
{
    uint64_t x;

    atomic_read_relaxed(counter, &x);
    atomic_store_relaxed(counter, x + n);
}

/* Counts 'n' packets in 'format', with a key if 'has_key', in 'counters',
 * those of this thread. */
static inline void
ipo_stats_packets(struct ipo_counters *counters, enum ipo_direction direction,
                 enum ipo_format format, bool has_key, unsigned int n)
{
    ipo_counter_add(&counters->packets[direction][format][has_key], n);
}

#endif /* ipo-stats.h */
