/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <errno.h>
#include <limits.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "ipo-uapi.h"

#define MAX_REQUESTS 128        /* Sent at once: their answers must fit in the
                                 * socket's default receive buffer. */
#define REQUEST_ROOM 256        /* Bytes that one takes at most. */

/* Requests that go out together, and where each came from. */
struct requests {
    unsigned int n;
    uint32_t seq;               /* Of the first. */
    struct nlmsghdr *last;
    bool failed;
    struct {
        const char *what;
        unsigned int line;
    } origins[MAX_REQUESTS];
    char buf[MAX_REQUESTS * REQUEST_ROOM] __attribute__((aligned(8)));
};

/* Who takes the answers to requests. */
struct taker {
    nl_answer *answer;          /* May be null. */
    void *aux;
    bool quiet;                 /* Complain about nothing. */
    int error;                  /* The last one, positive, or 0. */
    bool interrupted;           /* The list changed while it was read. */
};

static struct mnl_socket *sock;
static uint32_t next_seq = 1;
static uint16_t family;
static uint32_t group;          /* That of the peers' notifications. */
static struct requests queue;
static char receive_buf[64 * 1024] __attribute__((aligned(8)));

/* Returns the command of a message of generic netlink, or 0. */
uint8_t
nl_command(const struct nlmsghdr *msg)
{
    const struct genlmsghdr *genl = mnl_nlmsg_get_payload(msg);

    return mnl_nlmsg_get_payload_len(msg) >= sizeof *genl ? genl->cmd : 0;
}

/* Sorts the 'len' bytes of 'attributes' by type into 'table', of 'max' + 1
 * elements.  Of attributes of one type the last counts. */
void
nl_attributes(const void *attributes, size_t len,
              const struct nlattr *table[], unsigned int max)
{
    const struct nlattr *attr;

    memset(table, 0, (max + 1) * sizeof *table);
    mnl_attr_for_each_payload (attributes, len) {
        if (mnl_attr_get_type(attr) <= max) {
            table[mnl_attr_get_type(attr)] = attr;
        }
    }
}

/* The same for the attributes of a message of generic netlink. */
void
nl_message_attributes(const struct nlmsghdr *msg,
                      const struct nlattr *table[], unsigned int max)
{
    size_t len = mnl_nlmsg_get_payload_len(msg);
    size_t header = MNL_ALIGN(sizeof(struct genlmsghdr));

    nl_attributes(mnl_nlmsg_get_payload_offset(msg, header),
                  len > header ? len - header : 0, table, max);
}

/* Returns the payload of 'attr', which may be null, if it has 'len' bytes or
 * more, else null. */
const void *
nl_payload(const struct nlattr *attr, size_t len)
{
    return attr && mnl_attr_get_payload_len(attr) >= len
           ? mnl_attr_get_payload(attr) : NULL;
}

/* Stores the number in 'attr' in '*value'.  Returns false if there is none. */
bool
nl_u32(const struct nlattr *attr, uint32_t *value)
{
    const void *payload = nl_payload(attr, sizeof *value);

    if (payload) {
        memcpy(value, payload, sizeof *value);
    }
    return payload != NULL;
}

/* Returns the string in 'attr', or null if there is none. */
const char *
nl_string(const struct nlattr *attr)
{
    const char *s = nl_payload(attr, 1);

    return s && memchr(s, '\0', mnl_attr_get_payload_len(attr)) ? s : NULL;
}

/* Starts a request behind those in 'r', of which there are less than
 * MAX_REQUESTS.  'what' is what an error is said to be of. */
static struct nlmsghdr *
add_request(struct requests *r, uint16_t type, uint8_t cmd, uint16_t flags,
            const char *what)
{
    char *end = r->n ? mnl_nlmsg_get_payload_tail(r->last) : r->buf;
    struct nlmsghdr *msg = mnl_nlmsg_put_header(end);
    struct genlmsghdr *genl;

    genl = mnl_nlmsg_put_extra_header(msg, sizeof *genl);
    genl->cmd = cmd;
    genl->version = IPO_GENL_VERSION;
    if (!r->n) {
        r->seq = next_seq;
    }
    msg->nlmsg_type = type;
    msg->nlmsg_flags = NLM_F_REQUEST | flags;
    msg->nlmsg_seq = next_seq++;
    r->origins[r->n].what = what;
    r->origins[r->n].line = position.line;
    r->n++;
    r->last = msg;
    return msg;
}

/* Returns the text that the kernel gave with the error 'msg', or null.
 * 'header' is how many bytes of payload precede the attributes. */
