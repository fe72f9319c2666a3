"""Real runs done again through the service: what real models recorded is what our ledger books, to the last digit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import pytest

from aitrader.v1 import job_pb2, simulation_pb2
from storage.money import from_real
from tests.service import BackgroundLoop, Service, config, model

MODELS = ("gpt-5", "claude-3.7-sonnet", "deepseek-chat-v3.1")

FIRST, LAST = "2025-10-01", "2025-10-30"

INITIAL = (Decimal(10_000), ())

#: cash and shares by symbol
State: TypeAlias = tuple[Decimal, tuple[tuple[str, int], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a position file."""

    date: str
    action: str
    symbol: str | None
    amount: int
    state: State

    @property
    def is_trade(self) -> bool:
        return self.action in {"buy", "sell"} and self.amount > 0

    @property
    def is_without_effect(self) -> bool:
        return self.action in {"buy", "sell"} and self.amount == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A stored position."""

    date: str
    action_id: int
    action: str
    symbol: str | None
    amount: int | None
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The service after the job, and the job."""

    service: Service
    status: simulation_pb2.GetStatusResponse


@pytest.fixture(scope="module")
def replayed(loop: BackgroundLoop, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    service = Service(loop, tmp_path_factory.mktemp("replay"), data_dir=real_data, worker_processes=2)
    service.import_files(real_data / "merged.jsonl")
    models = [model(name, f"replay/agent_data/{name}/position/position.jsonl") for name in MODELS]
    status = service.run(config(*models, start=FIRST, end=LAST, cash=10_000.0))
    yield Replayed(service=service, status=status)
    service.close()


def recorded(data: Path, name: str) -> list[Line]:
    """Return the lines of a model, their cash cleaned of float dust."""
    text = (data / "agent_data" / name / "position" / "position.jsonl").read_text()
    return [_line(json.loads(line)) for line in text.splitlines()]


def _line(record: dict) -> Line:
    action = record.get("this_action") or {"action": "opening"}
    held = {symbol: shares for symbol, shares in record["positions"].items() if symbol != "CASH" and shares}
    return Line(
        date=record["date"],
        action=action["action"],
        symbol=action.get("symbol"),
        amount=action.get("amount", 0),
        state=(Decimal(repr(round(record["positions"]["CASH"], 6))), tuple(sorted(held.items()))),
    )


def stored(service: Service, name: str) -> list[Row]:
    """Return the position rows of a model in order."""
    held: dict[int, list[tuple[str, int]]] = {}
    for position_id, symbol, quantity in service.rows("SELECT position_id, symbol, quantity FROM holdings"):
        held.setdefault(position_id, []).append((symbol, quantity))
    rows = service.rows(
        "SELECT id, date, action_id, action_type, symbol, amount, cash FROM positions WHERE model = ?"
        " ORDER BY date, action_id",
        name,
    )
    return [
        Row(
            date=date,
            action_id=action_id,
            action=action,
            symbol=symbol,
            amount=amount,
            state=(from_real(cash), tuple(sorted(held.get(id_, [])))),
        )
        for id_, date, action_id, action, symbol, amount, cash in rows
    ]


def test_the_whole_run_completes(replayed: Replayed) -> None:
    status = replayed.status

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert status.progress.completed == status.progress.total_model_days == 3 * 22
    assert (status.date_range[0], status.date_range[-1]) == (FIRST, LAST)


@pytest.mark.parametrize("name", MODELS)
def test_every_trade_leaves_the_recorded_cash_and_holdings(replayed: Replayed, real_data: Path, name: str) -> None:
    lines = recorded(real_data, name)

    rows = [row for row in stored(replayed.service, name) if row.action_id]

    assert len(rows) > 30
    assert [(row.date, row.action, row.symbol, row.amount, row.state) for row in rows] == [
        (line.date, line.action, line.symbol, line.amount, line.state) for line in lines if line.is_trade
    ]


@pytest.mark.parametrize("name", MODELS)
def test_every_day_opens_with_the_recorded_portfolio(replayed: Replayed, real_data: Path, name: str) -> None:
    lines = recorded(real_data, name)

    opened = {row.date: row.state for row in stored(replayed.service, name) if row.action_id == 0}

    before = {date: [INITIAL, *(line.state for line in lines if line.date < date)][-1] for date in opened}
    assert len(opened) == 22
    assert opened == before


@pytest.mark.parametrize("name", MODELS)
def test_every_day_ends_with_the_recorded_portfolio(replayed: Replayed, real_data: Path, name: str) -> None:
    ended = {line.date: line.state for line in recorded(real_data, name)}

    days = {day.date: day for day in replayed.service.results(model=name)}

    assert {date: (from_real(days[date].cash), tuple(sorted(days[date].positions.items()))) for date in ended} == ended


@pytest.mark.parametrize("name", MODELS)
def test_trades_of_amount_zero_have_no_effect_and_are_stored_as_rejections(
    replayed: Replayed, real_data: Path, name: str
) -> None:
    zeros = [(line.date, line.action, line.symbol, "0") for line in recorded(real_data, name) if line.is_without_effect]

    rejections = replayed.service.rows(
        "SELECT date, action_type, symbol, amount, reason FROM rejections WHERE model = ? ORDER BY id", name
    )

    assert rejections == [(*zero, "quantity_not_positive") for zero in zeros]


def test_there_are_trades_of_amount_zero(real_data: Path) -> None:
    zeros = [line for name in MODELS for line in recorded(real_data, name) if line.is_without_effect]

    assert len(zeros) == 2
