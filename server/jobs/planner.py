"""Planning: which dates each model still lacks, and what was left out and why.

A pure function of the spec, the portfolios there are and the dates with prices.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from server.jobs.errors import ConfigChangedError, InvalidRequestError
from server.jobs.spec import JobSpec, ModelSpec, changed_facts
from server.market.calendar import Calendar
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
    """Dates on which portfolios can be valued, ascending, symbols with prices, and the exchange's days where known."""

    trading_dates: Sequence[str]
    symbols: frozenset[str]
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Model-days to run, as (date, model) in order, and warnings; no model-days means up to date.

    `done` is how many of those asked for are done already and left alone.
    """

    model_days: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    last_simulation_date: str | None
    done: int = 0


def make_plan(
    spec: JobSpec,
    experiment: str,
    dates: DateRange,
    portfolios: Mapping[str, PortfolioRow],
    market: Market,
    *,
    replace: bool = False,
) -> Plan:
    """Plan the dates after each portfolio's last trading day; to replace, every date asked for and what follows it.

    Portfolios come with their trading days from the first date of the range on.

    Raises:
        ConfigChangedError: a portfolio was begun with another definition of its model, and is not replaced whole.
        InvalidRequestError: no date of the range has prices, and not every portfolio has reached it already; or a
            cleanup removed trading days that are to be replaced.
    """
    for model in spec.models:
        _refuse_changed(model, experiment, portfolios.get(model.signature), replace=replace)
    asked = [day for day in market.trading_dates if day >= dates.first and (dates.last is None or day <= dates.last)]
    last_days = [row.last_day for row in portfolios.values() if row.last_day is not None]
    if not asked and not _all_reached(spec, dates.first, portfolios):
        raise InvalidRequestError.of("start_date", _no_prices(dates, market))
    warnings = [*_range_warnings(dates, market), *_universe_warnings(spec, market)]
    wanted: list[tuple[str, int, str]] = []
    done = 0
    for order, model in enumerate(spec.models):
        share = _share(portfolios.get(model.signature), asked, market, replace=replace)
        wanted += [(day, order, model.signature) for day in share.todo]
        warnings += [f"'{model.signature}': {told}" for told in share.warnings]
        done += share.done
    return Plan(
        model_days=tuple((day, signature) for day, _, signature in sorted(wanted)),
        warnings=tuple(warnings),
        last_simulation_date=min(last_days, default=None),
        done=done,
    )


def _all_reached(spec: JobSpec, first: str, portfolios: Mapping[str, PortfolioRow]) -> bool:
    """Tell whether every model has traded on or after a date."""
    rows = [portfolios.get(model.signature) for model in spec.models]
    return all(row is not None and row.last_day is not None and row.last_day >= first for row in rows)


def _refuse_changed(model: ModelSpec, experiment: str, row: PortfolioRow | None, *, replace: bool) -> None:
    """Refuse another definition of a portfolio that keeps trading days of the one before."""
    if row is None or row.definition == model.definition or not row.trading_days:
        return
    if not (replace and len(row.days) == row.trading_days):
        raise ConfigChangedError(experiment, model.signature, changed_facts(row.definition, model.definition))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """What one model has to do, how much of it is done, and what it should be told."""

    todo: Sequence[str]
    done: int
    warnings: tuple[str, ...]


def _share(row: PortfolioRow | None, asked: Sequence[str], market: Market, *, replace: bool) -> _Share:
    if row is None or row.last_day is None or not asked:
        return _Share(todo=asked, done=0, warnings=())
    if replace and asked[0] <= row.last_day:
        return _replacing(row, asked)
    removed = [day for day in asked if day <= (row.removed_through or "")]
    todo, done = [day for day in asked if day > row.last_day], set(row.days).intersection(asked)
    warnings = (
        *_removed_warnings(row, removed),
        *_done_warnings(row.last_day, asked[len(removed) :], done),
        *_gap_warnings(row.last_day, todo, market),
    )
    return _Share(todo=todo, done=len(done) + len(removed), warnings=warnings)


def _replacing(row: PortfolioRow, asked: Sequence[str]) -> _Share:
    """Return all dates asked for, and the days that the portfolio has after the first of them: it is a chain.

    Raises:
        InvalidRequestError: a cleanup removed some of them.
    """
    if asked[0] <= (row.removed_through or ""):
        told = f"a cleanup removed the trading days of '{row.model}' up to {row.removed_through}"
        raise InvalidRequestError.of("start_date", f"{told}; only later ones can be replaced, not {asked[0]}")
    days = [day for day in row.days if day >= asked[0]]
    again, later = set(days).intersection(asked), sorted(set(days).difference(asked))
    warnings = []
    if again:
        warnings.append(f"{len(again)} date(s) done already are run again, from {min(again)} to {max(again)}")
    if later:
        reason = "a portfolio is a chain"
        warnings.append(f"{len(later)} later trading day(s) up to {later[-1]} are run again as well, as {reason}")
    return _Share(todo=sorted({*asked, *days}), done=0, warnings=tuple(warnings))


def _removed_warnings(row: PortfolioRow, removed: Sequence[str]) -> Iterator[str]:
    if removed:
        yield f"{len(removed)} date(s) left out: a cleanup removed the trading days up to {row.removed_through}"


def _done_warnings(last_day: str, asked: Sequence[str], done: set[str]) -> Iterator[str]:
    if done:
        yield f"{len(done)} date(s) left out, done already; the portfolio's last trading day is {last_day}"
    missed = [day for day in asked if day <= last_day and day not in done]
    if missed:
        told = "were passed over and stay so; replace_existing runs them and what follows"
        yield f"{len(missed)} date(s) before the last trading day {last_day} {told}: {_some(missed)}"


def _gap_warnings(last_day: str, todo: Sequence[str], market: Market) -> Iterator[str]:
    passed = [day for day in market.trading_dates if last_day < day < todo[0]] if todo else []
    if passed:
        told = "are passed over as asked; only replace_existing can run them later"
        yield f"{len(passed)} trading date(s) between {last_day} and {todo[0]} {told}"


def _range_warnings(dates: DateRange, market: Market) -> Iterator[str]:
    if not market.trading_dates:
        return
    first, last = market.trading_dates[0], market.trading_dates[-1]
    if dates.first < first:
        yield f"dates from {dates.first} to before {first} left out: prices begin on {first}"
    if dates.last is not None and dates.last > last:
        yield f"dates after {last} up to {dates.last} left out: prices end on {last}"
    yield from _missing_warnings(weekdays_without_prices(dates, market.trading_dates), market.calendar)


def _missing_warnings(weekdays: Sequence[str], calendar: Calendar | None) -> Iterator[str]:
    """Tell of days that should have prices; holidays are none, where the calendar knows them."""
    unknown = [day for day in weekdays if calendar is None or not calendar.knows(day)]
    trading = set() if calendar is None else set(calendar.days)
    missing = [day for day in weekdays if day in trading]
    if missing and calendar is not None:
        yield f"{len(missing)} trading day(s) of {calendar.name} have no prices and are left out: {_some(missing)}"
    if unknown:
        yield f"{len(unknown)} weekday(s) without prices left out (holidays, or missing data): {_some(unknown)}"


def _universe_warnings(spec: JobSpec, market: Market) -> Iterator[str]:
    missing = sorted(set(spec.universe or ()) - market.symbols)
    if missing:
        yield f"{len(missing)} symbol(s) of the universe have no prices and are left out: {_some(missing)}"


def weekdays_without_prices(dates: DateRange, trading_dates: Sequence[str]) -> list[str]:
    """Return the weekdays asked for, between the first and last date with prices, that have none."""
    if not trading_dates:
        return []
    known, first, last = set(trading_dates), trading_dates[0], trading_dates[-1]
    return [day for day in _weekdays(max(dates.first, first), min(dates.last or last, last)) if day not in known]


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