static const char *
error_text(const struct nlmsghdr *msg, size_t header)
{
    const struct nlattr *table[NLMSGERR_ATTR_MAX + 1];
    size_t len = mnl_nlmsg_get_payload_len(msg);

    if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS) || len <= header) {
        return NULL;
    }
    nl_attributes(mnl_nlmsg_get_payload_offset(msg, header), len - header,
                  table, NLMSGERR_ATTR_MAX);
    return nl_string(table[NLMSGERR_ATTR_MSG]);
}

/* Takes NLMSG_ERROR, which is also the acknowledgment, or NLMSG_DONE. */
static void
take_end(const struct nlmsghdr *msg, struct requests *r, struct taker *t)
{
    size_t header = sizeof(int);
    size_t len = mnl_nlmsg_get_payload_len(msg);
    unsigned int i = msg->nlmsg_seq - r->seq;
    const char *text;
    int error = 0;

    if (len >= sizeof error) {
        memcpy(&error, mnl_nlmsg_get_payload(msg), sizeof error);
    }
    if (error < -INT_MAX) {
        error = -INT_MAX;       /* To have an opposite. */
    }
    if (msg->nlmsg_type == NLMSG_ERROR && len >= sizeof(struct nlmsgerr)) {
        const struct nlmsgerr *err = mnl_nlmsg_get_payload(msg);

        header = sizeof *err;
        if (!(msg->nlmsg_flags & NLM_F_CAPPED)) {
            header += MNL_ALIGN(err->msg.nlmsg_len) - sizeof err->msg;
        }
    }
    text = error_text(msg, header);
    if (error < 0) {
        t->error = -error;
        r->failed = true;
        if (!t->quiet) {
            complain_at(r->origins[i].line, EXIT_FAILED, "%s: %s",
                        r->origins[i].what, text ? text : strerror(-error));
        }
    } else if (text && *text && !t->quiet) {
        complain_at(r->origins[i].line, EXIT_OK, "%s: warning: %s",
                    r->origins[i].what, text);
    }
}

/* Takes the messages in the 'len' bytes of 'receive_buf'.  Returns true if the
 * answer to the last request has ended. */
static bool
take_messages(int len, struct requests *r, struct taker *t)
{
    const struct nlmsghdr *msg = (const void *) receive_buf;

    for (; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len)) {
        if (msg->nlmsg_seq - r->seq >= r->n) {
            continue;           /* From before something was lost. */
        }
        t->interrupted |= (msg->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE) {
            take_end(msg, r, t);
            if (msg->nlmsg_seq == r->seq + r->n - 1) {
                return true;
            }
        } else if (msg->nlmsg_type >= NLMSG_MIN_TYPE && t->answer) {
            t->answer(msg, t->aux);
        }
    }
    return false;
}

/* Reads messages into 'receive_buf'.  Returns their length or a negative
 * number. */
static int
receive(void)
{
    int len;

    do {
        len = mnl_socket_recvfrom(sock, receive_buf, sizeof receive_buf);
    } while (len < 0 && errno == EINTR);
    return len;
}

/* Sends the requests in 'r', of which the last asks for an acknowledgment or
 * for a list, and takes the answers.  Empties 'r'. */
static void
exchange(struct requests *r, struct taker *t)
{
    size_t size = (char *) mnl_nlmsg_get_payload_tail(r->last) - r->buf;
    int len = 1;

    if (mnl_socket_sendto(sock, r->buf, size) < 0) {
        complain_at(position.line, EXIT_FAILED,
                    "cannot send to the kernel: %s", strerror(errno));
        r->failed = true;
        len = 0;
    }
    while (len > 0) {
        len = receive();
        if (len < 0) {
            complain_at(position.line, EXIT_FAILED,
                        "cannot receive from the kernel: %s", strerror(errno));
            r->failed = true;
        } else if (take_messages(len, r, t)) {
            break;
        }
    }
    r->n = 0;
}

/* Notes the number of the group of notifications from CTRL_ATTR_MCAST_GROUPS,
 * 'groups'. */
static void
take_groups(const struct nlattr *groups)
{
    const struct nlattr *nested;

    mnl_attr_for_each_nested (nested, groups) {
        const struct nlattr *table[CTRL_ATTR_MCAST_GRP_MAX + 1];
        const char *name;

        nl_attributes(mnl_attr_get_payload(nested),
                      mnl_attr_get_payload_len(nested), table,
                      CTRL_ATTR_MCAST_GRP_MAX);
        name = nl_string(table[CTRL_ATTR_MCAST_GRP_NAME]);
        if (name && !strcmp(name, IPO_GENL_MCGRP_PEERS)) {
            nl_u32(table[CTRL_ATTR_MCAST_GRP_ID], &group);
        }
    }
}

/* Takes the kernel's answer about a family: notes its number, and that of its
 * group of notifications. */
