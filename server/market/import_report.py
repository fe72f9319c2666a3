"""The report of an import: what people read and what scripts parse."""

from dataclasses import dataclass
from typing import Any

from server.market.coverage_report import jump_lines, jumps_json
from server.market.found import Refusal
from storage.price_coverage import PriceJump

#: refusals that people are shown unless they ask for all
REFUSALS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import of price files found and did; `first` and `last` are dates, empty when no bar was good.

    `jumps` are good bars whose prices are far from those before.
    """

    symbols: int
    dates: int
    first: str
    last: str
    added: int
    changed: int
    unchanged: int
    refused: tuple[Refusal, ...]
    jumps: tuple[PriceJump, ...] = ()

    @property
    def bars(self) -> int:
        """Good bars that were read."""
        return self.added + self.changed + self.unchanged

    def lines(self, refusals: int | None = REFUSALS_SHOWN) -> list[str]:
        """Return the report as lines for people, with so many refusals (None: all)."""
        shown = self.refused[:refusals]
        lines = [self._found(), self._done(), *jump_lines(self.jumps), *(f"refused {refusal}" for refusal in shown)]
        if left := len(self.refused) - len(shown):
            lines.append(f"… and {left:,} more")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return {
            "symbols": self.symbols,
            "dates": self.dates,
            "first": self.first or None,
            "last": self.last or None,
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "jumps": jumps_json(self.jumps),
            "refused": [_refusal_json(refusal) for refusal in self.refused],
        }

    def _found(self) -> str:
        if not self.bars:
            return "no bars"
        return f"{self.bars:,} bars of {self.symbols:,} symbols on {self.dates:,} dates, {self.first} to {self.last}"

    def _done(self) -> str:
        counts = f"{self.added:,} added, {self.changed:,} changed, {self.unchanged:,} unchanged"
        return f"{counts}, {len(self.refused):,} refused"


def _refusal_json(refusal: Refusal) -> dict[str, Any]:
    return {
        "file": refusal.file,
        "line": refusal.line,
        "symbol": refusal.symbol or None,
        "date": refusal.date or None,
        "reason": refusal.reason,
    }
