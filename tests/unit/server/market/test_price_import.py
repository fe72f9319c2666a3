import json
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from server.engine.money import from_micros
from server.engine.prices import PriceTable
from server.market.import_report import ImportReport
from server.market.price_import import import_prices
from server.market.price_store import load
from storage.prices import version

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
HEADER = "symbol,date,open,high,low,close,volume\n"
NAMES = {"open": "1. buy price", "high": "2. high", "low": "3. low", "close": "4. sell price", "volume": "5. volume"}

fuzzing = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def imported(db: SqliteDatabase, path: Path, *lines: str) -> ImportReport:
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return import_prices(db, [path], NOW)


def test_adjusted_bars_are_stored_with_their_mark_or_not_at_all(db: SqliteDatabase, tmp_path: Path) -> None:
    path = tmp_path / "adjusted.csv"
    path.write_text(f"{HEADER}A,2025-10-01,10,11,9,10,100\n")
    db.execute_sql("CREATE TRIGGER full BEFORE INSERT ON adjusted_symbols BEGIN SELECT RAISE(ABORT, 'full'); END")

    with pytest.raises(sqlite3.IntegrityError):
        import_prices(db, [path], NOW, adjusted=True)
    assert list(db.execute_sql("SELECT count(*) FROM price_bars")) == [(0,)]

    db.execute_sql("DROP TRIGGER full")
    import_prices(db, [path], NOW, adjusted=True)
    assert list(db.execute_sql("SELECT symbol FROM adjusted_symbols")) == [("A",)]


def test_the_real_prices_are_imported_whole_and_only_once(db: SqliteDatabase, real_data: Path) -> None:
    path = real_data / "merged.jsonl"

    first = import_prices(db, [path], NOW)
    second = import_prices(db, [path], NOW)

    assert (first.symbols, first.dates, first.added, first.refused) == (101, 106, 10_706, ())
    assert (first.first, first.last) == ("2025-06-02", "2025-10-30")
    assert (second.added, second.changed, second.unchanged) == (0, 0, 10_706)
    assert version(db) == 1


def test_a_real_file_of_alpha_vantage_is_imported(db: SqliteDatabase, real_data: Path) -> None:
    report = import_prices(db, [real_data / "benchmark_QQQ.json"], NOW)

    assert (report.symbols, report.added, report.refused) == (1, 106, ())


def test_every_real_price_equals_its_text_in_the_file(db: SqliteDatabase, real_data: Path) -> None:
    path = real_data / "merged.jsonl"
    import_prices(db, [path], NOW)

    table = load(db)

    documents = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(documents) == len(table.symbols)
    for document in documents:
        column = table.symbol_index[document["Meta Data"]["2. Symbol"]]
        for date, texts in document["Time Series (Daily)"].items():
            assert_equals_texts(table, column, date, texts)


def assert_equals_texts(table: PriceTable, column: int, date: str, texts: dict[str, str]) -> None:
    row = table.date_index[date]
    for name in ("open", "high", "low", "close"):
        assert from_micros(getattr(table, name)[row, column]) == Decimal(texts[NAMES[name]])
    assert table.volume[row, column] == int(texts[NAMES["volume"]])


def test_a_bar_that_comes_twice_with_the_same_values_counts_once(db: SqliteDatabase, tmp_path: Path) -> None:
    report = imported(db, tmp_path / "a.csv", "A,2025-10-01,1,2,1,2,5", "a,2025-10-01,1.0,2,1,2,5")

    assert (report.added, report.refused) == (1, ())


