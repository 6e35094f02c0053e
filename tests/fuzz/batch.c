/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes ipoctl.  The input is a byte, whose lowest bit says whether JSON is
 * wanted, then the lines of a batch, and behind a null byte what the kernel
 * answers to each request and sends to "monitor".  What is printed is JSON in
 * lines, if that is wanted. */

/* All of ipoctl but for the commands, the socket and the names of devices that
 * are below.
 * These two files are here for what they keep to themselves. */
#define main ipoctl_main
#include "ipoctl.c"
#undef main
#include "ipoctl-netlink.c"

#include <ctype.h>
#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define FAMILY 0x1c
#define GROUP 5

int ipoctl_main(int, char **);

/* What the kernel has to say, and whether it has said it. */
static const uint8_t *answers;
static size_t answers_len;
static bool answered;
static uint32_t asked;          /* Number of the last request. */

/* Commands that open files and send packets, which this does not. */

int
decode(char **words)
{
    (void) words;
    return EXIT_SUCCESS;
}

int
probe(char **words)
{
    (void) words;
    return EXIT_SUCCESS;
}

int
reflect(char **words)
{
    (void) words;
    return EXIT_SUCCESS;
}

/* The socket. */

/* This and the next two succeed, and do nothing. */
struct mnl_socket *
mnl_socket_open2(int bus, int flags)
{
    static char dummy;

    (void) bus;
    (void) flags;
    return (struct mnl_socket *) &dummy;
}

int
mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
    (void) nl;
    (void) groups;
    (void) pid;
    return 0;
}

int
mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *value,
                      socklen_t len)
{
    (void) nl;
    (void) type;
    (void) value;
    (void) len;
    return 0;
}

/* Checks that 'buf' is whole requests. */
ssize_t
mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t size)
{
    const struct nlmsghdr *msg = buf;
    int len = size;

    (void) nl;
    FUZZ_CHECK(mnl_nlmsg_ok(msg, len));
    for (; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len)) {
        FUZZ_CHECK(msg->nlmsg_len <= REQUEST_ROOM);
        asked = msg->nlmsg_seq;
    }
    FUZZ_CHECK(!len);
    answered = false;
    return size;
}

/* Returns how many bytes the whole messages at 'p' have, of 'size' bytes, and
 * adds 'seq' to their numbers.  The kernel does not send parts of messages, and
 * libmnl, which has a message of more than 2 GB for a whole one, relies on it. */
static size_t
take_whole(uint8_t *p, size_t size, uint32_t seq)
{
    size_t ofs = 0;

    while (size - ofs >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr *msg = (struct nlmsghdr *) (p + ofs);

        if (msg->nlmsg_len < sizeof *msg || msg->nlmsg_len > size - ofs) {
            break;
        }
        msg->nlmsg_seq += seq;
        if (MNL_ALIGN(msg->nlmsg_len) > size - ofs) {
            return size;
        }
        ofs += MNL_ALIGN(msg->nlmsg_len);
    }
    return ofs;
}

/* In the answers, the numbers of requests count from the last one, 0. */
ssize_t
mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
    size_t n = answers_len < size ? answers_len : size;

    (void) nl;
    ASAN_UNPOISON_MEMORY_REGION(buf, size);
    if (!answered && n) {
        answered = true;
        memcpy(buf, answers, n);
        n = take_whole(buf, n, asked);
        ASAN_POISON_MEMORY_REGION((char *) buf + n, size - n);
        if (n) {
            return n;
        }
    }
    errno = EBADF;
    return -1;
}

/* Devices. */

/* These are as in ipoctl-dev.c, but any name that is short enough is a
 * device's. */
int
dev_index(const char *name, uint32_t *ifindex)
{
    *ifindex = (unsigned char) name[0];
    return strlen(name) < 16 ? EXIT_OK
                             : complain(EXIT_FAILED, "no device '%s'", name);
}

const char *
dev_name(uint32_t ifindex, const char *reported)
{
    static char name[16];

    snprintf(name, sizeof name, "if%u", (unsigned int) ifindex);
    return reported ? reported : name;
}

