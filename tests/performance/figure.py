"""A figure: what was measured, what it should be, and how it was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: what a figure may be told with besides its value
Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value; `met` is None when there is no target."""

    name: str
    value: float
    unit: str
    target: str | None = None
    met: bool | None = None
    how: str
    details: Details = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the figure as a JSON object."""
        return {**asdict(self), "value": rounded(self.value)}


def at_least(name: str, value: float, target: float, unit: str, how: str, **details: Any) -> Figure:
    """Return a figure that should be as large as its target."""
    met = value >= target
    return Figure(name=name, value=value, unit=unit, target=f">= {target:g}", met=met, how=how, details=details)


def at_most(name: str, value: float, target: float, unit: str, how: str, **details: Any) -> Figure:
    """Return a figure that should be no larger than its target."""
    met = value <= target
    return Figure(name=name, value=value, unit=unit, target=f"<= {target:g}", met=met, how=how, details=details)


def plain(name: str, value: float, unit: str, how: str, **details: Any) -> Figure:
    """Return a figure without a target, given for comparison."""
    return Figure(name=name, value=value, unit=unit, how=how, details=details)


def rounded(value: float) -> float:
    """Return a value with four significant digits."""
    return float(f"{value:.4g}")


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` percent of the values lie; NaN when there are none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, 99th percentile, maximum and number of some values."""
    shown = {"median": percentile(values, 50), "p99": percentile(values, 99), "max": percentile(values, 100)}
    return {name: rounded(value) for name, value in shown.items()} | {"count": len(values)}
