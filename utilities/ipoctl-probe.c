/* SPDX-License-Identifier: Apache-2.0 */

/* "probe": does IPO get through to another node, and how well? */

#include "ipoctl.h"
#include "ipoctl-probe.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIDDLE_SIZE 576
#define BURST 32
#define DEFAULT_HOPS 16         /* Looked at when it is not known how many. */

/* Returns the MTU of the device that has the local address. */
static unsigned int
device_mtu(const struct probe_run *run)
{
    unsigned int mtu = 0;
    struct ifaddrs *list;
    struct ifreq ifr;
    int fd;

    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getifaddrs(&list)) {
        list = NULL;
    }
    for (struct ifaddrs *a = list; a; a = a->ifa_next) {
        struct sockaddr_in sin;

        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET) {
            continue;
        }
        memcpy(&sin, a->ifa_addr, sizeof sin);
        if (ntohl(sin.sin_addr.s_addr) == run->local) {
            memset(&ifr, 0, sizeof ifr);
            strncpy(ifr.ifr_name, a->ifa_name, sizeof ifr.ifr_name - 1);
            if (!ioctl(fd, SIOCGIFMTU, &ifr)) {
                mtu = ifr.ifr_mtu;
            }
        }
    }
    if (list) {
        freeifaddrs(list);
    }
    if (fd >= 0) {
        close(fd);
    }
    return mtu < PROBE_MIN_SIZE || mtu > PROBE_MAX_SIZE ? PROBE_MAX_SIZE : mtu;
}

/* Returns whether any packet was answered so far. */
static bool
any_answered(const struct probe_run *run)
{
    for (unsigned int i = 1; i < run->n_sent; i++) {
        if (run->sent[i].answered) {
            return true;
        }
    }
    return false;
}

/* Sends packets of each of 'kinds', bits, 'rounds' times in turns. */
static int
send_rounds(struct probe_run *run, unsigned int kinds, unsigned int size,
            unsigned int rounds)
{
    unsigned int first = run->n_sent;

    for (unsigned int i = 0; i < rounds; i++) {
        for (int j = 0; j < PROBE_N_KINDS; j++) {
            /* Each comes first once, as this host may have habits. */
            int kind = (i + j) % PROBE_N_KINDS;

            if (!(kinds & 1u << kind)) {
                continue;
            }
            if (!run_send(run, kind, size, PROBE_TTL)) {
                return EXIT_FAILED;
            }
            run_until(run, probe_now() + run->interval);
        }
    }
    run_settle(run, first);
    return EXIT_OK;
}

/* Returns whether the remote says that nobody there has the port, which a
 * reflector would have. */
static bool
is_unbound(const struct probe_run *run)
{
    for (unsigned int i = 0; i < run->n_errors; i++) {
        const struct probe_error *e = &run->errors[i];

        if (e->from == run->remote && e->type == ICMP_DEST_UNREACH
            && e->code == ICMP_PORT_UNREACH) {
            return true;
        }
    }
    return false;
}

/* Sends some packets of all kinds, until one is answered. */
static int
find_reflector(struct probe_run *run)
{
    for (int i = 0; i < 3 && !any_answered(run) && !is_unbound(run); i++) {
        run_ping(run);
        if (send_rounds(run, (1u << PROBE_N_KINDS) - 1, PROBE_MIN_SIZE, 1)) {
            return EXIT_FAILED;
        }
    }
    return EXIT_OK;
}

/* Returns what became of the burst of 'kind' that lost less, as a host that
 * was busy for a moment is no router that limits rates. */
static struct probe_count
best_burst(const struct probe_run *run, const struct probe_result *r, int kind)
{
    struct probe_count best = { 0, 0, 0, 0 };

    for (int i = 0; i < PROBE_N_BURSTS; i++) {
        struct probe_count c = run_count(run, r->burst_first[i][kind],
                                         r->burst_end[i][kind], kind);

        if (!i || c.answered > best.answered) {
            best = c;
        }
    }
    return best;
}

/* Counts what was answered by now, some of it perhaps late. */
static void
count_all(const struct probe_run *run, struct probe_result *r)
{
    for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
        for (int i = 0; i < PROBE_N_SIZES; i++) {
            r->count[kind][i] = run_count(run, r->first[i], r->end[i], kind);
        }
        r->burst[kind] = best_burst(run, r, kind);
    }
}

