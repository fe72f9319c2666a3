"""The public run in `shared/data`: its prices and what its models left behind."""

import json
import os
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.engine.money import MICRO, MICROS
from server.engine.prices import PriceTable

DATA_DIR = Path(__file__).resolve().parents[4].parent / "shared" / "data"

MODELS = ("claude-3.7-sonnet", "deepseek-chat-v3.1", "gpt-5")

#: column of the table to name in the file
FIELDS = {"open": "1. buy price", "high": "2. high", "low": "3. low", "close": "4. sell price", "volume": "5. volume"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAction:
    """A line of a position file: an action and the portfolio after it."""

    date: str
    action: str
    amount: int
    cash: Decimal
    holdings: tuple[tuple[str, int], ...]


def require_data() -> None:
    """Skip the test where the recorded run is not there; in continuous integration that is a failure."""
    if DATA_DIR.is_dir():
        return
    message = f"the recorded run was not found at {DATA_DIR}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@cache
def recorded_prices() -> PriceTable:
    """Load `merged.jsonl`."""
    lines = (DATA_DIR / "merged.jsonl").read_text().splitlines()
    series = {record["Meta Data"]["2. Symbol"]: record["Time Series (Daily)"] for record in map(json.loads, lines)}
    symbols = tuple(sorted(series))
    dates = tuple(sorted({date for days in series.values() for date in days}))
    columns = {name: np.zeros((len(dates), len(symbols)), dtype=np.int64) for name in FIELDS}
    rows = {date: row for row, date in enumerate(dates)}
    for column, symbol in enumerate(symbols):
        for date, bar in series[symbol].items():
            for name, field in FIELDS.items():
                columns[name][rows[date], column] = _stored(name, bar.get(field, "0"))
    return PriceTable(symbols=symbols, dates=dates, **columns)


def recorded_actions(model: str) -> list[RecordedAction]:
    """Load the lines of a model's position file, the opening line left out."""
    path = DATA_DIR / "agent_data" / model / "position" / "position.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [_action(record) for record in records if record.get("this_action")]


def _stored(name: str, text: str) -> int:
    return int(text) if name == "volume" else int(Decimal(text) * MICROS)


def _action(record: dict[str, Any]) -> RecordedAction:
    held = {symbol: shares for symbol, shares in record["positions"].items() if symbol != "CASH" and shares}
    return RecordedAction(
        date=record["date"],
        action=record["this_action"]["action"],
        amount=record["this_action"]["amount"],
        cash=Decimal(record["positions"]["CASH"]).quantize(MICRO),
        holdings=tuple(sorted(held.items())),
    )
