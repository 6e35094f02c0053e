# SPDX-License-Identifier: Apache-2.0

"""The aims, which the file 'aims' lists, and what became of them."""

import operator
import re

from samples import Malformed, divide, params_format, params_parse, read_lines
from tables import number_format, ratio_format

COMPARE = {"<=": operator.le, "<": operator.lt,
           ">=": operator.ge, ">": operator.gt}
ROW = "  %-54s %9s  %-17s  %s"


class Aim:
    """One line of the file, in words.  ValueError says what is wrong."""

    def __init__(self, words):
        if len(words) not in (4, 5):
            raise ValueError("the number of columns is %d, not 4 or 5"
                             % len(words))
        self.bench, params, self.against, limit = words[:4]
        self.tunnel = words[4] if len(words) == 5 else "ipo-compact"
        self.params = params_parse(params)
        self.base_params = (params_parse(self.against)
                            if "=" in self.against else None)
        parts = re.fullmatch(r"([<>]=?)([0-9]+(\.[0-9]+)?)", limit)
        if not parts:
            raise ValueError("'%s' is no limit" % limit)
        self.sign, self.number = parts.group(1, 2)

    def is_about(self, block):
        """Return whether the aim is one for 'block'."""
        return (block.bench == self.bench
                and self.params.items() <= block.params.items()
                and block.higher_is_better() == self.sign.startswith(">"))

    def measure(self, block, blocks):
        """Return what 'block' has to say, None if nothing."""
        if self.against == "-":
            return (block.median(self.tunnel)
                    if self.tunnel in block.values else None)
        if self.base_params:
            return self.growth(block, blocks)
        base = self.against
        if base == "best":
            base = block.best_for(self.tunnel)
        return block.ratio(self.tunnel, base)

    def growth(self, block, blocks):
        """Return what was measured in 'block' by what was in the one that
        differs from it in the parameters to compare with, None if nothing."""
        params = {**block.params, **self.base_params}
        for base in blocks:
            if ((base.bench, base.params, base.unit)
                    == (block.bench, params, block.unit)
                    and self.tunnel in base.values
                    and self.tunnel in block.values):
                return divide(block.median(self.tunnel),
                              base.median(self.tunnel))
        return None

    def verdict(self, value):
        if value is None:
            return "not measured"
        kept = COMPARE[self.sign](value, float(self.number))
        return "met" if kept else "not met"

    def row(self, what, value, unit):
        """Return a line that says what became of the aim."""
        if self.tunnel != "ipo-compact":
            what = "%s: %s" % (self.tunnel, what)
        goal = "%s %s " % (self.sign, self.number)
        if self.against == "-":
            goal += unit
            value_text = "-" if value is None else number_format(value)
        else:
            goal += "x " + self.against
            value_text = ratio_format(value)
        return ROW % (what, value_text, goal, self.verdict(value))

    def rows(self, blocks):
        """Return a line for each block that the aim is about, or one that
        says that there is none."""
        about = [block for block in blocks if self.is_about(block)]
        if not about:
            what = self.bench + " " + params_format(self.params)
            return [self.row(what, None, "")]
        return [self.row(block.name(), self.measure(block, blocks),
                         block.unit) for block in about]


def aims_read(path):
    """Return the aims in the file 'path'."""
    aims = []
    for number, line in read_lines(path):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            aims.append(Aim(words))
        except ValueError as error:
            raise Malformed(path, number, error) from None
    return aims


def aims_format(aims, blocks):
    """Return the section on 'aims'."""
    rows = [ROW % ("what", "measured", "aim", "")]
    for aim in aims:
        rows += aim.rows(blocks)
    return "\n".join(["Aims"] + [row.rstrip() for row in rows]) + "\n"
