#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0

"""Writes the golden vectors (README.rst) into the directory given.

    make-vectors.py DIRECTORY

This is a second implementation of the wire format, written from its
description and not from lib/ipo-wire.h.  All checksums in the vectors are
computed here.
"""

import ipaddress
import os
import sys

LICENSE = "# SPDX-License-Identifier: Apache-2.0\n"


def octets(value, n):
    return value.to_bytes(n, "big")


def addr(text):
    return ipaddress.IPv4Address(text).packed


def rfc1071(data):
    """The Internet checksum of 'data'."""
    if len(data) % 2:
        data += b"\0"
    total = sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def flat(fields):
    return b"".join(data for data, _ in fields)


class Packet:
    """An IPv4 packet as its fields, each of them bytes with a comment."""

    def __init__(self, payload=(), options=(), proto=17, src="192.168.1.3",
                 dst="192.168.2.3", tos=0, ident=0x1234, df=True, mf=False,
                 offset=0, ttl=64, version=4, ihl=None, tot_len=None,
                 checksum=None):
        self.__dict__.update(locals())
        self.payload = list(payload)
        self.options = list(options)

    def copy(self, **changes):
        args = {k: v for k, v in self.__dict__.items() if k != "self"}
        args.update(changes)
        return Packet(**args)

    def fields(self):
        opt_len = len(flat(self.options))
        assert opt_len % 4 == 0, "options not padded"
        ihl = self.ihl if self.ihl is not None else 5 + opt_len // 4
        size = 20 + opt_len + len(flat(self.payload))
        tot_len = self.tot_len if self.tot_len is not None else size
        frag = self.df << 14 | self.mf << 13 | self.offset // 8
        assert self.offset % 8 == 0
        names = [n for n, bit in (("DF", self.df), ("MF", self.mf)) if bit]
        tos = "TOS"
        if self.tos:
            tos += ": DSCP %d, ECN %d" % (self.tos >> 2, self.tos & 3)
        head = [
            (octets(self.version << 4 | ihl, 1),
             "version %d, IHL %d: %d bytes" % (self.version, ihl, ihl * 4)),
            (octets(self.tos, 1), tos),
            (octets(tot_len, 2), "total length %d" % tot_len),
            (octets(self.ident, 2), "id %d" % self.ident),
            (octets(frag, 2), "flags %s, fragment offset %d bytes"
             % (" ".join(names) or "none", self.offset)),
            (octets(self.ttl, 1), "TTL %d" % self.ttl),
            (octets(self.proto, 1), "protocol %d" % self.proto),
        ]
        tail = [
            (addr(self.src), "source %s" % self.src),
            (addr(self.dst), "destination %s" % self.dst),
        ] + self.options
        checksum = self.checksum
        if checksum is None:
            checksum = rfc1071(flat(head) + b"\0\0" + flat(tail))
        return (head + [(octets(checksum, 2), "header checksum")] + tail
                + self.payload)


def with_checksum_zero(make):
    """The packet that make(id) gives whose header checksum is 0x0000."""
    for ident in range(0x10000):
        packet = make(ident)
        if flat(packet.fields())[10:12] == b"\0\0":
            return packet
    assert False


# Payloads.  The checksums are over the inner pseudo-header.

def transport(proto, fields, at, src="192.168.1.3", dst="192.168.2.3"):
    """'fields' with the checksum in field number 'at' filled in."""
    data = flat(fields)
    if proto != 1:
        data = addr(src) + addr(dst) + octets(proto, 2) + octets(len(data),
                                                                2) + data
    return fields[:at] + [(octets(rfc1071(data), 2), fields[at][1])] \
        + fields[at + 1:]


def fill(n, byte, text="payload"):
    return (bytes([byte]) * n, text)


def icmp(kind=8, n=56, byte=0xaa, seq=1):
    name = {8: "echo request", 0: "echo reply"}[kind]
    return transport(1, [
        (octets(kind, 1), "ICMP type %d, %s" % (kind, name)),
        (b"\0", "code 0"),
        (b"\0\0", "ICMP checksum"),
        (b"\x04\xd2", "identifier 1234"),
        (octets(seq, 2), "sequence %d" % seq),
        fill(n, byte),
    ], 2)


def udp(n=8, byte=0x55, src="192.168.1.3", dst="192.168.2.3"):
    return transport(17, [
        (octets(4000, 2), "UDP source port 4000"),
        (octets(53, 2), "UDP destination port 53"),
        (octets(8 + n, 2), "UDP length %d" % (8 + n)),
        (b"\0\0", "UDP checksum"),
        fill(n, byte),
    ], 3, src, dst)


def raw(n, byte=0x77):
    return [fill(n, byte)] if n else []


# Options.

NOP = (b"\x01", "option: no operation")


def end(n=1):
    return (b"\0" * n, "end of option list, padding")


def rr(slots):
    """Record route with 'slots' free slots, padded to four bytes."""
    return [(b"\x07", "option: record route"),
            (octets(3 + 4 * slots, 1), "length"),
            (b"\x04", "pointer: first slot"),
            (b"\0" * (4 * slots), "%d free slots" % slots),
            end()]