def test_a_bar_that_comes_again_with_other_values_is_refused_with_its_place(db: SqliteDatabase, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    report = imported(db, path, "A,2025-10-01,1,2,1,2,5", "A,2025-10-01,1,2,1,1.5,5", "A,2025-10-01,2,,,,")

    assert [str(refusal) for refusal in report.refused] == [
        f"{path}:{line} A 2025-10-01: the same symbol and date came earlier with other values" for line in (3, 4)
    ]
    assert load(db).latest_close("A", "2025-10-01") == 2


def test_an_open_and_the_whole_bar_in_one_import_are_one_bar_in_either_order(
    db: SqliteDatabase, tmp_path: Path
) -> None:
    report = imported(
        db,
        tmp_path / "a.csv",
        *("A,2025-10-01,1,,,,", "A,2025-10-01,1,2,1,2,5"),
        *("B,2025-10-01,1,2,1,2,5", "B,2025-10-01,1,,,,"),
    )

    assert (report.added, report.refused) == (2, ())
    assert load(db).close.tolist() == [[2_000_000, 2_000_000]]


def test_duplicates_are_found_across_files(db: SqliteDatabase, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(HEADER + "A,2025-10-01,1,,,,\n")
    (tmp_path / "c.csv").write_text(HEADER + "A,2025-10-01,2,,,,\nA,2025-10-02,2,,,,\n")

    report = import_prices(db, [tmp_path], NOW)

    assert report.added == 2
    assert [refusal.file for refusal in report.refused] == [str(tmp_path / "c.csv")]


def test_good_lines_are_imported_and_bad_ones_reported(db: SqliteDatabase, tmp_path: Path) -> None:
    report = imported(db, tmp_path / "a.csv", "A,2025-10-01,2,2,1,2,5", "B,2025-10-01,0,2,1,2,5", "nonsense")

    assert report.added == 1
    assert [refusal.line for refusal in report.refused] == [3, 4]
    assert report.lines() == [
        "1 bars of 1 symbols on 1 dates, 2025-10-01 to 2025-10-01",
        "1 added, 0 changed, 0 unchanged, 2 refused",
        f"refused {tmp_path / 'a.csv'}:3 B 2025-10-01: open '0' was not above 0",
        f"refused {tmp_path / 'a.csv'}:4: line had 1 cells, the header 7",
    ]


def test_the_report_shows_so_many_refusals_and_how_many_more(db: SqliteDatabase, tmp_path: Path) -> None:
    report = imported(db, tmp_path / "a.csv", *["nonsense"] * 30)

    assert report.lines()[0] == "no bars"
    assert report.lines()[-1] == "… and 10 more"
    assert len(report.lines()) == 2 + 20 + 1
    assert len(report.lines(None)) == 2 + 30


def test_the_report_is_given_as_json_values(db: SqliteDatabase, tmp_path: Path) -> None:
    report = imported(db, tmp_path / "a.csv", "A,2025-10-01,2,2,1,2,5", "B,2025-10-01,0,2,1,2,5")

    assert json.loads(json.dumps(report.as_json())) == {
        "symbols": 1,
        "dates": 1,
        "first": "2025-10-01",
        "last": "2025-10-01",
        "added": 1,
        "changed": 0,
        "unchanged": 0,
        "jumps": [],
        "refused": [
            {
                "file": str(tmp_path / "a.csv"),
                "line": 3,
                "symbol": "B",
                "date": "2025-10-01",
                "reason": "open '0' was not above 0",
            }
        ],
    }


def assert_stored_as_reported(db: SqliteDatabase, path: Path) -> None:
    with db.atomic() as transaction:
        report = import_prices(db, [path], NOW)
        stored = db.execute_sql("SELECT count(*) FROM price_bars").fetchone()[0]
        again = import_prices(db, [path], NOW)
        transaction.rollback()

    assert report.added == stored
    assert (again.added, again.changed, again.unchanged) == (0, 0, stored)
    assert again.refused == report.refused


@fuzzing
@given(cells=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3), st.sampled_from("AB")), max_size=12))
def test_what_is_reported_is_what_is_stored(
    db: SqliteDatabase, tmp_path: Path, cells: list[tuple[int, int, str]]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "".join(f"{symbol},2025-10-0{date},{price},,,,\n" for price, date, symbol in cells))

    assert_stored_as_reported(db, path)


@fuzzing
@given(at=st.integers(0, 400), cut=st.integers(0, 40), put=st.binary(max_size=6))
def test_a_wounded_file_is_stored_as_it_is_reported(
    db: SqliteDatabase, tmp_path: Path, at: int, cut: int, put: bytes
) -> None:
    days = {
        f"2025-10-0{day}": dict(zip(NAMES.values(), ("10", "12", "9", "11", "5"), strict=True)) for day in (1, 2, 3)
    }
    document = {"Meta Data": {"2. Symbol": "AAPL"}, "Time Series (Daily)": days}
    content = json.dumps(document).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(content[:at] + put + content[at + cut :] + b"\n" + content.replace(b"AAPL", b"MSFT"))

    assert_stored_as_reported(db, path)
