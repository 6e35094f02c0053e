# SPDX-License-Identifier: Apache-2.0

"""What was measured: the samples, and what follows from them.

A file of samples has one on each line, in five fields with TABs between:

    BENCH  TUNNEL  PARAMS  UNIT  VALUE

PARAMS are key=value with commas between, or "-".  Lines that differ in nothing
but VALUE are repetitions.
"""

import math
import statistics

# The tunnels in the order of the report, by what they can be compared with:
# ports of Open vSwitch, and devices of the kernel by themselves.
PORTS = ("ipo-compact", "ipo-full", "ipo-full-key",
         "vxlan", "geneve", "gre", "gre-l3", "plain")
DEVICES = ("ipo-device", "ipip-device", "plain-routing")
OTHER_PORTS = ("vxlan", "geneve", "gre", "gre-l3")
OTHER_DEVICES = ("ipip-device",)


class Malformed(Exception):
    """A line of a file that cannot be read."""

    def __init__(self, path, number, what):
        super().__init__("%s:%d: %s" % (path, number, what))


class Block:
    """All samples of one bench with the same parameters, in one unit."""

    def __init__(self, bench, params, unit):
        self.bench = bench
        self.params = params
        self.unit = unit
        self.values = {}        # A list by tunnel.

    def name(self):
        """Return the bench and its parameters, for people."""
        return (self.bench + " " + params_format(self.params)).rstrip()

    def sort_key(self):
        return self.bench, [(key, isinstance(value, str), value)
                            for key, value in self.params.items()], self.unit

    def tunnels(self):
        """Return the names of the tunnels in the order of the report."""
        known = PORTS + DEVICES
        return sorted(self.values, key=lambda tunnel: (
            known.index(tunnel) if tunnel in known else len(known), tunnel))

    def higher_is_better(self):
        return self.unit.endswith("/s")

    def median(self, tunnel):
        return statistics.median(self.values[tunnel])

    def spread(self, tunnel):
        """Return (max - min) / median, or None without a median."""
        values = self.values[tunnel]
        return divide(max(values) - min(values), self.median(tunnel))

    def ratio(self, tunnel, base):
        """Return the median of 'tunnel' by that of 'base', None if none."""
        if tunnel not in self.values or base not in self.values:
            return None
        return divide(self.median(tunnel), self.median(base))

    def best_for(self, tunnel):
        """Return the best of the other tunnels for 'tunnel', None if none."""
        others = OTHER_DEVICES if tunnel in DEVICES else OTHER_PORTS
        measured = [other for other in others if other in self.values]
        if not measured:
            return None
        choose = max if self.higher_is_better() else min
        return choose(measured, key=self.median)


def plain_for(tunnel):
    """Return what 'tunnel' is without a tunnel."""
    return "plain-routing" if tunnel in DEVICES else "plain"


def divide(dividend, divisor):
    return dividend / divisor if divisor else None


def params_parse(text):
    """Return the dictionary that 'text' describes, whole numbers as such.

    Raises ValueError that says so if it describes none."""
    params = {}
    if text == "-":
        return params
    for param in text.split(","):
        key, equals, value = param.partition("=")
        if not (key and equals and value) or key in params:
            raise ValueError("'%s' is not key=value,..." % text)
        whole = value.isascii() and value.isdigit()
        params[key] = int(value) if whole else value
    return params


def params_format(params):
    return ",".join("%s=%s" % param for param in params.items())


def sample_parse(line):
    """Return bench, tunnel, parameters, unit and value from a line.

    Raises ValueError that says what is wrong with it."""
    fields = line.split("\t")
    if len(fields) != 5:
        raise ValueError("the number of fields is %d, not 5" % len(fields))
    if "" in fields:
        raise ValueError("field %d is empty" % (fields.index("") + 1))
    bench, tunnel, params, unit, value = fields
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("'%s' is not a number" % value)
    return bench, tunnel, params_parse(params), unit, number


def read_lines(path):
    """Yield the number of each line of a file, and the line."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            yield number, line.rstrip("\n")


def samples_read(path):
    """Return the blocks in the file 'path', sorted."""
    blocks = {}
    for number, line in read_lines(path):
        try:
            bench, tunnel, params, unit, value = sample_parse(line)
        except ValueError as error:
            raise Malformed(path, number, error) from None
        key = (bench, frozenset(params.items()), unit)
        block = blocks.setdefault(key, Block(bench, params, unit))
        block.values.setdefault(tunnel, []).append(value)
    return sorted(blocks.values(), key=Block.sort_key)


def number_plain(number):
    """Return 'number' as an integer if it is whole."""
    return int(number) if number == int(number) else number


def samples_json(blocks):
    """Return what bench.json has of the blocks."""
    return [{"bench": block.bench,
             "tunnel": tunnel,
             "params": block.params,
             "unit": block.unit,
             "median": number_plain(block.median(tunnel)),
             "min": number_plain(min(block.values[tunnel])),
             "max": number_plain(max(block.values[tunnel])),
             "runs": len(block.values[tunnel])}
            for block in blocks for tunnel in block.tunnels()]