def rr_used():
    return [(b"\x07", "option: record route"),
            (octets(11, 1), "length"),
            (b"\x08", "pointer: second slot"),
            (addr("192.168.1.1"), "slot 1: 192.168.1.1"),
            (b"\0" * 4, "slot 2: free"),
            end()]


def timestamp(slots):
    return [(b"\x44", "option: timestamp"),
            (octets(4 + 4 * slots, 1), "length"),
            (b"\x05", "pointer: first slot"),
            (b"\x00", "overflow 0, flag 0: timestamps only"),
            (b"\0" * (4 * slots), "%d free slots" % slots)]


def router_alert():
    return [(b"\x94", "option: router alert (copied)"), (b"\x04", "length"),
            (b"\0\0", "value 0")]


def source_route(kind):
    return [(octets(kind, 1), "option: %s source route"
             % {131: "loose", 137: "strict"}[kind]),
            (b"\x07", "length"), (b"\x04", "pointer"),
            (addr("10.9.9.9"), "hop 10.9.9.9"), end()]


def odd(data, text):
    return [(data, text)]


# IPO options.

def compact_option(src, dst, kind=0x28, length=4):
    return [(octets(kind, 1), "IPO option, compact" if kind == 0x28
             else "option %d instead of IPO's" % kind),
            (octets(length, 1), "length %d" % length),
            (addr(src)[3:], "last octet of %s" % src),
            (addr(dst)[3:], "last octet of %s" % dst)]


def extended_option(proto, src, dst, full, key=None, kind=0x9e, length=None,
                    version=1, reserved=0):
    size = 4 + (8 if full else 4) + (4 if key is not None else 0)
    length = size if length is None else length
    byte2 = version << 4 | (key is not None) << 3 | reserved << 1 | full
    out = [(octets(kind, 1), "IPO option, extended" if kind == 0x9e
            else "option %d instead of IPO's" % kind),
           (octets(length, 1), "length %d" % length),
           (octets(byte2, 1), "version %d, K=%d, reserved %d, A=%d" %
            (version, key is not None, reserved, full)),
           (octets(proto, 1), "inner protocol %d" % proto)]
    if key is not None:
        out.append((octets(key, 4), "key 0x%x" % key))
    if full:
        out += [(addr(src), "inner source %s" % src),
                (addr(dst), "inner destination %s" % dst)]
    else:
        out += [(addr(src)[2:], "low 16 bits of %s" % src),
                (addr(dst)[2:], "low 16 bits of %s" % dst)]
    return out


class File:
    def __init__(self, name, title):
        self.name = name
        self.text = [LICENSE + "#\n# %s\n"
                     "# Written by make-vectors.py; the format is in "
                     "README.rst.\n" % title]
        self.names = set()

    def section(self, name, fields):
        self.text.append(name + "\n")
        for data, comment in fields:
            if len(data) > 16 and len(set(data)) == 1:
                shown = "fill %d %02x" % (len(data), data[0])
            else:
                shown = data.hex(" ")
            if shown:
                self.text.append("    %-12s # %s\n" % (shown, comment))

    def vector(self, name, comment, config, inner=None, outer=None, wire=None,
               drop=None):
        assert name not in self.names
        self.names.add(name)
        self.text.append("\nvector %s\n" % name)
        for line in comment.strip().split("\n") if comment else []:
            self.text.append("# %s\n" % line.strip())
        self.text.append("src %s\ndst %s\n" % (config["src"], config["dst"]))
        if config["local"]:
            self.text.append("local %s\nremote %s\n"
                             % (config["local"], config["remote"]))
        if config["key"] is not None:
            self.text.append("key 0x%x\n" % config["key"])
        self.text.append("format %s\n" % config["format"])
        if wire:
            self.text.append("wire %s\n" % wire)
        if inner:
            self.section("inner", inner)
        if outer:
            self.section("outer", outer)
        if drop:
            self.text.append("drop %s\n" % drop)
        self.text.append("end\n")

    def write(self, directory):
        with open(os.path.join(directory, self.name), "w") as f:
            f.write("".join(self.text))


def config(src="10.0.0.2", dst="10.0.0.3", local="192.168.1.0/24",
           remote="192.168.2.0/24", key=None, format="auto"):
    return dict(src=src, dst=dst, local=local, remote=remote, key=key,
                format=format)


NO_PREFIX = dict(local=None, remote=None)


def encap(c, inner, wire, **option):
    """The outer packet of 'inner' in format 'wire'."""
    if wire == "compact":
        opt = compact_option(inner.src, inner.dst, **option)
        proto = inner.proto + 143
    else:
        option.setdefault("key", c["key"])
        opt = extended_option(inner.proto, inner.src, inner.dst,
                              wire == "full", **option)
        proto = 253
    tot_len = inner.tot_len
    if tot_len is not None:
        tot_len += len(flat(opt))
    return inner.copy(options=opt + inner.options, proto=proto,
                      tot_len=tot_len, src=c["src"], dst=c["dst"])


