from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from peewee import SqliteDatabase

from server.engine.prices import PriceTable
from server.market.errors import TableFileError
from server.market.price_import import import_prices
from server.market.price_store import load, open_table, save_table

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
HEADER = "symbol,date,open,high,low,close,volume\n"
FIRST = "B,2025-10-01,1.000001,2,1,1.5,5\nB,2025-10-03,3,4,2,3.5,6\nA,2025-10-02,7,8,6,7.5,0\nA,2025-10-03,9,,,,\n"
COLUMNS = ("open", "high", "low", "close", "volume")


def imported(db: SqliteDatabase, path: Path, text: str) -> PriceTable:
    path.write_text(HEADER + text)
    import_prices(db, [path], NOW)
    return load(db)


def assert_equal(one: PriceTable, other: PriceTable) -> None:
    assert (one.symbols, one.dates, one.digest) == (other.symbols, other.dates, other.digest)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_table_has_a_row_per_date_and_a_column_per_symbol(db: SqliteDatabase, tmp_path: Path) -> None:
    table = imported(db, tmp_path / "a.csv", FIRST)

    assert table.symbols == ("A", "B")
    assert table.dates == ("2025-10-01", "2025-10-02", "2025-10-03")
    assert table.open.tolist() == [[0, 1_000_001], [7_000_000, 0], [9_000_000, 3_000_000]]
    assert table.close.tolist() == [[0, 1_500_000], [7_500_000, 0], [0, 3_500_000]]
    assert table.volume.tolist() == [[0, 5], [0, 0], [0, 6]]


def test_an_empty_database_makes_an_empty_table(db: SqliteDatabase, tmp_path: Path) -> None:
    table = load(db)
    save_table(table, tmp_path / "empty.prices")

    assert (table.symbols, table.dates, table.open.shape) == ((), (), (0, 0))
    assert_equal(open_table(tmp_path / "empty.prices"), table)


def test_the_digest_changes_with_any_price_and_with_nothing_else(db: SqliteDatabase, tmp_path: Path) -> None:
    table = imported(db, tmp_path / "a.csv", FIRST)

    again = imported(db, tmp_path / "a.csv", FIRST)
    changed = imported(db, tmp_path / "a.csv", FIRST.replace("3.5,6", "3.500001,6"))

    assert again.digest == table.digest
    assert changed.digest != table.digest


def test_a_saved_table_opens_equal_and_read_only_without_a_copy(db: SqliteDatabase, tmp_path: Path) -> None:
    table = imported(db, tmp_path / "a.csv", FIRST)
    path = tmp_path / "new" / "folder" / "t.prices"

    save_table(table, path)
    opened = open_table(path)

    assert_equal(opened, table)
    assert opened.latest_close("A", "2025-10-03") == table.latest_close("A", "2025-10-03")
    assert not any(getattr(opened, name).flags.writeable or getattr(opened, name).flags.owndata for name in COLUMNS)
    assert [entry.name for entry in path.parent.iterdir()] == ["t.prices"]


def test_a_table_saved_over_an_open_one_leaves_that_one_as_it_was(db: SqliteDatabase, tmp_path: Path) -> None:
    table = imported(db, tmp_path / "a.csv", FIRST)
    path = tmp_path / "t.prices"
    save_table(table, path)
    opened = open_table(path)

    save_table(replace(table, open=table.open * 2), path)

    assert_equal(opened, table)
    assert open_table(path).open.tolist() == (table.open * 2).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "was not a price table"),
        (b"\xff\n", "was not a price table"),
        (b"[]\n", "was not a price table of this version"),
        (b'{"format": "aitrader-prices-0"}\n', "was not a price table of this version"),
        (b'{"format": "aitrader-prices-1", "symbols": ["A"], "dates": ["2025-10-01"], "digest": ""}\n', "was cut"),
    ],
)
def test_a_file_that_is_no_whole_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.prices"
    path.write_bytes(content)

    with pytest.raises(TableFileError, match=message):
        open_table(path)
