/* SPDX-License-Identifier: Apache-2.0 */

/* "reflect": answers the packets of "probe". */

#include "ipoctl.h"
#include "ipoctl-probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define RATE 2000               /* Answers a second, in the long run... */
#define BURST 1000              /* ...and at once. */
#define MAX_SESSIONS 64
#define WINDOW 1024             /* Seqs behind the highest that may arrive. */

/* Whom packets come from, and which of them have been answered. */
struct session {
    uint64_t id;
    uint32_t src;
    uint64_t used;              /* When; 0: this one is free. */
    uint32_t highest;           /* Of the seqs. */
    uint64_t seen[WINDOW / 64]; /* Bits: seq modulo WINDOW. */
    uint16_t changed, largest, arrived[PROBE_N_KINDS];
};

struct reflector {
    struct probe_sockets sockets;
    uint32_t only;              /* Answer to this address; 0: all of ours. */
    uint64_t tokens, filled;    /* Answers that may be sent now, and since
                                 * when. */
    uint32_t addrs[PROBE_MAX_ADDRS];
    unsigned int n_addrs;
    uint64_t addrs_read;
    struct session sessions[MAX_SESSIONS];
    uint64_t answered, changed, ignored, limited, failed;
};

static struct reflector reflector;
static uint8_t room[PROBE_ROOM];
static uint8_t received[PROBE_MAX_SIZE + 1];

/* Reads this host's addresses, at most once a second. */
static void
read_addrs(struct reflector *r, uint64_t now)
{
    if ((!r->addrs_read || now - r->addrs_read >= PROBE_S)
        && probe_addrs(r->addrs, PROBE_MAX_ADDRS, &r->n_addrs)) {
        r->addrs_read = now;
    }
}

/* Returns whether 'addr' was this host's when read_addrs() last read them. */
static bool
is_ours(const struct reflector *r, uint32_t addr)
{
    for (unsigned int i = 0; i < r->n_addrs; i++) {
        if (r->addrs[i] == addr) {
            return true;
        }
    }
    return false;
}

/* Returns whether 'addr' can be that of another node. */
static bool
is_unicast(uint32_t addr)
{
    return addr >> 24 && addr >> 24 != IN_LOOPBACKNET
           && addr >> 28 < 0xe;
}

/* Returns the session of 'p', one that was not used for the longest time if it
 * is a new one. */
static struct session *
find_session(struct reflector *r, const struct probe *p, uint64_t now)
{
    struct session *oldest = r->sessions;
    struct session *s;

    for (s = r->sessions; s < &r->sessions[MAX_SESSIONS]; s++) {
        if (s->used && s->id == p->session && s->src == p->src) {
            s->used = now;
            return s;
        }
        if (s->used < oldest->used) {
            oldest = s;
        }
    }
    *oldest = (struct session) { .id = p->session, .src = p->src,
                                 .used = now };
    return oldest;
}

/* Returns whether 'seq' has not been seen yet, and sees it. */
static bool
see(struct session *s, uint32_t seq)
{
    uint64_t *word = &s->seen[seq % WINDOW / 64];
    uint64_t bit = UINT64_C(1) << seq % 64;

    if (seq > s->highest) {
        if (seq - s->highest >= WINDOW) {
            memset(s->seen, 0, sizeof s->seen);
        } else {
            for (uint32_t i = s->highest + 1; i != seq; i++) {
                s->seen[i % WINDOW / 64] &= ~(UINT64_C(1) << i % 64);
            }
        }
        s->highest = seq;
    } else if (s->highest - seq >= WINDOW || *word & bit) {
        return false;
    }
    *word |= bit;
    return true;
}

/* Returns whether one more answer may be sent now. */
static bool
take_token(struct reflector *r, uint64_t now)
{
    uint64_t n = (now - r->filled) / (PROBE_S / RATE);

    if (n) {
        r->tokens = n < BURST - r->tokens ? r->tokens + n : BURST;
        r->filled += n * (PROBE_S / RATE);
    }
    if (!r->tokens) {
        return false;
    }
    r->tokens--;
    return true;
}

/* Answers 'p' with a packet of the same kind and size. */
static void
answer(struct reflector *r, const struct probe *p, const struct session *s)
{
    struct probe a = {
        .src = p->dst, .dst = p->src, .session = p->session, .seq = p->seq,
        .kind = p->kind, .size = p->size, .port = p->port, .ttl = PROBE_TTL,
        .is_answer = true, .request_ttl = p->ttl,
        .changed = s->changed, .largest = s->largest
    };

    memcpy(a.arrived, s->arrived, sizeof a.arrived);
    if (probe_send(&r->sockets, probe_build(&a, room), a.size, a.dst)) {
        r->failed++;
    } else {
        r->answered++;
    }
}

