#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Print random IPO packets, as frames in hex, one a line.

usage: random-packets.py SEED COUNT FIELD=VALUE...

Half of them are right; the others have one thing wrong, mostly.  Addresses are
those of the containers 192.168.9.0/24 and 192.168.2.0/24, mostly.  FIELDs are
ip-packet.py's, and go to each packet.  The last 4 bytes tell packets apart.
The same SEED makes the same packets.

The inner packets' own options are right: Linux looks at them before any tunnel
does, drops what is malformed, and makes zeros of what follows an end of options.
"""

import importlib
import random
import sys

sys.dont_write_bytecode = True
ip_packet = importlib.import_module("ip-packet")

NODE_OF = {"src": "c0a809%02x", "dst": "c0a802%02x"}


def option(rng, proto):
    """Return outer protocol and option of a right packet, in hex."""
    src, dst = rng.randrange(256), rng.randrange(256)
    kind = rng.choice(("compact", "short", "short+key", "full", "full+key"))
    if kind == "compact":
        proto = proto % 109 + 1
        return proto + 143, "2804%02x%02x" % (src, dst)
    key = "%08x" % rng.getrandbits(32) if kind.endswith("key") else ""
    flags = 0x10 | (8 if key else 0) | kind.startswith("full")
    if kind.startswith("full"):
        addresses = (NODE_OF["src"] + NODE_OF["dst"]) % (src, dst)
    else:
        addresses = "09%02x02%02x" % (src, dst)
    body = "%02x%02x%s%s" % (flags, proto, key, addresses)
    return 253, "9e%02x%s" % (len(body) // 2 + 2, body)


def inner_option(rng):
    """Return options of the inner packet, in hex: whole words."""
    return rng.choice(("", "", "", "01010101", "00000000", "94040000",
                       "0101010194040000", "88040000"))


def spoil(rng, fields):
    """Make one thing wrong."""
    opt = bytearray.fromhex(fields["opt"])
    what = rng.randrange(9)
    if what == 0:
        opt[rng.randrange(len(opt))] ^= 1 << rng.randrange(8)
    elif what == 1:
        opt[1] = rng.randrange(256)
    elif what == 2:
        fields["csum"] = str(rng.getrandbits(16))
    elif what == 3:
        fields["ihl"] = str(rng.randrange(5 + len(opt) // 4))
    elif what == 4:
        fields["len"] = str(rng.getrandbits(16) >> rng.randrange(16))
    elif what == 5:
        fields["proto"] = str(rng.randrange(144, 254))
    elif what == 6:
        fields["ttl"] = str(rng.choice((0, 1)))
    elif what == 7:
        opt = opt[:4 * rng.randrange(len(opt) // 4 + 1)]
    else:
        opt = bytearray(rng.getrandbits(8) for _ in opt)
    fields["opt"] = opt.hex()


def packet(rng, number, given):
    """Return the fields of one packet."""
    fields = dict(given)
    proto, opt = option(rng, rng.randrange(256))
    fields.update(proto=str(proto), opt=opt,
                  tos=str(rng.randrange(256)), id=str(rng.getrandbits(16)),
                  ttl=str(rng.randrange(2, 256)), frag=rng.choice(("0", "0x4000")),
                  data=rng.randbytes(rng.randrange(60)).hex() + "%08x" % number)
    if rng.random() < .5:
        spoil(rng, fields)
    fields["opt"] += inner_option(rng)
    return fields


def main(args):
    """Print the packets."""
    rng = random.Random(int(args[0]))
    given = dict(arg.split("=", 1) for arg in args[2:])
    eth = bytes.fromhex((given["dl_dst"] + given["dl_src"]).replace(":", ""))
    for number in range(int(args[1])):
        print((eth + b"\x08\x00"
               + ip_packet.ipv4(packet(rng, number, given))).hex())


if __name__ == "__main__":
    main(sys.argv[1:])
