import csv
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet
import pytest

from storage.database import open_database
from tests.unit.server.history.run_files import RUN, command, import_runs, make_market, rows, write_log, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database with an imported run of two models, one of which said something."""
    return _folder(tmp_path / "first")


def _folder(folder: Path, *, market_only: bool = False) -> Path:
    folder.mkdir()
    make_market(folder)
    if not market_only:
        for name in ("m", "n"):
            write_run(folder, model=name)
        said = [
            {"role": "user", "content": "go"},
            {"role": "tool", "content": "ü\ud800", "name": "buy", "arguments": {"a": 1}},
        ]
        write_log(folder, "2025-03-04", {"new_messages": said})
        assert import_runs(folder).exit_code == 0
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_jsonl_has_the_records_of_earlier_versions(folder: Path) -> None:
    result = command(folder, "export", "--format", "jsonl", "--out", folder / "out")

    lines = (folder / "out/agent_data/m/position/position.jsonl").read_text().splitlines()
    assert (result.exit_code, result.output) == (0, f"3 file(s) written to {folder / 'out'}\n")
    assert [json.loads(line) for line in lines] == [
        {"date": "2025-03-03", "id": 0, "positions": {"CASH": 1000.0}},
        {
            "date": "2025-03-03",
            "id": 1,
            "this_action": {"action": "buy", "symbol": "UP", "amount": 10, "price": 10.0},
            "positions": {"UP": 10, "CASH": 900.0},
        },
        RUN[2] | {"positions": {"UP": 10, "CASH": 900.0}},
        RUN[3] | {"positions": {"UP": 6, "CASH": 948.0}},
        {
            "date": "2025-03-05",
            "id": 4,
            "this_action": {"action": "buy", "symbol": "FLAT", "amount": 2, "price": 100.0},
            "positions": {"FLAT": 2, "UP": 6, "CASH": 748.0},
        },
    ]


def test_export_imported_elsewhere_and_exported_again_is_equal_to_the_byte(folder: Path, tmp_path: Path) -> None:
    command(folder, "export", "--format", "jsonl", "--out", folder / "out")
    elsewhere = _folder(tmp_path / "second", market_only=True)

    imported = command(elsewhere, "import-positions", folder / "out", "--experiment", "other")
    command(elsewhere, "export", "--format", "jsonl", "--out", elsewhere / "out", "--experiment", "other")

    assert imported.exit_code == 0, imported.output
    assert len(files(folder / "out")) == 3
    assert files(elsewhere / "out") == files(folder / "out")


COSTS = {"commission": {"per_order": 1.5, "basis_points": 2}, "slippage": {"basis_points": 0.5}}


def test_run_with_costs_comes_back_as_it_was(tmp_path: Path) -> None:
    first = _folder(tmp_path / "first", market_only=True)
    price = Decimal(10) * (1 + Decimal("0.00005"))
    cash = 1000 - price * 10 - (Decimal("1.5") + Decimal("0.0002") * price * 10)
    bought = {"UP": 10, "CASH": float(cash.quantize(Decimal("0.000001")))}
    write_run(first, [RUN[0] | {"costs": COSTS}, RUN[1] | {"positions": bought}])

    imported = import_runs(first)
    command(first, "export", "--format", "jsonl", "--out", first / "out")
    second = _folder(tmp_path / "second", market_only=True)
    command(second, "import-positions", first / "out")
    command(second, "export", "--format", "jsonl", "--out", second / "out")

    assert imported.exit_code == 0, imported.output
    paid = "SELECT commission, slippage FROM positions WHERE action_id = 1"
    assert rows(first / "jobs.db", paid) == rows(second / "jobs.db", paid) == [(1.520001, 0.005)]
    assert files(second / "out") == files(first / "out")


@pytest.mark.parametrize(
    "costs", [5, {"commission": 1}, {"commission": {"per_order": -1}}, {"slippage": {"basis_points": "x"}}]
)
def test_costs_that_are_none_are_refused(tmp_path: Path, costs: object) -> None:
    folder = _folder(tmp_path / "first", market_only=True)
    write_run(folder, [RUN[0] | {"costs": costs}])

    result = import_runs(folder)

    assert result.exit_code == 1
    assert "agent_data/m/position/position.jsonl line 1: 'costs" in result.output


def test_csv_has_the_tables(folder: Path) -> None:
    command(folder, "export", "--format", "csv", "--out", folder / "out")

    tables = {path.stem: read_csv(path) for path in (folder / "out").iterdir()}
    assert {name: len(found) for name, found in tables.items()} == {
        "trading_days": 6,
        "positions": 12,
        "holdings": 12,
        "fills": 6,
    }
    assert tables["fills"][1] == {
        "model": "m",
        "date": "2025-03-05",
        "action_id": "1",
        "action_type": "sell",
        "symbol": "UP",
        "amount": "4",
        "price": "12.0",
        "commission": "0.0",
        "slippage": "0.0",
    }
    assert tables["trading_days"][-1]["portfolio_value"] == "1023.0"


def test_parquet_has_the_same_as_csv(folder: Path) -> None:
    command(folder, "export", "--format", "csv", "--out", folder / "out")
    command(folder, "export", "--format", "parquet", "--out", folder / "out")

    for path in (folder / "out").glob("*.parquet"):
        found = pyarrow.parquet.read_table(path).to_pylist()
        wanted = read_csv(path.with_suffix(".csv"))
        assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in found] == wanted


def test_one_model_can_be_exported(folder: Path) -> None:
    command(folder, "export", "--format", "jsonl", "--out", folder / "out", "--model", "n")

    assert list(files(folder / "out")) == ["agent_data/n/position/position.jsonl"]


@pytest.mark.parametrize("asked", [("--model", "x"), ("--experiment", "x")])
def test_what_is_not_there_is_told(folder: Path, asked: tuple[str, str]) -> None:
    result = command(folder, "export", "--format", "csv", "--out", folder / "out", *asked)

    assert result.exit_code == 1
    assert "no portfolio" in result.output
    assert not (folder / "out").exists()


def test_symbol_with_the_name_of_the_cash_is_refused_in_jsonl(folder: Path) -> None:
    db = open_database(folder / "jobs.db")
    db.execute_sql("UPDATE holdings SET symbol = 'CASH' WHERE symbol = 'FLAT'")
    db.close()

    result = command(folder, "export", "--format", "jsonl", "--out", folder / "out", "--model", "m")

    assert result.exit_code == 1
    assert "symbol 'CASH' on 2025-03-05 is the name of the cash" in result.output
    assert files(folder / "out") == {}


def test_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = command(tmp_path, "export", "--format", "csv", "--out", tmp_path / "out")

    assert result.exit_code == 1
    assert not (tmp_path / "jobs.db").exists()
