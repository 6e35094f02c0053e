#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Check what programs show of golden vectors (vectors/README.rst).

usage: decode-vectors.py ipoctl FILE...
       decode-vectors.py tshark SCRIPT FILE...
       decode-vectors.py hostile SCRIPT FILE...
       decode-vectors.py pcap LINK CAPTURE FILE...

Writes the outer packets of the vectors to a capture, has "ipoctl decode", or
tshark with SCRIPT as dissector, show that, and compares what they show with
what the vectors say: once with the nodes' prefixes, and once without.  To be told
all prefixes at once, vectors with different ones get different nodes.  Compact
packets are also sent in the native variant.
Prints what differs, and exits with 1 if anything did.

With "hostile", both get captures of packets that were cut or spoiled, and
ipoctl gets captures that end anywhere: neither may crash or complain of itself,
and both must say the same.

The last form only writes the capture, for the LINK type of a number.
"""

import ipaddress
import json
import os
import random
import runpy
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
checksum = runpy.run_path(os.path.join(HERE, "ip-packet.py"))["checksum"]
read_vectors = runpy.run_path(os.path.join(HERE, "kmod-vectors.py"))[
    "read_vectors"]

SHIFT = 143
# What comes before IPv4, for each link type of pcap.
LINKS = {
    1: bytes(12) + b"\x08\x00",
    101: b"",
    113: bytes(14) + b"\x08\x00",
    228: b"",
    276: b"\x08\x00" + bytes(18),
}
# Two VLAN tags on Ethernet.
VLAN = bytes(12) + b"\x88\xa8\x00\x01\x81\x00\x00\x02\x08\x00"

# --- Packets ---------------------------------------------------------------


def address(packet, at):
    """Return the address at 'at' as text."""
    return str(ipaddress.IPv4Address(bytes(packet[at:at + 4])))


def put_header(packet, changes):
    """Return 'packet' with 'changes', bytes by place, and its checksum."""
    packet = bytearray(packet)
    for at, data in changes.items():
        packet[at:at + len(data)] = data
    hlen = (packet[0] & 15) * 4
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack("!H", checksum(packet[:hlen]))
    return bytes(packet)


class Nodes:
    """Gives each set of prefixes nodes of its own."""

    def __init__(self):
        self.prefixes = {}      # By node.
        self.pairs = {}         # Nodes by what the vectors have.

    def place(self, vector):
        """Return the outer packet, with other nodes if need be."""
        pair = (vector["src"], vector["dst"])
        prefixes = (vector.get("local"), vector.get("remote"))
        if pair + prefixes not in self.pairs:
            nodes = pair
            # The first to come keeps its nodes.
            if any(self.prefixes.get(n, p) != p
                   for n, p in zip(pair, prefixes)):
                n = len(self.pairs)
                nodes = ("10.99.%d.1" % n, "10.99.%d.2" % n)
            self.pairs[pair + prefixes] = nodes
            self.prefixes.update(zip(nodes, prefixes))
        nodes = self.pairs[pair + prefixes]
        if nodes == pair:
            return bytes(vector["outer"])
        return put_header(vector["outer"],
                          {12: b"".join(ipaddress.IPv4Address(n).packed
                                        for n in nodes)})

    def words(self):
        """Return the prefixes as ipoctl and the dissector take them."""
        return ",".join("%s=%s" % item for item in self.prefixes.items()
                        if item[1])


def expected(vector, outer, format):
    """Return what is to be shown of the vector whose outer packet is 'outer'
    if the nodes' prefixes are known."""
    result = {"name": vector["vector"]}
    if len(outer) >= 20:
        result.update(src=address(outer, 12), dst=address(outer, 16))
    if "drop" in vector:
        result["dropped"] = vector["drop"]
        return result
    inner = vector["inner"]
    result.update(
        format=format, inner_src=address(inner, 12),
        inner_dst=address(inner, 16), inner_protocol=inner[9],
        inner_length=int.from_bytes(inner[2:4], "big"),
        checksum=int.from_bytes(inner[10:12], "big"))
    if format.endswith("+key"):
        result["key"] = int(vector["key"], 0)
    return result


