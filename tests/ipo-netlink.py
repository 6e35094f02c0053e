#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Say to the kernel module what ip and ipoctl would never say.

usage: ipo-netlink.py link add|set NAME [ATTR=VALUE...]
       ipo-netlink.py new|del|get|flush|stats [create] [excl] [replace] [ATTR=VALUE...]
       ipo-netlink.py hold DEV
       ipo-netlink.py random SEED COUNT DEV

The first two send one request and print "ok" or the error with the kernel's
text.  An ATTR is a name in the tables below, or a number with a VALUE in hex.
The last asks for all peers of DEV, reads the first part of the answer, prints
"holding", and leaves the rest unread until it is killed.  "random" sends
COUNT messages that are right in part, and prints how many were taken.

Nothing is shared with ipoctl, and the numbers are written down once more.
"""

import errno
import ipaddress
import random
import signal
import socket
import struct
import sys

LINK_ATTRS = {"local": (1, "addr"), "link": (2, "u32"), "format": (3, "u8"),
              "proto": (4, "u8"), "external": (5, "flag")}
PEER_ATTRS = {"dev": (2, "dev"), "ifindex": (2, "u32"), "node": (4, "addr"),
              "local": (5, "addr"), "local_plen": (6, "u8"),
              "remote": (7, "addr"), "remote_plen": (8, "u8"),
              "proto": (9, "u8")}
COMMANDS = {"new": 1, "del": 2, "get": 3, "flush": 4, "stats": 5}
FLAGS = {"create": 0x400, "excl": 0x200, "replace": 0x100}

ENCODE = {
    "addr": lambda value: ipaddress.IPv4Address(value).packed,
    "dev": lambda value: struct.pack("=I", socket.if_nametoindex(value)),
    "flag": lambda value: b"",
    "u8": lambda value: struct.pack("=B", int(value, 0)),
    "u32": lambda value: struct.pack("=I", int(value, 0)),
}


def attribute(number, payload):
    """Return an attribute's bytes."""
    pad = -len(payload) % 4
    return struct.pack("=HH", 4 + len(payload), number) + payload + bytes(pad)


def attributes(words, names):
    """Return the bytes of the attributes that 'words' are."""
    result = b""
    for word in words:
        name, _, value = word.partition("=")
        if name in names:
            number, kind = names[name]
            result += attribute(number, ENCODE[kind](value))
        else:
            result += attribute(int(name), bytes.fromhex(value))
    return result


def parse(data):
    """Return the attributes in 'data' as a dictionary."""
    found = {}
    while len(data) >= 4:
        length, number = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[number & 0x3fff] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


class Netlink:
    """A socket that talks to one protocol."""

    def __init__(self, protocol):
        """Open it, with texts for errors."""
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.sock.setsockopt(270, 11, 1)        # NETLINK_EXT_ACK
        self.sock.setsockopt(270, 10, 1)        # NETLINK_CAP_ACK

    def send(self, kind, flags, payload):
        """Send a request."""
        self.sock.send(struct.pack("=IHHII", 16 + len(payload), kind,
                                   0x1 | flags, 1, 0) + payload)

    def ask(self, kind, flags, payload):
        """Send a request.  Return the answer and the error, as text."""
        self.send(kind, 0x4 | flags, payload)
        answer = b""
        while True:
            data = self.sock.recv(65536)
            while data:
                length, kind, flags = struct.unpack_from("=IHH", data)
                message, data = data[16:length], data[(length + 3) & ~3:]
                if kind not in (2, 3):          # An error, or a list's end.
                    answer = message
                    continue
                error = struct.unpack_from("=i", message)[0]
                text = parse(message[20:] if flags & 0x200 else b"").get(1)
                return answer, "ok" if not error else (
                    errno.errorcode[-error]
                    + (": " + text[:-1].decode() if text else ""))

    def family_attributes(self):
        """Return what the kernel says of the module's family."""
        answer = self.ask(16, 0, b"\x03\x01\0\0" + attribute(2, b"ipo\0"))[0]
        return parse(answer[4:])

    def family(self):
        """Return the number of the module's family."""
        return struct.unpack("=H", self.family_attributes()[1])[0]


# Requests, as Netlink's functions take them.


def link_request(verb, name, words):
    """Return the one that makes or changes a link."""
    index = socket.if_nametoindex(name) if verb == "set" else 0
    info = attribute(1, b"ipo\0") + attribute(
        2, attributes(words, LINK_ATTRS))
    payload = (struct.pack("=BxHiII", 0, 0, index, 0, 0)
               + (b"" if index else attribute(3, name.encode() + b"\0"))
               + attribute(18, info))
    return 16, 0 if index else 0x600, payload


