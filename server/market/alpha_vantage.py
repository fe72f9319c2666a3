"""Alpha Vantage's daily JSON, one document a file, and `merged.jsonl`, one document a line.

Names of values are read without their number, so that "4. close", "4. sell price" and the adjusted series' "6. volume"
are all understood; adjusted closes are not: the ledger books what was paid on the day.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from server.market.bar_text import parse_bar, parse_date, parse_symbol
from server.market.errors import BarRefusedError, NotJsonError
from server.market.found import SHOWN, Found, PlacedBar, Refusal, file_name, printable, quoted
from server.market.line import lines

#: a JSON object in the order of the file; a dict would hide that a date was given twice
Pairs: TypeAlias = tuple[tuple[str, object], ...]

META = "Meta Data"
SYMBOL = "2. Symbol"
SERIES = "Time Series (Daily)"

#: names of the bodies that Alpha Vantage sends in place of prices, with status 200
ANSWERS = ("Error Message", "Note", "Information")

NAMES = {
    "open": "open",
    "buy price": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "sell price": "close",
    "volume": "volume",
}
NUMBERED = re.compile(r"\d+\. (.+)", re.ASCII)

#: bytes; 25 years of a symbol are 1.5 MB
LONGEST_DOCUMENT = 64 * 1024 * 1024

#: characters of an error body that a refusal shows
LONGEST_ANSWER = 300


def read_document(path: Path) -> Iterator[Found]:
    """Yield the bars and refusals of a file that is one document."""
    name = file_name(path)
    with path.open("rb") as file:
        raw = file.read(LONGEST_DOCUMENT + 1)
    if len(raw) > LONGEST_DOCUMENT:
        yield Refusal(file=name, reason=f"file was longer than {LONGEST_DOCUMENT:,} bytes")
        return
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Refusal(file=name, reason=f"file was not UTF-8: {error.reason}")
        return
    yield from _read_text(name, None, text)


def read_lines(path: Path) -> Iterator[Found]:
    """Yield the bars and refusals of a file with one document, that is one symbol, a line."""
    name = file_name(path)
    for line in lines(path, LONGEST_DOCUMENT):
        if isinstance(line, Refusal):
            yield line
        else:
            yield from _read_text(name, line.number, line.text)


def read_text(name: str, symbol: str, text: str) -> Iterator[Found]:
    """Yield the bars and refusals of a document about a symbol; one about another is refused."""
    for found in _read_text(name, None, text):
        if isinstance(found, PlacedBar) and found.bar.symbol != symbol:
            yield Refusal(file=name, symbol=symbol, reason=f"answer was about {found.bar.symbol}")
            return
        yield found


def _read_text(name: str, line: int | None, text: str) -> Iterator[Found]:
    symbol = ""
    try:
        document = _object("document", _parse(text))
        symbol = _symbol(document)
        series = _series(document)
    except (BarRefusedError, NotJsonError) as error:
        yield Refusal(file=name, line=line, symbol=symbol, reason=str(error))
        return
    for date, values in series:
        yield _read_bar(name, line, symbol, date, values)


def _parse(text: str) -> object:
    """Parse JSON with objects as pairs and numbers as the texts they were, so that none passes through a float."""
    try:
        return json.loads(text, object_pairs_hook=tuple, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        raise NotJsonError(f"text was not JSON: {error}") from error
    except RecursionError as error:
        raise NotJsonError("text was not JSON of any use: nested too deeply") from error


def _object(what: str, value: object) -> dict[str, object]:
    if not isinstance(value, tuple):
        raise BarRefusedError(f"{what} was not a JSON object")
    members = dict(value)
    if len(members) < len(value):
        raise BarRefusedError(f"{what} repeated a name")
    return members


def _symbol(document: dict[str, object]) -> str:
    for answer in ANSWERS:
        if isinstance(text := document.get(answer), str):
            raise BarRefusedError(f"Alpha Vantage sent no prices: {printable(text[:LONGEST_ANSWER])}")
    symbol = _object(f'"{META}"', document.get(META)).get(SYMBOL)
    if not isinstance(symbol, str):
        raise BarRefusedError(f'"{META}" had no "{SYMBOL}"')
    return parse_symbol(symbol)


def _series(document: dict[str, object]) -> Pairs:
    if SERIES not in document:
        raise BarRefusedError(f'document had no "{SERIES}"')
    series = document[SERIES]
    if not isinstance(series, tuple):
        raise BarRefusedError(f'"{SERIES}" was not a JSON object')
    if not series:
        raise BarRefusedError(f'"{SERIES}" was empty')
    return series


def _read_bar(name: str, line: int | None, symbol: str, date: str, values: object) -> Found:
    try:
        bar = parse_bar(symbol, parse_date(date), _values(values))
    except BarRefusedError as error:
        shown = printable(date[:SHOWN])
        return Refusal(file=name, line=line, symbol=symbol, date=shown, reason=str(error))
    return PlacedBar(file=name, line=line, bar=bar)


def _values(value: object) -> dict[str, object]:
    if not isinstance(value, tuple):
        raise BarRefusedError(f"values {quoted(value)} were not a JSON object")
    values: dict[str, object] = {}
    for name, text in value:
        numbered = NUMBERED.fullmatch(name)
        field = NAMES.get(numbered[1]) if numbered else None
        if field in values:
            raise BarRefusedError(f"{field} was given twice")
        if field:
            values[field] = text
    return values
