# SPDX-License-Identifier: Apache-2.0

"""The report as text: the tables, and what they lack."""

from samples import PORTS, plain_for

ROW = "  %-13s %15s %8s %8s %8s %8s %5s"
# Every block with a port of Open vSwitch should have these.
NEEDED = ("ipo-compact", "vxlan", "plain")


def number_format(number):
    """Return a measured value with what is worth reading of it."""
    return "%.4g" % number if abs(number) < 100 else format(number, ",.0f")


def ratio_format(ratio):
    return "-" if ratio is None else "%.3f" % ratio


def spread_format(spread):
    return "-" if spread is None else "%.1f%%" % (100 * spread)


def row_format(block, tunnel):
    """Return the row of one tunnel."""
    ratios = [block.ratio(tunnel, base) for base in
              ("vxlan", block.best_for(tunnel), plain_for(tunnel))]
    return ROW % (tunnel, number_format(block.median(tunnel)),
                  spread_format(block.spread(tunnel)),
                  *map(ratio_format, ratios), len(block.values[tunnel]))


def block_format(block):
    """Return the table of one block."""
    better = "higher" if block.higher_is_better() else "lower"
    return "\n".join(
        ["%s: %s, %s is better" % (block.name(), block.unit, better),
         ROW % ("tunnel", "median", "spread",
                "x vxlan", "x best", "x plain", "runs")]
        + [row_format(block, tunnel) for tunnel in block.tunnels()]) + "\n"


def lacking(block):
    """Return what is needed for ratios and not in the block.

    What grows is compared with itself, and needs no other tunnel.  Without a
    tunnel there is nothing to push."""
    if block.bench.startswith("growth-") or not set(PORTS) & set(block.values):
        return []
    return [tunnel for tunnel in NEEDED if tunnel not in block.values
            and not (block.bench == "push-pop" and tunnel == "plain")]
