"""Parquet price files: columns `symbol`, `date`, `open`, `high`, `low`, `close`, `volume`, further ones ignored.

Dates are texts, dates or moments of which the date counts; prices are numbers of any kind, or texts.
"""

from collections.abc import Iterator, Sequence
from datetime import date as Date  # noqa: N812 (`date` is a field of bars)
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.market.bar_text import parse_bar, parse_date, parse_symbol
from server.market.errors import BarRefusedError
from server.market.found import Found, PlacedBar, Refusal, file_name, printable, quoted

if TYPE_CHECKING:
    import pyarrow

COLUMNS = ("symbol", "date", "open", "high", "low", "close", "volume")

#: rows held in memory at once
BATCH = 10_000

#: characters of the library's words that a refusal shows
SHOWN = 200


def read_parquet(path: Path) -> Iterator[Found]:
    """Yield the bars and refusals of a Parquet file; `line` is the number of the row, from 1."""
    name = file_name(path)
    try:
        yield from _read(name, path)
    except ImportError:
        yield Refusal(file=name, reason="reading Parquet needs the extra, aitrader-service[parquet]")
    except BarRefusedError as error:
        yield Refusal(file=name, reason=str(error))
    except Exception as error:  # whatever the library raises over a file that is damaged
        yield Refusal(file=name, reason=f"file was not Parquet: {printable(str(error)[:SHOWN])}")


def _read(name: str, path: Path) -> Iterator[Found]:
    from pyarrow import parquet  # here, as it is an extra, and large

    with parquet.ParquetFile(path) as file:
        columns = _columns(file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches(BATCH, columns=columns):
            for row in zip(*(_values(batch.column(column)) for column in columns), strict=True):
                number += 1
                yield _read_row(name, number, row)


def _values(column: "pyarrow.Array[Any]") -> list[object]:
    """Return the values of a column, `...` for those that Python has none for, such as a date in the year 300,000."""
    try:
        return list(column.to_pylist())
    except Exception:  # whatever the library raises over one of them
        return [_value(scalar) for scalar in column]


def _value(scalar: "pyarrow.Scalar[Any]") -> object:
    try:
        return scalar.as_py()
    except Exception:  # as above
        return ...


def _columns(names: Sequence[str]) -> list[str]:
    """Return the file's names of our columns, in our order."""
    lower = [name.lower() for name in names]
    if wrong := [name for name in COLUMNS if lower.count(name) != 1]:
        raise BarRefusedError(f"file lacked or repeated the column {', '.join(wrong)}")
    return [names[lower.index(name)] for name in COLUMNS]


def _read_row(name: str, number: int, row: Sequence[object]) -> Found:
    symbol = date = ""
    try:
        symbol = parse_symbol(_text("symbol", row[0]))
        date = parse_date(_date(row[1]))
        values = {column: _number(value) for column, value in zip(COLUMNS[2:], row[2:], strict=True)}
        return PlacedBar(file=name, line=number, bar=parse_bar(symbol, date, values))
    except BarRefusedError as error:
        return Refusal(file=name, line=number, symbol=symbol, date=date, reason=str(error))


def _text(column: str, value: object) -> str:
    if not isinstance(value, str):
        raise BarRefusedError(f"{column} {quoted(value)} was not a text")
    return value


def _date(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, Date) else _text("date", value)


def _number(value: object) -> object:
    """Return a number as the text that the rules of bars read."""
    return str(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else value