/* Measures packets of 'kinds' and of one size. */
static int
measure(struct probe_run *run, struct probe_result *r, unsigned int kinds,
        unsigned int size, unsigned int index)
{
    r->sizes[index] = size;
    r->first[index] = run->n_sent;
    if (send_rounds(run, kinds, size, run->count)) {
        return EXIT_FAILED;
    }
    r->end[index] = run->n_sent;
    count_all(run, r);
    return EXIT_OK;
}

/* Returns the MTU that a router tells in an ICMP error, the smallest if there
 * are several, or 0. */
static unsigned int
told_mtu(const struct probe_run *run)
{
    unsigned int mtu = 0;

    for (unsigned int i = 0; i < run->n_errors; i++) {
        unsigned int m = run->errors[i].mtu;

        if (m >= PROBE_MIN_SIZE && (!mtu || m < mtu)) {
            mtu = m;
        }
    }
    return mtu;
}

/* Returns 1 if a packet of this size is answered, 0 if not, and a negative
 * number after printing an error. */
static int
size_passes(struct probe_run *run, enum probe_kind kind, unsigned int size)
{
    for (int i = 0; i < 3; i++) {
        unsigned int seq = run_send(run, kind, size, PROBE_TTL);

        if (!seq) {
            return -1;
        }
        run_settle(run, seq);
        if (run->sent[seq].answered) {
            return 1;
        }
        if (run->sent[seq].too_big || run->sent[seq].hop) {
            break;
        }
    }
    return 0;
}

/* Finds the largest packet of 'kind' that gets there and back, of at most
 * 'max' bytes: that size itself, what a router tells, or by halving. */
static int
find_mtu(struct probe_run *run, enum probe_kind kind, unsigned int max,
         unsigned int *mtu)
{
    unsigned int low = PROBE_MIN_SIZE, high = max + 1;
    unsigned int size = max;

    while (high - low > 1) {
        int passes = size_passes(run, kind, size);
        unsigned int told = told_mtu(run);

        if (passes < 0) {
            return EXIT_FAILED;
        }
        *(passes ? &low : &high) = size;
        size = low + (high - low) / 2;
        if (told > low && told < high) {
            size = told;
        } else if (told == low && high > low + 1) {
            /* As told. */
            size = low + 1;
        }
    }
    *mtu = low;
    return EXIT_OK;
}

/* Returns the kinds of which any packet was ever answered, as bits. */
static unsigned int
answered_kinds(const struct probe_run *run)
{
    unsigned int kinds = 0;

    for (unsigned int i = 1; i < run->n_sent; i++) {
        kinds |= (unsigned int) !!run->sent[i].answered << run->sent[i].kind;
    }
    return kinds;
}

/* Returns whether some kind with an option gets through now and then: then a
 * kind of which nothing was answered may have had bad luck. */
static bool
is_luck(const struct probe_run *run, unsigned int passing)
{
    for (int kind = PROBE_NATIVE; kind < PROBE_N_KINDS; kind++) {
        struct probe_count c = run_count(run, 1, run->n_sent, kind);

        if ((passing & 1u << kind && c.answered * 5 < c.sent * 4)
            || (!(passing & 1u << kind) && run->arrived[kind]
                && run->arrived[kind] * 5u < c.sent * 4)) {
            return true;
        }
    }
    return false;
}

/* Finds out which kinds pass.  Those of which nothing was answered get another
 * try in a quiet moment, if others are merely unreliable. */
static int
find_passing(struct probe_run *run, struct probe_result *r)
{
    bool try = is_luck(run, r->passing = answered_kinds(run));

    for (int kind = 0; kind < PROBE_N_KINDS && try; kind++) {
        for (int i = 0; i < 2; i++) {
            if (answered_kinds(run) & 1u << kind) {
                break;
            }
            run_until(run, probe_now() + 400 * PROBE_MS);
            if (send_rounds(run, 1u << kind, PROBE_MIN_SIZE, 1)) {
                return EXIT_FAILED;
            }
        }
    }
    r->passing = answered_kinds(run);
    /* The answer tells how many have arrived of those that do not pass. */
    return send_rounds(run, 1u << PROBE_PLAIN, PROBE_MIN_SIZE, 1);
}

/* Returns whether so many packets of 'kind' arrive that one which does not
 * says something about its size. */