static void
take_family(const struct nlmsghdr *msg, void *aux)
{
    const struct nlattr *table[CTRL_ATTR_MAX + 1];
    const void *id;

    (void) aux;
    nl_message_attributes(msg, table, CTRL_ATTR_MAX);
    id = nl_payload(table[CTRL_ATTR_FAMILY_ID], sizeof family);
    if (id) {
        memcpy(&family, id, sizeof family);
    }
    if (table[CTRL_ATTR_MCAST_GROUPS]) {
        take_groups(table[CTRL_ATTR_MCAST_GROUPS]);
    }
}

/* Finds out the number of the module's family. */
static int
find_family(void)
{
    struct taker taker = { .answer = take_family, .quiet = true };
    struct nlmsghdr *msg = add_request(&queue, GENL_ID_CTRL,
                                       CTRL_CMD_GETFAMILY, NLM_F_ACK, "");

    mnl_attr_put_strz(msg, CTRL_ATTR_FAMILY_NAME, IPO_GENL_NAME);
    exchange(&queue, &taker);
    queue.failed = false;
    if (family) {
        return EXIT_OK;
    }
    return taker.error && taker.error != ENOENT
           ? complain(EXIT_FAILED, "cannot look up module ipo: %s",
                      strerror(taker.error))
           : complain(EXIT_FAILED, "module ipo is not loaded");
}

/* Opens 'sock', a socket of generic netlink. */
static int
open_socket(void)
{
    int on = 1;

    sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
    if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
        return complain(EXIT_FAILED, "cannot open a netlink socket: %s",
                        strerror(errno));
    }
    /* Without them, errors have no text but their numbers'. */
    mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof on);
    mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &on, sizeof on);
    return EXIT_OK;
}

/* Makes sure that the kernel's module can be talked to.  Must come before all
 * of the functions below.  Says only once that it cannot, lest each line of a
 * batch says so. */
int
nl_open(void)
{
    static int status = -1;

    if (status < 0) {
        status = open_socket() || find_family() ? EXIT_FAILED : EXIT_OK;
    }
    return status;
}

/* Sends what is queued, and leaves it to nl_flush() to say how that went. */
void
nl_send(void)
{
    struct taker taker = { .quiet = false };

    if (queue.n) {
        queue.last->nlmsg_flags |= NLM_F_ACK;
        exchange(&queue, &taker);
    }
}

/* Queues the request 'cmd', of which errors say that they are of 'what'.
 * Returns it for attributes to be added, REQUEST_ROOM bytes in all. */
struct nlmsghdr *
nl_queue(uint8_t cmd, uint16_t flags, const char *what)
{
    if (queue.n >= MAX_REQUESTS) {
        nl_send();
    }
    return add_request(&queue, family, cmd, flags, what);
}

/* Sends what is queued.  Fails if any of the requests failed that were queued
 * since the last call. */
int
nl_flush(void)
{
    bool failed;

    nl_send();
    failed = queue.failed;
    queue.failed = false;
    return failed ? EXIT_FAILED : EXIT_OK;
}

/* Starts a question: the request 'cmd', with NLM_F_DUMP in 'flags' for a
 * list.  Nothing may be queued.  Returns it for attributes to be added;
 * nl_ask() sends it. */
struct nlmsghdr *
nl_query(uint8_t cmd, uint16_t flags, const char *what)
{
    return add_request(&queue, family, cmd, flags | NLM_F_ACK, what);
}

/* Sends the question that nl_query() started and hands answers to 'answer'.
 * Sets '*interrupted' if they may be inconsistent. */
int
nl_ask(nl_answer *answer, void *aux, bool *interrupted)
{
    struct taker taker = { .answer = answer, .aux = aux };

    exchange(&queue, &taker);
    *interrupted = taker.interrupted;
    return nl_flush();
}

/* Hands notifications about peers to 'answer' until something goes wrong. */
int
nl_listen(nl_answer *answer, void *aux)
{
    if (!group || mnl_socket_setsockopt(sock, NETLINK_ADD_MEMBERSHIP, &group,
                                        sizeof group) < 0) {
        return complain(EXIT_FAILED, "cannot listen to notifications: %s",
                        strerror(group ? errno : ENOENT));
    }
    for (;;) {
        const struct nlmsghdr *msg = (const void *) receive_buf;
        int len = receive();

        if (len < 0 && errno == ENOBUFS) {
            complain(EXIT_OK, "notifications were lost");
        } else if (len < 0) {
            return complain(EXIT_FAILED, "cannot receive from the kernel: %s",
                            strerror(errno));
        }
        for (; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len)) {
            if (msg->nlmsg_type == family) {
                answer(msg, aux);
            }
        }
    }
}