def both(f, name, c, inner, wire, comment="", outer_check=None):
    outer = encap(c, inner, wire)
    o = flat(outer.fields())
    i = flat(inner.fields())
    assert len(o) - len(i) == {"compact": 4, "short": 8, "full": 12}[wire] \
        + (4 if c["key"] is not None else 0)
    if outer_check:
        # What the captures print of the outer packet.
        tot_len, ident, df, ttl, proto, src, dst, payload = outer_check
        assert int.from_bytes(o[2:4], "big") == tot_len == len(o)
        assert int.from_bytes(o[4:6], "big") == ident
        assert int.from_bytes(o[6:8], "big") == (0x4000 if df else 0)
        assert (o[8], o[9], o[20]) == (ttl, proto, 40)
        assert (o[12:16], o[16:20]) == (addr(src), addr(dst))
        assert tot_len - (o[0] & 15) * 4 == payload
    f.vector(name, comment, c, inner.fields(), outer.fields(), wire)


def captures():
    f = File("captures.txt", "Packets of the captures that define the compact "
             "format: both sides of\n# `ping -c 1 192.168.2.3` and of a TCP "
             "connection.  Addresses, lengths, id, flags,\n# TTL, ports and "
             "the whole of TCP's header are those that tcpdump printed.  "
             "(The\n# second `length` of each line: the first one counts 16 "
             "bytes of link header.)\n# Payloads were not printed: fills.")
    there = config("10.196.155.25", "10.196.128.152")
    back = config("10.196.128.152", "10.196.155.25", "192.168.2.0/24",
                  "192.168.1.0/24")
    for name, ttl, text in (
            ("sent", 63, "as it leaves the node: 00:54:52.984664 Out"),
            ("arrived", 60, "three routers later: 00:54:52.992459 In")):
        both(f, "icmp-request-" + name, there,
             Packet(icmp(8), proto=1, ident=31597, ttl=ttl), "compact",
             "Echo request, " + text + ".",
             (88, 31597, True, ttl, 144, "10.196.155.25", "10.196.128.152",
              64))
    for name, ttl, text in (
            ("sent", 63, "as it leaves the node: 00:54:52.992554 Out"),
            ("arrived", 60, "three routers later: 00:54:53.003399 In")):
        both(f, "icmp-reply-" + name, back,
             Packet(icmp(0), proto=1, ident=53191, ttl=ttl, df=False,
                    src="192.168.2.3", dst="192.168.1.3"), "compact",
             "Echo reply, " + text + ".",
             (88, 53191, False, ttl, 144, "10.196.128.152", "10.196.155.25",
              64))
    data = [
        (octets(35389, 2), "TCP source port 35389"),
        (octets(5201, 2), "TCP destination port 5201"),
        (octets(3347445380, 4), "sequence 3347445380"),
        (octets(1922055364, 4), "acknowledgment 1922055364"),
        (b"\x80", "data offset 8: 32 bytes"),
        (b"\x18", "flags PSH, ACK"),
        (octets(115, 2), "window 115"),
        (b"\x8a\x21", "checksum as captured, left to hardware"),
        (b"\0\0", "urgent pointer"),
        (b"\x01", "TCP option: nop"), (b"\x01", "TCP option: nop"),
        (b"\x08\x0a", "TCP option: timestamps, length 10"),
        (octets(206924914, 4), "value 206924914"),
        (octets(222973499, 4), "echo 222973499"),
        fill(1444, 0xd7),
    ]
    both(f, "tcp-data-arrived", there,
         Packet(data, proto=6, ident=12764, ttl=60), "compact",
         "Data: 01:40:18.971991 In, and rebuilt at 01:40:18.972023 In.",
         (1500, 12764, True, 60, 149, "10.196.155.25", "10.196.128.152",
          1476))
    ack = [
        (octets(5201, 2), "TCP source port 5201"),
        (octets(35389, 2), "TCP destination port 35389"),
        (octets(1922055364, 4), "sequence 1922055364"),
        (octets(3347446824, 4), "acknowledgment 3347446824"),
        (b"\xb0", "data offset 11: 44 bytes"),
        (b"\x10", "flags ACK"),
        (octets(760, 2), "window 760"),
        (b"\x84\x89", "checksum as captured, left to hardware"),
        (b"\0\0", "urgent pointer"),
        (b"\x01", "TCP option: nop"), (b"\x01", "TCP option: nop"),
        (b"\x08\x0a", "TCP option: timestamps, length 10"),
        (octets(222973559, 4), "value 222973559"),
        (octets(206924914, 4), "echo 206924914"),
        (b"\x01", "TCP option: nop"), (b"\x01", "TCP option: nop"),
        (b"\x05\x0a", "TCP option: SACK, length 10"),
        (octets(3347459820, 4), "left edge 3347459820"),
        (octets(3347461264, 4), "right edge 3347461264"),
    ]
    # tcpdump prints what the checksum should be: all bytes are right.
    zeroed = ack[:7] + [(b"\0\0", "")] + ack[8:]
    assert flat(transport(6, zeroed, 7, "192.168.2.3",
                          "192.168.1.3"))[16:18] == b"\xe0\xb2"
    both(f, "tcp-ack-sent", back,
         Packet(ack, proto=6, ident=30757, ttl=63, src="192.168.2.3",
                dst="192.168.1.3"), "compact",
         "Acknowledgment: 01:40:18.972079 Out, and rewritten at "
         "01:40:18.972089 Out.",
         (68, 30757, True, 63, 149, "10.196.128.152", "10.196.155.25", 44))
    return f


