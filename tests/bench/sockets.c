/* SPDX-License-Identifier: Apache-2.0 */
/* Sends between two network namespaces, and prints how many packets, bytes or
 * transactions it were and the nanoseconds that it took.
 *
 *     sockets udp FROM TO ADDR SIZE COUNT   datagrams with SIZE bytes of data
 *     sockets tcp FROM TO ADDR BYTES        one stream
 *     sockets rr  FROM TO ADDR COUNT        a byte there and one back, by UDP
 *
 * FROM and TO are files of network namespaces, ADDR an address of TO.
 *
 * One process has the sockets of both sides, and sends no more than fits into
 * them before it receives: nothing is lost, nobody waits, and what is measured
 * is the way between the sockets and the system calls at its ends.
 *
 * 'rr' is not by TCP, which keeps a copy of what it sends.  Between namespaces
 * the receiver gets that very packet, and Linux does more for one that is
 * shared, which one from a NIC is not. */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 7010
#define BATCH 32
#define CHUNK 131072
#define PATIENCE 5              /* Seconds without anything until giving up. */

static char bytes[CHUNK];
static int from, to;            /* Connected sockets. */

/* Returns a socket of 'type' in the namespace of the file 'netns', where this
 * process then is, or exits. */
static int
socket_in(const char *netns, int type)
{
    int fd = open(netns, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || setns(fd, CLONE_NEWNET)) {
        err(1, "%s", netns);
    }
    close(fd);
    fd = socket(AF_INET, type, 0);
    if (fd < 0) {
        err(1, "socket");
    }
    return fd;
}

/* Has 'fd' give up after PATIENCE seconds. */
static void
set_patience(int fd)
{
    struct timeval patience = { .tv_sec = PATIENCE };

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
                      sizeof patience)) {
        err(1, "setsockopt");
    }
}

/* Opens 'from' and 'to' in their namespaces, and connects 'from' to 'addr',
 * where 'to' is, or exits. */
static void
open_sockets(const char *from_ns, const char *to_ns, const char *addr,
             int type)
{
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons(PORT) };
    int one = 1;

    to = socket_in(to_ns, type);
    setsockopt(to, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(to, (struct sockaddr *) &sin, sizeof sin)
        || (type == SOCK_STREAM && listen(to, 1))) {
        err(1, "bind");
    }
    from = socket_in(from_ns, type);
    if (inet_pton(AF_INET, addr, &sin.sin_addr) != 1) {
        errx(1, "%s: not an address", addr);
    }
    set_patience(from);
    if (connect(from, (struct sockaddr *) &sin, sizeof sin)) {
        err(1, "connect");
    }
    if (type == SOCK_STREAM) {
        int listener = to;

        to = accept(listener, NULL, NULL);
        if (to < 0) {
            err(1, "accept");
        }
        close(listener);
    }
    set_patience(to);
}

/* Sends 'count' datagrams of 'size' bytes, and receives them. */
static void
run_udp(long count, size_t size)
{
    struct iovec iov = { .iov_base = bytes, .iov_len = size };
    struct mmsghdr messages[BATCH];

    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        messages[i].msg_hdr.msg_iov = &iov;
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    while (count > 0) {
        int batch = count < BATCH ? count : BATCH;
        int received = 0;

        if (sendmmsg(from, messages, batch, 0) != batch) {
            err(1, "sendmmsg");
        }
        while (received < batch) {
            int n = recvmmsg(to, messages, batch - received, MSG_WAITFORONE,
                             NULL);
            if (n <= 0) {
                err(1, "%d of %d datagrams were lost", batch - received,
                    batch);
            }
            received += n;
        }
        count -= batch;
    }
}

/* Sends 'total' bytes, and receives them. */
static void
run_tcp(long total)
{
    struct pollfd fds[] = { { .fd = from, .events = POLLOUT },
                            { .fd = to, .events = POLLIN } };
    long sent = 0, received = 0;

    while (received < total) {
        size_t size = total - sent < CHUNK ? total - sent : CHUNK;
        ssize_t n = size ? send(from, bytes, size, MSG_DONTWAIT) : 0;
        ssize_t m = recv(to, bytes, CHUNK, MSG_DONTWAIT);

        if ((n < 0 && errno != EAGAIN) || m == 0) {
            err(1, "the connection is broken");
        }
        sent += n > 0 ? n : 0;
        received += m > 0 ? m : 0;
        fds[0].fd = sent < total ? from : -1;
        if (n <= 0 && m < 0 && poll(fds, 2, PATIENCE * 1000) <= 0) {
            errx(1, "%ld of %ld bytes did not arrive", total - received,
                 total);
        }
    }
}

/* Makes 'to' answer who sent to it. */
static void
connect_back(void)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof sin;
    char byte = 0;

    if (send(from, &byte, 1, 0) != 1
        || recvfrom(to, &byte, 1, 0, (struct sockaddr *) &sin, &len) != 1
        || connect(to, (struct sockaddr *) &sin, len)) {
        err(1, "no first byte");
    }
}

/* Sends a byte to 'out' and receives it from 'in'. */
static void
pass_byte(int out, int in)
{
    char byte = 0;

    if (send(out, &byte, 1, 0) != 1 || recv(in, &byte, 1, 0) != 1) {
        err(1, "a byte was lost");
    }
}

/* Sends a byte there and one back, 'count' times. */
static void
run_rr(long count)
{
    while (count-- > 0) {
        pass_byte(from, to);
        pass_byte(to, from);
    }
}

/* Does what 'kind' says, 'count' times or bytes. */
static void
run(const char *kind, long count, size_t size)
{
    if (!strcmp(kind, "udp")) {
        run_udp(count, size);
    } else if (!strcmp(kind, "tcp")) {
        run_tcp(count);
    } else {
        run_rr(count);
    }
}

/* Returns the time, in nanoseconds. */
static long long
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int
main(int argc, char *argv[])
{
    const char *kind = argc > 1 ? argv[1] : "";
    int udp = !strcmp(kind, "udp");
    long count, size;
    long long start;

    if (!(udp && argc == 7)
        && !((!strcmp(kind, "tcp") || !strcmp(kind, "rr")) && argc == 6)) {
        errx(2, "usage: udp FROM TO ADDR SIZE COUNT | tcp FROM TO ADDR BYTES "
             "| rr FROM TO ADDR COUNT");
    }
    count = atol(argv[argc - 1]);
    size = udp ? atol(argv[5]) : 0;
    if (count < 1 || size < 0 || size > CHUNK) {
        errx(2, "bad number");
    }
    open_sockets(argv[2], argv[3], argv[4],
                 strcmp(kind, "tcp") ? SOCK_DGRAM : SOCK_STREAM);
    if (!strcmp(kind, "rr")) {
        connect_back();
    }
    /* First what is done once: windows grow, caches fill. */
    run(kind, count / 4 + 1, size);
    start = now();
    run(kind, count, size);
    printf("%ld %lld\n", count, now() - start);
    return 0;
}
