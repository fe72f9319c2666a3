"""Price tables: made of the stored bars, and kept as a file that every worker process maps into its memory.

A table file is one line of JSON (symbols, dates, digest), padded to whole pages, and the columns as one array of 64-bit
integers of the shape (5, dates, symbols).
"""

import hashlib
import json
import os
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from peewee import SqliteDatabase

from server.engine.corporate_action import ActionKind, CorporateAction
from server.engine.money import from_micros
from server.engine.prices import Micros, PriceTable
from server.market.errors import TableFileError
from storage.corporate_actions import ActionRow, find_actions
from storage.prices import SymbolColumns, load_columns

FORMAT = "aitrader-prices-1"

#: bytes; the columns begin at a page, so that they can be mapped
PAGE = 4096

#: open, high, low, close, volume
COLUMNS = 5


def load(db: SqliteDatabase) -> PriceTable:
    """Make a table of all stored bars; 500 symbols x 10 years take 0.7 s, of which other threads may use most."""
    symbols: list[str] = []
    texts: list[str] = []
    values: list[Micros] = []
    for columns in load_columns(db):
        symbols.append(columns.symbol)
        texts.append(columns.dates)
        values.append(_values(columns))
    dates, rows = _rows(texts)
    block = np.zeros((COLUMNS, len(dates), len(symbols)), dtype="<i8")
    for column, (text, own) in enumerate(zip(texts, values, strict=True)):
        block[:, rows[text], column] = own
    actions = tuple(_action(row) for row in find_actions(db))
    return _table(tuple(symbols), dates, block, _digest(tuple(symbols), dates, block, actions), actions)


def save_table(table: PriceTable, path: Path) -> None:
    """Write a table file; one that is there is replaced, processes that have it open keep what they see."""
    header = {"format": FORMAT, "symbols": table.symbols, "dates": table.dates, "digest": table.digest}
    text = json.dumps({**header, "actions": [asdict(action) for action in table.actions]}, default=str).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            file.write(text.ljust((len(text) // PAGE + 1) * PAGE - 1) + b"\n")
            for column in (table.open, table.high, table.low, table.close, table.volume):
                file.write(np.ascontiguousarray(column, dtype="<i8").data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def open_table(path: Path) -> PriceTable:
    """Open a table file; its pages are shared by all processes and read when first used.

    Raises:
        TableFileError: the file is no table of this version, or was cut.
    """
    with path.open("rb") as file:
        line = file.readline()
    header = _header(path, line)
    symbols, dates = tuple(header["symbols"]), tuple(header["dates"])
    shape = (COLUMNS, len(dates), len(symbols))
    if path.stat().st_size != len(line) + 8 * COLUMNS * len(dates) * len(symbols):
        raise TableFileError(f"price table '{path}' was cut")
    if not dates or not symbols:
        block = np.zeros(shape, dtype="<i8")
    else:
        # as a plain array, because indexing a memmap is several times slower
        block = np.asarray(np.memmap(path, dtype="<i8", mode="r", offset=len(line), shape=shape))
    actions = tuple(CorporateAction(**{**values, **_typed(values)}) for values in header["actions"])
    return _table(symbols, dates, block, header["digest"], actions)


def _values(columns: SymbolColumns) -> Micros:
    texts = (columns.open, columns.high, columns.low, columns.close, columns.volume)
    return np.stack([np.fromstring(text, dtype=np.int64, sep=",") for text in texts])


def _rows(texts: list[str]) -> tuple[tuple[str, ...], dict[str, Micros]]:
    """Return all dates, ascending, and for each text of dates their rows; most symbols have the same text."""
    split = {text: text.split(",") for text in texts}
    dates = tuple(sorted(set().union(*split.values())))
    index = {date: row for row, date in enumerate(dates)}
    return dates, {text: np.array([index[date] for date in own], dtype=np.int64) for text, own in split.items()}


def _digest(
    symbols: tuple[str, ...], dates: tuple[str, ...], block: Micros, actions: tuple[CorporateAction, ...]
) -> str:
    digest = hashlib.sha256(json.dumps([symbols, dates]).encode())
    digest.update(block.data)
    if actions:  # without any it is what it was before there were any
        digest.update(json.dumps([asdict(action) for action in actions], default=str).encode())
    return digest.hexdigest()


def _table(
    symbols: tuple[str, ...],
    dates: tuple[str, ...],
    block: Micros,
    digest: str,
    actions: tuple[CorporateAction, ...],
) -> PriceTable:
    open_, high, low, close, volume = block
    return PriceTable(
        symbols=symbols,
        dates=dates,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        digest=digest,
        actions=actions,
    )


def _action(row: ActionRow) -> CorporateAction:
    return CorporateAction(
        symbol=row.symbol,
        ex_date=row.ex_date,
        kind=ActionKind(row.kind),
        numerator=row.numerator,
        denominator=row.denominator,
        amount=from_micros(row.amount_micros),
    )


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON has no types for."""
    return {"kind": ActionKind(values["kind"]), "amount": Decimal(values["amount"])}


def _header(path: Path, line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError as error:
        raise TableFileError(f"'{path}' was not a price table") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TableFileError(f"'{path}' was not a price table of this version")
    return header
