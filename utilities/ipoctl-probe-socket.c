/* SPDX-License-Identifier: Apache-2.0 */

/* The sockets of "probe" and "reflect".
 *
 * Packets are received from a packet socket, which sees them whoever handles
 * them afterwards: the kernel's own stack, the module ipo, or ovs-vswitchd. */

#include "ipoctl.h"
#include "ipoctl-probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BUFFER (1 << 20)

/* Lets pass whole IPv4 packets of the protocols of probes that have "ipoprobe"
 * where it must be. */
static struct sock_filter probe_filter[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 10, 0),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17 + IPO_PROTO_SHIFT, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPO_PROTO_EXTENDED, 0, 6),
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
    BPF_STMT(BPF_LD | BPF_W | BPF_IND, 8),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x69706f70, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_IND, 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x726f6265, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0x40000),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

static struct sock_filter nothing_filter[] = {
    BPF_STMT(BPF_RET | BPF_K, 0),
};

/* Gives the socket 'fd' the filter 'code' of 'len' instructions.  Returns 0,
 * or a negative number after setting 'errno'. */
static int
attach(int fd, struct sock_filter *code, unsigned short len)
{
    struct sock_fprog program = { len, code };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                      sizeof program);
}

/* Complains that something cannot be done, 'what', for the reason in 'errno'.
 * Returns EXIT_FAILED. */
static int
fail(const char *what)
{
    return complain(EXIT_FAILED, "cannot %s: %s", what, strerror(errno));
}

/* Opens a socket that gets those packets that 'probe_filter' lets pass, from
 * the IP header on. */
static int
open_receiver(int *fd)
{
    struct sockaddr_ll all = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)
    };
    int size = RECEIVE_BUFFER;

    /* It gets no packets until it has its filter. */
    *fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) {
        return fail("open a packet socket");
    }
    if (setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) {
        setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (attach(*fd, probe_filter, ARRAY_SIZE(probe_filter))
        || bind(*fd, (struct sockaddr *) &all, sizeof all)) {
        return fail("set up a packet socket");
    }
    return EXIT_OK;
}

/* Opens a socket that makes the kernel believe that somebody takes packets of
 * 'protocol', so that it does not answer them with ICMP errors. */
static int
open_sink(int type, int protocol, uint16_t *port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port ? *port : 0)
    };
    socklen_t len = sizeof sin;
    int fd;

    fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        return fail("open a raw socket");
    }
    if (attach(fd, nothing_filter, ARRAY_SIZE(nothing_filter))) {
        return fail("set up a raw socket");
    }
    /* Whoever has the port already takes the packets as well. */
    if (port && bind(fd, (struct sockaddr *) &sin, sizeof sin)
        && (errno != EADDRINUSE || !*port)) {
        return fail("bind a UDP port");
    }
    if (port && !*port) {
        if (getsockname(fd, (struct sockaddr *) &sin, &len)) {
            return fail("bind a UDP port");
        }
        *port = ntohs(sin.sin_port);
    }
    return EXIT_OK;
}

/* Opens a socket that sends packets of any size that the device takes,
 * whatever the kernel believes of the path's MTU. */
static int
open_sender(int *fd)
{
    int discover = IP_PMTUDISC_PROBE;

    *fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                 IPPROTO_RAW);
    if (*fd < 0) {
        return fail("open a raw socket");
    }
    return setsockopt(*fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover,
                      sizeof discover) ? fail("set up a raw socket") : EXIT_OK;
}

/* Opens the sockets, UDP's with 'port', or any port if that is 0.  All of them
 * last as long as the process. */
int
probe_open(struct probe_sockets *s, uint16_t port)
{
    s->port = port;
    if (open_receiver(&s->receive)
        || open_sink(SOCK_DGRAM, 0, &s->port)
        || open_sink(SOCK_RAW, probe_kinds[PROBE_COMPACT].protocol, NULL)
        || open_sink(SOCK_RAW, IPO_PROTO_EXTENDED, NULL)) {
        return EXIT_FAILED;
    }
    return open_sender(&s->send);
}

/* Opens a socket that gets all ICMP messages, from the IP header on. */
int
probe_open_icmp(int *fd)
{
    *fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                 IPPROTO_ICMP);
    return *fd < 0 ? fail("open an ICMP socket") : EXIT_OK;
}

/* Receives one packet into 'packet', which has room for 'size' bytes, without
 * waiting.  Returns its length, 0 for one that is none of ours, or -1 if there
 * is none.  (Open vSwitch's NIC gets packets for its bridge's address, which
 * is another one.) */
ssize_t
probe_recv(const struct probe_sockets *s, uint8_t *packet, size_t size)
{
    struct sockaddr_ll sll = { .sll_family = 0 };
    socklen_t sll_len = sizeof sll;
    ssize_t n = recvfrom(s->receive, packet, size, 0, (struct sockaddr *) &sll,
                         &sll_len);

    return (n < 0 || sll.sll_pkttype == PACKET_HOST
            || sll.sll_pkttype == PACKET_OTHERHOST ? n : 0);
}

/* Sends the 'size' bytes of 'packet' to 'dst'.  Returns 0 or an errno
 * value. */
int
probe_send(const struct probe_sockets *s, const uint8_t *packet, size_t size,
           uint32_t dst)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(dst)
    };

    return sendto(s->send, packet, size, 0, (struct sockaddr *) &sin,
                  sizeof sin) < 0 ? errno : 0;
}

/* Reads this host's addresses into 'addrs', of 'max' elements.  Returns false
 * if that fails, and then they are what they were. */
bool
probe_addrs(uint32_t *addrs, unsigned int max, unsigned int *n)
{
    struct ifaddrs *list;
    struct sockaddr_in sin;

    if (getifaddrs(&list)) {
        return false;
    }
    *n = 0;
    for (struct ifaddrs *a = list; a; a = a->ifa_next) {
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET && *n < max) {
            memcpy(&sin, a->ifa_addr, sizeof sin);
            addrs[(*n)++] = ntohl(sin.sin_addr.s_addr);
        }
    }
    freeifaddrs(list);
    return true;
}

/* Returns the time, in nanoseconds. */
uint64_t
probe_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * PROBE_S + ts.tv_nsec;
}

/* Writes 'addr' as text. */
void
probe_name(uint32_t addr, char name[INET_ADDRSTRLEN])
{
    struct in_addr in = { htonl(addr) };

    inet_ntop(AF_INET, &in, name, INET_ADDRSTRLEN);
}
