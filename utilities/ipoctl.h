/* SPDX-License-Identifier: Apache-2.0 */

/* What the files of ipoctl share. */

#ifndef IPOCTL_H
#define IPOCTL_H 1

#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit status, and what most functions return.  The usage or the error is
 * printed already. */
enum {
    EXIT_OK,
    EXIT_FAILED,                /* The system refused. */
    EXIT_USAGE,                 /* The command is not one. */
    EXIT_UNFIT                  /* "probe": the network is not fit. */
};

#define ARRAY_SIZE(ARRAY) (sizeof (ARRAY) / sizeof (ARRAY)[0])

/* ipoctl.c: commands and complaints. */

/* The batch that is read, if any, and the line that is carried out. */
struct batch_position {
    const char *file;           /* Null outside of a batch. */
    unsigned int line;
};

extern bool json_wanted;
extern struct batch_position position;

int run_command(char **words);
int complain(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int complain_at(unsigned int line, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *grow(void *array, size_t *allocated, size_t size);

/* ipoctl-batch.c: many commands from a file. */

int run_batch(const char *file);

/* ipoctl-words.c: the words of a command. */

struct prefix {
    struct in_addr addr;
    uint8_t plen;
};

enum {
    WORD_DEV = 1 << 0,
    WORD_NODE = 1 << 1,
    WORD_LOCAL = 1 << 2,
    WORD_REMOTE = 1 << 3,
    WORD_PROTO = 1 << 4
};

struct arguments {
    unsigned int words;         /* WORD_*: those that were given. */
    const char *dev;
    struct in_addr node;
    struct prefix local, remote;
    uint8_t proto;              /* enum ipo_proto_mode. */
};

int parse_node_addr(const char *word, const char *name, struct in_addr *);
int parse_prefix(const char *word, const char *name, struct prefix *);
int parse_arguments(char **words, unsigned int required, unsigned int allowed,
                    struct arguments *);
const char *proto_name(uint8_t proto);

/* ipoctl-json.c: JSON on standard output. */

void json_open(const char *name, char bracket);
void json_close(char bracket);
void json_string(const char *name, const char *value);
void json_number(const char *name, uint64_t value);
void json_end(void);

/* ipoctl-netlink.c: talking to the kernel. */

/* Takes an answer, or a notification: its command, its attributes. */
typedef void nl_answer(const struct nlmsghdr *, void *aux);

int nl_open(void);
struct nlmsghdr *nl_queue(uint8_t cmd, uint16_t flags, const char *what);
void nl_send(void);
int nl_flush(void);
struct nlmsghdr *nl_query(uint8_t cmd, uint16_t flags, const char *what);
int nl_ask(nl_answer *, void *aux, bool *interrupted);
int nl_listen(nl_answer *, void *aux);
uint8_t nl_command(const struct nlmsghdr *);
void nl_attributes(const void *attributes, size_t len,
                   const struct nlattr *table[], unsigned int max);
void nl_message_attributes(const struct nlmsghdr *,
                           const struct nlattr *table[], unsigned int max);
const void *nl_payload(const struct nlattr *, size_t len);
bool nl_u32(const struct nlattr *, uint32_t *);
const char *nl_string(const struct nlattr *);

/* ipoctl-peer.c: "peer" and "monitor". */

int peer_add(char **words);
int peer_replace(char **words);
int peer_del(char **words);
int peer_flush(char **words);
int peer_show(char **words);
int monitor(char **words);

/* ipoctl-stats.c: "stats". */

int stats(char **words);

/* ipoctl-decode.c: "decode". */

int decode(char **words);

/* ipoctl-pcap.c: captures. */

struct pcap {
    FILE *file;
    const char *name;           /* For errors. */
    bool swapped;               /* Its byte order is not ours. */
    const struct link *link;
    unsigned int n;             /* Packets so far. */
};

/* A packet.  'data' is more than its link layer and its IPv4 header need. */
struct pcap_packet {
    unsigned int n;             /* From 1. */
    uint8_t data[256];
    size_t len;                 /* Bytes in 'data'. */
    size_t wire_len;            /* Bytes of the packet, 'len' or more. */
};

int pcap_open(struct pcap *, const char *file);
void pcap_close(struct pcap *);
int pcap_read(struct pcap *, struct pcap_packet *);
int pcap_ipv4(const struct pcap *, const struct pcap_packet *);

/* ipoctl-probe.c, ipoctl-reflect.c: is the network fit? */

int probe(char **words);
int reflect(char **words);

/* ipoctl-dev.c: devices by name and by number. */

int dev_index(const char *name, uint32_t *ifindex);
const char *dev_name(uint32_t ifindex, const char *reported);

#endif /* ipoctl.h */
