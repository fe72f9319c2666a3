"""Files that `prices update` takes what is missing from, Parquet among them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase
from pyarrow import parquet

from server.market.command import prices
from server.market.found import Found, PlacedBar, Refusal
from server.market.price_file import read_prices
from server.market.price_update import find_lacks, update_prices
from server.market.providers.files import Files

DAYS = ("2025-10-01", "2025-10-02", "2025-10-03")

COLUMNS: Mapping[str, Sequence[object]] = {
    "symbol": ["A", "A", "B"],
    "date": [date.fromisoformat(day) for day in ("2025-10-01", "2025-10-02", "2025-10-01")],
    "Open": [10.5, 11.0, 20.0],
    "high": [12.0, 12.0, 21.0],
    "low": [10.0, 10.0, 19.0],
    "close": [11.0, 11.5, 20.5],
    "volume": [100, 200, 300],
}


def write(path: Path, **columns: Sequence[object]) -> Path:
    parquet.write_table(pyarrow.table({**COLUMNS, **columns}), path)
    return path


def bars(found: Sequence[Found]) -> list[tuple[str, str, Decimal | None]]:
    return [(one.bar.symbol, one.bar.date, one.bar.close) for one in found if isinstance(one, PlacedBar)]


def test_bars_of_a_parquet_file_are_read(tmp_path: Path) -> None:
    found = list(read_prices(write(tmp_path / "prices.parquet")))

    assert bars(found) == [
        ("A", "2025-10-01", Decimal(11)),
        ("A", "2025-10-02", Decimal("11.5")),
        ("B", "2025-10-01", Decimal("20.5")),
    ]


@pytest.mark.parametrize(
    "dates",
    [
        ["2025-10-01", "2025-10-02", "2025-10-01"],
        [datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in ("2025-10-01", "2025-10-02", "2025-10-01")],
    ],
)
def test_dates_may_be_texts_or_moments_and_prices_decimals(tmp_path: Path, dates: Sequence[object]) -> None:
    closes = [Decimal("11.00"), Decimal("11.50"), Decimal("20.50")]

    found = list(read_prices(write(tmp_path / "prices.parquet", date=dates, close=closes)))

    assert [day for _, day, _ in bars(found)] == ["2025-10-01", "2025-10-02", "2025-10-01"]


def test_bad_row_is_refused_with_its_number_and_stops_no_other(tmp_path: Path) -> None:
    found = list(read_prices(write(tmp_path / "prices.parquet", close=[11.0, 99.0, float("nan")])))

    refused = [str(one).split(":", 1)[1] for one in found if isinstance(one, Refusal)]
    assert refused == [
        "2 A 2025-10-02: close 99 was above high 12",
        "3 B 2025-10-01: close 'nan' was not finite",
    ]
    assert len(bars(found)) == 1


def test_file_that_is_no_table_of_prices_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"symbol": ["A"]}), tmp_path / "columns.parquet")
    (tmp_path / "text.parquet").write_text("symbol,date")

    (columns, text) = list(read_prices(tmp_path))

    assert "file lacked or repeated the column date, open" in str(columns)
    assert "file was not Parquet" in str(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(at=st.integers(0, 2500), cut=st.integers(0, 8), junk=st.binary(max_size=8))
def test_damaged_parquet_files_give_bars_or_refusals(tmp_path: Path, at: int, cut: int, junk: bytes) -> None:
    whole = write(tmp_path / "whole.parquet").read_bytes()
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(whole[:at] + junk + whole[at + cut :])

    assert all(isinstance(one, PlacedBar) or str(one).isprintable() for one in read_prices(damaged))


#: three values of every kind that a column may be of, some of them such as Python has none for
KINDS = (
    *([value] * 3 for value in (None, True, -1, 2**62, b"\xff", Decimal("1.5"), "", "\0", "x" * 500, [1], {"a": 1})),
    *([value, value, 1.0] for value in (float("nan"), float("inf"), 1e300)),
    *(pyarrow.array([2**45, 2**40, 0], kind) for kind in (pyarrow.timestamp("us"), pyarrow.timestamp("s", "UTC"))),
    pyarrow.array([2**62, 0, 1], pyarrow.timestamp("us", "Mars/Olympus")),
    pyarrow.array([2**30, 20_362, 1], pyarrow.date32()),
    pyarrow.array([2**60, 0, 1], pyarrow.time64("us")),
    pyarrow.array(["A", "A", "B"]).dictionary_encode(),
    pyarrow.Array.from_buffers(
        pyarrow.string(), 3, [None, *map(pyarrow.py_buffer, (bytes(12) + b"\1\0\0\0", b"\xff"))]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(column=st.sampled_from(list(COLUMNS)), values=st.sampled_from(KINDS))
def test_column_of_any_kind_costs_no_more_than_its_rows(tmp_path: Path, column: str, values: Sequence[object]) -> None:
    found = list(read_prices(write(tmp_path / "kinds.parquet", **{column: values})))

    assert len(found) == 3
    for row, one in enumerate(found, 1):
        assert one.line == row
        assert str(one).isprintable()


def test_date_that_python_has_not_costs_its_row_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "far.parquet", date=pyarrow.array([20_362, 2**30, 20_363], pyarrow.date32()))

    (refused,) = [str(one).split(":", 1)[1] for one in read_prices(path) if isinstance(one, Refusal)]

    assert refused == "2 A: date '…' was not a text"


def test_what_is_missing_is_taken_from_files_and_the_rest_told(db: SqliteDatabase, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    line = "B,2025-10-02,20,21,19,20,5\nA,2025-10-02,1,1,1,1,1\nC,2025-10-02,0,1,1,1,1\n"
    (tmp_path / "b.csv").write_text(f"symbol,date,open,high,low,close,volume\n{line}")

    report = update_prices(db, Files(tmp_path), find_lacks(db, ["A", "B", "C"], DAYS), lambda: datetime.now(UTC))

    assert report.counts == "3 symbols asked for, 4 bars added, 0 changed"
    assert [str(one).split(": ", 1)[1] for one in report.refused] == [
        "the same symbol and date came earlier with other values",
        "open '0' was not above 0",
    ]
    assert [one.symbol for one in report.not_had] == ["A", "B", "C"]
    assert list(db.execute_sql("SELECT DISTINCT source FROM price_imports")) == [("files",)]


def test_update_from_files_needs_no_key(tmp_path: Path) -> None:
    path = write(tmp_path / "prices.parquet")
    environment = {"AITRADER_DB": str(tmp_path / "cli.db"), "AITRADER_PRICE_FILES": str(path)}
    asked = ["update", "--provider", "files", "--symbols", "A", "--start", DAYS[0], "--end", DAYS[1], "--json"]

    result = CliRunner().invoke(prices, asked, env=environment)
    without = CliRunner().invoke(prices, asked, env=environment | {"AITRADER_PRICE_FILES": str(tmp_path / "none")})

    assert json.loads(result.stdout)["added"] == 2
    assert "needs AITRADER_PRICE_FILES: '" in without.output


def test_import_takes_parquet(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        prices, ["import", str(write(tmp_path / "prices.parquet")), "--db", str(tmp_path / "cli.db")]
    )

    assert result.exit_code == 0
    assert "3 bars" in result.output
