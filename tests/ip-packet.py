#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Print an Ethernet frame with an IPv4 packet, in hex.

usage: ip-packet.py [--no-eth] FIELD=VALUE...

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


def main(args):
    """Print the packet that 'args' describe."""
    frame = b""
    if args and args[0] == "--no-eth":
        args = args[1:]
        eth = False
    else:
        eth = True
    fields = dict(arg.split("=", 1) for arg in args)
    if eth:
        for name, default in (("dl_dst", "aa:55:aa:55:00:00"),
                              ("dl_src", "aa:55:aa:55:00:02")):
            mac = fields.get(name, default)
            frame += bytes.fromhex(mac.replace(":", ""))
        frame += b"\x08\x00"
    print((frame + ipv4(fields)).hex())


if __name__ == "__main__":
    main(sys.argv[1:])
