"""Alpha Vantage's splits and dividends: documents of events under "data", one of a symbol and kind."""

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeAlias

from server.market.action_text import dividend, split
from server.market.bar_text import parse_date
from server.market.errors import BarRefusedError
from server.market.found import quoted
from storage.corporate_actions import ActionRow


class Event(StrEnum):
    """What can be asked for, by the name of the function."""

    SPLIT = "SPLITS"
    DIVIDEND = "DIVIDENDS"


#: what the vendor writes where it knows nothing
UNKNOWN = ("", "None", "0", "0000-00-00")

#: reads an event about a symbol; None where it is only announced
Reader: TypeAlias = Callable[[str, Mapping[str, object]], ActionRow | None]

RATIO = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6}|/[1-9][0-9]{0,4})?")


def read_events(symbol: str, event: Event, text: str) -> list[ActionRow]:
    """Return the events of a JSON document about a symbol; those without a date, which are announced, are left out.

    Raises:
        BarRefusedError: the document is about another symbol, or of another form; an event is named by its place.
    """
    document: Any = json.loads(text)
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BarRefusedError('document had no list of objects "data"')
    if document.get("symbol") != symbol:
        raise BarRefusedError(f"answer was about {quoted(document.get('symbol'))}")
    read = _split if event is Event.SPLIT else _dividend
    return [action for i, row in enumerate(rows) if (action := _placed(read, symbol, row, i)) is not None]


def _placed(read: Reader, symbol: str, row: Mapping[str, object], place: int) -> ActionRow | None:
    try:
        return read(symbol, row)
    except BarRefusedError as error:
        raise BarRefusedError(f"data[{place}]: {error}") from None


def _split(symbol: str, row: Mapping[str, object]) -> ActionRow | None:
    date = _text(row, "effective_date")
    return None if date in UNKNOWN else split(symbol, parse_date(date), _ratio(_text(row, "split_factor")))


def _dividend(symbol: str, row: Mapping[str, object]) -> ActionRow | None:
    date, amount = _text(row, "ex_dividend_date"), _text(row, "amount")
    if date in UNKNOWN or amount in UNKNOWN:
        return None
    return dividend(symbol, parse_date(date), amount)


def _ratio(text: str) -> Fraction:
    if not RATIO.fullmatch(text):
        raise BarRefusedError(f"split_factor {quoted(text)} was not a ratio of new to old shares")
    return Fraction(text)


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str | int | float):
        raise BarRefusedError(f"{name} {quoted(value)} was not a text")
    return str(value)
