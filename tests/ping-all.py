# SPDX-License-Identifier: Apache-2.0
#
# ping-all.py ADDRESS... - pings all addresses at once, as many times as it takes
# to send one packet to each, and prints those that did not answer exactly once
# within 10 seconds.

import os
import select
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return 0xffff - (total + (total >> 16) & 0xffff)


def request(ident, number):
    body = struct.pack("!BBHHH", 8, 0, 0, ident, number)
    return struct.pack("!BBHHH", 8, 0, checksum(body), ident, number)


def main(addresses):
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ident = os.getpid() & 0xffff
    answers = dict.fromkeys(addresses, 0)
    end = time.monotonic() + 10
    for number, address in enumerate(addresses):
        sock.sendto(request(ident, number), (address, 0))
    # A moment longer than the last answer takes, to see one that is too many.
    while time.monotonic() < end:
        if 0 not in answers.values():
            end = min(end, time.monotonic() + 0.05)
        if select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
            packet, (address, _) = sock.recvfrom(1000)
            icmp = packet[(packet[0] & 15) * 4:]
            if icmp[0] == 0 and struct.unpack("!H", icmp[4:6])[0] == ident:
                answers[address] = answers.get(address, 0) + 1
    bad = [a for a, n in answers.items() if n != 1]
    if bad:
        sys.exit("not answered once: " + " ".join(bad))


main(sys.argv[1:])
