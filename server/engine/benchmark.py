"""What holding one symbol would have been worth on the days on which a portfolio traded."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Open and close of a date, dollars per share; no close while the date is not over."""

    date: str
    open: float
    close: float | None


def benchmark_values(quotes: Sequence[Quote], dates: Sequence[str], previous: str | None) -> list[float] | None:
    """Return the price of a share before the first of some dates and at the close of each.

    Before the first it is the close of `previous`, the portfolio's day before, or at the beginning of the portfolio the
    open of the first date: both are what the portfolio's own return of that day is taken from. A date without a close
    has the latest earlier one, as a holding has. None when there is no price to start from. `quotes` ascend by date.
    """
    closes = [(quote.date, quote.close) for quote in quotes if quote.close is not None]
    days = [date for date, _ in closes]

    def close_by(date: str) -> float | None:
        count = bisect_right(days, date)
        return closes[count - 1][1] if count else None

    opening = next((quote.open for quote in quotes if quote.date == dates[0]), None)
    earlier = bisect_left(days, dates[0])
    before = close_by(previous) if previous else closes[earlier - 1][1] if earlier else None
    start = (before or opening) if previous else (opening or before)
    return None if start is None else [start, *(close_by(date) or start for date in dates)]
