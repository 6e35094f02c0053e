/* SPDX-License-Identifier: Apache-2.0 */
/* Sends frames as fast as the kernel takes them, for a test.
 *
 *     flood DEV SECONDS [COUNT] < FRAMES
 *
 * FRAMES has a frame in hex on each line.  They are sent in turn, for so many
 * seconds, and no more than COUNT of them.  Prints how many were sent. */

#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32

struct frames {
    struct mmsghdr *messages;
    struct iovec *iovs;
    size_t n;
};

/* Returns the value of 'c', or -1 if it is no digit in lower case. */
static int
hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *p = c ? strchr(digits, c) : NULL;

    return p ? p - digits : -1;
}

/* Turns 'line' into bytes, in place.  Returns how many, or 0 if it is no frame
 * in hex. */
static size_t
from_hex(char *line)
{
    size_t n = strcspn(line, "\n") / 2;

    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(line[2 * i]), low = hex_digit(line[2 * i + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }
        line[i] = high << 4 | low;
    }
    return line[2 * n] == '\n' || !line[2 * n] ? n : 0;
}

/* Reads frames from standard input into '*frames', which is zeros, or exits.
 * They are never freed. */
static void
read_frames(struct frames *frames)
{
    for (;;) {
        char *line = NULL;
        size_t size = 0;

        if (getline(&line, &size, stdin) < 0) {
            free(line);
            break;
        }
        frames->iovs = realloc(frames->iovs,
                               (frames->n + 1) * sizeof *frames->iovs);
        if (!frames->iovs) {
            err(1, "realloc");
        }
        frames->iovs[frames->n].iov_base = line;
        frames->iovs[frames->n].iov_len = from_hex(line);
        if (!frames->iovs[frames->n++].iov_len) {
            errx(1, "line %zu is no frame in hex", frames->n);
        }
    }
    if (!frames->n) {
        errx(1, "no frames");
    }

    /* So often that there are batches, whatever their number. */
    size_t copies = (BATCH + frames->n - 1) / frames->n;

    frames->messages = calloc(copies * frames->n, sizeof *frames->messages);
    if (!frames->messages) {
        err(1, "calloc");
    }
    for (size_t i = 0; i < copies * frames->n; i++) {
        frames->messages[i].msg_hdr.msg_iov = &frames->iovs[i % frames->n];
        frames->messages[i].msg_hdr.msg_iovlen = 1;
    }
    frames->n *= copies;
}

/* Returns the time, in seconds. */
static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Returns a socket that sends by the device 'name', or exits. */
static int
open_device(const char *name)
{
    struct sockaddr_ll sll = { .sll_family = AF_PACKET };
    int fd = socket(AF_PACKET, SOCK_RAW, 0);

    sll.sll_ifindex = if_nametoindex(name);
    if (fd < 0 || !sll.sll_ifindex
        || bind(fd, (struct sockaddr *) &sll, sizeof sll)) {
        err(1, "%s", name);
    }
    return fd;
}

/* Returns the number 'arg', or exits. */
static double
number(const char *arg)
{
    char *end;
    double value = strtod(arg, &end);

    if (end == arg || *end || !(value > 0)) {
        errx(2, "%s: not a number", arg);
    }
    return value;
}

int
main(int argc, char *argv[])
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: flood DEV SECONDS [COUNT] < FRAMES\n");
        return 2;
    }

    double end = now() + number(argv[2]);
    size_t limit = argc > 3 ? number(argv[3]) : (size_t) -1;
    static struct frames frames;
    size_t sent = 0, next = 0;
    int fd = open_device(argv[1]);

    read_frames(&frames);
    while (sent < limit && now() < end) {
        size_t batch = frames.n - next < BATCH ? frames.n - next : BATCH;

        batch = batch < limit - sent ? batch : limit - sent;
        int n = sendmmsg(fd, &frames.messages[next], batch, 0);
        if (n > 0) {
            sent += n;
            next = (next + n) % frames.n;
        } else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
            err(1, "sendmmsg");
        }
    }
    printf("%zu\n", sent);
    return 0;
}
