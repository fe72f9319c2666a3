"""Every rule strategy over the real market: the same on every run, and blind to the future."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import pytest
from google.protobuf.json_format import MessageToJson

from aitrader.v1 import portfolio_pb2
from server.agents.registry import RULES
from server.market.found import PlacedBar
from server.market.price_file import read_prices
from storage.prices import BarRow
from tests.service import BackgroundLoop, Service, config, model

Days: TypeAlias = Sequence[portfolio_pb2.DayResult]

MODELS = [model(kind.removeprefix("rule/"), kind) for kind in RULES]

#: the date in the middle of the market after which everything is changed
TURN = "2025-08-14"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Results of the same job over the same market twice, and over one with another future."""

    first: Days
    second: Days
    other_future: Days


@pytest.fixture(scope="module")
def bars(real_data: Path) -> list[BarRow]:
    return [found.bar for found in read_prices(real_data / "merged.jsonl") if isinstance(found, PlacedBar)]


@pytest.fixture(scope="module")
def runs(loop: BackgroundLoop, bars: list[BarRow], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("determinism")
    return Runs(
        first=run(loop, folder / "first", bars, workers=1),
        second=run(loop, folder / "second", bars, workers=2),
        other_future=run(loop, folder / "other", with_other_future(bars), workers=2),
    )


def run(loop: BackgroundLoop, folder: Path, bars: Sequence[BarRow], *, workers: int) -> Days:
    """Run every strategy over every date on a new database and return all results, job ids aside."""
    service = Service(loop, folder, worker_processes=workers)
    service.import_market(bars)
    service.run(config(*MODELS, start="2025-01-01", end=None, cash=100_000))
    results = service.results(page_size=1000)
    service.close()
    for result in results:
        result.ClearField("job_id")
    return results


def with_other_future(bars: Sequence[BarRow]) -> Iterator[BarRow]:
    """Change every price after a date, and that date's high, low, close and volume; leave some later bars out."""
    lots = random.Random(7)
    for bar in bars:
        factor = Decimal(lots.randint(20, 400)) / 100
        if bar.date < TURN:
            yield bar
        elif bar.date == TURN:
            prices = {"high": bar.open * 2 * factor + bar.open, "low": bar.open / 100, "close": bar.open * factor}
            yield replace(bar, volume=1, **{name: price.quantize(Decimal("0.0001")) for name, price in prices.items()})
        elif lots.random() < 0.9:
            price = (bar.open * factor).quantize(Decimal("0.0001"))
            yield replace(bar, open=price, high=price * 3, low=price / 2, close=price * 2, volume=2)


def exported(days: Days) -> str:
    return "\n".join(MessageToJson(day, preserving_proto_field_name=True, sort_keys=True) for day in days)


def actions(day: portfolio_pb2.DayResult) -> portfolio_pb2.DayResult:
    """Return what a model did on a day, without what the day's close made of it."""
    done = portfolio_pb2.DayResult()
    done.CopyFrom(day)
    for name in ("daily_pnl", "cumulative_profit", "cumulative_return_pct"):
        done.ClearField(name)
    return done


def test_every_strategy_trades_every_date(runs: Runs) -> None:
    dates = {day.date for day in runs.first}

    assert len(dates) == 106
    assert len(runs.first) == 106 * len(RULES)
    assert {day.model for day in runs.first if day.trades} == {name["signature"] for name in MODELS} - {"hold-cash"}


def test_results_are_the_same_on_every_run_to_the_byte(runs: Runs) -> None:
    assert exported(runs.first) == exported(runs.second)


def test_nothing_before_a_date_depends_on_what_comes_after(runs: Runs) -> None:
    earlier = [[day for day in days if day.date < TURN] for days in (runs.first, runs.other_future)]

    assert exported(earlier[0]) == exported(earlier[1])


def test_nothing_done_on_a_date_depends_on_how_it_ends(runs: Runs) -> None:
    on_the_date = [[actions(day) for day in days if day.date == TURN] for days in (runs.first, runs.other_future)]

    assert len(on_the_date[0]) == len(RULES)
    assert exported(on_the_date[0]) == exported(on_the_date[1])


def test_the_other_future_shows_once_it_is_there(runs: Runs) -> None:
    later = [[day for day in days if day.date > TURN] for days in (runs.first, runs.other_future)]

    assert exported(later[0]) != exported(later[1])