def sctp():
    return [(octets(36412, 2), "SCTP source port 36412"),
            (octets(36412, 2), "SCTP destination port 36412"),
            (b"\x12\x34\x56\x78", "verification tag"),
            (b"\xde\xad\xbe\xef", "CRC32c, not looked at by IPO"),
            (b"\x04\x00\x00\x08", "HEARTBEAT chunk, length 8"),
            (b"\x00\x01\x00\x04", "heartbeat info, empty")]


FRAGMENTS = (("first", dict(mf=True, offset=0)),
             ("middle", dict(mf=True, offset=1480)),
             ("last", dict(mf=False, offset=2960)))

OPTIONS = (("record-route", rr(3)), ("record-route-used", rr_used()),
           ("timestamp", timestamp(2)), ("router-alert", router_alert()),
           ("nop", [NOP, NOP, NOP, end()]),
           ("several", [NOP, NOP] + router_alert() + timestamp(1)
            + [(b"\x01\x01", "2 options: no operation")]))


def compact():
    f = File("compact.txt", "Compact format.")
    c = config()
    both(f, "compact-udp", c, Packet(udp()), "compact")
    both(f, "compact-tcp-empty", c, Packet(raw(20), proto=6), "compact")
    both(f, "compact-no-payload", c, Packet(proto=6), "compact",
         "Nothing behind the header.")
    both(f, "compact-pinned", config(format="compact"), Packet(udp()),
         "compact")
    both(f, "compact-tos", c, Packet(udp(), tos=0xb9), "compact",
         "Expedited forwarding and ECN: the one TOS there is.")
    both(f, "compact-ecn-ce", c, Packet(udp(), tos=0x03), "compact")
    both(f, "compact-ttl-1", c, Packet(udp(), ttl=1), "compact")
    both(f, "compact-ttl-255", c, Packet(udp(), ttl=255), "compact")
    both(f, "compact-id-0", c, Packet(udp(), ident=0), "compact")
    both(f, "compact-proto-1", c, Packet(raw(8), proto=1), "compact",
         "The first protocol that compact format can shift.")
    both(f, "compact-proto-109", c, Packet(raw(8), proto=109), "compact",
         "The last one.")
    for name, options in OPTIONS:
        both(f, "compact-option-" + name, c, Packet(udp(), options=options),
             "compact")
    both(f, "compact-option-end", c,
         Packet(udp(), options=[end(), (b"\x83\x07\x04", "padding that looks "
                                        "like a source route")]), "compact",
         "What follows the end of the list is padding, carried as it is.")
    both(f, "compact-option-length-2", c,
         Packet(udp(), options=odd(b"\xde\x02\x01\x01", "an option without "
                                   "data, two of no operation")), "compact")
    both(f, "compact-option-40", c,
         Packet(udp(), options=odd(b"\x28\x04\x09\x09", "an inner option with "
                                   "IPO's number")), "compact",
         "The first one is IPO's, the second one stays.")
    both(f, "compact-ihl-15", c, Packet(udp(), options=rr(8)), "compact",
         "36 bytes of inner options leave just the room needed.")
    both(f, "compact-ihl-15-timestamp", c,
         Packet(udp(), options=timestamp(8)), "compact")
    for name, fragment in FRAGMENTS:
        both(f, "compact-fragment-" + name, c,
             Packet(raw(1480 if fragment["mf"] else 100), df=False,
                    **fragment), "compact")
    both(f, "compact-fragment-last-byte", c,
         Packet(raw(1), df=False, offset=65528), "compact",
         "The largest fragment offset.")
    both(f, "compact-fragment-options", c,
         Packet(raw(64), df=False, mf=True, offset=8, options=router_alert()),
         "compact")
    both(f, "compact-evil-bit", c, Packet(udp(), df=True, mf=True), "compact",
         "DF and MF together are nobody's business here.")
    c26 = config(local="192.168.1.64/26", remote="192.168.2.128/26")
    both(f, "compact-prefix-26", c26,
         Packet(udp(), src="192.168.1.67", dst="192.168.2.190"), "compact")
    both(f, "compact-prefix-26-24", config(local="192.168.1.192/26"),
         Packet(udp(), src="192.168.1.254"), "compact")
    both(f, "compact-prefix-32", config(local="192.168.1.3/32",
                                        remote="192.168.2.3/32"),
         Packet(udp()), "compact")
    both(f, "compact-octets-0-255", c,
         Packet(udp(), src="192.168.1.0", dst="192.168.2.255"), "compact")
    both(f, "compact-longest", c, Packet(raw(65511)), "compact",
         "65,535 bytes: as long as a packet can be.")
    both(f, "compact-frame-padding", c, Packet(raw(8) + raw(18, 0),
                                               tot_len=28),
         "compact",
         "18 bytes of Ethernet padding behind the packet stay where they are.")
    both(f, "compact-checksum-zero-outer", c, with_checksum_zero(
        lambda i: encap(c, Packet(udp(), ident=i), "compact")).copy(
            options=[], proto=17, src="192.168.1.3", dst="192.168.2.3"),
        "compact", "The outer checksum is 0x0000, and is not written as "
        "0xffff.")
    both(f, "compact-checksum-zero-inner", c, with_checksum_zero(
        lambda i: Packet(udp(), ident=i)), "compact",
        "The inner checksum is 0x0000, and is not written as 0xffff.")
    return f


