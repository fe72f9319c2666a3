import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.history.lines import MAX_LINE
from server.upkeep.cleanup import cleanup
from storage.database import open_database
from tests.unit.server.history.run_files import (
    RUN,
    changed,
    contents,
    import_runs,
    make_market,
    rows,
    write_log,
    write_run,
)

FILE = "agent_data/m/position/position.jsonl"

POSITIONS = (
    "SELECT date, action_id, action_type, symbol, amount, price, cash, portfolio_value FROM positions ORDER BY id"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_market(tmp_path)
    return tmp_path


def test_run_becomes_a_finished_job(folder: Path) -> None:
    write_run(folder)

    result = import_runs(folder)

    ((job_id, status, total, done),) = rows(
        folder / "jobs.db", "SELECT job_id, status, total_model_days, completed_model_days FROM jobs"
    )
    told = f"m: imported, 3 trading day(s) from 2025-03-03 to 2025-03-05, job {job_id}\n"
    assert (result.exit_code, result.output) == (0, told)
    assert (status, total, done) == ("completed", 3, 3)
    assert rows(folder / "jobs.db", POSITIONS) == [
        ("2025-03-03", 0, "no_trade", None, None, None, 1000.0, 1000.0),
        ("2025-03-03", 1, "buy", "UP", 10, 10.0, 900.0, 1000.0),
        ("2025-03-04", 0, "no_trade", None, None, None, 900.0, 1010.0),
        ("2025-03-05", 0, "no_trade", None, None, None, 900.0, 1020.0),
        ("2025-03-05", 1, "sell", "UP", 4, 12.0, 948.0, 1020.0),
        ("2025-03-05", 2, "buy", "FLAT", 2, 100.0, 748.0, 1020.0),
    ]
    assert rows(folder / "jobs.db", "SELECT date, portfolio_value, daily_profit FROM trading_days") == [
        ("2025-03-03", 1005.0, 5.0),
        ("2025-03-04", 1015.0, 10.0),
        ("2025-03-05", 1023.0, 8.0),
    ]


def test_second_import_changes_nothing(folder: Path) -> None:
    write_run(folder)
    import_runs(folder)
    before = contents(folder / "jobs.db")

    result = import_runs(folder)

    assert (result.exit_code, result.output) == (0, "m: imported before, unchanged\n")
    assert contents(folder / "jobs.db") == before


def test_file_that_has_grown_is_gone_on_with(folder: Path) -> None:
    write_run(folder, RUN[:3])
    import_runs(folder)
    write_run(folder)

    result = import_runs(folder)

    assert "1 trading day(s) from 2025-03-05 to 2025-03-05" in result.output
    assert len(rows(folder / "jobs.db", POSITIONS)) == 6
    assert rows(folder / "jobs.db", "SELECT day_number FROM trading_days") == [(1,), (2,), (3,)]


def clean_up(folder: Path) -> None:
    """Remove every job that was imported."""
    with closing(open_database(folder / "jobs.db")) as db:
        now = datetime.now(UTC) + timedelta(hours=1)
        cleanup(db, now, now=now)


def test_file_whose_days_a_cleanup_removed_is_gone_on_with_from_what_was_carried(folder: Path) -> None:
    write_run(folder, RUN[:3])
    import_runs(folder)
    clean_up(folder)

    unchanged = import_runs(folder)
    write_run(folder)
    grown = import_runs(folder)

    assert unchanged.output == "m: imported before, unchanged\n"
    assert "1 trading day(s) from 2025-03-05 to 2025-03-05" in grown.output
    assert rows(folder / "jobs.db", "SELECT date, day_number FROM trading_days") == [("2025-03-05", 3)]


def test_file_that_ends_otherwise_than_what_a_cleanup_carried_is_refused(folder: Path) -> None:
    write_run(folder)
    import_runs(folder)
    clean_up(folder)
    write_run(folder, changed(4, this_action={"action": "no_trade"}, positions={"UP": 6, "CASH": 948}))

    result = import_runs(folder)

    assert result.exit_code == 1
    assert "has another cash or value on 2025-03-05" in result.output


def test_file_with_another_history_is_refused(folder: Path) -> None:
    write_run(folder)
    import_runs(folder)
    before = contents(folder / "jobs.db")
    records = changed(4, this_action={"action": "no_trade"}, positions={"UP": 6, "CASH": 948})
    write_run(folder, records)

    result = import_runs(folder)

    assert result.exit_code == 1
    assert "the portfolio of 'm' in experiment 'default' has another cash or value on 2025-03-05" in result.output
    assert contents(folder / "jobs.db") == before


def test_file_with_other_days_is_refused(folder: Path) -> None:
    write_run(folder)
    import_runs(folder)
    write_run(folder, [RUN[0], RUN[1], *({**record, "id": record["id"] - 1} for record in RUN[3:])])

    result = import_runs(folder)

    assert result.exit_code == 1
    assert "has other trading days, the first of them 2025-03-04" in result.output


def test_portfolio_of_another_definition_is_refused(folder: Path) -> None:
    write_run(folder)
    import_runs(folder)
    write_run(folder, [{"date": "2025-03-03", "id": 0, "positions": {"CASH": 5}}])

    result = import_runs(folder)

    assert result.exit_code == 1
    assert "was begun with another definition (initial_cash); import into another experiment" in result.output


def test_experiments_are_apart(folder: Path) -> None:
    write_run(folder)
    import_runs(folder)

    result = import_runs(folder, "--experiment", "second")

    assert result.exit_code == 0
    assert rows(folder / "jobs.db", "SELECT experiment, trading_days FROM portfolios ORDER BY id") == [
        ("default", 3),
        ("second", 3),
    ]


def test_models_can_be_chosen(folder: Path) -> None:
    for name in ("a", "b", "c"):
        write_run(folder, model=name)

    import_runs(folder, "--model", "c", "--model", "a")

    assert rows(folder / "jobs.db", "SELECT model FROM portfolios ORDER BY model") == [("a",), ("c",)]


def test_model_that_is_not_there_is_named(folder: Path) -> None:
    write_run(folder)

    result = import_runs(folder, "--model", "x")

    assert result.exit_code == 1
    assert "model 'x' was not found" in result.output
    assert "its models: m" in result.output


def test_folder_without_runs_is_refused(folder: Path) -> None:
    result = import_runs(folder)

    assert result.exit_code == 1
    assert "holds no <model>/position/position.jsonl" in result.output


@pytest.mark.parametrize("name", [" m", "a\x01", ".hidden"])
def test_folder_that_is_no_signature_is_refused(folder: Path, name: str) -> None:
    write_run(folder, model=name)

    assert "does not name a model" in import_runs(folder).output


def test_experiment_with_a_bad_name_is_refused(folder: Path) -> None:
    write_run(folder)

    assert import_runs(folder, "--experiment", "a/b").exit_code == 2


BREAKS: list[tuple[list[Any], str, int]] = [
    ([*RUN[:2], b'{"date": "2025-03-0'], "line 3: was not JSON", 0),
    ([*RUN[:4], b'{"date": "2025-03-0'], "line 5: was not JSON", 2),
    ([*RUN, *RUN], "line 6: 'id' was 0 after 4: two runs in one file, or lines are missing", 2),
    ([*RUN[:3], RUN[4]], "line 4: 'id' was 4 after 2: two runs in one file, or lines are missing", 1),
    (changed(3, date="2025-03-03"), "line 4: 'date' was 2025-03-03 after 2025-03-04", 1),
    ([*RUN[:2], {**RUN[2], "date": "2025-03-08"}], "line 3: there are no closing prices for 2025-03-08", 1),
    (RUN[1:], "line 1: is not the beginning of a run", 0),
    (changed(0, positions={"UP": 1, "CASH": 5}), "line 1: begins with 1 'UP' instead of cash alone", 0),
    (changed(0, positions={"CASH": 0}), "line 1: begins with cash of 0.000000", 0),
    (
        changed(1, positions={"UP": 10, "CASH": 901.5}),
        "by the rules it is 900.000000 (a difference of 1.500000) after buy 10 'UP' at 10.000000",
        0,
    ),
    (
        changed(4, positions={"UP": 6, "FLAT": 3, "CASH": 748}),
        "line 5: shares of 'FLAT' were 3, and by the rules 2 after buy 2 'FLAT' at 100.000000",
        2,
    ),
    (
        changed(1, this_action={"action": "buy", "symbol": "NONE", "amount": 1}, positions={"NONE": 1, "CASH": 990}),
        "after buy 1 'NONE', which is refused: symbol 'NONE' is not known on 2025-03-03",
        0,
    ),
    (changed(2, positions={"UP": 10, "CASH": 899}), "line 3: cash was 899.000000", 1),
    (
        changed(3, this_action={"action": "sell", "symbol": "UP", "amount": 4, "price": 12.5}),
        "line 4: 'price' was 12.500000, and UP fills at 12.000000 on 2025-03-05",
        2,
    ),
    (changed(1, id="1"), "line 2: 'id' was '1', not a whole number", 0),
    (changed(1, positions={"CASH": float("nan")}), "line 2: 'CASH' was nan, not an amount of dollars", 0),
    (changed(1, positions={"CASH": 1e12}), "line 2: 'CASH': amount 1000000000000.0 was not below", 0),
    (changed(1, positions={"UP": 1.5, "CASH": 1}), "line 2: shares of 'UP' was 1.5, not a whole number", 0),
    (changed(1, positions={"UP": -1, "CASH": 1}), "line 2: shares of 'UP' was -1, not a whole number", 0),
    (changed(1, positions=None), "line 2: 'positions' was not a JSON object", 0),
    ([], ": was empty", 0),
]


@pytest.mark.parametrize(("records", "message", "days"), BREAKS)
def test_break_is_told_with_its_place_and_nothing_of_the_model_imported(
    folder: Path, records: list[Any], message: str, days: int
) -> None:
    write_run(folder, records)
    before = contents(folder / "jobs.db")

    result = import_runs(folder)

    assert result.exit_code == 1
    assert f"m: not imported\n  {FILE}" in result.output
    assert message in result.output
    assert contents(folder / "jobs.db") == before


@pytest.mark.parametrize(("records", "message", "days"), BREAKS)
def test_lenient_import_takes_the_whole_trading_days_before_the_break(
    folder: Path, records: list[Any], message: str, days: int
) -> None:
    write_run(folder, records)

    result = import_runs(folder, "--lenient")

    assert message in result.output
    assert result.exit_code == (0 if days else 1)
    assert rows(folder / "jobs.db", "SELECT COUNT(*) FROM trading_days") == [(days,)]
    assert rows(folder / "jobs.db", "SELECT total_model_days, status FROM jobs") == (
        [(days, "completed")] if days else []
    )


def test_lenient_import_twice_changes_nothing(folder: Path) -> None:
    write_run(folder, [*RUN[:4], b"{"])
    import_runs(folder, "--lenient")
    before = contents(folder / "jobs.db")

    result = import_runs(folder, "--lenient")

    assert result.exit_code == 0
    assert contents(folder / "jobs.db") == before


def test_bad_model_does_not_stop_the_others(folder: Path) -> None:
    write_run(folder, RUN[1:], model="a")
    write_run(folder, model="b")

    result = import_runs(folder, "--json")

    told = json.loads(result.stdout)["models"]
    assert [(report["model"], report["status"], report["days"]) for report in told] == [
        ("a", "refused", 0),
        ("b", "imported", 3),
    ]
    assert result.exit_code == 1


def test_line_longer_than_any_record_is_refused(folder: Path) -> None:
    write_run(folder, [RUN[0], b" " * (MAX_LINE + 1)])

    assert f"line 2: was longer than {MAX_LINE} bytes" in import_runs(folder).output


def test_run_may_begin_on_a_date_without_prices(folder: Path) -> None:
    write_run(folder, [{**RUN[0], "date": "2025-03-01"}, *RUN[1:]])

    import_runs(folder)

    assert rows(folder / "jobs.db", "SELECT date FROM trading_days") == [
        ("2025-03-03",),
        ("2025-03-04",),
        ("2025-03-05",),
    ]


def test_trading_dates_without_a_record_are_told(folder: Path) -> None:
    write_run(folder, [RUN[0], RUN[1], {**RUN[2], "date": "2025-03-07"}])

    result = import_runs(folder)

    assert "3 trading date(s) without a record, the first 2025-03-04, are no trading days here" in result.output


def test_trade_without_effect_is_stored_as_a_rejection(folder: Path) -> None:
    write_run(folder, changed(2, this_action={"action": "buy", "symbol": "UP", "amount": 0}))

    import_runs(folder)

    assert rows(folder / "jobs.db", "SELECT date, amount, reason FROM rejections") == [
        ("2025-03-04", "0", "quantity_not_positive")
    ]


def test_logs_become_reasoning(folder: Path) -> None:
    write_run(folder)
    write_log(
        folder,
        "2025-03-03",
        {"signature": "m", "new_messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": None}]},
        {
            "new_messages": {
                "role": "tool",
                "content": {"a": 1},
                "name": "buy",
                "timestamp": "2025-03-03T10:00:00+02:00",
            }
        },
    )

    result = import_runs(folder)

    assert result.exit_code == 0
    columns = "date, step_number, role, content, tool_name, timestamp"
    assert rows(folder / "jobs.db", f"SELECT {columns} FROM reasoning_logs ORDER BY id") == [
        ("2025-03-03", 1, "user", "go", None, "2025-03-03T00:00:00.000000Z"),
        ("2025-03-03", 2, "assistant", None, None, "2025-03-03T00:00:00.000000Z"),
        ("2025-03-03", 3, "tool", '{"a": 1}', "buy", "2025-03-03T08:00:00.000000Z"),
    ]
    assert rows(folder / "jobs.db", "SELECT date, outcome, steps, cost_usd FROM sessions") == [
        ("2025-03-03", "succeeded", 3, None)
    ]