def read_packets(files):
    """Return the packets, what is to be shown of each, and the nodes."""
    packets, results, nodes = [], [], Nodes()
    for path in files:
        for vector in read_vectors(path):
            if "outer" not in vector:
                continue
            outer = nodes.place(vector)
            if vector.get("drop") == "bad_protocol" and 1 <= outer[9] <= 109:
                # Shown as what it is: of the native variant.
                del vector["drop"]
                inner = bytearray(outer[:20] + outer[24:])
                inner[0] -= 1
                struct.pack_into("!H", inner, 2, len(inner))
                vector["inner"] = put_header(
                    inner, {12: b"\xc0\xa8\x01\x03\xc0\xa8\x02\x03"})
                format = "native"
            else:
                format = vector.get("wire", "")
                if "key" in vector:
                    format += "+key"
            packets.append(outer)
            results.append(expected(vector, outer, format))
            if format == "compact":
                packets.append(put_header(outer,
                                          {9: bytes([outer[9] - SHIFT])}))
                results.append(dict(results[-1], format="native",
                                    name=vector["vector"] + ", native"))
    return packets, results, nodes


def without_prefixes(result):
    """Return what is to be shown if no prefixes are known, as 'expected'."""
    result = dict(result)
    if result.get("dropped") in ("unknown_peer", "short_prefix",
                                 "outside_prefix"):
        del result["dropped"]
        return result
    unknown = {"compact": 3, "native": 3, "short": 2}.get(
        result.get("format", "").split("+")[0], 0)
    for name in "inner_src", "inner_dst":
        if unknown:
            octets = result[name].split(".")
            result[name] = ".".join(["*"] * unknown + octets[unknown:])
    return result


def write_pcap(path, link, packets, before=None):
    """Write 'packets' for link type 'link', each with 'before' before it."""
    before = LINKS[link] if before is None else before
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
        for n, packet in enumerate(packets):
            data = before + packet
            f.write(struct.pack("<IIII", n, 0, len(data), len(data)) + data)


# --- Programs --------------------------------------------------------------


def run(args):
    """Return the output of a program that has nothing to complain about."""
    done = subprocess.run(args, capture_output=True, text=True)
    stderr = [line for line in done.stderr.splitlines()
              if not line.startswith("Running as user")]
    if done.returncode or stderr:
        sys.exit("%s: exit status %d\n%s" % (args[0], done.returncode,
                                             "\n".join(stderr)))
    return done.stdout


def show_ipoctl(capture, words, others):
    """Return what "ipoctl decode" shows, by number of the packet."""
    args = ["ipoctl", "-j", "decode", capture]
    lines = run(args + (["peers", words] if words else [])).splitlines()
    *shown, totals = [json.loads(line) for line in lines]
    dropped = sum("dropped" in p for p in shown)
    if totals != {"ipo": len(shown), "dropped": dropped,
                  "others": others}:
        sys.exit("totals are wrong: %s" % totals)
    texts = run(args[:1] + args[2:] + (["peers", words] if words else []))
    if len(texts.splitlines()) != len(lines):
        sys.exit("not as many lines of text as of JSON")
    return {p["packet"]: p for p in shown}


FIELDS = {
    "packet": "frame.number", "src": "ip.src", "dst": "ip.dst",
    "format": "ipo.format", "inner_src": "ipo.src", "inner_dst": "ipo.dst",
    "src_low": "ipo.src_low", "dst_low": "ipo.dst_low",
    "inner_protocol": "ipo.proto", "key": "ipo.key", "dropped": "ipo.drop",
    "text": "_ws.expert.message", "length": "ip.len",
    "checksum": "ip.checksum",
}


