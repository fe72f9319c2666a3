"""Real runs imported: equal to their replay through the service, and to what the rules of value alone say."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aitrader.v1 import simulation_pb2
from server.__main__ import cli
from storage.comparison import compare_job
from storage.money import from_real
from tests.service import BackgroundLoop, Service, model

MODELS = ("claude-3.7-sonnet", "deepseek-chat-v3.1", "gpt-5")

#: columns that hold ids and times, and those that say how a job was asked for
ASIDE = {
    *("id", "job_id", "position_id", "portfolio_id", "claimed_by", "import_id"),
    *("created_at", "started_at", "completed_at", "ended_at", "updated_at", "imported_at", "applied_at", "migrated_at"),
    *("timestamp", "duration_seconds", "total_duration_seconds"),
    *("config_path", "config_digest", "request_id", "request_digest"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """A service that replayed the runs as jobs, and one into which the same files were imported."""

    replayed: Service
    imported: Service


def copy_runs(real_data: Path, folder: Path, *, logs: bool) -> Path:
    """Copy the recorded runs, with or without what the models said."""
    ignored = None if logs else shutil.ignore_patterns("log")
    shutil.copytree(real_data / "agent_data", folder / "agent_data", ignore=ignored, copy_function=shutil.copyfile)
    return folder


def import_runs(service: Service, folder: Path) -> str:
    """Import the runs of a folder beside the service, which goes on running."""
    arguments = ["import-positions", str(folder), "--db", str(service.settings.db)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def twins(loop: BackgroundLoop, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("history")
    data = copy_runs(real_data, folder / "data", logs=False)
    services = [Service(loop, folder / name, data_dir=data) for name in ("replayed", "imported")]
    for service in services:
        service.import_files(real_data / "merged.jsonl")
    replayed, imported = services
    for name in MODELS:
        replayed.run(
            {
                "date_range": {"init_date": "2025-10-01", "end_date": "2025-10-30"},
                "models": [model(name, f"replay/agent_data/{name}/position/position.jsonl")],
                "agent_config": {"initial_cash": 10_000.0},
            }
        )
    import_runs(imported, data)
    yield Twins(replayed=replayed, imported=imported)
    for service in services:
        service.close()


def job_of(service: Service, name: str) -> str:
    ((job_id,),) = service.rows("SELECT job_id FROM jobs WHERE models = ?", json.dumps([name]))
    return str(job_id)


def tables(service: Service) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of all tables, ids and times left aside; holdings with the position that they belong to."""
    names = service.rows(
        "SELECT name FROM sqlite_master"
        " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name != 'schema_migrations'"
    )
    found = {}
    for (name,) in names:
        columns = [column for (column,) in service.rows("SELECT name FROM pragma_table_info(?)", name)]
        kept = [column for column in columns if column not in ASIDE]
        found[name] = sorted(service.rows(f"SELECT {', '.join(kept)} FROM {name}"), key=repr) if kept else []
    found["holdings"] = service.rows(
        "SELECT p.model, p.date, p.action_id, h.symbol, h.quantity FROM holdings h JOIN positions p"
        " ON p.id = h.position_id ORDER BY 1, 2, 3, 4"
    )
    return found


def test_import_and_replay_leave_the_same_in_every_table(twins: Twins) -> None:
    imported, replayed = tables(twins.imported), tables(twins.replayed)

    assert len(imported["positions"]) > 150
    assert len(imported["job_events"]) == 3 * (22 * 2 + 3)
    assert imported.keys() == replayed.keys()
    assert [name for name in imported if imported[name] != replayed[name]] == []


@pytest.mark.parametrize("name", MODELS)
def test_import_and_replay_are_the_same_row_by_row(twins: Twins, name: str) -> None:
    recorded = (twins.replayed.db, job_of(twins.replayed, name))

    results = compare_job(recorded, (twins.imported.db, job_of(twins.imported, name)))

    assert [result.difference for result in results if result.difference] == []
    assert next(result for result in results if result.table == "trading_days").recorded_rows == 22