static bool
is_reliable(const struct probe_result *r, enum probe_kind kind)
{
    const struct probe_count *c = &r->count[kind][0];

    return c->answered * 5 >= c->sent * 4;
}

/* Finds the device's MTU, and those of plain packets and of the other kinds
 * that are reliable, as far as they pass. */
static int
find_mtus(struct probe_run *run, struct probe_result *r)
{
    unsigned int max = r->device_mtu = device_mtu(run);

    for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
        if (r->passing & 1u << kind
            && (kind == PROBE_PLAIN || is_reliable(r, kind))) {
            if (find_mtu(run, kind, max, &r->mtu[kind])) {
                return EXIT_FAILED;
            }
            /* Others hardly go farther than plain packets. */
            if (kind == PROBE_PLAIN) {
                max = r->mtu[kind];
            }
        }
    }
    return EXIT_OK;
}

/* Sends packets of 'kind' back to back, for the burst 'index'. */
static int
send_burst(struct probe_run *run, struct probe_result *r, int index, int kind)
{
    unsigned int first = r->burst_first[index][kind] = run->n_sent;

    for (int i = 0; r->passing & 1u << kind && i < BURST; i++) {
        if (!run_send(run, kind, PROBE_MIN_SIZE, PROBE_TTL)) {
            return EXIT_FAILED;
        }
    }
    run_settle(run, first);
    r->burst_end[index][kind] = run->n_sent;
    return EXIT_OK;
}

/* Sends bursts of each kind, by turns. */
static int
measure_bursts(struct probe_run *run, struct probe_result *r)
{
    for (int i = 0; i < PROBE_N_BURSTS; i++) {
        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
            if (send_burst(run, r, i, kind)) {
                return EXIT_FAILED;
            }
        }
    }
    return EXIT_OK;
}

/* Returns the kinds to look for hop by hop, as bits: plain packets, and of
 * those that do not pass one for each protocol, or for each option where the
 * protocol passes.  (Routers send few ICMP errors a second.) */
static unsigned int
kinds_to_sweep(const struct probe_result *r)
{
    unsigned int kinds = 1u << PROBE_PLAIN;
    bool have_compact = false, have_extended = false;

    for (int kind = PROBE_COMPACT; kind < PROBE_N_KINDS; kind++) {
        const struct probe_kind_info *k = &probe_kinds[kind];
        bool *have = kind == PROBE_COMPACT ? &have_compact : &have_extended;

        if (r->passing & 1u << kind || *have) {
            continue;
        }
        *have = true;
        kinds |= 1u << (r->passing & 1u << k->bare ? kind : (int) k->bare);
    }
    if (!(r->passing & 1u << PROBE_NATIVE)) {
        kinds |= 1u << PROBE_NATIVE;
    }
    return kinds;
}

/* Takes note of how far packets got that were sent from 'first' on. */
static void
read_sweep(const struct probe_run *run, struct probe_result *r,
           unsigned int first)
{
    for (unsigned int i = first; i < run->n_sent; i++) {
        const struct probe_sent *s = &run->sent[i];

        if ((s->expired || s->answered) && s->ttl > r->last_hop[s->kind]) {
            r->last_hop[s->kind] = s->ttl;
        }
        if (s->expired && (!r->hops[s->ttl] || s->kind == PROBE_PLAIN)) {
            r->hops[s->ttl] = s->hop;
        }
    }
}

/* Returns whether it is known of a packet of 'kind' with this 'ttl', sent from
 * 'first' on, how far it got. */
static bool
is_known(const struct probe_run *run, unsigned int first, int kind,
         unsigned int ttl)
{
    for (unsigned int i = first; i < run->n_sent; i++) {
        const struct probe_sent *s = &run->sent[i];

        if (s->kind == kind && s->ttl == ttl && (s->hop || s->answered)) {
            return true;
        }
    }
    return false;
}

/* Finds out how far packets get, by sending them with small TTLs.  Routers
 * that send one ICMP error a second are given time, where they answer at
 * all. */