def peer_request(family, command, words):
    """Return a command of the family 'ipo', whose number 'family' is."""
    flags = 0
    words = list(words)
    while words and words[0] in FLAGS:
        flags |= FLAGS[words.pop(0)]
    return family, flags, (struct.pack("=BBH", COMMANDS[command], 1, 0)
                           + attributes(words, PEER_ATTRS))


def link(verb, name, words):
    """Make or change a link."""
    return Netlink(0).ask(*link_request(verb, name, words))[1]


def request(command, words):
    """Send a command of the family 'ipo'."""
    netlink = Netlink(16)
    return netlink.ask(*peer_request(netlink.family(), command, words))[1]


def hold(dev):
    """Begin to read the peers of 'dev', and go no further."""
    netlink = Netlink(16)
    netlink.send(netlink.family(), 0x300, struct.pack("=BBH", 3, 1, 0)
                 + attributes(["dev=" + dev], PEER_ATTRS))
    netlink.sock.recv(65536)
    print("holding", flush=True)
    signal.pause()


def random_attributes(rng, dev, names):
    """Return the bytes of attributes, of which some are as they should be."""
    good = {"addr": lambda: bytes((rng.choice((10, 192)), rng.choice((0, 168)),
                                   rng.randrange(3), rng.randrange(4))),
            "dev": lambda: struct.pack("=I", dev), "flag": lambda: b"",
            "u8": lambda: bytes((rng.choice((0, 1, 2, 3, 16, 24, 32, 255)),)),
            "u32": lambda: struct.pack("=I", rng.choice((0, dev, 1 << 31)))}
    result = b""
    for number, kind in rng.choices(list(names.values()), k=rng.randrange(8)):
        payload = good[kind]()
        what = rng.randrange(20)
        if what == 0:
            number = rng.getrandbits(16)
        elif what == 1:
            payload = rng.randbytes(rng.randrange(40))
        elif what == 2:
            payload = result                    # Nested.
        result += attribute(number, payload[:65000])
    return result


def spoiled(rng, data):
    """Return 'data', mostly as it is."""
    what = rng.randrange(8)
    if what == 0 and data:
        return data[:rng.randrange(len(data))]
    if what == 1 and data:
        changed = bytearray(data)
        changed[rng.randrange(len(data))] = rng.getrandbits(8)
        return bytes(changed)
    return data + rng.randbytes(rng.randrange(30)) if what == 2 else data


def at_random(seed, count, name):
    """Send messages of the family and of links; return how many were taken."""
    rng = random.Random(seed)
    peers, links = Netlink(16), Netlink(0)
    family = peers.family()
    taken = 0
    for _ in range(count):
        dev = socket.if_nametoindex(name)
        flags = 0
        for flag in (0x100, 0x200, 0x400, 0x800):
            flags |= flag if rng.random() < .3 else 0
        if rng.random() < .7:
            command = rng.choice((0, 1, 1, 1, 2, 3, 4, 5, 6, 255))
            payload = struct.pack("=BBH", command, 1, 0) + random_attributes(
                rng, dev, PEER_ATTRS)
            # A dump has other flags, and is not answered by one message.
            result = peers.ask(family, flags & ~0x300 if command in (3, 5)
                               else flags, spoiled(rng, payload))[1]
        else:
            info = attribute(1, b"ipo\0") + attribute(
                2, spoiled(rng, random_attributes(rng, dev, LINK_ATTRS)))
            index = dev if rng.random() < .5 else 0
            name_attribute = b"" if index else attribute(3, b"random0\0")
            payload = (struct.pack("=BxHiII", 0, 0, index, 0, 0)
                       + name_attribute + attribute(18, spoiled(rng, info)))
            result = links.ask(16, 0x600 if not index else 0, payload)[1]
            if not index and result == "ok":
                links.ask(17, 0, struct.pack("=BxHiII", 0, 0, 0, 0, 0)
                          + name_attribute)
        taken += result == "ok"
    return taken


def main(args):
    """Do what 'args' say."""
    if args[0] == "link":
        print(link(args[1], args[2], args[3:]))
    elif args[0] == "hold":
        hold(args[1])
    elif args[0] == "random":
        print(at_random(int(args[1]), int(args[2]), args[3]))
    else:
        print(request(args[0], args[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
