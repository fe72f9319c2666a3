"""The values of a portfolio computed anew at the prices that are stored now; fills, cash and holdings stay."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from peewee import SqliteDatabase

from server.engine.corporate_action import ActionKind
from server.engine.market_view import MarketView
from server.engine.prices import PriceTable
from server.engine.valuation import Valuation, value_at_close, value_at_open
from server.market.errors import RevaluationError
from storage.corporate_actions import mixed_symbols
from storage.money import from_real, to_real
from storage.prices import version
from storage.revaluations import Figures, NewDay, StoredDay, ValuedPortfolio, holder, store_revaluation, stored_days


class RevaluationStatus(StrEnum):
    """What became of a portfolio."""

    REVALUED = "revalued"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesNow:
    """The prices that are stored, and the number of the import that was the last by then."""

    table: PriceTable
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevaluedPortfolio:
    """What a revaluation found: all trading days with their figures, or why there are none."""

    portfolio: ValuedPortfolio
    status: RevaluationStatus
    days: tuple[NewDay, ...] = ()
    problem: str | None = None

    @property
    def changed(self) -> list[NewDay]:
        """The days whose figures change."""
        return [day for day in self.days if day.changed]


def revalue_portfolio(
    db: SqliteDatabase, portfolio: ValuedPortfolio, prices: PricesNow, now: datetime, *, dry_run: bool
) -> RevaluedPortfolio:
    """Value every trading day of a portfolio anew and store the figures in one transaction, unless it is a dry run.

    Where nothing changes, nothing is stored.
    """
    try:
        with db.atomic("DEFERRED" if dry_run else "IMMEDIATE"):
            _refuse(db, portfolio, prices)
            days = tuple(_new_days(stored_days(db, portfolio.id), portfolio, prices.table, mixed_symbols(db)))
            changed = any(day.changed for day in days)
            if changed and not dry_run:
                store_revaluation(db, portfolio, days, prices.table.digest, now)
    except (RevaluationError, LookupError, OverflowError) as error:
        return RevaluedPortfolio(portfolio=portfolio, status=RevaluationStatus.REFUSED, problem=str(error))
    status = RevaluationStatus.REVALUED if changed else RevaluationStatus.UNCHANGED
    return RevaluedPortfolio(portfolio=portfolio, status=status, days=days)


def _refuse(db: SqliteDatabase, portfolio: ValuedPortfolio, prices: PricesNow) -> None:
    job_id = holder(db, portfolio.id)
    if job_id is not None:
        raise RevaluationError(f"job {job_id} holds the portfolio; wait for its end, or cancel it")
    if version(db) != prices.version:
        raise RevaluationError("prices were imported meanwhile; run the command again")


def _new_days(
    days: Iterator[StoredDay], portfolio: ValuedPortfolio, prices: PriceTable, mixed: list[str]
) -> Iterator[NewDay]:
    initial_cash, previous = from_real(portfolio.initial_cash), from_real(portfolio.start_value)
    for day in days:
        held = {symbol for position in day.positions for symbol in position.holdings}
        if held.intersection(mixed):
            name = min(held.intersection(mixed))
            raise RevaluationError(f"prices of '{name}' are adjusted, and corporate actions of it are stored")
        new = _new_day(day, prices, previous, initial_cash)
        previous = from_real(new.figures.portfolio_value)
        yield new


def _new_day(day: StoredDay, prices: PriceTable, previous: Decimal, initial_cash: Decimal) -> NewDay:
    view, last = MarketView(prices, day.date), day.positions[-1]
    close = value_at_close(prices, view, from_real(last.cash), last.holdings)
    opens = _values_at_open(day, view)
    first, *rest = (
        _figures(Valuation.of(value, previous_value=previous, initial_cash=initial_cash)) for value in (close, *opens)
    )
    return NewDay(day=day, figures=first, positions=tuple(rest))


def _values_at_open(day: StoredDay, view: MarketView) -> list[Decimal]:
    """Return what each position is worth; those before a corporate action what its shares entitle to."""
    values = [value_at_open(view, from_real(position.cash), position.holdings) for position in day.positions]
    acted = [i for i, position in enumerate(day.positions) if position.action_type in set(ActionKind)]
    if acted:
        values[: acted[-1]] = [values[acted[-1]]] * acted[-1]
    return values


def _figures(valuation: Valuation) -> Figures:
    return Figures(
        portfolio_value=to_real(valuation.portfolio_value),
        daily_profit=to_real(valuation.daily_profit),
        daily_return_pct=float(valuation.daily_return_pct),
        cumulative_profit=to_real(valuation.cumulative_profit),
        cumulative_return_pct=float(valuation.cumulative_return_pct),
    )