static int
sweep(struct probe_run *run, struct probe_result *r)
{
    unsigned int n_hops = r->n_hops ? r->n_hops : DEFAULT_HOPS;
    unsigned int kinds = kinds_to_sweep(r);
    unsigned int first = run->n_sent;

    for (int i = 0; i < 2; i++) {
        uint64_t begin = probe_now();
        unsigned int start = run->n_sent;

        for (unsigned int ttl = 1; ttl <= n_hops; ttl++) {
            for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                if (!(kinds & 1u << kind)
                    || is_known(run, first, kind, ttl)
                    || (i && kind != PROBE_PLAIN
                        && !is_known(run, first, PROBE_PLAIN, ttl))) {
                    continue;
                }
                if (!run_send(run, kind, PROBE_MIN_SIZE, ttl)) {
                    return EXIT_FAILED;
                }
                r->swept[kind] = true;
                run_until(run, probe_now() + run->interval);
            }
        }
        if (run->n_sent == start) {
            break;
        }
        run_settle(run, start);
        if (!i) {
            run_until(run, begin + PROBE_S + 100 * PROBE_MS);
        }
    }
    read_sweep(run, r, first);
    return EXIT_OK;
}

/* Returns the kinds of which packets of 'size' pass, as bits. */
static unsigned int
kinds_of_size(const struct probe_result *r, unsigned int size)
{
    unsigned int kinds = r->passing;

    for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
        if (r->mtu[kind] < size) {
            kinds &= ~(1u << kind);
        }
    }
    return kinds;
}

/* Returns the size of large packets, which is the smallest MTU of all kinds
 * whose MTU is known, or 0. */
static unsigned int
large_size(const struct probe_result *r)
{
    unsigned int size = PROBE_MAX_SIZE;

    for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
        if (r->mtu[kind] && r->mtu[kind] < size) {
            size = r->mtu[kind];
        }
    }
    return size < PROBE_MAX_SIZE ? size : 0;
}

/* Returns how many hops away the remote is, by the TTL of what arrived there,
 * or 0 if that is not known or more than PROBE_MAX_HOPS. */
static unsigned int
count_hops(const struct probe_run *run)
{
    unsigned int n = run->request_ttl && run->request_ttl <= PROBE_TTL
                     ? PROBE_TTL - run->request_ttl + 1 : 0;

    return n <= PROBE_MAX_HOPS ? n : 0;
}

/* Does all that is sent once it is known that somebody answers. */
static int
examine(struct probe_run *run, struct probe_result *r)
{
    unsigned int large;
    int status = EXIT_OK;

    if (measure(run, r, (1u << PROBE_N_KINDS) - 1, PROBE_MIN_SIZE, 0)) {
        return EXIT_FAILED;
    }
    if (find_passing(run, r)) {
        return EXIT_FAILED;
    }
    r->n_hops = count_hops(run);
    if (find_mtus(run, r)) {
        return EXIT_FAILED;
    }
    large = large_size(r);
    if (large > MIDDLE_SIZE
        && measure(run, r, kinds_of_size(r, MIDDLE_SIZE),
                   MIDDLE_SIZE, 1)) {
        return EXIT_FAILED;
    }
    if (large > PROBE_MIN_SIZE
        && measure(run, r, kinds_of_size(r, large), large,
                   PROBE_N_SIZES - 1)) {
        return EXIT_FAILED;
    }
    if (measure_bursts(run, r)) {
        return EXIT_FAILED;
    }
    if (r->passing != (1u << PROBE_N_KINDS) - 1
        || r->mtu[PROBE_PLAIN] < r->device_mtu) {
        status = sweep(run, r);
    }
    count_all(run, r);
    return status;
}

/* "probe": is the network to a node fit? */
int
probe(char **words)
{
    unsigned long count = 10, interval = 10, timeout = 1;
    struct probe_result result;
    struct probe_run run;
    const struct probe_option options[] = {
        { "--local-ip", 0, 0, NULL, &run.local },
        { "--count", 1, 1000, &count, NULL },
        { "--interval", 1, 1000, &interval, NULL },
        { "--timeout", 1, 10, &timeout, NULL },
    };
    int status;

    memset(&run, 0, sizeof run);
    memset(&result, 0, sizeof result);
    if (probe_options(words, options, ARRAY_SIZE(options), "REMOTE",
                      &run.remote)) {
        return EXIT_USAGE;
    }
    run.count = count;
    run.interval = interval * PROBE_MS;
    run.timeout = timeout * PROBE_S;

    status = run_open(&run);
    if (!status) {
        status = find_reflector(&run);
    }
    if (!status && !any_answered(&run)) {
        status = report_silence(&run);
    } else if (!status) {
        status = examine(&run, &result);
        if (!status) {
            status = report(&run, &result);
        }
    }
    run_close(&run);
    return status;
}
