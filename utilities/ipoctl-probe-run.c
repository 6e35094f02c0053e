/* SPDX-License-Identifier: Apache-2.0 */

/* Sends probes, and takes answers and ICMP errors. */

#include "ipoctl.h"
#include "ipoctl-probe.h"

#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIN_WAIT (250 * PROBE_MS)

static uint8_t room[PROBE_ROOM];
static uint8_t received[PROBE_MAX_SIZE + 1];

/* Returns whether 'addr', in host byte order, is an address of this host.  If
 * its addresses cannot be read, none is. */
static bool
is_ours(uint32_t addr)
{
    static uint32_t addrs[PROBE_MAX_ADDRS];
    unsigned int n = 0;

    probe_addrs(addrs, PROBE_MAX_ADDRS, &n);
    while (n-- > 0) {
        if (addrs[n] == addr) {
            return true;
        }
    }
    return false;
}

/* Finds out from which address this host talks to the remote. */
static int
find_local(struct probe_run *run)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(PROBE_PORT),
        .sin_addr.s_addr = htonl(run->remote)
    };
    socklen_t len = sizeof sin;
    char name[INET_ADDRSTRLEN];
    int error = 0;
    int fd;

    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &sin, sizeof sin)
        || getsockname(fd, (struct sockaddr *) &sin, &len)) {
        error = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    probe_name(run->remote, name);
    if (error) {
        return complain(EXIT_FAILED, "cannot reach %s: %s", name,
                        strerror(error));
    }
    if (!run->local) {
        run->local = ntohl(sin.sin_addr.s_addr);
    } else if (!is_ours(run->local)) {
        probe_name(run->local, name);
        return complain(EXIT_FAILED, "%s is no address of this host", name);
    }
    if (is_ours(run->remote)) {
        probe_name(run->remote, name);
        return complain(EXIT_FAILED, "%s is an address of this host", name);
    }
    return EXIT_OK;
}

/* Opens what '*run', which has its settings, needs.  run_close() closes it. */
int
run_open(struct probe_run *run)
{
    run->sockets.receive = run->sockets.send = run->icmp = -1;
    run->sent = calloc(PROBE_MAX_SENT + 1, sizeof *run->sent);
    run->n_sent = 1;
    if (!run->sent) {
        return complain(EXIT_FAILED, "out of memory");
    }
    if (getrandom(&run->session, sizeof run->session, 0)
        != sizeof run->session) {
        return complain(EXIT_FAILED, "cannot get random numbers: %s",
                        strerror(errno));
    }
    if (find_local(run) || probe_open_icmp(&run->icmp)) {
        return EXIT_FAILED;
    }
    return probe_open(&run->sockets, 0);
}

/* Frees what run_open() got hold of, however far it came. */
void
run_close(struct probe_run *run)
{
    int fds[] = { run->sockets.receive, run->sockets.send, run->icmp };

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    free(run->sent);
}

/* Takes note of what the reflector says in the answer to 's'. */
static void
take_counts(struct probe_run *run, const struct probe_sent *s,
            const struct probe *p)
{
    run->changed |= p->changed;
    if (p->largest > run->largest) {
        run->largest = p->largest;
    }
    /* Those with a small TTL would not be expected to arrive. */
    for (int i = 0; i < PROBE_N_KINDS && s->ttl == PROBE_TTL; i++) {
        if (p->arrived[i] > run->arrived[i]) {
            run->arrived[i] = p->arrived[i];
        }
    }
}

/* Takes the answer in the 'len' bytes of 'received', if it is one to us. */
static void
take_answer(struct probe_run *run, size_t len)
{
    uint64_t now = probe_now();
    struct probe_sent *s;
    enum probe_verdict verdict;
    struct probe p;

    verdict = probe_parse(received, len, &p);
    if (verdict == PROBE_MALFORMED || !p.is_answer || p.src != run->remote
        || p.dst != run->local || p.session != run->session
        || p.port != run->sockets.port || !p.seq || p.seq >= run->n_sent) {
        return;
    }
    s = &run->sent[p.seq];
    if (s->kind != p.kind || s->size != p.size) {
        return;
    }
    take_counts(run, s, &p);
    if (verdict == PROBE_CHANGED) {
        run->answer_changed |= 1u << p.kind;
    } else if (!s->answered) {
        s->answered = now;
        if (now - s->sent > run->max_rtt) {
            run->max_rtt = now - s->sent;
        }
        if (s->ttl == PROBE_TTL) {
            run->request_ttl = p.request_ttl;
        }
    }
}

