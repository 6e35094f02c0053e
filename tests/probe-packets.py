#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Send a reflector of ipoctl(8) what it must and must not answer.

usage: probe-packets.py INTERFACE LOCAL REMOTE
       probe-packets.py --flood N INTERFACE LOCAL REMOTE

Prints a line for each packet: its name and its answer, "none", or "length
LENGTH proto PROTOCOL option OPTION".  What follows every packet is one that is
answered: when that answer is there, no other will come.  With --flood, sends N
good packets at once, and prints nothing.

The packets are made here, byte by byte, and not by what is tested.
"""

import socket
import struct
import sys

KINDS = {
    "plain": (0, 17, ""),
    "plain-160": (1, 160, ""),
    "plain-253": (2, 253, ""),
    "native": (3, 17, "28040000"),
    "compact": (4, 160, "28040000"),
    "short": (5, 253, "9e08101100000000"),
    "short+key": (6, 253, "9e0c1811fffffffd00000000"),
    "full": (7, 253, "9e0c1111c6120000c6120000"),
    "full+key": (8, 253, "9e101911fffffffdc6120000c6120000"),
}
PORT = 40000


def checksum(data):
    """Return the Internet checksum (RFC 1071) of 'data'."""
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


class Prober:
    """Sends packets, and looks for answers."""

    def __init__(self, interface, local, remote):
        self.local, self.remote = local, remote
        self.seq = 0
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                    socket.IPPROTO_RAW)
        self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                               socket.inet_aton(local))
        self.receiver = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                      socket.htons(0x0800))
        self.receiver.bind((interface, 0x0800))
        self.receiver.settimeout(10)

    def packet(self, kind, size=100, **fields):
        """Return a probe, 'fields' of which are not as they should be."""
        number, protocol, option = KINDS[kind]
        option = bytes.fromhex(fields.get("option", option))
        seq = fields.get("seq")
        if seq is None:
            self.seq += 1
            seq = self.seq
        data = (fields.get("magic", b"ipoprobe") + struct.pack(
            "!QIHBBBB", 0x0123456789abcdef, seq, fields.get("claim", size),
            fields.get("number", number), fields.get("answer", 0), 0,
            fields.get("version", 1)))
        data += bytes(max(0, size - 20 - len(option) - 8 - len(data)))
        data = data[:fields.get("cut", len(data))]
        udp = struct.pack("!HHHH", PORT, fields.get("port", 9),
                          8 + len(data), 0) + data
        hlen = 20 + len(option)
        header = struct.pack(
            "!BBHHHBBH4s4s", 0x40 | hlen // 4, 0, hlen + len(udp), seq,
            fields.get("frag", 0), fields.get("ttl", 64),
            fields.get("protocol", protocol), 0,
            socket.inet_aton(fields.get("src", self.local)),
            socket.inet_aton(fields.get("dst", self.remote))) + option
        csum = struct.pack("!H", checksum(header))
        return header[:10] + csum + header[12:] + udp

    def send(self, packet):
        """Send 'packet' to where its header says."""
        self.sender.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))

    def answers(self):
        """Send a good packet and return the answers that come before its."""
        found = []
        self.send(self.packet("plain"))
        while True:
            packet, address = self.receiver.recvfrom(65536)
            data = packet[(packet[0] & 15) * 4 + 8:]
            if address[2] == socket.PACKET_OUTGOING \
                    or data[:8] != b"ipoprobe" or data[23:24] != b"\1":
                continue
            if struct.unpack("!I", data[16:20])[0] == self.seq:
                return found
            found.append(packet)

    def check(self, name, packet):
        """Send 'packet', and print what is answered."""
        self.send(packet)
        found = ["length %d proto %d option %s"
                 % (len(p), p[9], p[20:(p[0] & 15) * 4].hex() or "none")
                 for p in self.answers()]
        print("%s: %s" % (name, ", ".join(found) or "none"))


def check_all(prober):
    """Send what must be answered, then what must not."""
    packet, check = prober.packet, prober.check

    for i, kind in enumerate(KINDS):
        check(kind, packet(kind, size=100 + 7 * i))
    check("largest", packet("full+key", size=1500))

    check("again", packet("plain", seq=1))
    prober.seq += 5000
    check("seq 0", packet("plain", seq=0))
    check("too old", packet("plain", seq=prober.seq - 4000))
    check("an answer", packet("plain", answer=1))
    check("answer 2", packet("plain", answer=2))
    check("kind 9", packet("plain", number=9))
    check("kind 255", packet("plain", number=255))
    check("version 2", packet("plain", version=2))
    check("magic", packet("plain", magic=b"ipoprobf"))
    check("port", packet("plain", port=10))
    check("fragment", packet("plain", frag=0x2000))
    check("last fragment", packet("plain", frag=0x0010))
    for cut in 0, 7, 8, 23, 24, 47:
        check("cut at %d" % cut, packet("plain", cut=cut))
    check("claims more", packet("plain", claim=1400))
    check("claims less", packet("plain", claim=96))
    check("lost its option", packet("compact", option=""))
    check("no-ops", packet("compact", option="01010101"))
    check("another option", packet("short", option="9e08101101000000"))
    check("another key", packet("short+key",
                                option="9e0c1811fffffff000000000"))
    check("reserved bits", packet("short", option="9e08121100000000"))
    check("option too long", packet("short", option="9e0c101100000000"))
    check("one option more", packet("compact", option="2804000001010101"))
    check("kind of another", packet("compact", number=3))
    check("protocol", packet("compact", protocol=161))

    for src in ("127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.1",
                prober.remote):
        check("from " + src, packet("plain", src=src))
    subnet = prober.remote.rsplit(".", 1)[0]
    check("from the subnet", packet("plain", src=subnet + ".255"))
    for dst in subnet + ".255", "255.255.255.255", "224.0.0.1":
        check("to " + dst, packet("plain", dst=dst))


def main(args):
    """Do what 'args' say."""
    if args[:1] == ["--flood"]:
        prober = Prober(*args[2:])
        packets = [prober.packet("plain") for _ in range(int(args[1]))]
        for packet in packets:
            prober.send(packet)
    elif len(args) == 3:
        check_all(Prober(*args))
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
