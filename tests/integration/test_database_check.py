"""`db check`: a database that the service wrote is sound, and whatever is changed in it by hand is named."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aitrader.v1.control_pb2 import RetryJobRequest
from server.upkeep.command import db
from storage.checks.check import INVARIANTS
from storage.database import MIGRATIONS
from tests.service import DATES, DEADLINE, BackgroundLoop, Service, config, scripted, start_service

BUYS = {date: [("buy", "UP", 1), ("buy", "FLAT", 1)] for date in DATES[:3]} | {DATES[4]: [("sell", "UP", 2)]}


@pytest.fixture(scope="module")
def written(loop: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with jobs that failed, were retried, went on and were replaced, after the service has ended."""
    service = start_service(loop, tmp_path_factory.mktemp("written"))
    try:
        _write(service)
    finally:
        service.close()
    return service.settings.db


def _write(service: Service) -> None:
    once = service.folder / "once"
    failing = [
        scripted("m", BUYS, raise_on=DATES[2], raise_once=str(once)),
        scripted("n", BUYS),
        scripted("o", BUYS, raise_on=DATES[3]),
    ]
    first = service.run(config(*failing, end=DATES[5])).job_id
    service.stub.RetryJob(RetryJobRequest(job_id=first), timeout=DEADLINE)
    service.ended(first)
    service.run(config(*failing[:2], start=DATES[6]))
    service.run(config(scripted("n", BUYS), start=DATES[4]), replace_existing=True)
    service.run(config(scripted("c", BUYS), costs={"commission": {"per_order": 1}}))


