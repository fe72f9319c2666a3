"""Planning: which dates each model still lacks, and what was left out and why.

A pure function of the spec, the portfolios there are and the dates with prices.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from server.jobs.errors import ConfigChangedError, InvalidRequestError
from server.jobs.spec import JobSpec, ModelSpec, changed_facts
from storage.portfolios import PortfolioRow

#: names in one warning; the rest is counted
SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """First and last date asked for; `last` None means the last one with prices."""

    first: str
    last: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Dates on which portfolios can be valued, ascending, and symbols with prices."""

    trading_dates: Sequence[str]
    symbols: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Model-days to run, as (date, model) in order, and warnings; no model-days means up to date."""

    model_days: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    last_simulation_date: str | None


def make_plan(
    spec: JobSpec, experiment: str, dates: DateRange, portfolios: Mapping[str, PortfolioRow], market: Market
) -> Plan:
    """Plan the dates after each portfolio's last trading day.

    Raises:
        ConfigChangedError: a portfolio was begun with another definition of its model.
        InvalidRequestError: no date of the range has prices, and not every portfolio has reached it already.
    """
    for model in spec.models:
        _refuse_changed(model, experiment, portfolios.get(model.signature))
    asked = [day for day in market.trading_dates if day >= dates.first and (dates.last is None or day <= dates.last)]
    last_days = [row.last_day for row in portfolios.values() if row.last_day is not None]
    if not asked and not _all_reached(spec, dates.first, portfolios):
        raise InvalidRequestError.of("start_date", _no_prices(dates, market))
    warnings = [*_range_warnings(dates, market), *_universe_warnings(spec, market)]
    wanted: list[tuple[str, int, str]] = []
    for order, model in enumerate(spec.models):
        row = portfolios.get(model.signature)
        todo, told = _lacking(model.signature, row.last_day if row else None, asked, market)
        wanted += [(day, order, model.signature) for day in todo]
        warnings += told
    model_days = tuple((day, signature) for day, _, signature in sorted(wanted))
    return Plan(model_days=model_days, warnings=tuple(warnings), last_simulation_date=min(last_days, default=None))


def _all_reached(spec: JobSpec, first: str, portfolios: Mapping[str, PortfolioRow]) -> bool:
    """Tell whether every model has traded on or after a date."""
    rows = [portfolios.get(model.signature) for model in spec.models]
    return all(row is not None and row.last_day is not None and row.last_day >= first for row in rows)


def _refuse_changed(model: ModelSpec, experiment: str, row: PortfolioRow | None) -> None:
    if row is not None and row.definition != model.definition:
        raise ConfigChangedError(experiment, model.signature, changed_facts(row.definition, model.definition))


def _lacking(
    signature: str, last_day: str | None, asked: Sequence[str], market: Market
) -> tuple[list[str], Iterator[str]]:
    """Return the dates that a portfolio lacks out of those asked for, and the warnings about the others."""
    if last_day is None:
        return list(asked), iter(())
    todo = [day for day in asked if day > last_day]
    return todo, _portfolio_warnings(signature, last_day, asked, todo, market)


def _portfolio_warnings(
    signature: str, last_day: str, asked: Sequence[str], todo: Sequence[str], market: Market
) -> Iterator[str]:
    done = len(asked) - len(todo)
    if done:
        yield f"'{signature}': {done} date(s) left out, done already; the portfolio's last trading day is {last_day}"
    passed = [day for day in market.trading_dates if last_day < day < todo[0]] if todo else []
    if passed:
        yield f"'{signature}': {len(passed)} trading date(s) between {last_day} and {todo[0]} are passed over as asked"


def _range_warnings(dates: DateRange, market: Market) -> Iterator[str]:
    if not market.trading_dates:
        return
    first, last = market.trading_dates[0], market.trading_dates[-1]
    if dates.first < first:
        yield f"dates from {dates.first} to before {first} left out: prices begin on {first}"
    if dates.last is not None and dates.last > last:
        yield f"dates after {last} up to {dates.last} left out: prices end on {last}"
    known = set(market.trading_dates)
    missing = [day for day in _weekdays(max(dates.first, first), min(dates.last or last, last)) if day not in known]
    if missing:
        yield f"{len(missing)} weekday(s) without prices left out (holidays, or missing data): {_some(missing)}"


def _universe_warnings(spec: JobSpec, market: Market) -> Iterator[str]:
    missing = sorted(set(spec.universe or ()) - market.symbols)
    if missing:
        yield f"{len(missing)} symbol(s) of the universe have no prices and are left out: {_some(missing)}"


def _weekdays(first: str, last: str) -> Iterator[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        if day.isoweekday() <= 5:
            yield day.isoformat()
        day += timedelta(days=1)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _no_prices(dates: DateRange, market: Market) -> str:
    asked = f"no date from {dates.first} to {dates.last or 'the latest'} has prices"
    if not market.trading_dates:
        return f"{asked}: no prices were imported yet"
    return f"{asked}; prices cover {market.trading_dates[0]} to {market.trading_dates[-1]}"