/* Takes note of an ICMP error from 'from' about a packet of 'kind'. */
static void
add_error(struct probe_run *run, uint32_t from, const uint8_t *icmp,
          unsigned int kind)
{
    uint16_t mtu = icmp[0] == ICMP_DEST_UNREACH && icmp[1] == ICMP_FRAG_NEEDED
                   ? icmp[6] << 8 | icmp[7] : 0;
    struct probe_error *e;

    for (e = run->errors; e < &run->errors[run->n_errors]; e++) {
        if (e->from == from && e->type == icmp[0] && e->code == icmp[1]
            && e->mtu == mtu) {
            break;
        }
    }
    if (e == &run->errors[run->n_errors]) {
        if (run->n_errors >= PROBE_MAX_ERRORS) {
            return;
        }
        run->n_errors++;
        *e = (struct probe_error) { from, icmp[0], icmp[1], 0, mtu, 0 };
    }
    e->kinds |= 1u << kind;
    e->n++;
}

/* Takes the ICMP message in the 'len' bytes of 'received', if it is for us. */
static void
take_icmp(struct probe_run *run, size_t len)
{
    const uint8_t *icmp;
    struct probe_sent *s;
    struct probe p;
    unsigned int hlen;
    uint32_t from;

    hlen = len ? (received[0] & 15u) * 4 : 0;
    if (hlen < IPO_IP_HLEN_MIN || len < hlen + 8) {
        return;
    }
    icmp = received + hlen;
    from = ipo_get32(received + 12);
    if (icmp[0] == ICMP_ECHOREPLY) {
        run->pinged |= from == run->remote
                       && (icmp[4] << 8 | icmp[5]) == run->sockets.port;
        return;
    }
    if ((icmp[0] != ICMP_DEST_UNREACH && icmp[0] != ICMP_TIME_EXCEEDED
         && icmp[0] != ICMP_PARAMETERPROB)
        || !probe_parse_quote(icmp + 8, len - hlen - 8, &p)
        || p.src != run->local || p.dst != run->remote
        || p.port != run->sockets.port || !p.seq || p.seq >= run->n_sent) {
        return;
    }
    s = &run->sent[p.seq];
    s->hop = from;
    s->expired |= icmp[0] == ICMP_TIME_EXCEEDED && !icmp[1];
    if (!s->expired || s->ttl == PROBE_TTL) {
        add_error(run, from, icmp, s->kind);
    }
}

/* Takes all that has come. */
static void
receive(struct probe_run *run)
{
    ssize_t n;

    while ((n = probe_recv(&run->sockets, received, sizeof received)) >= 0) {
        if (n) {
            take_answer(run, n);
        }
    }
    while ((n = recv(run->icmp, received, sizeof received, 0)) >= 0) {
        take_icmp(run, n);
    }
}

/* Takes what comes until 'when' or, if 'first' is not 0, until it is known
 * what became of the packets from 'first' on. */
static void
wait_for(struct probe_run *run, unsigned int first, uint64_t when)
{
    struct pollfd fds[] = {
        { .fd = run->sockets.receive, .events = POLLIN },
        { .fd = run->icmp, .events = POLLIN },
    };

    for (;;) {
        struct timespec ts;
        uint64_t now;

        receive(run);
        while (first && first < run->n_sent) {
            const struct probe_sent *s = &run->sent[first];

            if (!s->answered && !s->hop && !s->refused && !s->too_big) {
                break;
            }
            first++;
        }
        now = probe_now();
        if (now >= when || (first && first >= run->n_sent)) {
            return;
        }
        ts.tv_sec = (when - now) / PROBE_S;
        ts.tv_nsec = (when - now) % PROBE_S;
        if (ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) < 0 && errno != EINTR) {
            return;
        }
    }
}