/* Does what the packet in the 'len' bytes of 'received' asks for. */
static void
take_packet(struct reflector *r, size_t len)
{
    uint64_t now = probe_now();
    enum probe_verdict verdict;
    struct session *s;
    struct probe p;

    verdict = probe_parse(received, len, &p);
    if (verdict == PROBE_MALFORMED || p.is_answer || !p.seq
        || (r->only && p.dst != r->only) || !is_unicast(p.dst)
        || !is_unicast(p.src)) {
        r->ignored++;
        return;
    }
    read_addrs(r, now);
    if (!is_ours(r, p.dst) || is_ours(r, p.src)) {
        r->ignored++;
        return;
    }
    if (!take_token(r, now)) {
        r->limited++;
        return;
    }
    s = find_session(r, &p, now);
    if (!see(s, p.seq)) {
        r->ignored++;
    } else if (verdict == PROBE_CHANGED) {
        s->changed |= 1u << p.kind;
        r->changed++;
    } else {
        s->arrived[p.kind] += s->arrived[p.kind] < UINT16_MAX;
        s->largest = p.size > s->largest ? p.size : s->largest;
        answer(r, &p, s);
    }
}

/* Takes some of the packets that have come. */
static void
receive(struct reflector *r)
{
    for (int i = 0; i < 64; i++) {
        ssize_t n = probe_recv(&r->sockets, received, sizeof received);

        if (n < 0) {
            break;
        }
        if (n) {
            take_packet(r, n);
        }
    }
}

/* Answers until 'end', if that is not 0, or a signal. */
static int
reflect_until(struct reflector *r, int signals, uint64_t end)
{
    struct pollfd fds[] = {
        { .fd = r->sockets.receive, .events = POLLIN },
        { .fd = signals, .events = POLLIN },
    };

    while (!fds[1].revents) {
        uint64_t now = probe_now();
        uint64_t left = end > now ? end - now : 0;
        struct timespec ts = { left / PROBE_S, left % PROBE_S };

        if (end && !left) {
            break;
        }
        if (ppoll(fds, ARRAY_SIZE(fds), end ? &ts : NULL, NULL) < 0
            && errno != EINTR) {
            return complain(EXIT_FAILED, "cannot wait: %s", strerror(errno));
        }
        receive(r);
    }
    return EXIT_OK;
}

/* Prints how many packets there were, by what became of them. */
static void
report_end(const struct reflector *r)
{
    const struct {
        const char *name, *text;
        uint64_t n;
    } counts[] = {
        { "answered", "answered", r->answered },
        { "changed", "arrived changed and were not answered", r->changed },
        { "ignored", "ignored", r->ignored },
        { "limited", "not answered, as there were too many", r->limited },
        { "failed", "could not be sent", r->failed },
    };

    if (json_wanted) {
        json_open(NULL, '{');
    }
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        if (json_wanted) {
            json_number(counts[i].name, counts[i].n);
        } else if (!i || counts[i].n) {
            printf("%s%"PRIu64" %s", i ? ", " : "", counts[i].n,
                   counts[i].text);
        }
    }
    if (json_wanted) {
        json_close('}');
        json_end();
    } else {
        putchar('\n');
    }
}

/* Returns a descriptor that becomes readable when somebody asks us to end. */
static int
open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* "reflect": answers the probes of other nodes. */
int
reflect(char **words)
{
    unsigned long timeout = 0;
    struct reflector *r = &reflector;
    const struct probe_option options[] = {
        { "--local-ip", 0, 0, NULL, &r->only },
        { "--timeout", 1, 31536000, &timeout, NULL },
    };
    char name[INET_ADDRSTRLEN] = "";
    uint64_t now;
    int signals, status;

    memset(r, 0, sizeof *r);
    if (probe_options(words, options, ARRAY_SIZE(options), NULL, NULL)) {
        return EXIT_USAGE;
    }
    now = probe_now();
    read_addrs(r, now);
    if (r->only) {
        probe_name(r->only, name);
        if (!is_ours(r, r->only)) {
            return complain(EXIT_FAILED, "%s is no address of this host",
                            name);
        }
    }
    signals = open_signals();
    if (signals < 0) {
        return complain(EXIT_FAILED, "cannot take signals: %s",
                        strerror(errno));
    }
    if (probe_open(&r->sockets, PROBE_PORT)) {
        return EXIT_FAILED;
    }
    r->tokens = BURST;
    r->filled = now;
    if (!json_wanted) {
        printf("answering probes to %s\n",
               *name ? name : "all addresses of this host");
        fflush(stdout);
    }
    status = reflect_until(r, signals, timeout ? now + timeout * PROBE_S : 0);
    report_end(r);
    close(r->sockets.receive);
    close(r->sockets.send);
    close(signals);
    return status;
}
