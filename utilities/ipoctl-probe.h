/* SPDX-License-Identifier: Apache-2.0 */

/* What "probe" and "reflect" share: probe packets, and the sockets that they
 * travel through. */

#ifndef IPOCTL_PROBE_H
#define IPOCTL_PROBE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "ipo-wire.h"

/* ipoctl-probe-packet.c: packets.
 *
 * A probe is a UDP packet from and to addresses that no container has, in one
 * of IPO's formats, or the same bytes without an option.  What it says of
 * itself follows the UDP header. */

enum probe_kind {
    /* Without an option, in IPO's protocols and in UDP's. */
    PROBE_PLAIN,
    PROBE_BARE_COMPACT,
    PROBE_BARE_EXTENDED,

    PROBE_NATIVE,
    PROBE_COMPACT,
    PROBE_SHORT,
    PROBE_SHORT_KEY,
    PROBE_FULL,
    PROBE_FULL_KEY,
    PROBE_N_KINDS
};

struct probe_kind_info {
    const char *name;
    uint8_t protocol;           /* Of the outer header. */
    uint8_t opt_len;            /* 0: no option. */
    enum probe_kind bare;       /* The same protocol without an option. */
    enum ipo_format format;     /* These are for kinds with an option. */
    bool has_key;
};

extern const struct probe_kind_info probe_kinds[PROBE_N_KINDS];

#define PROBE_PORT 9            /* UDP's discard, which nobody answers. */
#define PROBE_MIN_SIZE 96       /* Bytes, from the outer header on. */
#define PROBE_MAX_SIZE 65535
#define PROBE_TTL 64

/* A probe, or the answer to one. */
struct probe {
    uint32_t src, dst;          /* The nodes, in host byte order. */
    uint64_t session;           /* A random number that the prober chose. */
    uint32_t seq;
    enum probe_kind kind;
    uint16_t size;              /* Of the whole packet. */
    uint16_t port;              /* The prober's. */
    uint8_t ttl;                /* When sent, or when received. */
    bool is_answer;

    /* In answers, what the reflector knows of the session. */
    uint8_t request_ttl;        /* Of the request, when it arrived. */
    uint16_t changed;           /* Bits, 1 << enum probe_kind: those that
                                 * arrived, but not as they were sent. */
    uint16_t largest;           /* The largest packet that arrived. */
    uint16_t arrived[PROBE_N_KINDS];    /* How many of each kind. */
};

/* What probe_parse() says. */
enum probe_verdict {
    PROBE_OK,
    PROBE_CHANGED,              /* Somebody changed it on its way. */
    PROBE_MALFORMED             /* None at all. */
};

#define PROBE_ROOM (PROBE_MAX_SIZE + 1 + IPO_OPT_LEN_MAX)

uint8_t *probe_build(const struct probe *, uint8_t room[PROBE_ROOM]);
enum probe_verdict probe_parse(const uint8_t *, size_t len, struct probe *);
bool probe_parse_quote(const uint8_t *, size_t len, struct probe *);

/* ipoctl-probe-socket.c: sockets. */

struct probe_sockets {
    int receive;                /* Packets of probes, from the IP header on. */
    int send;                   /* Takes packets with their IP header. */
    uint16_t port;              /* Our UDP port. */
};

int probe_open(struct probe_sockets *, uint16_t port);
int probe_open_icmp(int *fd);
ssize_t probe_recv(const struct probe_sockets *, uint8_t *packet,
                   size_t size);
int probe_send(const struct probe_sockets *, const uint8_t *packet,
               size_t size, uint32_t dst);
bool probe_addrs(uint32_t *addrs, unsigned int max, unsigned int *n);
uint64_t probe_now(void);
void probe_name(uint32_t addr, char name[INET_ADDRSTRLEN]);

#define PROBE_MAX_ADDRS 4096    /* Of this host. */
#define PROBE_MS UINT64_C(1000000)
#define PROBE_S UINT64_C(1000000000)

/* ipoctl-probe-options.c: the words behind "probe" and "reflect". */