def read_tshark(values):
    """Return a line of tshark's in ipoctl's terms."""
    shown = {k: v for k, v in zip(FIELDS, values) if v}
    for name, of in ("src_low", "inner_src"), ("dst_low", "inner_dst"):
        low = shown.pop(name, None)
        if low and of not in shown:
            octets = str(ipaddress.IPv4Address(int(low))).split(".")
            unknown = 2 if shown["format"].startswith("short") else 3
            shown[of] = ".".join(["*"] * unknown + octets[unknown:])
    for name in "packet", "inner_protocol", "key":
        if name in shown:
            shown[name] = int(shown[name], 0)
    # The second header is the one that was rebuilt.
    for name, of in ("length", "inner_length"), ("checksum", "checksum"):
        both = shown.pop(name, "").split("|")
        if len(both) > 1:
            shown[of] = int(both[1], 0)
    for name in "src", "dst":
        if name in shown:
            shown[name], *inner = shown[name].split("|")
            if inner:
                shown["rebuilt_" + name] = inner[0]
    return shown


def show_tshark(script, capture, words):
    """Return what tshark shows, by number of the packet."""
    args = ["tshark", "-n", "-X", "lua_script:" + script, "-r", capture,
            "-T", "fields", "-E", "aggregator=|"]
    if words:
        args += ["-o", "ipo.peers:" + words]
    for field in FIELDS.values():
        args += ["-e", field]
    shown = [read_tshark(line.split("\t")) for line in run(args).split("\n")
             if line]
    return {p["packet"]: p for p in shown}


# --- Comparison ------------------------------------------------------------


def differences(program, want, shown):
    """Yield what is wrong with what was 'shown'."""
    for key in ("src", "dst", "format", "inner_src", "inner_dst",
                "inner_protocol", "key", "dropped"):
        if key in ("format", "inner_src", "inner_dst", "inner_protocol",
                   "key") and "dropped" in want:
            continue
        if (program == "tshark" and want.get("dropped") == "malformed"
                and key in ("src", "dst")):
            continue            # Not always shown by Wireshark itself.
        if key not in want and want.get("any"):
            continue
        if shown.get(key) != want.get(key):
            yield "%s is %s" % (key, shown.get(key))
    if program == "tshark":
        yield from tshark_differences(want, shown)
    elif "dropped" not in want and not want.get("any"):
        if shown.get("inner_length") != want["inner_length"]:
            yield "inner_length is %s" % shown.get("inner_length")


def tshark_differences(want, shown):
    """Yield what is wrong with the rest of what tshark shows."""
    if "Lua Error" in shown.get("text", ""):
        yield "expert information: %s" % shown["text"]
    if "dropped" in want:
        if "A receiver drops it: " not in shown.get("text", ""):
            yield "no expert information"
    elif "A receiver drops it: " in shown.get("text", ""):
        yield "expert information: %s" % shown["text"]
    elif want.get("rebuilt"):
        for key in "inner_length", "checksum":
            if shown.get(key) != want[key]:
                yield "%s of the rebuilt packet is %s" % (key,
                                                          shown.get(key))
        for key in "src", "dst":
            if shown.get("rebuilt_" + key) != want["inner_" + key]:
                yield "rebuilt %s is %s" % (key, shown.get("rebuilt_" + key))


def compare(program, title, results, shown):
    """Print what differs, and return how many packets do."""
    failed = 0
    for n, want in enumerate(results, 1):
        if want is None:
            continue
        wrong = list(differences(program, want, shown.get(n, {})))
        for text in wrong:
            print("%s, %s: %s: %s, should be %s"
                  % (program, title, want["name"], text, want))
        failed += bool(wrong)
    return failed


def prepare(results, prefixes):
    """Return 'results' as they are to be with or without prefixes."""
    if not prefixes:
        results = [without_prefixes(want) for want in results]
    for want in results:
        # A vector that only prefixes make bad has no inner packet to compare.
        want["any"] = "dropped" not in want and "format" not in want
        want["rebuilt"] = ("*" not in want.get("inner_src", "*")
                           and want["format"] != "native")
    return results


# --- Hostile captures ------------------------------------------------------


