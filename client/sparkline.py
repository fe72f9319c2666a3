"""A series of numbers as a line of text."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Draw one bar per value, the lowest of them the shortest; what is not a number is a gap."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return " " * len(values)
    low, span = min(finite), max(finite) - min(finite)
    return "".join(_bar(value, low, span) for value in values)


def thinned(values: Sequence[float], count: int) -> list[float]:
    """Choose at most `count` (two or more) values, evenly spread, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(step * (len(values) - 1) / (count - 1))] for step in range(count)]


def _bar(value: float, low: float, span: float) -> str:
    if not math.isfinite(value):
        return " "
    if span == 0:
        return BARS[len(BARS) // 2]
    return BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))]
