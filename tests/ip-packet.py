#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Print Ethernet frames with an IPv4 packet each, in hex.

usage: ip-packet.py [--no-eth] [FIELD=VALUE...]
       ip-packet.py --lines [FIELD=VALUE...] < LINES

The first form prints one frame, or the packet alone.  The second prints one for
each line of standard input, which has further fields for it; the last value of a
field counts.

Fields, with their defaults:
    dl_dst, dl_src   aa:55:aa:55:00:00, aa:55:aa:55:00:02
    tos, id, ttl     0, 0x1234, 63
    frag             0x4000: flags and fragment offset, as they travel
    proto            1
    src, dst         192.168.1.3, 192.168.2.3
    opt              "": IPv4 options, in hex
    data             "": what follows the header, in hex
    len, ihl, csum   computed, unless given
    pad              0: bytes of zeros behind the packet

This shares no code with what it tests: the checksum is computed here.
"""

import ipaddress
import struct
import sys


def checksum(header):
    """Return the Internet checksum (RFC 1071) of 'header'."""
    total = sum(struct.unpack("!%dH" % (len(header) // 2), header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def ipv4(fields):
    """Return the bytes of the packet that 'fields' describe."""
    def number(name, default):
        return int(fields.get(name, str(default)), 0)

    options = bytes.fromhex(fields.get("opt", ""))
    data = bytes.fromhex(fields.get("data", ""))
    hlen = 20 + len(options)

    def header(csum):
        return struct.pack(
            "!BBHHHBBH4s4s", 0x40 | number("ihl", hlen // 4),
            number("tos", 0), number("len", hlen + len(data)),
            number("id", 0x1234), number("frag", 0x4000),
            number("ttl", 63), number("proto", 1), csum,
            ipaddress.IPv4Address(fields.get("src", "192.168.1.3")).packed,
            ipaddress.IPv4Address(fields.get("dst", "192.168.2.3")).packed
        ) + options

    csum = number("csum", checksum(header(0)))
    return header(csum) + data + bytes(number("pad", 0))


def ethernet(fields):
    """Return the bytes of the Ethernet header that 'fields' describe."""
    macs = (fields.get("dl_dst", "aa:55:aa:55:00:00")
            + fields.get("dl_src", "aa:55:aa:55:00:02"))
    return bytes.fromhex(macs.replace(":", "")) + b"\x08\x00"


def parse(words):
    """Return the fields that 'words' give values to."""
    return dict(word.split("=", 1) for word in words)


def main(args):
    """Print the packets that 'args', and standard input, describe."""
    if args[:1] == ["--no-eth"]:
        print(ipv4(parse(args[1:])).hex())
        return
    if args[:1] == ["--lines"]:
        packets = [args[1:] + line.split() for line in sys.stdin]
    else:
        packets = [args]
    for fields in map(parse, packets):
        print((ethernet(fields) + ipv4(fields)).hex())


if __name__ == "__main__":
    main(sys.argv[1:])
