#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Send Ethernet frames.

usage: send-frames.py INTERFACE [RATE] < FRAMES

FRAMES are in hex, one a line, at least one.  RATE is how many of them a second at
most, so that nobody's queue is full.
"""

import socket
import sys
import time


def main(interface, rate="inf"):
    """Send what standard input has."""
    frames = [bytes.fromhex(line) for line in sys.stdin]
    if not frames:
        sys.exit("send-frames.py: no frames")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    for frame in frames:
        sock.send(frame)
        time.sleep(1 / float(rate))


if __name__ == "__main__":
    main(*sys.argv[1:])