struct probe_option {
    const char *name;
    unsigned long min, max;
    unsigned long *value;       /* Null: an address. */
    uint32_t *addr;             /* Null: a number. */
};

int probe_options(char **words, const struct probe_option *, size_t n,
                  const char *remote_name, uint32_t *remote);

/* ipoctl-probe-run.c: sending, and taking what comes back. */

/* One packet that was sent, and what became of it. */
struct probe_sent {
    uint64_t sent, answered;    /* When; 0 if not. */
    uint16_t size;
    uint8_t kind, ttl;
    bool refused;               /* By this host's own firewall. */
    bool too_big;               /* For this host's own device. */
    bool expired;               /* An ICMP time exceeded came from 'hop'. */
    uint32_t hop;               /* Of the last ICMP error. */
};

/* An ICMP error, however often it came. */
struct probe_error {
    uint32_t from;
    uint8_t type, code;
    uint16_t kinds;             /* Bits: 1 << enum probe_kind. */
    uint16_t mtu;               /* For fragmentation needed. */
    unsigned int n;
};

#define PROBE_MAX_SENT 65000    /* seq is also the IP header's ID. */
#define PROBE_MAX_ERRORS 32
#define PROBE_MAX_HOPS 30

/* How packets of a kind and a size fared. */
struct probe_count {
    unsigned int sent, answered;
    uint64_t median;            /* Nanoseconds, 0 if none was answered. */
    uint64_t quartile;          /* A quarter is faster. */
};

struct probe_run {
    uint32_t local, remote;
    uint64_t session;
    struct probe_sockets sockets;
    int icmp;
    uint64_t timeout, interval; /* Nanoseconds. */
    unsigned int count;

    struct probe_sent *sent;    /* By seq; the first is not used. */
    unsigned int n_sent;
    unsigned int waiting;       /* For the rest of these... */
    uint64_t max_rtt;           /* ...for some multiples of this. */

    struct probe_error errors[PROBE_MAX_ERRORS];
    unsigned int n_errors;
    bool pinged;                /* The remote answers ICMP echo requests. */
    uint8_t request_ttl;        /* That of plain packets which arrived. */
    uint16_t changed, largest, arrived[PROBE_N_KINDS];
    uint16_t answer_changed;    /* Kinds of answers that were. */
};

int run_open(struct probe_run *);
void run_close(struct probe_run *);
unsigned int run_send(struct probe_run *, enum probe_kind, unsigned int size,
                      unsigned int ttl);
void run_ping(struct probe_run *);
void run_until(struct probe_run *, uint64_t when);
void run_settle(struct probe_run *, unsigned int first);
struct probe_count run_count(const struct probe_run *, unsigned int first,
                             unsigned int end, enum probe_kind);

/* ipoctl-probe-report.c: what it means, in words. */

#define PROBE_N_SIZES 3
#define PROBE_N_BURSTS 2

struct probe_result {
    unsigned int passing;       /* Bits: 1 << enum probe_kind. */
    struct probe_count count[PROBE_N_KINDS][PROBE_N_SIZES];
    struct probe_count burst[PROBE_N_KINDS];    /* The one that lost less. */
    unsigned int mtu[PROBE_N_KINDS];    /* 0: unknown. */
    unsigned int sizes[PROBE_N_SIZES];  /* 0: not tried. */

    /* Seqs of the packets behind 'count' and 'burst', and of the next one. */
    unsigned int first[PROBE_N_SIZES], end[PROBE_N_SIZES];
    unsigned int burst_first[PROBE_N_BURSTS][PROBE_N_KINDS];
    unsigned int burst_end[PROBE_N_BURSTS][PROBE_N_KINDS];

    unsigned int device_mtu;
    unsigned int n_hops;                /* To the remote, 0 if unknown. */

    /* Who answered last, and where, by its TTL. */
    bool swept[PROBE_N_KINDS];
    unsigned int last_hop[PROBE_N_KINDS];
    uint32_t hops[PROBE_MAX_HOPS + 1];
};

int report(const struct probe_run *, const struct probe_result *);
int report_silence(const struct probe_run *);

#endif /* ipoctl-probe.h */
