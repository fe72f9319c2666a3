"""Splits and dividends through real jobs: holdings multiplied, cash credited, exactly once, and told."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aitrader.v1 import job_pb2, portfolio_pb2, simulation_pb2
from aitrader.v1.portfolio_pb2 import DayResult
from server.__main__ import cli
from server.market.command import prices
from storage.checks.check import check
from storage.comparison import compare_job
from storage.money import from_real
from tests.service import DATES, DEADLINE, Service, bar, config, model, refusal, scripted

HEADER = "symbol,ex_date,kind,value\n"

POSITIONS = "agent_data/m/position/position.jsonl"


def import_actions(service: Service, text: str) -> None:
    path = service.data / "actions.csv"
    path.write_text(HEADER + text)
    result = CliRunner().invoke(prices, ["actions", "import", str(path), "--db", str(service.db.database)])
    assert result.exit_code == 0, result.output


def history(service: Service, *arguments: str) -> None:
    result = CliRunner().invoke(cli, [*arguments, "--db", str(service.db.database)])
    assert result.exit_code == 0, result.output


def days_of(service: Service, content: dict[str, Any], **fields: Any) -> list[DayResult]:
    status = service.run(content, **fields)
    assert status.status == job_pb2.JOB_STATUS_COMPLETED, [day.error for day in status.progress.details]
    return service.results(job_id=status.job_id, detail=simulation_pb2.RESULT_DETAIL_FULL)


def rows_of(day: DayResult) -> list[tuple[int, str, int, float, dict[str, int]]]:
    name = portfolio_pb2.TradeAction.Name
    return [
        (row.action_id, name(row.action)[13:].lower(), row.amount, row.cash, dict(row.holdings))
        for row in day.position_history
    ]


@pytest.fixture
def splitting(new_service: Callable[..., Service]) -> Service:
    """A service where SPLT, at 90 and then at 30, is split 3:1 on the third date, and FLAT pays 0.25 on the fourth."""
    service = new_service()
    service.import_market(
        [bar("SPLT", date, 90 if i < 2 else 30, 90 if i < 2 else 31) for i, date in enumerate(DATES[:6])]
    )
    import_actions(service, f"SPLT,{DATES[2]},split,3:1\nFLAT,{DATES[3]},dividend,0.25\n")
    return service


BUYS = {DATES[0]: [("buy", "SPLT", 10), ("buy", "FLAT", 7)]}


def test_split_multiplies_the_shares_and_leaves_the_value(splitting: Service) -> None:
    days = days_of(splitting, config(scripted("m", BUYS), end=DATES[4]))

    assert rows_of(days[2]) == [
        (0, "no_trade", 0, 8400.0, {"FLAT": 7, "SPLT": 10}),
        (1, "split", 20, 8400.0, {"FLAT": 7, "SPLT": 30}),
    ]
    assert [row.portfolio_value for row in days[2].position_history] == [10_000, 10_000]
    assert days[2].daily_pnl.profit == 30
    assert not days[2].trades
    (effect,) = days[2].corporate_actions
    assert (effect.symbol, effect.shares, effect.cash) == ("SPLT", 20, 0)


def test_dividend_is_paid_to_the_cent_and_trades_are_numbered_after_it(splitting: Service) -> None:
    orders = {**BUYS, DATES[3]: [("sell", "FLAT", 7)]}

    day = days_of(splitting, config(scripted("m", orders), end=DATES[4]))[3]

    assert rows_of(day) == [
        (0, "no_trade", 0, 8400.0, {"FLAT": 7, "SPLT": 30}),
        (1, "dividend", 7, 8401.75, {"FLAT": 7, "SPLT": 30}),
        (2, "sell", 7, 9101.75, {"SPLT": 30}),
    ]
    assert day.position_history[0].portfolio_value == day.position_history[1].portfolio_value == 10_001.75
    assert [(trade.id, trade.symbol) for trade in day.trades] == [(2, "FLAT")]
    assert [(one.price, one.shares, one.cash) for one in day.corporate_actions] == [(0.25, 7, 1.75)]


def test_actions_between_two_trading_days_are_applied_once(splitting: Service) -> None:
    first = days_of(splitting, config(scripted("m", BUYS), end=DATES[1]))
    later = days_of(splitting, config(scripted("m", BUYS), start=DATES[5], end=DATES[5]))
    again = days_of(splitting, config(scripted("m", BUYS), start=DATES[6], end=DATES[7]))

    assert [row[1:4] for day in first for row in rows_of(day)][-1] == ("no_trade", 0, 8400.0)
    assert [row[1:3] for row in rows_of(later[0])] == [("no_trade", 0), ("split", 20), ("dividend", 7)]
    assert [row[1:4] for day in again for row in rows_of(day)] == [("no_trade", 0, 8401.75)] * 2


def test_shares_bought_on_the_ex_date_get_nothing(splitting: Service) -> None:
    orders = {DATES[2]: [("buy", "SPLT", 10)], DATES[3]: [("buy", "FLAT", 7)]}

    days = days_of(splitting, config(scripted("m", orders), end=DATES[4]))

    assert dict(days[-1].positions) == {"SPLT": 10, "FLAT": 7}
    assert days[-1].cash == 10_000 - 300 - 700
    assert not [effect for day in days for effect in day.corporate_actions]


def test_replaced_day_applies_its_actions_again_from_the_state_before(splitting: Service) -> None:
    content = config(scripted("m", BUYS), end=DATES[4])
    before = days_of(splitting, content)

    after = days_of(splitting, content, start_date=DATES[2], replace_existing=True)

    assert [rows_of(day) for day in after] == [rows_of(day) for day in before[2:]]


def test_attempt_that_failed_leaves_no_action_behind(splitting: Service, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    content = config(scripted("m", BUYS, once=str(marker), die_on=DATES[2]), end=DATES[4])

    days = days_of(splitting, content)

    assert [row[1] for row in rows_of(days[2])] == ["no_trade", "split"]


def test_event_tells_each_action_before_its_day_is_completed(splitting: Service) -> None:
    job = splitting.run(config(scripted("m", BUYS), end=DATES[4]))

    events = splitting.events(job.job_id)

    told = [event for event in events if event.type == job_pb2.EVENT_TYPE_CORPORATE_ACTION]
    assert [(event.date, event.model, event.error) for event in told] == [
        (DATES[2], "m", "SPLT was split 3 for 1: 10 shares became 30"),
        (DATES[3], "m", "FLAT paid a dividend of 0.25 dollars a share: 1.75 dollars for 7 shares"),
    ]
    following = [events[events.index(event) + 1] for event in told]
    assert [(event.type, event.fills) for event in following] == [(job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED, 0)] * 2


def test_job_with_actions_is_verified(splitting: Service) -> None:
    job = splitting.run(config(scripted("m", BUYS), end=DATES[4]))

    verified = splitting.stub.VerifyJob(simulation_pb2.VerifyJobRequest(job_id=job.job_id), timeout=DEADLINE)

    assert not verified.HasField("difference")


def test_database_with_actions_passes_its_check(splitting: Service) -> None:
    import_actions(splitting, f"HALT,{DATES[3]},split,4:1\n")
    orders = {DATES[0]: [*BUYS[DATES[0]], ("buy", "HALT", 5)], DATES[4]: [("sell", "SPLT", 30)]}
    days_of(splitting, config(scripted("m", orders), costs={"commission": {"per_order": 1}}))

    assert [checked.broken for checked in check(splitting.db) if checked.broken] == []


def test_exported_run_with_actions_and_costs_is_imported_as_the_job_that_it_was(
    splitting: Service, tmp_path: Path
) -> None:
    orders = {**BUYS, DATES[2]: [("sell", "SPLT", 4)], DATES[3]: [("sell", "FLAT", 7)]}
    days_of(splitting, config(scripted("m", orders), end=DATES[4], costs={"slippage": {"basis_points": 5}}))

    for experiment in ("default", "again"):
        out = ("--format", "jsonl", "--out", str(tmp_path / experiment), "--experiment", experiment)
        history(splitting, "export", *out)
        history(splitting, "import-positions", str(tmp_path / experiment), "--experiment", "again")

    first, second = ((tmp_path / name / POSITIONS).read_bytes() for name in ("default", "again"))
    assert first == second
    (job,), (imported,) = splitting.rows("SELECT job_id FROM jobs ORDER BY created_at")
    tables = compare_job((splitting.db, job), (splitting.db, imported))
    assert [table.difference for table in tables if table.difference] == []


def test_fraction_of_a_share_is_paid_at_the_open(splitting: Service) -> None:
    splitting.import_market([bar("ODD", date, 10 if i < 1 else "66.67", 66) for i, date in enumerate(DATES[:3])])
    import_actions(splitting, f"ODD,{DATES[1]},split,3:20\n")

    days = days_of(splitting, config(scripted("m", {DATES[0]: [("buy", "ODD", 50)]}), end=DATES[1]))

    (effect,) = days[1].corporate_actions
    assert (effect.shares, effect.price, effect.cash) == (-43, 66.67, 33.335)
    assert (days[1].cash, dict(days[1].positions)) == (9_533.335, {"ODD": 7})


def test_closed_symbol_that_was_split_is_valued_at_its_old_close_per_new_share(splitting: Service) -> None:
    import_actions(splitting, f"HALT,{DATES[3]},split,4:1\n")

    days = days_of(splitting, config(scripted("m", {DATES[0]: [("buy", "HALT", 5)]}), end=DATES[4]))

    assert dict(days[3].positions) == {"HALT": 20}
    assert [day.daily_pnl.portfolio_value for day in days] == [10_000] * 5


def test_adjusted_prices_and_actions_of_a_symbol_are_refused_together(splitting: Service, tmp_path: Path) -> None:
    path = tmp_path / "adjusted.csv"
    path.write_text(f"symbol,date,open,high,low,close,volume\nSPLT,{DATES[6]},30,30,30,30,5\n")
    arguments = ["import", str(path), "--adjusted", "--db", str(splitting.db.database)]
    assert CliRunner().invoke(prices, arguments).exit_code == 0

    error = refusal(
        splitting.stub.Trigger,
        simulation_pb2.TriggerRequest(config_path=splitting.write_config(config(model("m")))),
    )

    assert "SPLT" in error.violations["config.universe"]
    other = splitting.run(config(model("m"), universe=["FLAT"]))
    assert other.status == job_pb2.JOB_STATUS_COMPLETED


def test_real_split_leaves_but_the_market_move(new_service: Callable[..., Service], real_data: Path) -> None:
    service = new_service()
    service.import_files(real_data / "merged.jsonl")
    import_actions(service, "ORLY,2025-06-10,split,15:1\n")
    orders = {"2025-06-09": [("buy", "ORLY", 7)]}

    days = days_of(service, config(scripted("m", orders), start="2025-06-09", end="2025-06-11"))

    bars = {
        date: (from_real(first), from_real(last))
        for date, first, last in service.rows("SELECT date, open, close FROM price_bars WHERE symbol = 'ORLY'")
    }
    cash = 10_000 - 7 * bars["2025-06-09"][0]
    assert dict(days[1].positions) == {"ORLY": 105}
    assert Decimal(str(days[1].position_history[0].portfolio_value)) == cash + 105 * bars["2025-06-10"][0]
    assert Decimal(str(days[1].daily_pnl.portfolio_value)) == cash + 105 * bars["2025-06-10"][1]
    assert abs(days[1].daily_pnl.return_pct) < 3
