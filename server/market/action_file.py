"""CSV files of corporate actions: `symbol,ex_date,kind,value`.

`kind` is `split` with a value such as `15:1` (15 new shares for 1 old), or `dividend` with dollars per share. The four
columns may come in any order; further ones are ignored.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from server.market.action_text import dividend, split
from server.market.bar_text import parse_date, parse_symbol
from server.market.errors import BarRefusedError
from server.market.found import Refusal, file_name, quoted
from server.market.line import Line, lines
from storage.corporate_actions import ActionRow

COLUMNS = ("symbol", "ex_date", "kind", "value")

#: bytes
LONGEST_LINE = 4096

#: what a split may be made of: whole numbers of at most four digits
_RATIO = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,3})")

Placed: TypeAlias = ActionRow | Refusal


def read_actions(path: Path) -> Iterator[Placed]:
    """Yield the actions and refusals of a file; an action that comes again with other terms is refused."""
    name, header = file_name(path), None
    seen: dict[tuple[str, str, str], ActionRow] = {}
    for line in lines(path, LONGEST_LINE):
        if isinstance(line, Refusal):
            yield line
            continue
        try:
            if header is None:
                header = _header(line)
                continue
            action = _action(dict(zip(header, _cells(line, len(header)), strict=True)))
            if seen.setdefault((action.symbol, action.ex_date, action.kind), action) != action:
                raise BarRefusedError("the same action came earlier with another value")
            yield replace(action, source=name)
        except BarRefusedError as error:
            yield Refusal(file=name, line=line.number, reason=str(error))
            if header is None:
                return


def _header(line: Line) -> list[str]:
    header = [cell.lower() for cell in _cells(line)]
    if missing := [name for name in COLUMNS if header.count(name) != 1]:
        raise BarRefusedError(f"header lacked or repeated {', '.join(missing)}")
    return header


def _cells(line: Line, count: int | None = None) -> list[str]:
    try:
        cells = [cell.strip() for cell in next(csv.reader((line.text,), strict=True))]
    except csv.Error as error:
        raise BarRefusedError(f"line was not CSV: {error}") from error
    if count is not None and len(cells) != count:
        raise BarRefusedError(f"line had {len(cells)} cells, the header {count}")
    return cells


def _action(values: dict[str, str]) -> ActionRow:
    symbol, date, kind, value = (values[name] for name in COLUMNS)
    symbol, date = parse_symbol(symbol), parse_date(date)
    if kind.lower() == "split":
        return split(symbol, date, _ratio(value))
    if kind.lower() == "dividend":
        return dividend(symbol, date, value)
    raise BarRefusedError(f"kind {quoted(kind)} was neither split nor dividend")


def _ratio(text: str) -> Fraction:
    found = _RATIO.fullmatch(text)
    if found is None or found[1] == found[2]:
        raise BarRefusedError(f"value {quoted(text)} was not a ratio of new to old shares such as 15:1")
    return Fraction(int(found[1]), int(found[2]))
