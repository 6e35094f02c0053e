# SPDX-License-Identifier: Apache-2.0

"""The report as plots: SVG files, the same for the same samples."""

import math
import os

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, NullLocator

from samples import params_format
from tables import ratio_format

# One file of bar charts for each, of the benches that begin so.
BAR_FAMILIES = ("push-pop", "userspace-instructions", "userspace-rate",
                "kernel-", "wire-bytes")
LINE_BENCH = "growth-packet"

# From the palette of Okabe and Ito, which the colour-blind can tell apart.
# The markers are for lines, which have no names beside them.
STYLES = {
    "ipo-compact": ("#0072b2", "o"),
    "ipo-full": ("#56b4e9", "s"),
    "ipo-full-key": ("#009e73", "^"),
    "vxlan": ("#d55e00", "D"),
    "geneve": ("#e69f00", "v"),
    "gre": ("#cc79a7", "P"),
    "gre-l3": ("#f0e442", "X"),
    "plain": ("#999999", "*"),
    "ipo-device": ("#0072b2", "o"),
    "ipip-device": ("#cc79a7", "P"),
    "plain-routing": ("#999999", "*"),
}
OTHER_STYLE = ("#000000", ".")


def style(tunnel):
    """Return the colour and the marker of 'tunnel'."""
    return STYLES.get(tunnel, OTHER_STYLE)


def settings_init():
    """Make plots depend on the samples alone, not on the user or the time."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update({"svg.hashsalt": "ovs-ipo",
                                "svg.fonttype": "none",
                                "axes.axisbelow": True,
                                "font.size": 8,
                                "axes.titlesize": 8})


def figure_panels(n, columns, width, height, title):
    """Return a figure of 'n' panels with 'title', and the list of them."""
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.4),
                    layout="constrained")
    figure.suptitle(title)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[n:]:
        panel.remove()
    return figure, panels[:n]


def figure_write(figure, path):
    figure.savefig(path, format="svg", metadata={"Date": None})


def bars_draw(panel, block, title):
    """Draw one block: a bar for each tunnel, with its ratio to vxlan's."""
    tunnels = block.tunnels()
    bars = panel.barh(tunnels, [block.median(tunnel) for tunnel in tunnels],
                      color=[style(tunnel)[0] for tunnel in tunnels],
                      edgecolor="black", linewidth=0.5)
    if "vxlan" in tunnels:
        panel.bar_label(bars, padding=3, labels=[
            ratio_format(block.ratio(tunnel, "vxlan")) for tunnel in tunnels])
    panel.margins(x=0.2)
    panel.invert_yaxis()
    panel.set_title(title)
    panel.set_xlabel(block.unit)
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.grid(axis="x", alpha=0.3)


def bars_write(blocks, family, path):
    """Write the bar charts of one family."""
    name = family.rstrip("-")
    figure, panels = figure_panels(
        len(blocks), 3, 3.6, 2.3,
        name + " (at the bars: ratio to vxlan)")
    for panel, block in zip(panels, blocks):
        same = block.bench == family and block.params
        bars_draw(panel, block,
                  params_format(block.params) if same else block.name())
    figure_write(figure, path)


def growth_lines(blocks):
    """Return (peers, median) of each tunnel, by what else there is to tell
    the blocks apart: a dictionary of dictionaries of lists."""
    lines = {}
    for block in blocks:
        others = {key: value for key, value in block.params.items()
                  if key != "peers"}
        tunnels = lines.setdefault((params_format(others), block.unit), {})
        for tunnel in block.tunnels():
            tunnels.setdefault(tunnel, []).append(
                (block.params["peers"], block.median(tunnel)))
    return lines


def lines_draw(panel, lines, title, unit):
    """Draw one line for each tunnel."""
    for tunnel, points in lines.items():
        colour, marker = style(tunnel)
        panel.plot(*zip(*sorted(points)), label=tunnel, color=colour,
                   marker=marker, markeredgecolor="black",
                   markeredgewidth=0.5)
    peers = {x for points in lines.values() for x, _ in points}
    highest = max(y for points in lines.values() for _, y in points)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(sorted(peers)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.yaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_ylim(0, 1.1 * highest)
    panel.set_title(title)
    panel.set_xlabel("peers")
    panel.set_ylabel(unit)
    panel.grid(alpha=0.3)
    panel.legend(ncols=2)


def lines_write(blocks, path):
    """Write the line charts of what a packet costs by the number of peers."""
    lines = growth_lines(blocks)
    figure, panels = figure_panels(len(lines), 2, 4.5, 3.6, LINE_BENCH)
    for panel, ((title, unit), tunnels) in zip(panels, lines.items()):
        lines_draw(panel, tunnels, title, unit)
    figure_write(figure, path)


def plots_write(blocks, directory):
    """Write all plots that there are samples for into 'directory'."""
    settings_init()
    for family in BAR_FAMILIES:
        members = [block for block in blocks if block.bench.startswith(family)]
        if members:
            bars_write(members, family, os.path.join(
                directory, family.rstrip("-") + ".svg"))
    members = [block for block in blocks
               if block.bench == LINE_BENCH and "peers" in block.params]
    if members:
        lines_write(members, os.path.join(directory, LINE_BENCH + ".svg"))
