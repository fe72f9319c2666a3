"""Recorded runs with splits and dividends: they follow from the corporate actions that are stored, or are refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.corporate_actions import ActionRow, import_actions
from storage.database import open_database
from storage.prices import import_bars
from tests.service import DATES, bar
from tests.unit.server.history.run_files import command, contents, import_runs, make_market, rows, write_run

FILE = "agent_data/m/position/position.jsonl"

NOW = datetime(2025, 11, 1, tzinfo=UTC)

SPLIT = ActionRow(symbol="SPLT", ex_date=DATES[2], kind="split", numerator=3, denominator=2, amount_micros=0)
DIVIDEND = ActionRow(
    symbol="FLAT", ex_date=DATES[3], kind="dividend", numerator=1, denominator=1, amount_micros=250_000
)


def record(id_: int, date: str, action: dict[str, Any], cash: float, **held: int) -> dict[str, Any]:
    """Return a line with an action."""
    return {"date": date, "id": id_, "this_action": action, "positions": {**held, "CASH": cash}}


def acted(action: str, symbol: str, amount: int, price: float) -> dict[str, Any]:
    return {"action": action, "symbol": symbol, "amount": amount, "price": price}


#: SPLT opens at 90, after its split on the third date at 60; FLAT, at 100, pays 0.25 on the fourth
RUN: tuple[dict[str, Any], ...] = (
    {"date": DATES[0], "id": 0, "positions": {"CASH": 1000.0}},
    record(1, DATES[0], acted("buy", "SPLT", 5, 90.0), 550.0, SPLT=5),
    record(2, DATES[0], acted("buy", "FLAT", 1, 100.0), 450.0, FLAT=1, SPLT=5),
    record(3, DATES[1], {"action": "no_trade", "symbol": "", "amount": 0}, 450.0, FLAT=1, SPLT=5),
    record(4, DATES[2], acted("split", "SPLT", 2, 60.0), 480.0, FLAT=1, SPLT=7),
    record(5, DATES[3], acted("dividend", "FLAT", 1, 0.25), 480.25, FLAT=1, SPLT=7),
    record(6, DATES[3], acted("sell", "FLAT", 1, 100.0), 580.25, FLAT=0, SPLT=7),
)


def make_folder(folder: Path, *actions: ActionRow) -> Path:
    """Make a database with the market and some corporate actions."""
    folder.mkdir()
    db = open_database(make_market(folder))
    bars = [bar("SPLT", date, 90 if i < 2 else 60, 90 if i < 2 else 62) for i, date in enumerate(DATES)]
    import_bars(db, "test", bars, (), NOW)
    import_actions(db, "actions.csv", actions, NOW)
    db.close()
    return folder


def test_split_and_dividend_come_back_to_the_byte(tmp_path: Path) -> None:
    first, second = (make_folder(tmp_path / name, SPLIT, DIVIDEND) for name in ("first", "second"))
    written = write_run(first, RUN)

    imported = import_runs(first)
    command(first, "export", "--format", "jsonl", "--out", first / "out")
    again = command(second, "import-positions", first / "out")
    command(second, "export", "--format", "jsonl", "--out", second / "out")

    assert imported.exit_code == again.exit_code == 0, imported.output + again.output
    assert (first / "out" / FILE).read_bytes() == (second / "out" / FILE).read_bytes() == written.read_bytes()
    stored = "SELECT action_type, amount, price, cash FROM positions WHERE action_type IN ('split', 'dividend')"
    assert rows(second / "jobs.db", stored) == [("split", 2, 60.0, 480.0), ("dividend", 1, 0.25, 480.25)]
    assert command(second, "db", "check").exit_code == 0


def changed(place: int, **fields: object) -> list[dict[str, Any]]:
    """Return the run up to a record, with fields of that one replaced."""
    return [*RUN[:place], RUN[place] | fields]


STORED = "by the corporate actions that are stored"
HAPPENED = f"{STORED} SPLT was split 3 for 2: 5 shares became 7, and 30 dollars for the fraction"

BREAKS: list[tuple[list[dict[str, Any]], str]] = [
    (changed(4, this_action=acted("split", "SPLT", 5, 45.0)), f"line 5: split 5 'SPLT' at 45.000000, and {HAPPENED}"),
    (changed(4, this_action=acted("split", "UP", 2, 60.0)), f"line 5: split 2 'UP' at 60.000000, and {HAPPENED}"),
    (changed(4, this_action=acted("split", "SPLT", 2, 61.0)), f"line 5: split 2 'SPLT' at 61.000000, and {HAPPENED}"),
    (
        changed(4, positions={"FLAT": 1, "SPLT": 7, "CASH": 450.0}),
        "line 5: cash was 450.000000, and by the rules it is 480.000000 (a difference of -30.000000) after split 2",
    ),
    (
        changed(4, this_action={"action": "no_trade"}),
        "line 5: there is no record that SPLT was split 3 for 2: 5 shares became 7",
    ),
    (
        [*RUN[:3], record(3, DATES[3], acted("split", "SPLT", 2, 60.0), 480.0, FLAT=1, SPLT=7)],
        "line 4: there is no record that FLAT paid a dividend of 0.25 dollars a share",
    ),
    (
        [*RUN[:3], record(3, DATES[1], acted("split", "SPLT", 2, 60.0), 480.0, FLAT=1, SPLT=7)],
        f"line 4: split 2 'SPLT' at 60.000000, and {STORED} nothing happened then to what was held",
    ),
    (changed(4, this_action=acted("merger", "SPLT", 2, 60.0)), "line 5: 'action' was 'merger', not one of buy, sell"),
    (changed(4, this_action={"action": []}), "line 5: 'action' was [], not one of buy, sell"),
]


@pytest.mark.parametrize(("records", "message"), BREAKS)
def test_corporate_action_that_does_not_follow_is_told_and_nothing_imported(
    tmp_path: Path, records: list[dict[str, Any]], message: str
) -> None:
    folder = make_folder(tmp_path / "first", SPLIT, DIVIDEND)
    write_run(folder, records)
    before = contents(folder / "jobs.db")

    result = import_runs(folder)

    assert result.exit_code == 1
    assert f"{FILE} {message}" in result.output
    assert contents(folder / "jobs.db") == before


def test_lenient_import_ends_before_a_split_that_is_not_known(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "first", DIVIDEND)
    write_run(folder, RUN)

    result = import_runs(folder, "--lenient")

    assert result.exit_code == 0
    assert f"line 5: split 2 'SPLT' at 60.000000, and {STORED} nothing happened then" in result.output
    assert rows(folder / "jobs.db", "SELECT date FROM trading_days") == [(DATES[0],), (DATES[1],)]
