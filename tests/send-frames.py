#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Send Ethernet frames.

usage: send-frames.py INTERFACE RATE < FRAMES

FRAMES are in hex, one a line.  RATE is how many of them a second, so that nobody's
queue is full.
"""

import socket
import sys
import time


def main(interface, rate):
    """Send what standard input has."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    for line in sys.stdin:
        sock.send(bytes.fromhex(line))
        time.sleep(1 / rate)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
