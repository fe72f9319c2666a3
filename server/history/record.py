"""Records of a position file: a line per action, each with the whole portfolio after it.

Here a record is judged by itself and by the ids and dates around it; whether it follows by the rules of value is for
the replay to tell.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from server.agents.errors import quoted
from server.agents.recording import RecordedAction, json_object, line_object, recorded_action
from server.engine.costs import NO_COSTS, Costs
from server.engine.money import on_grid
from server.engine.orders import MAX_QUANTITY, Order
from server.history.errors import BrokenRecordError
from server.history.lines import numbered_lines
from server.history.run_folder import RecordedRun
from server.jobs.config import MAX_INITIAL_CASH, CostsConfig
from server.jobs.request import costs_of

#: what the ancestor calls cash among the positions
CASH = "CASH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A line: what was done, at which price if it says so, and cash and shares after it.

    `action` is None for the opening line and for `no_trade`; `costs` are what trading costs, where that line says so.
    """

    line: int
    id: int
    date: str
    action: RecordedAction | None
    price: Decimal | None
    cash: Decimal
    holdings: Mapping[str, int]
    costs: Costs = NO_COSTS

    @property
    def order(self) -> Order | None:
        """What was ordered, if anything."""
        return None if self.action is None else self.action.order

    @property
    def is_effect(self) -> bool:
        """Whether it tells what a corporate action did."""
        return self.action is not None and not self.action.is_order


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDay:
    """The records of one date, in order; the file's opening line is among those of the first."""

    date: str
    records: tuple[Record, ...]

    @property
    def opening_only(self) -> bool:
        """Whether nothing but the beginning of the run is recorded."""
        return len(self.records) == 1 and self.records[0].id == 0


def opening_record(run: RecordedRun) -> Record:
    """Return the line with which a position file begins.

    Raises:
        BrokenRecordError: it is malformed, or there is none.
    """
    return next(_records(run))


def recorded_days(run: RecordedRun) -> Iterator[RecordedDay]:
    """Give the days of a position file, each when all of it was read.

    Raises:
        BrokenRecordError: a line is malformed, its id or date does not follow, or there is none.
    """
    days = groupby(_records(run), key=lambda record: record.date)
    for date, records in days:
        yield RecordedDay(date=date, records=tuple(records))


def _records(run: RecordedRun) -> Iterator[Record]:
    before: Record | None = None
    shown = run.shown(run.positions)
    for number, line in numbered_lines(run.positions, shown):
        try:
            record = _record(number, line)
            _check_opening(record) if before is None else _check_order(record, before)
        except ValueError as error:
            raise BrokenRecordError(shown, str(error), line=number) from None
        yield record
        before = record
    if before is None:
        raise BrokenRecordError(shown, "was empty")


def _record(number: int, line: bytes) -> Record:
    values = line_object(line)
    date, action = recorded_action(values)
    positions = json_object(values.get("positions"), "'positions'")
    price = (values.get("this_action") or {}).get("price")
    return Record(
        line=number,
        id=_whole(values.get("id"), "'id'"),
        date=date,
        action=action,
        price=None if price is None else _money(price, "'price'"),
        cash=_money(positions.get(CASH), f"'{CASH}'"),
        holdings=_holdings(positions),
        costs=_costs(values["costs"]) if "costs" in values else NO_COSTS,
    )


def _check_opening(record: Record) -> None:
    if record.id != 0 or record.action is not None:
        raise ValueError("is not the beginning of a run: the first record has the id 0 and no action")
    if record.holdings:
        raise ValueError(f"begins with {_shares(record.holdings)} instead of cash alone")
    if not 0 < record.cash <= MAX_INITIAL_CASH:
        raise ValueError(f"begins with cash of {record.cash}, not of more than 0 and up to {MAX_INITIAL_CASH:,}")


def _check_order(record: Record, before: Record) -> None:
    if record.id != before.id + 1:
        raise ValueError(f"'id' was {record.id} after {before.id}: two runs in one file, or lines are missing")
    if record.date < before.date:
        raise ValueError(f"'date' was {record.date} after {before.date}")


def _holdings(positions: Mapping[str, Any]) -> dict[str, int]:
    return {
        symbol: held if type(held) is int and 0 < held <= MAX_QUANTITY else _whole(held, f"shares of {quoted(symbol)}")
        for symbol, held in positions.items()
        if held != 0 and symbol != CASH
    }


def _costs(values: object) -> Costs:
    """Return what trading costs, written as in a config."""
    try:
        return costs_of(CostsConfig.model_validate(_exact(json_object(values, "'costs'"))))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"'{'.'.join(('costs', *map(str, first['loc'])))}': {first['msg']}") from None


def _exact(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _exact_value(value) for name, value in values.items()}


def _exact_value(value: object) -> object:
    if isinstance(value, dict):
        return _exact(value)
    return Decimal(repr(value)) if isinstance(value, float) else value


def _whole(value: object, name: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_QUANTITY:
        raise ValueError(f"{name} was {quoted(value)}, not a whole number from 0 to {MAX_QUANTITY}")
    return value


def _money(value: object, name: str) -> Decimal:
    """Return dollars without the dust that floats leave: on the grid of stored amounts."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} was {quoted(value)}, not an amount of dollars")
    try:
        return on_grid(Decimal(repr(value)))
    except OverflowError as error:
        raise ValueError(f"{name}: {error}") from None


def _shares(holdings: Mapping[str, int]) -> str:
    return ", ".join(f"{held} {quoted(symbol)}" for symbol, held in sorted(holdings.items())[:5])
