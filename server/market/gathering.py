"""The bars that an import takes from what was found, and what it refuses of it."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TypeAlias

from server.market.found import Found, PlacedBar, Refusal
from storage.prices import BarRow

#: of a bar seen before, what is needed to compare it: the open, and a hash of the rest (None: only an open so far).
#: The bar itself would take 600 bytes, which ten years of 500 symbols make a gigabyte of
Seen: TypeAlias = tuple[Decimal, int | None]


class Gathering:
    """Bars of an import on their way to storage; keeps the refusals and sees to it that no bar comes twice."""

    def __init__(self) -> None:
        self.refused: list[Refusal] = []
        self.dates: set[str] = set()
        self.symbols: dict[str, dict[str, Seen]] = {}

    def bars(self, found: Iterable[Found]) -> Iterator[BarRow]:
        """Yield the good bars; of a symbol and date the first, and a whole bar after its open."""
        for one in found:
            if isinstance(one, Refusal):
                self.refused.append(one)
            elif self._is_new(one):
                yield one.bar

    def _is_new(self, placed: PlacedBar) -> bool:
        bar = placed.bar
        rest = None if bar.close is None else hash((bar.high, bar.low, bar.close, bar.volume))
        dates = self.symbols.setdefault(bar.symbol, {})
        before = dates.get(bar.date)
        if before is None:
            self.dates.add(bar.date)
        elif not _agree(before, (bar.open, rest)):
            self._refuse(placed)
            return False
        elif rest is None or before[1] is not None:
            return False
        dates[bar.date] = bar.open, rest
        return True

    def _refuse(self, placed: PlacedBar) -> None:
        bar = placed.bar
        reason = "the same symbol and date came earlier with other values"
        self.refused.append(
            Refusal(file=placed.file, line=placed.line, symbol=bar.symbol, date=bar.date, reason=reason)
        )


def _agree(one: Seen, other: Seen) -> bool:
    return one[0] == other[0] and (one[1] is None or other[1] is None or one[1] == other[1])