/* Takes what comes until 'when'. */
void
run_until(struct probe_run *run, uint64_t when)
{
    wait_for(run, 0, when);
}

/* Waits for the answers to the packets from 'first' on: for the timeout or,
 * when it is known how long answers take, for some multiples of that. */
void
run_settle(struct probe_run *run, unsigned int first)
{
    uint64_t wait = run->timeout;

    if (run->max_rtt) {
        uint64_t w = 8 * run->max_rtt;

        w = w < MIN_WAIT ? MIN_WAIT : w;
        wait = w < wait ? w : wait;
    }
    wait_for(run, first, probe_now() + wait);
}

/* Sends a packet.  Returns its seq, or 0 after printing an error. */
unsigned int
run_send(struct probe_run *run, enum probe_kind kind, unsigned int size,
         unsigned int ttl)
{
    unsigned int seq = run->n_sent;
    struct probe_sent *s = &run->sent[seq];
    struct probe p = {
        .src = run->local, .dst = run->remote, .session = run->session,
        .seq = seq, .kind = kind, .size = size, .port = run->sockets.port,
        .ttl = ttl
    };
    char name[INET_ADDRSTRLEN];
    const uint8_t *packet;
    int error = 0;

    if (seq > PROBE_MAX_SENT) {
        complain(EXIT_FAILED, "too many packets");
        return 0;
    }
    packet = probe_build(&p, room);
    run->n_sent++;
    s->kind = kind;
    s->size = size;
    s->ttl = ttl;
    for (int i = 0; i < 100; i++) {
        s->sent = probe_now();
        error = probe_send(&run->sockets, packet, size, run->remote);
        if (error != EAGAIN && error != ENOBUFS && error != EINTR) {
            break;
        }
        run_until(run, probe_now() + PROBE_MS);
    }
    s->too_big = error == EMSGSIZE;
    s->refused = error == EPERM || error == EACCES;
    if (error && !s->too_big && !s->refused) {
        probe_name(run->remote, name);
        complain(EXIT_FAILED, "cannot send to %s: %s", name, strerror(error));
        return 0;
    }
    return seq;
}

/* Sends an ICMP echo request. */
void
run_ping(struct probe_run *run)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(run->remote)
    };
    uint8_t icmp[8] = {
        ICMP_ECHO, 0, 0, 0, run->sockets.port >> 8, run->sockets.port & 255,
        0, 1
    };
    uint16_t csum = ~ipo_csum_fold(ipo_csum_words(icmp, sizeof icmp));

    icmp[2] = csum >> 8;
    icmp[3] = csum;
    /* If it gets lost, it does not answer. */
    sendto(run->icmp, icmp, sizeof icmp, 0, (struct sockaddr *) &sin,
           sizeof sin);
}

/* For qsort(): the smallest first. */
static int
compare_u64(const void *a_, const void *b_)
{
    const uint64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Counts the packets of 'kind' from 'first' up to but not 'end', but for those
 * with a small TTL. */
struct probe_count
run_count(const struct probe_run *run, unsigned int first, unsigned int end,
          enum probe_kind kind)
{
    struct probe_count c = { 0, 0, 0, 0 };
    uint64_t *times;

    times = calloc(end - first + 1, sizeof *times);
    if (!times) {
        exit(complain(EXIT_FAILED, "out of memory"));
    }
    for (unsigned int i = first; i < end; i++) {
        const struct probe_sent *s = &run->sent[i];

        if (s->kind == kind && s->ttl == PROBE_TTL && !s->too_big) {
            c.sent++;
            if (s->answered) {
                times[c.answered++] = s->answered - s->sent;
            }
        }
    }
    if (c.answered) {
        qsort(times, c.answered, sizeof *times, compare_u64);
        c.median = times[c.answered / 2];
        c.quartile = times[c.answered / 4];
    }
    free(times);
    return c;
}
