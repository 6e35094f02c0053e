#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Send golden vectors (vectors/README.rst) through the kernel module.

usage: kmod-vectors.py UNDERLAY SENDER RECEIVER FILE...

The first three are network namespaces.  In SENDER and RECEIVER eth0 leads to
UNDERLAY, where its other end has the device's name in the form NAME of the
namespace PREFIX-NAME, and ipo0 is an external device.  The sender gets each
inner packet as it is, and what it makes of it is compared with the outer one.
The receiver gets each outer packet, and what it makes of it is compared with
the inner one.  What must be dropped must not arrive, and be counted by its
reason, or, if IPv4 itself does not take it, in IPv4's counters.
Prints what differs, and exits with 1 if anything did.
"""

import collections
import ctypes
import ipaddress
import json
import os
import runpy
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
checksum = runpy.run_path(os.path.join(HERE, "ip-packet.py"))["checksum"]

TIMEOUT = 20
ETH_P_ALL = 3
FORMATS = {"auto": 0, "compact": 1, "short": 2, "full": 3}
SENDER_MAC = "02:00:00:00:00:aa"
# More than a device's MTU can be: such packets cannot be sent through one.
DEVICE_MTU_MAX = 65519

# --- Vectors ---------------------------------------------------------------


def read_vectors(path):
    """Yield each vector of the file as a dictionary."""
    vector, packet = None, None
    with open(path) as lines:
        for line in lines:
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "vector":
                vector = {"vector": words[1], "format": "auto"}
            elif words[0] in ("inner", "outer"):
                packet = vector[words[0]] = bytearray()
            elif words[0] == "end":
                yield vector
            elif words[0] == "fill":
                packet += bytes.fromhex(words[2]) * int(words[1])
            elif len(words[0]) == 2:
                packet += bytes.fromhex("".join(words))
            else:
                vector[words[0]] = words[1]


def header_len(packet):
    return (packet[0] & 15) * 4


def options(packet):
    """Yield the type and offset of each option, as far as they are sound."""
    i, end = 20, header_len(packet)
    while i < end:
        yield packet[i], i
        if packet[i] == 0:
            return
        if packet[i] == 1:
            i += 1
        elif i + 1 < end and 2 <= packet[i + 1] <= end - i:
            i += packet[i + 1]
        else:
            return


def has_bad_option(packet):
    """Whether no IPv4 stack would take these options."""
    last = None
    for last in options(packet):
        pass
    if last is None or last[0] <= 1:
        return False
    i, end = last[1], header_len(packet)
    return i + 1 >= end or not 2 <= packet[i + 1] <= end - i


def is_first_fragment(packet):
    return packet[6] & 0x3f == 0x20 and packet[7] == 0


def next_fragment(packet):
    """A fragment that may follow this one, which is a packet's first."""
    packet = packet[:header_len(packet) + 8]
    packet[2:4] = struct.pack("!H", len(packet))
    packet[6:8] = struct.pack("!H", 0x100)
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack("!H", checksum(packet[:header_len(packet)]))
    return packet


def same(received, sent):
    """Whether a packet is what was sent, but for what a node may change.

    That is the route and the times that it passed, and what follows the end of
    the options; Ethernet's padding goes.
    """
    sent = sent[:struct.unpack("!H", sent[2:4])[0]]
    if not any(kind in (0, 7, 68) for kind, _ in options(sent)):
        return received == sent
    hlen = header_len(sent)
    return (len(received) == len(sent) and received[:10] == sent[:10]
            and received[12:20] == sent[12:20] and received[hlen:] == sent[hlen:]
            and checksum(received[:hlen]) == 0)


# --- Namespaces ------------------------------------------------------------


def run(ns, *command):
    return subprocess.run(["ip", "netns", "exec", ns] + [str(c) for c in command],
                          check=True, stdout=subprocess.PIPE, text=True).stdout