/* Has ipoctl be as it starts, with the family known. */
static void
reset(void)
{
    static bool open;

    if (!open) {
        family = FAMILY;        /* Then it does not mind that none answers. */
        FUZZ_CHECK(nl_open() == EXIT_OK);
        open = true;
    }
    memset(&queue, 0, sizeof queue);
    memset(&position, 0, sizeof position);
    next_seq = 1;
    family = FAMILY;
    group = GROUP;
}

/* Has ipoctl carry out 'lines'. */
static void
fuzz_batch(const char *lines)
{
    static char name[32];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("batch", MFD_CLOEXEC);
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(fd >= 0 && !ftruncate(fd, 0));
    FUZZ_CHECK(pwrite(fd, lines, strlen(lines), 0) == (ssize_t) strlen(lines));
    run_batch(name);
    position.file = NULL;
}

/* What comes unasked, and what a family is said to be. */
static void
fuzz_answers(void)
{
    struct taker taker = { .answer = take_family, .quiet = true };
    char *none[] = { NULL };
    bool interrupted;

    answered = false;
    monitor(none);

    nl_query(CTRL_CMD_GETFAMILY, 0, "family");
    nl_ask(take_family, NULL, &interrupted);
    add_request(&queue, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK, "");
    exchange(&queue, &taker);
}

/* What is printed. */

static FILE *real_stdout;
static char *printed;
static size_t printed_len;

/* Keeps what is printed from now on, until end_print(). */
static void
begin_print(void)
{
    fflush(stdout);
    real_stdout = stdout;
    stdout = open_memstream(&printed, &printed_len);
    FUZZ_CHECK(stdout);
}

/* Returns what follows the JSON string at 's'. */
static const char *
skip_string(const char *s)
{
    FUZZ_CHECK(*s == '"');
    for (s++; *s != '"'; s++) {
        FUZZ_CHECK((unsigned char) *s >= ' ');
        if (*s == '\\') {
            s++;
            FUZZ_CHECK(*s && strchr("\"\\/bfnrtu", *s));
            for (int i = 0; *s == 'u' && i < 4; i++) {
                FUZZ_CHECK(isxdigit((unsigned char) s[1 + i]));
            }
        }
    }
    return s + 1;
}

static const char *skip_json(const char *);

/* Returns what follows the array or object at 's'. */
static const char *
skip_members(const char *s)
{
    char end = *s == '{' ? '}' : ']';

    if (s[1] == end) {
        return s + 2;
    }
    do {
        s++;
        if (end == '}') {
            s = skip_string(s);
            FUZZ_CHECK(*s == ':');
            s++;
        }
        s = skip_json(s);
    } while (*s == ',');
    FUZZ_CHECK(*s == end);
    return s + 1;
}

/* Returns what follows the JSON value at 's', of the kinds that ipoctl has. */
static const char *
skip_json(const char *s)
{
    size_t n = strspn(s, "0123456789");

    if (*s == '{' || *s == '[') {
        return skip_members(s);
    } else if (*s == '"') {
        return skip_string(s);
    }
    FUZZ_CHECK(n && (n == 1 || *s != '0'));
    return s + n;
}

/* Checks what was printed since begin_print(). */
static void
end_print(void)
{
    const char *s;

    FUZZ_CHECK(!fclose(stdout));
    stdout = real_stdout;
    FUZZ_CHECK(strlen(printed) == printed_len);
    for (s = printed; json_wanted && *s; ) {
        if (!strncmp(s, usage, strlen(usage))) {
            s += strlen(usage);         /* "help" has no JSON. */
        } else {
            s = skip_json(s);
            FUZZ_CHECK(*s == '\n');
            s++;
        }
    }
    free(printed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len;
    char *lines;

    if (!size) {
        return 0;
    }
    json_wanted = data[0] & 1;
    lines = fuzz_string(data + 1, size - 1);
    len = 1 + strlen(lines) + 1;
    answers = len < size ? data + len : NULL;
    answers_len = len < size ? size - len : 0;

    reset();
    begin_print();
    fuzz_batch(lines);
    fuzz_answers();
    end_print();
    free(lines);
    return 0;
}
