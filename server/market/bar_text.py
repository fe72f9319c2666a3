"""Bars from texts: every rule that a bar of any price file must meet."""

import re
from collections.abc import Mapping
from datetime import date as Date  # noqa: N812 (`date` is a field here)
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache

from server.engine.money import MICRO
from server.market.errors import BarRefusedError
from server.market.found import quoted
from storage.prices import BarRow

#: dollars per share; a bound that real prices (BRK.A: 800,000) stay under, exact in a real with six decimals
MAX_PRICE = Decimal(1_000_000)

#: shares; far above any day's volume, exact in a 64-bit integer and in a real
MAX_VOLUME = Decimal(10**15)

#: characters; longer numbers are no prices, and would cost time
MAX_NUMBER_LENGTH = 64

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
SYMBOL = re.compile(r"[A-Za-z0-9.\-^=]{1,20}")


def parse_bar(symbol: str, date: str, values: Mapping[str, object]) -> BarRow:
    """Make a bar of the texts under `open`, `high`, `low`, `close` and `volume`; None and the empty text are missing.

    Prices more precise than 1e-6 dollars are rounded to that, half to even. A bar with no price but an open is the
    beginning of a date that is not over: its volume is checked and dropped.

    Raises:
        BarRefusedError: a value breaks a rule.
    """
    open_, high, low, close = (_price(name, values.get(name)) for name in ("open", "high", "low", "close"))
    volume = _volume(values.get("volume"))
    if open_ is None:
        raise BarRefusedError("open was missing")
    if high is None and low is None and close is None:
        return BarRow(symbol=symbol, date=date, open=open_)
    if high is None or low is None or close is None or volume is None:
        missing = [name for name in ("high", "low", "close", "volume") if _is_missing(values.get(name))]
        raise BarRefusedError(f"{', '.join(missing)} {'was' if len(missing) == 1 else 'were'} missing")
    _check_range(open_, high, low, close)
    return BarRow(symbol=symbol, date=date, open=open_, high=high, low=low, close=close, volume=volume)


def _check_range(open_: Decimal, high: Decimal, low: Decimal, close: Decimal) -> None:
    if high < low:
        raise BarRefusedError(f"high {high.normalize():f} was below low {low.normalize():f}")
    for name, price in (("open", open_), ("close", close)):
        if price > high:
            raise BarRefusedError(f"{name} {price.normalize():f} was above high {high.normalize():f}")
        if price < low:
            raise BarRefusedError(f"{name} {price.normalize():f} was below low {low.normalize():f}")


def _is_missing(value: object) -> bool:
    return value is None or value == ""


def _price(name: str, value: object) -> Decimal | None:
    if _is_missing(value):
        return None
    number = _number(name, value)
    if number <= 0:
        raise BarRefusedError(f"{name} {quoted(value)} was not above 0")
    price = number.quantize(MICRO, ROUND_HALF_EVEN) if number < MAX_PRICE else MAX_PRICE
    if not price:
        raise BarRefusedError(f"{name} {quoted(value)} was below {MICRO:f}")
    if price >= MAX_PRICE:
        raise BarRefusedError(f"{name} {quoted(value)} was not below {MAX_PRICE:,}")
    return price


def _volume(value: object) -> int | None:
    if _is_missing(value):
        return None
    number = _number("volume", value)
    if number < 0:
        raise BarRefusedError(f"volume {quoted(value)} was below 0")
    if number > MAX_VOLUME:
        raise BarRefusedError(f"volume {quoted(value)} was above {MAX_VOLUME:,}")
    if number != number.to_integral_value():
        raise BarRefusedError(f"volume {quoted(value)} was not a whole number")
    return int(number)


def _number(name: str, value: object) -> Decimal:
    if isinstance(value, str) and len(value) <= MAX_NUMBER_LENGTH:
        if NUMBER.fullmatch(value):
            return _decimal(name, value)
        if NOT_FINITE.fullmatch(value):
            raise BarRefusedError(f"{name} {quoted(value)} was not finite")
    raise BarRefusedError(f"{name} {quoted(value)} was not a number")


def _decimal(name: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:  # an exponent of twenty digits
        raise BarRefusedError(f"{name} {quoted(text)} was not a number") from error


@lru_cache(maxsize=32_768)
def parse_date(text: str) -> str:
    """Return a date written as `YYYY-MM-DD`, of which a file's bars share one text.

    Raises:
        BarRefusedError: it is written otherwise or is not in the calendar.
    """
    if not DATE.fullmatch(text):
        raise BarRefusedError(f"date {quoted(text)} was not written as YYYY-MM-DD")
    try:
        Date.fromisoformat(text)
    except ValueError as error:
        raise BarRefusedError(f"date {quoted(text)} was not in the calendar") from error
    return text


@lru_cache(maxsize=32_768)
def parse_symbol(text: str) -> str:
    """Return a symbol in upper case.

    Raises:
        BarRefusedError: it is not 1 to 20 of `A-Z 0-9 . - ^ =`.
    """
    if not SYMBOL.fullmatch(text):
        raise BarRefusedError(f"symbol {quoted(text)} was not 1 to 20 of A-Z 0-9 . - ^ =")
    return text.upper()
