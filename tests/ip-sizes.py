#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Send IPv4 packets of sizes at edges from a namespace to another one.

usage: ip-sizes.py FROM TO ADDR MTU LARGEST df|nodf

FROM and TO are files of network namespaces, ADDR an address of TO.  The edges are
those of the header, of usual MTUs, of MTU less what a tunnel may add, and of what
a packet can have.  None is larger than LARGEST.

What is lost is sent again, once: a busy machine may lose anything.  Prints what
became of packets, and the smallest and the largest size of those:
    whole     came as it was sent
    told      the sender was told that it is too long
    lost      neither came nor was anybody told
    corrupt   something else came
"""

import ctypes
import os
import select
import socket
import sys
import time

PROTOCOL = 99               # Any private encryption scheme.
PATIENCE = 0.05             # Seconds until a packet is late.
LAST_PATIENCE = 1           # And until what is late is lost.


def raw_socket(netns):
    """Return a raw socket of this namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(netns, os.O_RDONLY)
    if libc.setns(fd, 0x40000000):
        sys.exit("ip-sizes: cannot enter " + netns)
    os.close(fd)
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
    sock.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)     # SO_RCVBUFFORCE
    return sock


def payload(size):
    """Return the bytes of a packet of 'size', without the header."""
    return bytes((i * 7 + (i >> 8) + size) & 0xff for i in range(size - 20))


def edges(mtu, largest):
    """Return the sizes."""
    sizes = {20, 21, 27, 28, 29, 59, 60, 61, *range(mtu - 25, mtu + 2),
             65505, 65511, 65515, 65519, 65520, *range(65530, 65536)}
    for size in (68, 576, 1280, 1500, 9000, 32768):
        sizes |= {size - 1, size, size + 1}
    return sorted(size for size in sizes if 20 <= size <= largest)


class Run:
    """Both sides, and what has become of the packets."""

    def __init__(self, args):
        """Open the sockets."""
        self.to = raw_socket(args[1])
        self.sock = raw_socket(args[0])
        self.sock.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        self.sock.setsockopt(socket.IPPROTO_IP, 10,     # IP_MTU_DISCOVER
                             3 if args[5] == "df" else 0)
        self.addr = args[2]
        self.fate = {}
        self.last = None

    def read(self, patience):
        """Read what has come, for so many seconds or until all is there."""
        end = time.monotonic() + patience
        while "lost" in self.fate.values():
            left = end - time.monotonic()
            poll = select.poll()
            poll.register(self.to, select.POLLIN)
            poll.register(self.sock, 0)
            events = poll.poll(max(left, 0) * 1000)
            if not events:
                return
            for fd, _ in events:
                if fd == self.to.fileno():
                    self.came(self.to.recv(65536))
                else:
                    self.sock.recv(
                        65536, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
                    self.told()

    def came(self, packet):
        """Judge a packet with its header."""
        data = packet[(packet[0] & 15) * 4:]
        size = 20 + len(data)
        good = data == payload(size) and size in self.fate
        self.fate[size] = "whole" if good else "corrupt"

    def told(self):
        """Note an error that came for the last packet."""
        if self.fate[self.last] == "lost":
            self.fate[self.last] = "told"

    def send(self, size):
        """Send a packet, and wait a little for what becomes of it."""
        self.fate[size], self.last = "lost", size
        try:
            self.sock.sendto(payload(size), (self.addr, 0))
        except OSError as error:
            if error.errno != 90:                       # EMSGSIZE
                raise
            self.fate[size] = "told"
        late = [s for s, fate in self.fate.items()
                if fate == "lost" and s != size]
        for other in late:
            self.fate[other] = "late"
        self.read(PATIENCE)
        for other in late:
            if self.fate[other] == "late":
                self.fate[other] = "lost"


def main(args):
    """Send all sizes, and print what became of them."""
    run = Run(args)
    for size in edges(int(args[3]), int(args[4])):
        run.send(size)
    run.read(LAST_PATIENCE)
    for size in [size for size in run.fate if run.fate[size] == "lost"]:
        run.send(size)
    run.read(LAST_PATIENCE)
    for fate in ("whole", "told", "lost", "corrupt"):
        sizes = [size for size in run.fate if run.fate[size] == fate]
        if sizes:
            print(fate, min(sizes), max(sizes))


if __name__ == "__main__":
    main(sys.argv[1:])
