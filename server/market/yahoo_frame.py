"""The table that yfinance makes of Yahoo's daily prices, with `auto_adjust=False` and `actions=True`.

Yahoo divides what was before a split by its ratio, so its prices are no longer those that were paid. The table tells
the splits up to today, and so what was before each is multiplied by it again: prices, dividends, and volumes the other
way.
Yahoo's figures are floats of single precision, of which seven digits are good.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import Any, Protocol

from server.market.action_text import MAX_SHARES, dividend, split
from server.market.bar_text import parse_bar, parse_date
from server.market.errors import BarRefusedError
from server.market.found import Found, PlacedBar, Refusal
from server.market.providers.provider import Daily, ProviderError
from storage.corporate_actions import ActionRow

#: our names → columns
PRICES = {"open": "Open", "high": "High", "low": "Low", "close": "Close"}
VOLUME, DIVIDENDS, SPLITS = "Volume", "Dividends", "Stock Splits"

#: a split at least this large, or as small the other way, shows in prices that it was not taken out of
PLAIN = 1.5


class Column(Protocol):
    """A column, or the index, of a table of pandas."""

    def tolist(self) -> list[Any]: ...


class Frame(Protocol):
    """As much of a table of pandas as is read; its index holds moments on the exchange's clock."""

    @property
    def index(self) -> Column: ...

    @property
    def columns(self) -> Column: ...

    def __getitem__(self, name: str) -> Column: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A date of the table; `ratio` is that of its split, 1 without one."""

    date: str
    prices: Mapping[str, float]
    volume: float
    dividend: float
    ratio: Fraction


def read_frame(name: str, symbol: str, frame: Frame) -> Daily:
    """Return the bars, as they were paid, and the corporate actions of a table about a symbol, up to today.

    Raises:
        ProviderError: it has other columns, or its dates are not in order.
        BarRefusedError: a date or a corporate action breaks a rule; the text begins with the date.
    """
    rows = _rows(frame)
    found: list[Found] = []
    actions: list[ActionRow] = []
    if broken := _broken(rows):
        reason = "prices before this split do not look divided by it, so what was paid cannot be told"
        found.append(Refusal(file=name, symbol=symbol, date=broken, reason=reason))
    later = Fraction(1)
    for row in reversed([row for row in rows if row.date >= broken]):
        found.append(_bar(name, symbol, row, later))
        actions += _actions(symbol, row, later)
        later *= row.ratio
    return Daily(found=found, actions=actions)


def _rows(frame: Frame) -> list[_Row]:
    wanted = [*PRICES.values(), VOLUME, DIVIDENDS, SPLITS]
    if missing := [column for column in wanted if column not in frame.columns.tolist()]:
        raise ProviderError(f"the table of yfinance lacked {', '.join(missing)}")
    dates = [parse_date(moment.date().isoformat()) for moment in frame.index.tolist()]
    if dates != sorted(set(dates)):  # a split that came twice, or late, would be multiplied by wrongly
        raise ProviderError("the dates in the table of yfinance were not in order, each once")
    columns = [frame[name].tolist() for name in wanted]
    return [
        _Row(
            date=date,
            prices=dict(zip(PRICES, prices, strict=True)),
            volume=volume,
            dividend=dollars,
            ratio=_ratio(date, ratio),
        )
        for date, *prices, volume, dollars, ratio in zip(dates, *columns, strict=True)
    ]


def _ratio(date: str, value: float) -> Fraction:
    """Return what a split multiplies shares by; the table has 0, or nothing, where there is none."""
    if value == inf:
        raise BarRefusedError(f"{date}: split {value} was not finite")
    return Fraction(value).limit_denominator(MAX_SHARES) if value > 0 else Fraction(1)


def _broken(rows: Sequence[_Row]) -> str:
    """Return the date of the last split that was not taken out of the prices before it; empty when there is none."""
    for before, row in reversed(list(pairwise(rows))):
        ratio, close = float(row.ratio), before.prices["close"]
        step = row.prices["open"] / close if close > 0 else 1.0
        if (ratio >= PLAIN or ratio <= 1 / PLAIN) and abs(step * ratio - 1) < abs(step - 1):
            return row.date
    return ""


def _bar(name: str, symbol: str, row: _Row, later: Fraction) -> Found:
    try:
        values: dict[str, object] = {key: _text(price * later) for key, price in row.prices.items()}
        values["volume"] = str(round(row.volume / later))
        return PlacedBar(file=name, line=None, bar=parse_bar(symbol, row.date, values))
    except (BarRefusedError, ValueError, OverflowError) as error:  # the last two: a volume that is none, or infinite
        return Refusal(file=name, symbol=symbol, date=row.date, reason=str(error))


def _actions(symbol: str, row: _Row, later: Fraction) -> Iterator[ActionRow]:
    try:
        if row.ratio != 1:
            yield split(symbol, row.date, row.ratio)
        if row.dividend > 0:
            yield dividend(symbol, row.date, f"{Decimal(_text(row.dividend * later)):.6f}")
    except BarRefusedError as error:
        raise BarRefusedError(f"{row.date}: {error}") from None


def _text(figure: float) -> str:
    """Return the seven digits that are good."""
    return f"{Decimal(f'{float(figure):.7g}'):f}"