@pytest.mark.parametrize("name", MODELS)
def test_events_are_those_of_the_replay_in_their_order(twins: Twins, name: str) -> None:
    sql = "SELECT sequence, event_type, status, date, fills, completed FROM job_events WHERE job_id = ? ORDER BY 1"

    imported = twins.imported.rows(sql, job_of(twins.imported, name))

    assert imported == twins.replayed.rows(sql, job_of(twins.replayed, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedDay:
    """A trading day by the rules of value."""

    value: Decimal
    profit: Decimal
    return_pct: Decimal
    total_profit: Decimal
    total_return_pct: Decimal


def expected(real_data: Path, name: str) -> dict[str, ExpectedDay]:
    """Return the trading days of a model, from its file and the closes alone."""
    closes: dict[str, dict[str, str]] = {}
    for line in (real_data / "merged.jsonl").read_text().splitlines():
        series = json.loads(line)
        bars = series["Time Series (Daily)"]
        closes[series["Meta Data"]["2. Symbol"]] = {date: bar["4. sell price"] for date, bar in bars.items()}
    text = (real_data / "agent_data" / name / "position" / "position.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    initial = Decimal(str(records[0]["positions"]["CASH"]))
    days, before = {}, initial
    for date, last in {record["date"]: record["positions"] for record in records}.items():
        held = {symbol: shares for symbol, shares in last.items() if symbol != "CASH" and shares}
        value = Decimal(str(round(last["CASH"], 6)))
        value += sum((Decimal(closes[symbol][date]) * shares for symbol, shares in held.items()), Decimal(0))
        days[date] = ExpectedDay(
            value=value,
            profit=value - before,
            return_pct=100 * (value / before - 1),
            total_profit=value - initial,
            total_return_pct=100 * (value / initial - 1),
        )
        before = value
    return days


@pytest.mark.parametrize("name", MODELS)
def test_values_profits_and_returns_are_those_of_the_rules(twins: Twins, real_data: Path, name: str) -> None:
    wanted = expected(real_data, name)

    days = twins.imported.rows(
        "SELECT t.date, t.portfolio_value, t.daily_profit, t.daily_return_pct, t.cumulative_profit,"
        " t.cumulative_return_pct FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id WHERE p.model = ?",
        name,
    )

    assert {day[0] for day in days} == wanted.keys()
    for date, value, profit, return_pct, total_profit, total_return_pct in days:
        day = wanted[date]
        assert (from_real(value), from_real(profit), from_real(total_profit)) == (
            day.value,
            day.profit,
            day.total_profit,
        )
        assert abs(Decimal(repr(return_pct)) - day.return_pct) <= Decimal("0.0000005")
        assert abs(Decimal(repr(total_return_pct)) - day.total_return_pct) <= Decimal("0.0000005")


@pytest.mark.parametrize("name", MODELS)
def test_imported_job_can_be_verified(twins: Twins, name: str) -> None:
    request = simulation_pb2.VerifyJobRequest(job_id=job_of(twins.imported, name))

    answer = twins.imported.stub.VerifyJob(request, timeout=60)

    assert answer.equal


def test_whole_data_folder_imports_with_what_the_models_said(
    loop: BackgroundLoop, real_data: Path, tmp_path: Path
) -> None:
    service = Service(loop, tmp_path)
    try:
        service.import_files(real_data / "merged.jsonl")

        first, second = import_runs(service, real_data), import_runs(service, real_data)

        logged = sum(len(list((real_data / "agent_data" / name).glob("log/*/log.jsonl"))) for name in MODELS)
        assert first.count("imported, 22 trading day(s) from 2025-10-01 to 2025-10-30") == 3
        assert second.count("imported before, unchanged") == 3
        assert service.rows("SELECT COUNT(*), MIN(steps) > 0 FROM sessions") == [(logged, 1)]
        assert service.rows("SELECT COUNT(*) FROM reasoning_logs") == [(250,)]
    finally:
        service.close()