def extended():
    f = File("extended.txt", "Extended format: short and full, with and "
             "without a key.")
    c16 = config(local="10.1.0.0/16", remote="10.2.0.0/16")
    a16 = dict(src="10.1.200.7", dst="10.2.100.9")
    anywhere = dict(src="172.16.5.1", dst="203.0.113.77")
    key = 0xdeadbeef
    kinds = (
        ("short", c16, a16, "short", 32),
        ("short-key", dict(c16, key=key), a16, "short", 28),
        ("full", config(**NO_PREFIX), anywhere, "full", 28),
        ("full-key", config(**NO_PREFIX, key=key), anywhere, "full", 24),
    )
    for name, c, a, wire, room in kinds:
        both(f, name + "-udp", c, Packet(udp(**a), **a), wire)
        both(f, name + "-icmp", c, Packet(icmp(), proto=1, **a), wire)
        both(f, name + "-sctp", c, Packet(sctp(), proto=132, **a), wire)
        both(f, name + "-tos", c, Packet(udp(**a), tos=0xb9, **a), wire)
        both(f, name + "-no-payload", c, Packet(proto=6, **a), wire)
        for proto in (0, 109, 110, 144, 253, 255):
            both(f, "%s-proto-%d" % (name, proto), c,
                 Packet(raw(12), proto=proto, **a), wire)
        for opt_name, options in OPTIONS:
            both(f, "%s-option-%s" % (name, opt_name), c,
                 Packet(udp(**a), options=options, **a), wire)
        both(f, name + "-ihl-15", c,
             Packet(udp(**a), options=timestamp(room // 4 - 1), **a), wire,
             "%d bytes of inner options leave just the room needed." % room)
        for frag_name, fragment in FRAGMENTS:
            both(f, "%s-fragment-%s" % (name, frag_name), c,
                 Packet(raw(1472 if fragment["mf"] else 100), df=False, **a,
                        **fragment), wire)
        both(f, name + "-longest", c,
             Packet(raw(65535 - 20 - (40 - room)), **a), wire)
        both(f, name + "-checksum-zero-outer", c, with_checksum_zero(
            lambda i: encap(c, Packet(udp(**a), ident=i, **a), wire)).copy(
                options=[], proto=17, **a), wire)
    for k in (0, 1, 0xffffffff):
        both(f, "short-key-%x" % k, dict(c16, key=k), Packet(udp(), **a16),
             "short")
        both(f, "full-key-%x" % k, config(**NO_PREFIX, key=k), Packet(udp()),
             "full")
    both(f, "short-prefix-20", config(local="10.1.16.0/20",
                                      remote="10.2.224.0/20"),
         Packet(raw(4), src="10.1.31.255", dst="10.2.224.0"), "short")
    both(f, "short-prefix-32", config(local="10.1.2.3/32",
                                      remote="10.2.3.4/32", format="short"),
         Packet(raw(4), src="10.1.2.3", dst="10.2.3.4"), "short")
    both(f, "full-zero-addresses", config(**NO_PREFIX),
         Packet(raw(4), src="0.0.0.0", dst="255.255.255.255"), "full")
    both(f, "full-nested", config(**NO_PREFIX),
         encap(config(), Packet(udp()), "compact"), "full",
         "An IPO packet in an IPO packet.")
    both(f, "full-nested-full", config("10.7.0.1", "10.7.0.2", **NO_PREFIX),
         encap(config(**NO_PREFIX), Packet(udp()), "full"), "full")
    return f


def choice():
    f = File("choice.txt", "Which format a packet is sent in.")
    inside = Packet(udp())
    both(f, "auto-24-24", config(), inside, "compact")
    both(f, "auto-24-16", config(remote="192.168.0.0/16"), inside, "short",
         "One prefix of /24 and one of /16: compact needs two of /24.")
    both(f, "auto-16-24", config(local="192.168.0.0/16"), inside, "short")
    both(f, "auto-23-24", config(local="192.168.0.0/23"), inside, "short")
    both(f, "auto-24-23", config(remote="192.168.2.0/23"), inside, "short")
    both(f, "auto-24-15", config(remote="192.168.0.0/15"), inside, "full",
         "A prefix of /15 is too short for short.")
    both(f, "auto-15-24", config(local="192.168.0.0/15"), inside, "full")
    both(f, "auto-0-0", config(local="0.0.0.0/0", remote="0.0.0.0/0"), inside,
         "full")
    both(f, "auto-no-prefixes", config(**NO_PREFIX), inside, "full")
    both(f, "auto-source-outside", config(),
         Packet(udp(), src="192.168.3.3"), "full")
    both(f, "auto-destination-outside", config(),
         Packet(udp(), dst="192.168.3.3"), "full")
    both(f, "auto-26-source-outside", config(local="192.168.1.64/26"),
         inside, "full",
         "The same upper 24 bits, but outside the /26: the receiver would "
         "drop it.")
    both(f, "auto-20-destination-outside",
         config(local="10.1.0.0/16", remote="10.2.16.0/20"),
         Packet(udp(), src="10.1.2.3", dst="10.2.32.1"), "full")
    both(f, "auto-proto-0", config(), Packet(raw(8), proto=0), "short",
         "In the prefixes, but not a protocol that compact can shift.")
    both(f, "auto-proto-110", config(), Packet(raw(8), proto=110), "short")
    both(f, "auto-sctp", config(), Packet(sctp(), proto=132), "short")
    both(f, "auto-proto-110-outside", config(),
         Packet(raw(8), proto=110, dst="192.168.3.3"), "full")
    both(f, "auto-key", config(key=7), inside, "short",
         "A key does not fit in compact.")
    both(f, "auto-key-outside", config(key=7),
         Packet(udp(), dst="192.168.3.3"), "full")
    both(f, "auto-key-15", config(key=7, local="192.168.0.0/15"), inside,
         "full")
    both(f, "pinned-compact", config(format="compact"), inside, "compact")
    both(f, "pinned-short", config(format="short"), inside, "short")
    both(f, "pinned-short-key", config(format="short", key=9), inside,
         "short")
    both(f, "pinned-full", config(format="full"), inside, "full")
    both(f, "pinned-full-key", config(format="full", key=9), inside, "full")
    both(f, "pinned-full-proto-0", config(format="full"),
         Packet(raw(3), proto=0), "full")
    return f


def drop_send():
    f = File("drop-send.txt", "Packets that must not be sent, and why.")
    good = Packet(udp())

    def drop(name, reason, inner, comment="", **kwargs):
        fields = inner if isinstance(inner, list) else inner.fields()
        f.vector(name, comment, config(**kwargs), inner=fields, drop=reason)

    full = dict(NO_PREFIX, format="full")

    drop("send-19-bytes", "malformed", good.fields()[:-6]
         + [(b"\xc0\xa8\x02", "3 bytes of an address")],
         "Shorter than any header.")
    drop("send-version-6", "malformed", good.copy(version=6))
    drop("send-version-5", "malformed", good.copy(version=5))
    drop("send-version-0", "malformed", good.copy(version=0))
    drop("send-ihl-4", "malformed", good.copy(ihl=4))
    drop("send-ihl-0", "malformed", good.copy(ihl=0))
    drop("send-ihl-past-end", "malformed", Packet(ihl=6),
         "A header of 24 bytes in 20 bytes.")
    drop("send-total-length-19", "malformed", good.copy(tot_len=19))
    drop("send-total-length-0", "malformed", good.copy(tot_len=0))
    drop("send-total-length-short", "malformed",
         Packet(udp(), options=router_alert(), tot_len=23))
    drop("send-truncated", "malformed", good.copy(tot_len=37),
         "One byte is missing.")
    drop("send-checksum", "bad_checksum", good.copy(checksum=0x1234))
    drop("send-checksum-off-by-one", "bad_checksum", good.copy(
        checksum=rfc1071(flat(good.fields())[:10] + b"\0\0"
                         + flat(good.fields())[12:20]) + 1))
    drop("send-checksum-missing", "bad_checksum", good.copy(checksum=0))
    drop("send-checksum-without-options", "bad_checksum",
         Packet(udp(), options=router_alert(), checksum=rfc1071(
             flat(Packet(udp(), options=router_alert(), checksum=0)
                  .fields())[:20])),
         "Right for the first 20 bytes, but not for the options.")
    drop("send-ttl-0", "ttl_zero", good.copy(ttl=0))
    drop("send-ttl-0-full", "ttl_zero", good.copy(ttl=0), **full)
    for name, options, kwargs in (
            ("compact", timestamp(9), dict()),
            ("short", rr(8), dict(format="short")),
            ("short-key", timestamp(7), dict(format="short", key=1)),
            ("full", timestamp(7), full),
            ("full-key", timestamp(6), dict(full, key=1))):
        drop("send-no-room-" + name, "no_room", Packet(udp(),
                                                       options=options),
             **kwargs)
    for kind, name in ((131, "lsrr"), (137, "ssrr")):
        drop("send-" + name, "source_route",
             Packet(udp(), options=source_route(kind)))
        drop("send-%s-second" % name, "source_route",
             Packet(udp(), options=[NOP, NOP, NOP, NOP] + router_alert()
                    + source_route(kind)), **full)
    for name, data in (("length-0", "07 00 04 00"),
                       ("length-1", "07 01 04 00"),
                       ("length-1-nop", "07 01 01 01"),
                       ("length-past-end", "07 05 04 00"),
                       ("length-255", "44 ff 05 00"),
                       ("no-length", "01 01 01 07"),
                       ("second", "94 04 00 00 07 05 04 00")):
        drop("send-option-" + name, "bad_inner_option",
             Packet(udp(), options=odd(bytes.fromhex(data),
                                       "malformed options")))
    for name, n, kwargs in (
            ("compact", 4, dict()), ("short", 8, dict(format="short")),
            ("short-key", 12, dict(format="short", key=1)),
            ("full", 12, full), ("full-key", 16, dict(full, key=1))):
        drop("send-too-big-" + name, "too_big",
             Packet(raw(65535 - n + 1 - 20)), "One byte too long.", **kwargs)
    compact = dict(format="compact")
    short = dict(format="short")
    drop("send-compact-source", "format", Packet(udp(), src="192.168.3.3"),
         **compact)
    drop("send-compact-destination", "format",
         Packet(udp(), dst="192.168.3.3"), **compact)
    drop("send-compact-26", "format", good, "In the /24, outside the /26.",
         **compact, local="192.168.1.64/26")
    drop("send-compact-proto-0", "format", good.copy(proto=0), **compact)
    drop("send-compact-proto-110", "format", good.copy(proto=110), **compact)
    drop("send-compact-proto-253", "format", good.copy(proto=253), **compact)
    drop("send-compact-key", "format", good, **compact, key=5)
    drop("send-compact-23-24", "format", good, **compact,
         local="192.168.0.0/23")
    drop("send-compact-24-23", "format", good, **compact,
         remote="192.168.2.0/23")
    drop("send-compact-no-prefixes", "format", good, **compact, **NO_PREFIX)
    drop("send-short-source", "format", Packet(udp(), src="192.168.3.3"),
         **short)
    drop("send-short-destination", "format", Packet(udp(), dst="10.0.0.1"),
         **short)
    drop("send-short-15-16", "format", good, **short, local="192.168.0.0/15",
         remote="192.168.0.0/16")
    drop("send-short-16-15", "format", good, **short, local="192.168.0.0/16",
         remote="192.168.0.0/15")
    drop("send-short-no-prefixes", "format", good, **short, **NO_PREFIX)
    return f


def drop_receive():
    f = File("drop-receive.txt", "Packets that must not be decapsulated, and "
             "why.")
    inner = Packet(udp())
    c24 = config()

    def drop(name, reason, outer, comment="", **kwargs):
        fields = outer if isinstance(outer, list) else outer.fields()
        f.vector(name, comment, config(**kwargs), outer=fields, drop=reason)

    compact = encap(c24, inner, "compact")
    short = encap(c24, inner, "short")
    full = encap(c24, inner, "full")

    # Malformed.
    drop("receive-19-bytes", "malformed", compact.fields()[:9]
         + [(b"\x0a\0\0", "3 bytes of an address")])
    for version in (0, 5, 6, 15):
        drop("receive-version-%d" % version, "malformed",
             compact.copy(version=version))
    for ihl in (0, 4):
        drop("receive-ihl-%d" % ihl, "malformed", compact.copy(ihl=ihl))
    drop("receive-ihl-past-end", "malformed",
         Packet(options=compact.options, proto=160, ihl=7))
    drop("receive-total-length-20", "malformed", compact.copy(tot_len=20),
         "Shorter than the header.")
    drop("receive-total-length-23", "malformed", compact.copy(tot_len=23))
    drop("receive-truncated", "malformed", compact.copy(tot_len=41),
         "One byte is missing.")
    drop("receive-full-truncated", "malformed", full.copy(tot_len=1500))

    # Header checksum.
    drop("receive-checksum", "bad_checksum", compact.copy(checksum=0x1234))
    drop("receive-checksum-0", "bad_checksum", compact.copy(checksum=0))
    drop("receive-checksum-short", "bad_checksum", short.copy(checksum=1))
    drop("receive-checksum-full", "bad_checksum", full.copy(checksum=1))
    drop("receive-checksum-without-options", "bad_checksum", full.copy(
        checksum=rfc1071(flat(full.copy(checksum=0).fields())[:20])))

    # No option.
    drop("receive-no-options", "no_option", compact.copy(options=[]))
    drop("receive-no-options-first-fragment", "no_option",
         compact.copy(options=[], df=False, mf=True))
    drop("receive-extended-no-options", "no_option", full.copy(options=[]))
    drop("receive-extended-fragment-no-options", "no_option",
         full.copy(options=[], df=False, offset=1480),
         "Option 158 is copied: a fragment without it is not IPO's.")
    drop("receive-option-in-payload", "no_option",
         Packet(compact.options + raw(20), proto=160, src="10.0.0.2",
                dst="10.0.0.3"),
         "Payload that looks like the option behind a header of 20 bytes.")
    drop("receive-extended-option-in-payload", "no_option",
         Packet(full.options + raw(20), proto=253, src="10.0.0.2",
                dst="10.0.0.3"))
    drop("receive-not-first", "no_option", compact.copy(
        options=[NOP, NOP, NOP, NOP] + compact.options),
        "The option must be the first one.")
    drop("receive-extended-not-first", "no_option", full.copy(
        options=[NOP, NOP, NOP, NOP] + full.options))
    for kind in (0, 1, 0x29, 0xa8, 0x9e):
        drop("receive-compact-option-%d" % kind, "no_option", compact.copy(
            options=compact_option("1.1.1.3", "1.1.1.3", kind=kind)))
    for kind in (0, 1, 0x28, 0x1e, 0x9f):
        drop("receive-extended-option-%d" % kind, "no_option", full.copy(
            options=extended_option(17, "1.1.1.3", "1.1.1.3", 1, kind=kind)))

    # Compact fragments that lost their option on the way.
    drop("receive-fragment", "fragment",
         compact.copy(options=[], df=False, mf=True, offset=1480))
    drop("receive-fragment-last", "fragment",
         compact.copy(options=[], df=False, offset=2960))
    drop("receive-fragment-offset-8", "fragment",
         compact.copy(options=[], df=False, offset=8))
    drop("receive-fragment-offset-2048", "fragment",
         compact.copy(options=[], df=False, offset=2048),
         "The lower byte of the offset is zero.")
    drop("receive-fragment-options", "fragment",
         compact.copy(options=router_alert(), df=False, offset=1480),
         "Only the inner option was copied.")

    # Option length.
    for n in (0, 3, 5, 8, 255):
        drop("receive-compact-length-%d" % n, "bad_option_length",
             compact.copy(options=compact_option("1.1.1.3", "1.1.1.3",
                                                 length=n)
                          + [(b"\1" * 4, "4 options: no operation")]))
    for n in (0, 1, 3, 4, 7, 9, 12, 16, 255):
        drop("receive-short-length-%d" % n, "bad_option_length",
             short.copy(options=extended_option(17, inner.src, inner.dst, 0,
                                                length=n)
                        + [(b"\1" * 8, "8 options: no operation")]))
    for n in (8, 11, 13, 16):
        drop("receive-full-length-%d" % n, "bad_option_length",
             full.copy(options=extended_option(17, inner.src, inner.dst, 1,
                                               length=n)
                       + [(b"\1" * 8, "8 options: no operation")]))
    for n in (8, 16):
        drop("receive-short-key-length-%d" % n, "bad_option_length",
             short.copy(options=extended_option(17, inner.src, inner.dst, 0,
                                                key=3, length=n)
                        + [(b"\1" * 8, "8 options: no operation")]))
    for n in (8, 12, 20):
        drop("receive-full-key-length-%d" % n, "bad_option_length",
             full.copy(options=extended_option(17, inner.src, inner.dst, 1,
                                               key=3, length=n)
                       + [(b"\1" * 8, "8 options: no operation")]))
    drop("receive-short-past-header", "bad_option_length", short.copy(
        options=short.options[:4]), "Only half of the option is there.")
    drop("receive-full-past-header", "bad_option_length", full.copy(
        options=full.options[:5]))
    drop("receive-full-key-past-header", "bad_option_length", full.copy(
        options=extended_option(17, inner.src, inner.dst, 1, key=3)[:6]))
    drop("receive-key-past-header", "bad_option_length", full.copy(
        options=extended_option(17, inner.src, inner.dst, 1, key=3)[:4]))

    # Version and reserved bits.
    for version in (0, 2, 3, 5, 9, 15):
        drop("receive-option-version-%d" % version, "unknown_version",
             full.copy(options=extended_option(17, inner.src, inner.dst, 1,
                                               version=version)))
    for reserved in (1, 2, 3):
        for name, is_full, key in (("short", 0, None), ("short-key", 0, 1),
                                   ("full", 1, None), ("full-key", 1, 1)):
            drop("receive-%s-reserved-%d" % (name, reserved),
                 "unknown_version", full.copy(options=extended_option(
                     17, inner.src, inner.dst, is_full, key=key,
                     reserved=reserved)))

    # Peers and prefixes.
    drop("receive-unknown-peer", "unknown_peer", compact, **NO_PREFIX)
    drop("receive-unknown-peer-short", "unknown_peer", short, **NO_PREFIX)
    drop("receive-unknown-peer-short-key", "unknown_peer", short.copy(
        options=extended_option(17, inner.src, inner.dst, 0, key=3)),
        **NO_PREFIX)
    drop("receive-compact-23-24", "short_prefix", compact,
         local="192.168.0.0/23")
    drop("receive-compact-24-23", "short_prefix", compact,
         remote="192.168.2.0/23")
    drop("receive-compact-0-0", "short_prefix", compact, local="0.0.0.0/0",
         remote="0.0.0.0/0")
    drop("receive-short-15-16", "short_prefix", short,
         local="192.168.0.0/15", remote="192.168.0.0/16")
    drop("receive-short-16-15", "short_prefix", short,
         local="192.168.0.0/16", remote="192.168.0.0/15")
    drop("receive-compact-source-outside", "outside_prefix", compact,
         "The last octet is 3: not one of 64 to 127.",
         local="192.168.1.64/26")
    drop("receive-compact-destination-outside", "outside_prefix", compact,
         remote="192.168.2.128/25")
    drop("receive-compact-25", "outside_prefix",
         encap(c24, Packet(udp(), src="192.168.1.130"), "compact"),
         local="192.168.1.0/25")
    drop("receive-compact-32", "outside_prefix", compact,
         local="192.168.1.2/32")
    drop("receive-short-source-outside", "outside_prefix", short,
         local="192.168.16.0/20")
    drop("receive-short-destination-outside", "outside_prefix", short,
         remote="192.168.3.0/24")
    drop("receive-short-17", "outside_prefix", short,
         remote="192.168.128.0/17")
    drop("receive-short-key-outside", "outside_prefix", short.copy(
        options=extended_option(17, inner.src, inner.dst, 0, key=3)),
        local="192.168.1.64/26")

    # Protocol.
    for proto in (0, 1, 6, 17, 109, 142, 143, 254, 255):
        drop("receive-proto-%d" % proto, "bad_protocol",
             compact.copy(proto=proto),
             "What the native variant would send." if proto == 17 else "")
    drop("receive-full-proto-254", "bad_protocol", full.copy(proto=254))
    return f


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make-vectors.py DIRECTORY")
    for f in (captures(), compact(), extended(), choice(), drop_send(),
              drop_receive()):
        f.write(sys.argv[1])


if __name__ == "__main__":
    main()