@pytest.fixture
def changed(written: Path, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of it, open to be spoilt, without foreign keys."""
    copy = sqlite3.connect(tmp_path / "jobs.db")
    with sqlite3.connect(written) as original:
        original.backup(copy)
    original.close()
    yield copy
    copy.close()


def run_check(path: Path, *options: str) -> Result:
    return CliRunner().invoke(db, ["check", "--db", str(path), *options])


def test_database_that_the_service_wrote_is_sound(written: Path) -> None:
    result = run_check(written)

    assert result.exit_code == 0, result.output
    *lines, last = result.output.splitlines()
    assert [line[8:].split(" (")[0] for line in lines] == [invariant.name for invariant in INVARIANTS]
    assert last.startswith(f"{written}: sound, {len(INVARIANTS)} invariants, ")


def test_check_told_as_json_counts_rows(written: Path) -> None:
    told = json.loads(run_check(written, "--json").output)

    rows = {row["name"]: row["rows"] for row in told["checked"]}
    assert told["sound"]
    assert rows["cash and holdings follow from the fills"] > 30
    assert rows["portfolios end with their last day"] == 4


SPOILT = {
    "UPDATE positions SET cash = cash + 0.000001 WHERE id = (SELECT MAX(id) FROM positions)": (
        "cash and holdings follow from the fills",
        "cash should be",
    ),
    "UPDATE positions SET amount = 2 WHERE model = 'm' AND date = '2025-03-03' AND action_id = 1": (
        "cash and holdings follow from the fills",
        "positions (job {job}, 2025-03-03, m, action 1): cash should be 9980.0, found 9990.0",
    ),
    "UPDATE positions SET price = -1 WHERE model = 'm' AND date = '2025-03-03' AND action_id = 1": (
        "cash and holdings follow from the fills",
        "cash should be 10001",
    ),
    "UPDATE holdings SET quantity = 7 WHERE symbol = 'UP'": (
        "cash and holdings follow from the fills",
        "holdings should be 1 UP, found 7 UP",
    ),
    "DELETE FROM positions WHERE action_id = 1 AND date = '2025-03-03' AND model = 'm'": (
        "cash and holdings follow from the fills",
        "action_id should be 1, found 2",
    ),
    "UPDATE positions SET amount = 999999999 WHERE action_type = 'sell' AND model = 'm'": (
        "cash and holdings follow from the fills",
        "action should be a fill that cash and holdings allow, found sell 999999999 UP",
    ),
    "UPDATE trading_days SET cash = 1 WHERE date = '2025-03-04'": (
        "cash and holdings follow from the fills",
        "cash should be",
    ),
    "UPDATE trading_days SET portfolio_value = portfolio_value + 1, daily_profit = daily_profit + 1"
    " WHERE date = '2025-03-04'": ("values are cash and closes", "portfolio_value should be"),
    "UPDATE trading_days SET daily_profit = 3 WHERE date = '2025-03-04'": (
        "profits are the difference to the day before",
        "daily_profit should be",
    ),
    "UPDATE trading_days SET day_number = 9 WHERE date = '2025-03-04'": (
        "days are numbered without a gap",
        "day_number should be 2, found 9",
    ),
    "DELETE FROM trading_days WHERE date = '2025-03-04'": ("days are numbered without a gap", "should be 2, found 3"),
    "UPDATE portfolios SET last_day = '2025-03-05' WHERE model = 'm'": (
        "portfolios end with their last day",
        "portfolios (default, m): last_day, last_value and trading_days should be 2025-03-14",
    ),
    "UPDATE portfolios SET last_value = 1 WHERE model = 'm'": ("portfolios end with their last day", ", 1.0, 10"),
    "UPDATE trading_days SET position_id = position_id - 1 WHERE date = '2025-03-04'": (
        "days close with their last position",
        "position_id should be",
    ),
    "UPDATE job_details SET status = 'failed' WHERE date = '2025-03-04'": (
        "trading days have their model-day",
        "should be completed, of the same experiment, found failed in default",
    ),
    "UPDATE job_details SET status = 'completed' WHERE status = 'failed'": (
        "completed model-days have their trading day",
        "found completed without",
    ),
    "UPDATE jobs SET completed_model_days = 99": (
        "jobs count their model-days",
        "total, completed and failed model-days should be",
    ),
    "UPDATE job_details SET status = 'pending' WHERE status = 'failed'": (
        "jobs that ended left nothing to be run",
        "found pending",
    ),
    "DELETE FROM job_events WHERE sequence = 3": ("events follow each other", "sequence should be 3, found 4"),
    "UPDATE jobs SET last_sequence = 1": ("jobs know their last event", "last_sequence should be"),
    "UPDATE portfolios SET claimed_by = (SELECT job_id FROM jobs LIMIT 1) WHERE model = 'm'": (
        "portfolios are held by active jobs",
        "claimed_by should be a job of its experiment that has not ended",
    ),
    "UPDATE attempts SET outcome = 'lost' WHERE outcome = 'succeeded'": (
        "model-days agree with their attempts",
        "outcome should be succeeded, found lost",
    ),
    "UPDATE attempts SET number = 5 WHERE date = '2025-03-14'": (
        "attempts are those of model-days",
        "number should be at most 1, found 5",
    ),
    "DELETE FROM jobs WHERE job_id = (SELECT job_id FROM jobs LIMIT 1)": (
        "rows that are referred to are there",
        "reference should be a row of jobs",
    ),
    "INSERT INTO positions (job_id, date, model, action_id, action_type, cash, portfolio_value, created_at)"
    " SELECT job_id, '2025-03-20', model, 0, 'no_trade', 1, 1, created_at FROM positions LIMIT 1": (
        "positions have their trading day",
        "found none",
    ),
    "INSERT INTO carried_states SELECT id, '2025-03-03', '2025-03-05', 1, 1, 1, '{}', '' FROM portfolios"
    " WHERE model = 'm'": (
        "carried states come before stored days",
        "date should be before the first trading day that is stored, 2025-03-03, found 2025-03-05",
    ),
    "UPDATE positions SET commission = 0.5 WHERE action_id = 1 AND model = 'c'": (
        "cash and holdings follow from the fills",
        "cash should be 9989.5, found 9989.0",
    ),
}


@pytest.mark.parametrize("statement", SPOILT)
def test_row_that_was_changed_is_named(statement: str, changed: sqlite3.Connection, tmp_path: Path) -> None:
    name, told = SPOILT[statement]
    (first,) = changed.execute("SELECT job_id FROM jobs ORDER BY created_at LIMIT 1").fetchone()
    changed.execute(statement)
    changed.commit()

    result = run_check(tmp_path / "jobs.db", "--json")

    broken = {row["name"]: row["broken"] for row in json.loads(result.output)["checked"] if row["broken"]}
    assert result.exit_code == 1
    assert name in broken, broken
    row = broken[name]
    line = f"{row['table']} ({row['key']}): {row['what']} should be {row['expected']}, found {row['found']}"
    assert told.replace("{job}", first) in line
    assert f"        {line}" in run_check(tmp_path / "jobs.db").output.splitlines()


def test_day_whose_price_was_restated_later_is_not_valued_again(changed: sqlite3.Connection, tmp_path: Path) -> None:
    changed.execute("INSERT INTO price_imports VALUES (NULL, '2999-01-01T00:00:00.000000Z', 'later', 0, 1, 0)")
    changed.execute("UPDATE price_bars SET close = 1, import_id = (SELECT MAX(id) FROM price_imports)")
    changed.commit()

    assert run_check(tmp_path / "jobs.db").exit_code == 0


def test_check_changes_nothing(written: Path) -> None:
    before = written.read_bytes()

    run_check(written)

    assert written.read_bytes() == before


def test_status_counts_what_there_is(written: Path) -> None:
    told = json.loads(CliRunner().invoke(db, ["status", "--db", str(written), "--json"]).output)
    words = CliRunner().invoke(db, ["status", "--db", str(written)]).output.splitlines()

    assert (told["rows"]["jobs"], told["jobs"]) == (4, {"completed": 3, "partial": 1})
    assert told["bytes"] == written.stat().st_size
    assert told["schema_version"] == max(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))
    assert (told["first_date"], told["last_date"]) == (DATES[0], DATES[-1])
    assert len(told["job_days"]) == 30
    assert not any(name.startswith("sqlite_") for name in told["rows"])
    assert {"model": "m", "trading_days": 10, "portfolios": 1} in told["models"]
    assert "jobs: 3 completed, 1 partial" in words
    assert f"attempts: {told['rows']['attempts']} rows" in words


def test_check_of_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    result = run_check(tmp_path / "none.db")

    assert (result.exit_code, result.stderr) == (1, f"Error: database '{tmp_path / 'none.db'}' was not found\n")
    assert not (tmp_path / "none.db").exists()


def test_check_of_an_earlier_schema_asks_for_the_migration(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    sqlite3.connect(path).close()
    path.touch()

    assert f"run: ai-trader-server db migrate --db {path}" in run_check(path).stderr
