"""`prices revalue`: values of stored days at later prices, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from storage.corporate_actions import mark_adjusted
from storage.database import open_database
from storage.prices import import_bars
from tests.service import DATES, bar
from tests.unit.server.history.run_files import command, contents, import_runs, rows, write_run
from tests.unit.server.history.test_recorded_corporate_actions import DIVIDEND, SPLIT, make_folder
from tests.unit.server.history.test_recorded_corporate_actions import RUN as RUN_WITH_ACTIONS

#: of what a revaluation must not touch
SAME = (
    "SELECT date, action_id, action_type, p.symbol, amount, price, commission, cash, h.symbol, h.quantity"
    " FROM positions p LEFT JOIN holdings h ON h.position_id = p.id ORDER BY 1, 2, 9"
)
DAYS = "SELECT date, portfolio_value, daily_profit, daily_return_pct, cumulative_profit FROM trading_days"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A portfolio that holds 5 SPLT and 1 FLAT, through a split and a dividend."""
    made = make_folder(tmp_path / "first", SPLIT, DIVIDEND)
    write_run(made, RUN_WITH_ACTIONS)
    assert import_runs(made).exit_code == 0
    return made


def restate(folder: Path, symbol: str, date: str, open_: object, close: object) -> None:
    """Import another bar."""
    db = open_database(folder / "jobs.db")
    import_bars(db, "restated.csv", [bar(symbol, date, open_, close)], (), datetime.now(UTC))
    db.close()


def revalue(folder: Path, *arguments: str) -> Result:
    return command(folder, "prices", "revalue", *arguments)


def told(result: Result) -> dict[str, Any]:
    (portfolio,) = json.loads(result.stdout)["portfolios"]
    return dict(portfolio)


def test_prices_that_are_the_same_change_nothing(folder: Path) -> None:
    before = contents(folder / "jobs.db")

    result = revalue(folder, "--experiment", "default")

    assert (result.exit_code, result.output) == (0, "m in default: nothing changes in 4 trading day(s)\n")
    assert contents(folder / "jobs.db") == before


def test_restated_close_changes_its_day_and_the_profit_of_the_next(folder: Path) -> None:
    before = rows(folder / "jobs.db", SAME)
    restate(folder, "SPLT", DATES[1], 90, 95)

    result = revalue(folder, "--experiment", "default")

    assert result.exit_code == 0
    assert "m in default: 2 of 4 trading day(s) changed" in result.output
    assert rows(folder / "jobs.db", DAYS) == [
        (DATES[0], 1000.0, 0.0, 0.0, 0.0),
        (DATES[1], 1025.0, 25.0, 2.5, 25.0),
        (DATES[2], 1014.0, -11.0, -1.073171, 14.0),
        (DATES[3], 1014.25, 0.25, 0.024655, 14.25),
    ]
    rows_of_split = "SELECT portfolio_value, daily_profit FROM positions WHERE date = '2025-03-05'"
    assert rows(folder / "jobs.db", rows_of_split) == [(1000.0, -25.0), (1000.0, -25.0)]
    assert rows(folder / "jobs.db", SAME) == before
    assert command(folder, "db", "check").exit_code == 0


def test_last_value_and_the_record_are_written(folder: Path) -> None:
    restate(folder, "SPLT", DATES[3], 60, 70)

    digest = json.loads(revalue(folder, "--experiment", "default", "--json").stdout)["price_digest"]

    assert rows(folder / "jobs.db", "SELECT last_value FROM portfolios") == [(1070.25,)]
    ((old, new, days, changed),) = rows(
        folder / "jobs.db", "SELECT old_digest, new_digest, trading_days, changed_days FROM revaluations"
    )
    ((ran_on,),) = rows(folder / "jobs.db", "SELECT json_extract(price_digests, '$[0]') FROM jobs")
    assert (old, new, days, changed) == (ran_on, digest, 4, 1)
    assert old != new


def test_second_revaluation_changes_nothing_and_a_third_goes_on_from_the_first(folder: Path) -> None:
    restate(folder, "SPLT", DATES[3], 60, 70)
    revalue(folder, "--experiment", "default")
    before = contents(folder / "jobs.db")
    again = revalue(folder, "--experiment", "default")
    unchanged = contents(folder / "jobs.db") == before
    restate(folder, "SPLT", DATES[3], 60, 71)
    revalue(folder, "--experiment", "default")

    assert "nothing changes" in again.output
    assert unchanged
    first, second = rows(folder / "jobs.db", "SELECT old_digest, new_digest FROM revaluations ORDER BY id")
    assert first[1] == second[0]