def spoiled(packets):
    """Yield packets that were cut, or whose bytes were changed, as what was
    captured and how long they were."""
    chance = random.Random(1)
    for packet in packets:
        head = packet[:64]
        for n in chance.sample(range(len(head) + 1), min(4, len(head))):
            yield head[:n], n
            yield head[:n], len(packet)
        for _ in range(6):
            changed = bytearray(head)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(len(changed))] = chance.choice(
                    (0, 1, 4, 40, 158, 253, 255, chance.randrange(256)))
            if len(changed) >= 24 and changed[0] >> 4 == 4:
                # So that more than the checksum is looked at.
                hlen = min((changed[0] & 15) * 4, len(changed))
                changed[10:12] = b"\0\0"
                changed[10:12] = struct.pack(
                    "!H", checksum(bytes(changed[:hlen & ~1])))
            yield bytes(changed), len(packet)


def hostile(script, files):
    """Return how many packets both survived."""
    packets, _, nodes = read_packets(files)
    cut = list(spoiled(packets))
    with open("hostile.pcap", "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 0xffffffff,
                            1))
        for n, (data, length) in enumerate(cut):
            data = LINKS[1] + data
            f.write(struct.pack("<IIII", n, 0, len(data), length + 14) + data)
    for words in nodes.words(), "":
        shown = show_tshark(script, "hostile.pcap", words)
        if len(shown) != len(cut):
            sys.exit("tshark shows %d of %d packets" % (len(shown), len(cut)))
        for p in shown.values():
            if "Lua Error" in p.get("text", ""):
                sys.exit("packet %d: %s" % (p["packet"], p["text"]))
        lines = run(["ipoctl", "-j", "decode", "hostile.pcap"]
                    + (["peers", words] if words else [])).splitlines()
        for line in lines[:-1]:
            p = json.loads(line)
            other = shown[p["packet"]]
            keys = ["dropped"] + ["format", "inner_src", "inner_dst",
                                  "inner_protocol", "key"] * (
                                      "dropped" not in p)
            if any(p.get(key) != other.get(key) for key in keys):
                sys.exit("packet %d: ipoctl: %s, tshark: %s"
                         % (p["packet"], p, other))
    write_pcap("whole.pcap", 1, packets[:1])
    with open("whole.pcap", "rb") as f:
        whole = f.read()
    # Each byte of the headers, and some of the packet.
    for n in [*range(41), *range(41, len(whole), 12)]:
        done = subprocess.run(["ipoctl", "decode", "-"], input=whole[:n],
                              capture_output=True)
        # A capture may end behind its header.
        if (done.returncode, done.stderr.count(b"\n")) not in (
                (1, 1), (0, 0) if n == 24 else (1, 1)):
            sys.exit("cut at %d: exit status %d, %s" % (n, done.returncode,
                                                        done.stderr))
    return len(cut)


def main(args):
    """Do what the usage says."""
    program, *args = args
    if program == "pcap":
        packets, _, _ = read_packets(args[2:])
        write_pcap(args[1], int(args[0]), packets)
        return 0
    if program == "hostile":
        print("%d packets" % hostile(args[0], args[1:]))
        return 0
    script = args.pop(0) if program == "tshark" else None
    packets, results, nodes = read_packets(args)
    versions = [packet[0] >> 4 for packet in packets]
    captures = [(str(link), link, None) for link in sorted(LINKS)
                if program == "ipoctl" or link == 1]
    if program == "ipoctl":     # Wireshark does not need us for links.
        captures.append(("VLAN", 1, VLAN))
    failed = 0
    for title, link, before in captures:
        capture = "vectors-%s.pcap" % title
        write_pcap(capture, link, packets, before)
        for words in nodes.words(), "":
            if program == "ipoctl":
                # Raw IP has nothing but the version to tell IPv4 by.
                others = sum(v != 4 for v in versions) * (link == 101)
                shown = show_ipoctl(capture, words, others)
            else:
                others = 0
                shown = show_tshark(script, capture, words)
            wanted = [None if others and version != 4 else want for
                      want, version in zip(prepare(results, words), versions)]
            failed += compare(
                program, "link %s, %s prefixes" % (title, "with" if words
                                                    else "without"),
                wanted, shown)
    print("%d packets, %d differ" % (len(packets), failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
