/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ipo-stats.h"

#include "coverage.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-thread.h"
#include "util.h"

/* One coverage counter for each reason, whatever the direction. */
#define X(NAME, name, text) COVERAGE_DEFINE(ipo_drop_##name);
IPO_DROPS
#undef X

/* The sum of several threads' counters. */
struct totals {
    uint64_t packets[IPO_N_DIRECTIONS][IPO_N_FORMATS][2];
    uint64_t drops[IPO_N_DIRECTIONS][IPO_N_DROPS];
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list all_counters OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&all_counters);
/* Of threads that have ended. */
static struct totals ended_totals OVS_GUARDED_BY(mutex);

DEFINE_STATIC_PER_THREAD_DATA(struct ipo_counters *, my_counters, NULL);
static pthread_key_t counters_key;      /* Calls counters_end(). */

/* Adds 'c', the counters of one thread, to 'totals'.  The caller holds
 * 'mutex', without which 'c' may be freed. */
static void
add_counters(struct totals *totals, struct ipo_counters *c)
{
    uint64_t x;

    for (int d = 0; d < IPO_N_DIRECTIONS; d++) {
        for (int f = 0; f < IPO_N_FORMATS; f++) {
            for (int k = 0; k < 2; k++) {
                atomic_read_relaxed(&c->packets[d][f][k], &x);
                totals->packets[d][f][k] += x;
            }
        }
        for (int r = 0; r < IPO_N_DROPS; r++) {
            atomic_read_relaxed(&c->drops[d][r], &x);
            totals->drops[d][r] += x;
        }
    }
}

/* Called when a thread ends: adds its counters 'c_' to those of threads that
 * have ended, and frees them. */
static void
counters_end(void *c_)
{
    struct ipo_counters *c = c_;

    ovs_mutex_lock(&mutex);
    add_counters(&ended_totals, c);
    ovs_list_remove(&c->node);
    ovs_mutex_unlock(&mutex);
    free_cacheline(c);
}

/* Makes the counters of this thread, and returns them.  They are freed when it
 * ends. */
static struct ipo_counters *
counters_begin(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    struct ipo_counters *c = xzalloc_cacheline(sizeof *c);

    if (ovsthread_once_start(&once)) {
        xpthread_key_create(&counters_key, counters_end);
        ovsthread_once_done(&once);
    }
    ovs_mutex_lock(&mutex);
    ovs_list_push_back(&all_counters, &c->node);
    ovs_mutex_unlock(&mutex);
    xpthread_setspecific(counters_key, c);
    *my_counters_get() = c;
    return c;
}

/* Returns the counters of this thread. */
struct ipo_counters *
ipo_counters_get(void)
{
    struct ipo_counters *c = *my_counters_get();

    return OVS_LIKELY(c) ? c : counters_begin();
}

/* Counts a packet dropped because of 'drop'. */
void
ipo_stats_drop(enum ipo_direction direction, enum ipo_drop drop)
{
    ipo_counter_add(&ipo_counters_get()->drops[direction][drop], 1);
    switch (drop) {
#define X(NAME, name, text)                 \
    case IPO_DROP_##NAME:                   \
        COVERAGE_INC(ipo_drop_##name);      \
        break;
    IPO_DROPS
#undef X
    case IPO_DROP_NONE:
    case IPO_N_DROPS:
        OVS_NOT_REACHED();
    }
}

/* Appends the counters of direction 'd' to 'ds', those of drops as far as they
 * are not 0. */
static void
format_direction(const struct totals *totals, enum ipo_direction d,
                 struct ds *ds)
{
    ds_put_format(ds, "packets %s:\n", d == IPO_SENT ? "sent" : "received");
    for (int f = 0; f < IPO_N_FORMATS; f++) {
        for (int k = 0; k < (f == IPO_COMPACT ? 1 : 2); k++) {
            ds_put_format(ds, "    %s%s: %"PRIu64"\n",
                          ipo_format_name(f), k ? "+key" : "",
                          totals->packets[d][f][k]);
        }
    }
    for (int r = IPO_DROP_NONE + 1; r < IPO_N_DROPS; r++) {
        if (totals->drops[d][r]) {
            ds_put_format(ds, "    dropped %s: %"PRIu64" (%s)\n",
                          ipo_drop_name(r), totals->drops[d][r],
                          ipo_drop_text(r));
        }
    }
}

/* Appends 'name' and 'suffix' in quotes and, after a colon, 'value' to 'ds', after
 * a comma unless it is the first one of a JSON object. */
static void
json_counter(struct ds *ds, const char *name, const char *suffix,
             uint64_t value)
{
    ds_put_format(ds, "%s\"%s%s\":%"PRIu64, ds_last(ds) == '{' ? "" : ",",
                  name, suffix, value);
}

/* As "ipoctl --json stats" has it. */
static void
json_direction(const struct totals *totals, enum ipo_direction d,
               struct ds *ds)
{
    ds_put_format(ds, "\"%s\":{\"packets\":{",
                  d == IPO_SENT ? "sent" : "received");
    for (int f = 0; f < IPO_N_FORMATS; f++) {
        for (int k = 0; k < (f == IPO_COMPACT ? 1 : 2); k++) {
            json_counter(ds, ipo_format_name(f), k ? "+key" : "",
                         totals->packets[d][f][k]);
        }
    }
    ds_put_cstr(ds, "},\"dropped\":{");
    for (int r = IPO_DROP_NONE + 1; r < IPO_N_DROPS; r++) {
        json_counter(ds, ipo_drop_name(r), "", totals->drops[d][r]);
    }
    ds_put_cstr(ds, "}}");
}

/* Stores in '*totals' the counters of all threads, those that have ended
 * included. */
static void
sum_up(struct totals *totals)
{
    struct ipo_counters *c;

    ovs_mutex_lock(&mutex);
    *totals = ended_totals;
    LIST_FOR_EACH (c, node, &all_counters) {
        add_counters(totals, c);
    }
    ovs_mutex_unlock(&mutex);
}

/* Appends all counters to 'ds', those of drops as far as they are not 0. */
void
ipo_stats_format(struct ds *ds)
{
    struct totals totals;

    sum_up(&totals);
    format_direction(&totals, IPO_SENT, ds);
    format_direction(&totals, IPO_RECEIVED, ds);
}

/* Appends all counters to 'ds', as a JSON object. */
void
ipo_stats_format_json(struct ds *ds)
{
    struct totals totals;

    sum_up(&totals);
    ds_put_char(ds, '{');
    json_direction(&totals, IPO_SENT, ds);
    ds_put_char(ds, ',');
    json_direction(&totals, IPO_RECEIVED, ds);
    ds_put_cstr(ds, "}\n");
}