def packet_socket(ns, dev, kind, proto):
    """Return a packet socket in a namespace, bound to a device."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, open("/run/netns/" + ns) as other:
        if libc.setns(other.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            s = socket.socket(socket.AF_PACKET, kind, 0)
            s.bind((dev, proto))
        finally:
            libc.setns(own.fileno(), 0)
    s.settimeout(TIMEOUT)
    return s


class Node:
    """What both nodes have: a namespace, and settings that change rarely."""

    def __init__(self, ns):
        self.ns = ns
        self.addr = self.peer = self.tunnel = None
        self.expected = collections.Counter()
        self.before = self.drops()

    def set_addr(self, addr):
        if addr != self.addr:
            run(self.ns, "ip", "addr", "flush", "dev", "eth0")
            run(self.ns, "ip", "addr", "add", addr + "/32", "dev", "eth0")
            run(self.ns, "ip", "route", "replace", "default", "dev", "eth0",
                "src", addr)
            self.addr = addr

    def set_peer(self, node, local, remote):
        if (node, local, remote) == self.peer:
            return
        run(self.ns, "ipoctl", "peer", "flush", "dev", "ipo0")
        if local:
            run(self.ns, "ipoctl", "peer", "add", "dev", "ipo0", "node", node,
                "local", local, "remote", remote)
        self.peer = node, local, remote

    def drops(self):
        stats = json.loads(run(self.ns, "ipoctl", "-j", "stats", "dev", "ipo0"))
        drops = collections.Counter(stats[0][self.direction]["dropped"])
        ip = json.loads(run(self.ns, "nstat", "-aszj"))["kernel"]
        drops["refused by IPv4"] = (ip["IpInHdrErrors"]
                                    + ip["IpExtInTruncatedPkts"])
        # Of fragments that lost their option some are put together, or would
        # be; those of a packet some of which had one are dropped at once.
        drops["no option"] = (ip["IpReasmReqds"] + drops.pop("no_option")
                              + drops.pop("fragment"))
        return drops

    def wrong_drops(self):
        """What was counted beyond what was expected, or is missing."""
        counted = self.drops()
        counted.subtract(self.before)
        counted.subtract(self.expected)
        return {name: n for name, n in counted.items() if n}


class Sender(Node):
    direction = "sent"

    def __init__(self, underlay, ns):
        super().__init__(ns)
        self.input = packet_socket(ns, "ipo0", socket.SOCK_DGRAM, 0)
        self.wire = packet_socket(underlay, ns.split("-")[-1],
                                  socket.SOCK_RAW, ETH_P_ALL)
        run(ns, "tc", "qdisc", "add", "dev", "ipo0", "clsact")

    def set_tunnel(self, src, dst, key, fmt):
        if (src, dst, key, fmt) == self.tunnel:
            return
        run(self.ns, "ip", "neigh", "replace", dst, "dev", "eth0", "lladdr",
            "02:00:00:00:00:bb", "nud", "permanent")
        run(self.ns, "tc", "filter", "del", "dev", "ipo0", "egress")
        run(self.ns, "tc", "filter", "add", "dev", "ipo0", "egress", "protocol",
            "all", "matchall", "action", "tunnel_key", "set", "src_ip", src,
            "dst_ip", dst,
            *(["dst_port", FORMATS[fmt]] if FORMATS[fmt] else []),
            *(["id", int(key, 0)] if key is not None else []))
        self.tunnel = src, dst, key, fmt

    def set_up(self, v):
        self.set_addr(v["src"])
        self.set_peer(v["dst"], v.get("local"), v.get("remote"))
        self.set_tunnel(v["src"], v["dst"], v.get("key"), v["format"])

    def send(self, packet):
        self.input.sendto(packet, ("ipo0", 0x0800))

    def receive(self):
        while True:
            frame = self.wire.recv(0x11000)
            if frame[12:14] == b"\x08\x00" and frame[:6] == b"\x02\0\0\0\0\xbb":
                return frame[14:]


class Receiver(Node):
    direction = "received"

    def __init__(self, underlay, ns):
        super().__init__(ns)
        self.wire = packet_socket(underlay, ns.split("-")[-1],
                                  socket.SOCK_RAW, 0)
        self.output = packet_socket(ns, "ipo0", socket.SOCK_DGRAM,
                                    0x0800)
        mac = run(ns, "cat", "/sys/class/net/eth0/address").strip()
        self.ethernet = bytes.fromhex((mac + SENDER_MAC).replace(":", "")
                                      + "0800")

    def set_up(self, v):
        self.set_addr(v["dst"])
        self.set_peer(v["src"], v.get("remote"), v.get("local"))

    def send(self, packet):
        self.wire.send(self.ethernet + packet)

    def receive(self):
        return self.output.recv(0x11000)


# --- Tests -----------------------------------------------------------------


def ipv4(src, dst, proto, opt, number):
    header = bytearray(struct.pack(
        "!BBHHHBBH4s4s", 0x45 + len(opt) // 4, 0, 24 + len(opt), number, 0x4000,
        64, proto, 0, ipaddress.IPv4Address(src).packed,
        ipaddress.IPv4Address(dst).packed) + opt)
    header[10:12] = struct.pack("!H", checksum(header))
    return header + b"last"


class Tester:
    def __init__(self, sender, receiver):
        self.sender, self.receiver = sender, receiver
        self.number = 0
        self.done = collections.Counter()
        self.failed = False

    def complain(self, v, what):
        print("%s: %s" % (v["vector"], what))
        self.failed = True

    def arrived(self, v, node, sentinel):
        """The packets that come out before one that comes out for certain."""
        self.number += 1
        node.send(sentinel(v, self.number))
        packets = []
        while True:
            try:
                packet = node.receive()
            except socket.timeout:
                self.complain(v, "the packet behind it does not arrive")
                return packets
            if packet[-4:] == b"last" \
                    and packet[4:6] == struct.pack("!H", self.number):
                return packets
            packets.append(packet)

    @staticmethod
    def sent_last(v, number):
        # Short or full, if compact is not for it: an unpinned format.
        return ipv4("1.2.3.4", "5.6.7.8", 255, b"", number)

    @staticmethod
    def received_last(v, number):
        return ipv4(v["src"], v["dst"], 253,
                    bytes.fromhex("9e0c11ff0102030405060708"), number)

    def check(self, v, packets, expected):
        for packet in packets:
            if not any(same(packet, e) for e in expected):
                self.complain(v, "not expected: " + packet[:60].hex())
        if len(packets) != len(expected):
            self.complain(v, "%d packets arrive, not %d, the first of them %s"
                          % (len(packets), len(expected),
                             expected and expected[0][:60].hex()))

    def send(self, v):
        node, packet = self.sender, v["inner"]
        if len(packet) > DEVICE_MTU_MAX:
            self.done["too long to be sent"] += 1
            return
        node.set_up(v)
        node.send(packet)
        if v["format"] != "auto":
            node.set_tunnel(v["src"], v["dst"], v.get("key"), "auto")
        packets = self.arrived(v, node, self.sent_last)
        self.check(v, packets, [v["outer"]] if "outer" in v else [])
        if "drop" in v:
            node.expected[v["drop"]] += 1
        self.done["refused by the sender" if "drop" in v else "sent"] += 1

    def receive(self, v):
        node, packet = self.receiver, v["outer"]
        node.set_up(v)
        node.send(packet)
        expected = [v["inner"]] if "inner" in v else []
        if expected and packet[9] != 253 and is_first_fragment(packet):
            # It waits for another one.
            node.send(next_fragment(packet))
            expected.append(next_fragment(v["inner"]))
        self.check(v, self.arrived(v, node, self.received_last), expected)
        if "drop" in v:
            reason = self.reason(v, packet)
            if reason:
                node.expected[reason] += 1
        self.done["refused by the receiver" if "drop" in v else "received"] += 1

    @staticmethod
    def reason(v, packet):
        """Where the kernel counts the drop."""
        if v["drop"] in ("malformed", "bad_checksum") or has_bad_option(packet):
            return "refused by IPv4"
        if v["drop"] in ("no_option", "fragment"):
            return "no option"
        if v["drop"] == "bad_protocol":
            return None             # Another protocol's packet.
        return v["drop"]

    def finish(self):
        for node in self.sender, self.receiver:
            wrong = node.wrong_drops()
            if wrong:
                print("drops of packets %s, more or less than expected: %s"
                      % (node.direction, wrong))
                self.failed = True
        print(", ".join("%d %s" % (n, what)
                        for what, n in sorted(self.done.items())))


def main():
    underlay, sender, receiver = sys.argv[1:4]
    # Packets keep their order.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tester = Tester(Sender(underlay, sender), Receiver(underlay, receiver))
    for path in sys.argv[4:]:
        for v in read_vectors(path):
            if "inner" in v:
                tester.send(v)
            if "outer" in v:
                tester.receive(v)
    tester.finish()
    sys.exit(tester.failed)


if __name__ == "__main__":
    main()