BAD_LOGS = [
    ("{", "was not JSON"),
    ({"new_messages": "x"}, "a message of 'new_messages' was not a JSON object"),
    ({"new_messages": {"role": "boss"}}, "'role' was 'boss', not one of user, assistant, tool"),
    ({"new_messages": {"role": []}}, "'role' was []"),
    ({"new_messages": {"role": "user", "timestamp": "soon"}}, "'timestamp' was 'soon', not a time"),
    ({"signature": "n", "new_messages": []}, "'signature' was 'n', not 'm'"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LOGS)
def test_malformed_log_is_told_with_its_place(folder: Path, line: object, message: str) -> None:
    write_run(folder)
    write_log(folder, "2025-03-04", {"new_messages": {"role": "user", "content": "go"}}, line)

    strict, lenient = import_runs(folder), import_runs(folder, "--lenient")

    assert f"agent_data/m/log/2025-03-04/log.jsonl line 2: {message}" in strict.output
    assert (strict.exit_code, lenient.exit_code) == (1, 0)
    assert f"a log was left out: agent_data/m/log/2025-03-04/log.jsonl line 2: {message}" in lenient.output
    assert rows(folder / "jobs.db", "SELECT COUNT(*) FROM trading_days") == [(3,)]
    assert rows(folder / "jobs.db", "SELECT COUNT(*) FROM reasoning_logs") == [(0,)]


def test_logs_of_dates_without_a_record_are_told(folder: Path) -> None:
    write_run(folder)
    write_log(folder, "2025-03-12", {"new_messages": {"role": "user", "content": "go"}})

    assert "1 log(s) of dates without a record were left out, the first of 2025-03-12" in import_runs(folder).output


def test_portfolio_that_a_job_holds_is_left_alone(folder: Path) -> None:
    write_run(folder, RUN[:3])
    import_runs(folder)
    write_run(folder)
    rows(folder / "jobs.db", "UPDATE jobs SET status = 'running' RETURNING 1")
    rows(folder / "jobs.db", "UPDATE portfolios SET claimed_by = (SELECT job_id FROM jobs) RETURNING 1")

    result = import_runs(folder)

    assert result.exit_code == 1
    assert "it holds the portfolio of 'm'" in result.output
