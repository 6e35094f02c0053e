/* SPDX-License-Identifier: Apache-2.0 */

/* Reads captures in pcap's classic format, of which only the beginning of each
 * packet is kept: nothing is allocated, whatever a file says. */

#include "ipoctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The four bytes that a file begins with: as read by a machine of the writer's
 * byte order, and with microseconds or nanoseconds.  Time is not looked at. */
#define MAGIC_MICRO      0xa1b2c3d4u
#define MAGIC_NANO       0xa1b23c4du
#define MAGIC_PCAPNG     0x0a0d0d0au   /* In any byte order. */
#define FILE_HEADER_LEN  24
#define RECORD_HEADER_LEN 16
#define LINK_TYPE_MASK   0x03ffffffu   /* The rest is about frame checksums. */
#define LINK_TYPE_IPV4   228           /* Raw IPv4, and nothing else. */

#define ETHERTYPE_IPV4   0x0800
#define VLAN_TAG_LEN     4

/* Where the link layer says which protocol comes next, and where that comes.
 * Both are 0 where there is nothing before IP. */
static const struct link {
    uint32_t type;              /* LINKTYPE_* of pcap. */
    size_t protocol, len;
} links[] = {
    { 1, 12, 14 },              /* Ethernet. */
    { 101, 0, 0 },              /* Raw IP. */
    { 113, 14, 16 },            /* Linux "cooked", as of the device "any". */
    { LINK_TYPE_IPV4, 0, 0 },
    { 276, 0, 20 },             /* Linux "cooked", version 2. */
};

/* Returns the 16-bit number at 'p', which is in network byte order. */
static uint16_t
get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* Returns the number at 'p' in the byte order of the file. */
static uint32_t
file32(const struct pcap *pcap, const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return pcap->swapped ? __builtin_bswap32(x) : x;
}

/* Complains that the file is wrong, as 'what' says.  Returns EXIT_FAILED. */
static int
bad_file(const struct pcap *pcap, const char *what)
{
    return complain(EXIT_FAILED, "%s: %s", pcap->name, what);
}

/* Complains about what ended before it was complete. */
static int
cut_short(const struct pcap *pcap)
{
    if (ferror(pcap->file)) {
        return complain(EXIT_FAILED, "%s: cannot read: %s", pcap->name,
                        strerror(errno));
    }
    return complain(EXIT_FAILED, "%s: ends in the middle of packet %u",
                    pcap->name, pcap->n);
}

/* Checks the first bytes of the file, at 'header', and sets 'pcap->swapped' if
 * its byte order is not ours. */
static int
read_magic(struct pcap *pcap, const uint8_t *header)
{
    uint32_t magic = file32(pcap, header);

    if (magic == MAGIC_PCAPNG) {
        return bad_file(pcap, "pcapng is not read (to convert it: "
                        "tshark -F pcap -r OLD -w NEW)");
    }
    if (magic == MAGIC_MICRO || magic == MAGIC_NANO) {
        return EXIT_OK;
    }
    pcap->swapped = true;
    magic = file32(pcap, header);
    return (magic == MAGIC_MICRO || magic == MAGIC_NANO
            ? EXIT_OK
            : bad_file(pcap, "not a capture in pcap format"));
}

/* Reads the header of the file, and stores in '*pcap' what it says of byte
 * order and link layer. */
static int
read_file_header(struct pcap *pcap)
{
    uint8_t header[FILE_HEADER_LEN];
    size_t n = fread(header, 1, sizeof header, pcap->file);
    uint32_t type;

    if (ferror(pcap->file)) {
        return cut_short(pcap);
    }
    if (n < sizeof(uint32_t)) {
        return bad_file(pcap, "not a capture in pcap format");
    }
    if (read_magic(pcap, header)) {
        return EXIT_FAILED;
    }
    if (n < sizeof header) {
        return bad_file(pcap, "ends in the middle of its header");
    }
    type = file32(pcap, header + 20) & LINK_TYPE_MASK;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        if (links[i].type == type) {
            pcap->link = &links[i];
            return EXIT_OK;
        }
    }
    return complain(EXIT_FAILED, "%s: link type %u is none of Ethernet (1), "
                    "raw IP (101, 228) and Linux cooked (113, 276)",
                    pcap->name, type);
}

/* Opens 'file', or standard input if that is "-", and reads its header. */
int
pcap_open(struct pcap *pcap, const char *file)
{
    bool is_stdin = !strcmp(file, "-");

    memset(pcap, 0, sizeof *pcap);
    pcap->name = is_stdin ? "standard input" : file;
    pcap->file = is_stdin ? stdin : fopen(file, "rbe");
    if (!pcap->file) {
        return complain(EXIT_FAILED, "cannot open '%s': %s", file,
                        strerror(errno));
    }
    if (read_file_header(pcap)) {
        pcap_close(pcap);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* Closes the file, but standard input stays open. */
void
pcap_close(struct pcap *pcap)
{
    if (pcap->file != stdin) {
        fclose(pcap->file);
    }
}

/* Reads over 'n' bytes.  They may come from a pipe. */
static bool
skip(FILE *file, size_t n)
{
    char bytes[4096];

    while (n) {
        size_t step = n < sizeof bytes ? n : sizeof bytes;

        if (fread(bytes, 1, step, file) != step) {
            return false;
        }
        n -= step;
    }
    return true;
}

/* Reads the next packet into '*p'.  At the end of the file, 'p->n' is 0. */
int
pcap_read(struct pcap *pcap, struct pcap_packet *p)
{
    uint8_t header[RECORD_HEADER_LEN];
    size_t n = fread(header, 1, sizeof header, pcap->file);
    uint32_t captured;

    p->n = 0;
    if (!n && !ferror(pcap->file)) {
        return EXIT_OK;
    }
    pcap->n++;
    if (n < sizeof header) {
        return cut_short(pcap);
    }
    captured = file32(pcap, header + 8);
    p->wire_len = file32(pcap, header + 12);
    if (p->wire_len < captured) {
        p->wire_len = captured;
    }
    p->len = captured < sizeof p->data ? captured : sizeof p->data;
    if (fread(p->data, 1, p->len, pcap->file) != p->len
        || !skip(pcap->file, captured - p->len)) {
        return cut_short(pcap);
    }
    p->n = pcap->n;
    return EXIT_OK;
}

/* Returns whether 'type', an Ethertype, is that of a VLAN tag. */
static bool
is_vlan_tag(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Returns where in 'p' an IPv4 packet starts, or a negative number if it is
 * something else. */
int
pcap_ipv4(const struct pcap *pcap, const struct pcap_packet *p)
{
    const struct link *link = pcap->link;
    size_t ofs = link->len;
    uint16_t type;

    if (!ofs) {
        return (link->type == LINK_TYPE_IPV4
                || (p->len && p->data[0] >> 4 == 4) ? 0 : -1);
    }
    if (p->len < ofs) {
        return -1;
    }
    type = get16(p->data + link->protocol);
    while (is_vlan_tag(type) && p->len - ofs >= VLAN_TAG_LEN) {
        type = get16(p->data + ofs + 2);
        ofs += VLAN_TAG_LEN;
    }
    return type == ETHERTYPE_IPV4 ? (int) ofs : -1;
}