def test_restated_open_marks_rows_anew_and_leaves_the_fills(folder: Path) -> None:
    before = rows(folder / "jobs.db", SAME)
    restate(folder, "SPLT", DATES[0], 80, 90)

    revalue(folder, "--experiment", "default")

    of_day = "SELECT portfolio_value FROM positions WHERE date = '2025-03-03' ORDER BY action_id"
    assert rows(folder / "jobs.db", of_day) == [(1000.0,), (950.0,), (950.0,)]
    assert rows(folder / "jobs.db", SAME) == before
    assert command(folder, "db", "check").exit_code == 0


def test_dry_run_tells_and_changes_nothing(folder: Path) -> None:
    restate(folder, "SPLT", DATES[3], 60, 70)
    before = contents(folder / "jobs.db")

    people, scripts = (revalue(folder, "--experiment", "default", "--dry-run", *more) for more in ((), ("--json",)))

    assert "1 of 4 trading day(s) would change" in people.output
    assert "2025-03-06: 1,014.25 → 1,070.25, profit +0.25 → +56.25, return +0.02 % → +5.55 %" in people.output
    assert "at the end, on 2025-03-06: 1,014.25 → 1,070.25, return +1.4250 % → +7.0250 %" in people.output
    (day,) = told(scripts)["changed"]
    assert (day["date"], day["old"]["portfolio_value"], day["new"]["portfolio_value"]) == (DATES[3], 1014.25, 1070.25)
    assert contents(folder / "jobs.db") == before


def test_check_finds_a_value_that_is_wrong_by_the_prices_of_the_revaluation(folder: Path) -> None:
    restate(folder, "SPLT", DATES[3], 60, 70)
    passed_over = command(folder, "db", "check").exit_code
    revalue(folder, "--experiment", "default")
    rows(folder / "jobs.db", "UPDATE trading_days SET portfolio_value = 1014.25 WHERE date = '2025-03-06' RETURNING 1")

    result = command(folder, "db", "check")

    assert passed_over == 0
    assert "portfolio_value should be 1070.25, found 1014.25" in result.output


def test_portfolios_of_a_job_are_chosen(folder: Path) -> None:
    ((job_id,),) = rows(folder / "jobs.db", "SELECT job_id FROM jobs")
    import_runs(folder, "--experiment", "other")
    restate(folder, "SPLT", DATES[3], 60, 70)

    result = revalue(folder, "--job", job_id)

    assert "m in default: 1 of 4" in result.output
    assert "m in other" not in result.output
    assert rows(folder / "jobs.db", "SELECT job_id FROM revaluations") == [(job_id,)]


def test_portfolio_that_a_job_holds_is_refused(folder: Path) -> None:
    restate(folder, "SPLT", DATES[3], 60, 70)
    rows(folder / "jobs.db", "UPDATE portfolios SET claimed_by = (SELECT job_id FROM jobs) RETURNING 1")
    before = contents(folder / "jobs.db")

    result = revalue(folder, "--experiment", "default")

    assert result.exit_code == 1
    assert "holds the portfolio; wait for its end, or cancel it" in result.output
    assert contents(folder / "jobs.db") == before


def test_adjusted_prices_of_a_symbol_with_actions_are_refused(folder: Path) -> None:
    db = open_database(folder / "jobs.db")
    mark_adjusted(db, ["SPLT"], "a.csv", datetime.now(UTC))
    db.close()

    result = revalue(folder, "--experiment", "default")

    assert result.exit_code == 1
    assert "prices of 'SPLT' are adjusted, and corporate actions of it are stored" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name either --job or --experiment"),
        (("--job", "x", "--experiment", "default"), "name either --job or --experiment"),
        (("--job", "x"), "job_id 'x' was not found"),
        (("--experiment", "x"), "there are no trading days to be valued"),
        (("--experiment", "default", "--model", "x"), "model 'x' was not found among those with trading days: m"),
    ],
)
def test_what_is_not_there_is_told(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result = revalue(folder, *arguments)

    assert result.exit_code != 0
    assert message in result.output


def test_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    result = revalue(tmp_path, "--experiment", "default")

    assert "was not found" in result.output
    assert not (tmp_path / "jobs.db").exists()
