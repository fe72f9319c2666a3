"""CSV price files: `symbol,date,open,high,low,close,volume` in any order, further columns ignored.

Each line is read by itself: a quotation mark that is never closed spoils its line, not the rest of the file.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from server.market.bar_text import parse_bar, parse_date, parse_symbol
from server.market.errors import BarRefusedError
from server.market.found import Found, PlacedBar, Refusal, file_name
from server.market.line import Line, lines

COLUMNS = ("symbol", "date", "open", "high", "low", "close", "volume")

#: bytes
LONGEST_LINE = 65_536


def read_csv(path: Path) -> Iterator[Found]:
    """Yield the bars and refusals of a CSV file."""
    name = file_name(path)
    header: list[str] | None = None
    for line in lines(path, LONGEST_LINE):
        if isinstance(line, Refusal):
            yield line
        elif header is not None:
            yield _read_line(name, line, header)
        else:
            try:
                header = _header(line)
            except BarRefusedError as error:
                yield Refusal(file=name, line=line.number, reason=str(error))
                return


def _header(line: Line) -> list[str]:
    header = [cell.lower() for cell in _cells(line)]
    if missing := [name for name in COLUMNS if name not in header]:
        raise BarRefusedError(f"header lacked {', '.join(missing)}")
    if repeated := [name for name in COLUMNS if header.count(name) > 1]:
        raise BarRefusedError(f"header repeated {', '.join(repeated)}")
    return header


def _cells(line: Line) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader((line.text,), strict=True))]
    except csv.Error as error:
        raise BarRefusedError(f"line was not CSV: {error}") from error


def _read_line(name: str, line: Line, header: list[str]) -> Found:
    try:
        cells = _cells(line)
        if len(cells) != len(header):
            raise BarRefusedError(f"line had {len(cells)} cells, the header {len(header)}")
    except BarRefusedError as error:
        return Refusal(file=name, line=line.number, reason=str(error))
    return _read_bar(name, line.number, dict(zip(header, cells, strict=True)))


def _read_bar(name: str, number: int, values: dict[str, str]) -> Found:
    symbol = date = ""
    try:
        symbol = parse_symbol(values["symbol"])
        date = parse_date(values["date"])
        return PlacedBar(file=name, line=number, bar=parse_bar(symbol, date, values))
    except BarRefusedError as error:
        return Refusal(file=name, line=number, symbol=symbol, date=date, reason=str(error))
