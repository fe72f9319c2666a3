"""A model-day: one model, one trading date, from its opening row to its valuation at the close.

`run_model_day` is a function: a `ModelDayTask` and prices go in, a `ModelDayOutcome` comes out. It touches no clock,
no file and no database, so it can run anywhere and any number of times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeAlias

from server.engine.corporate_action import ActionEffect
from server.engine.costs import NO_COSTS, Costs
from server.engine.ledger import Ledger, LedgerError
from server.engine.llm import LlmSpec
from server.engine.market_view import MarketView
from server.engine.orders import Action, Fill, Order, Rejection
from server.engine.portfolio import Portfolio, Position, TradingDay
from server.engine.prices import PriceTable
from server.engine.recording import SessionRecording
from server.engine.session_record import SessionRecord
from server.engine.text import MAX_ERROR, plain
from server.engine.valuation import NotPricedError, Valuation, value_at_close

#: a rule parameter as it stands in the config
Parameter: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDayTask:
    """Everything a worker needs to run one attempt at a model-day.

    `basemodel` names the kind of trader and `parameters` its settings. `previous_value` is the close value of the
    portfolio's previous trading day, the initial cash before the first; `previous_day` is its date, None before the
    first: corporate actions after it have their effect on this day. `universe` limits the symbols; None is all.
    `recordings` are the sessions that a replay may answer from, nearest first.
    """

    job_id: str
    model: str
    date: str
    attempt: int
    basemodel: str
    parameters: Mapping[str, Parameter]
    portfolio: Portfolio
    initial_cash: Decimal
    previous_value: Decimal
    universe: tuple[str, ...] | None = None
    llm: LlmSpec | None = None
    recordings: tuple[SessionRecording, ...] = ()
    costs: Costs = NO_COSTS
    previous_day: str | None = None


class FailureKind(StrEnum):
    """What made an attempt fail."""

    TRADER_ERROR = "trader_error"
    LEDGER_ERROR = "ledger_error"
    MARKET_DATA = "market_data"
    WORKER_DIED = "worker_died"
    STORAGE_ERROR = "storage_error"
    PROVIDER_ERROR = "provider_error"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    BUDGET = "budget"
    NOT_RECORDED = "not_recorded"
    CANCELLED = "cancelled"


#: what a session says that ended because it was told to
STOPPED = "the session was told to stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDayResult:
    """What a model-day that worked leaves to be stored."""

    trading_day: TradingDay
    positions: tuple[Position, ...]
    rejections: tuple[Rejection, ...]
    effects: tuple[ActionEffect, ...] = ()
    record: SessionRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDayFailure:
    """Why an attempt failed; nothing else of it is kept but, for an agent, the record of what it did and cost."""

    kind: FailureKind
    message: str
    record: SessionRecord | None = None


ModelDayOutcome: TypeAlias = ModelDayResult | ModelDayFailure


class Trader(Protocol):
    """A model at work: looks at the session's market view and submits orders."""

    def trade(self, session: "ModelDaySession") -> None:
        """Trade one day."""


class SessionTrader(Protocol):
    """A model that waits for others while it works: an LLM agent."""

    async def trade(self, session: "ModelDaySession") -> SessionRecord:
        """Trade one day and return the record of the session.

        Raises:
            SessionFailedError: the session could not be brought to an end; none of its orders count.
        """
        ...


class SessionFailedError(Exception):
    """A session failed."""

    def __init__(self, kind: FailureKind, message: str, record: SessionRecord | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.record = record


class ModelDaySession:
    """What a trader may see and do on its day."""

    def __init__(self, view: MarketView, ledger: Ledger) -> None:
        self.view = view
        self._ledger = ledger

    @property
    def date(self) -> str:
        """Trading date, `YYYY-MM-DD`."""
        return self.view.date

    @property
    def cash(self) -> Decimal:
        """Cash at hand, in dollars."""
        return self._ledger.cash

    @property
    def holdings(self) -> Mapping[str, int]:
        """Shares by symbol, ascending."""
        return self._ledger.holdings

    @property
    def portfolio_value(self) -> Decimal:
        """Cash plus holdings at the opens of the date, in dollars."""
        return self._ledger.portfolio_value

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Orders booked so far."""
        return self._ledger.fills

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Orders refused so far."""
        return self._ledger.rejections

    @property
    def effects(self) -> tuple[ActionEffect, ...]:
        """What corporate actions did to the holdings before the day's first order."""
        return self._ledger.effects

    @property
    def positions(self) -> tuple[Position, ...]:
        """The day's rows so far: the opening one, one per corporate action and one per fill."""
        return self._ledger.positions

    @property
    def costs(self) -> Costs:
        """What trading costs."""
        return self._ledger.costs

    def affordable(self, symbol: str, dollars: Decimal) -> int:
        """Return how many shares an order may buy for some dollars and the cash at hand, costs included."""
        return self._ledger.affordable(symbol, dollars)

    def buy(self, symbol: str, amount: int | float | Decimal) -> Fill | Rejection:
        """Buy shares at the open of the date."""
        return self._ledger.submit(Order(action=Action.BUY, symbol=symbol, amount=amount))

    def sell(self, symbol: str, amount: int | float | Decimal) -> Fill | Rejection:
        """Sell shares at the open of the date."""
        return self._ledger.submit(Order(action=Action.SELL, symbol=symbol, amount=amount))


def run_model_day(task: ModelDayTask, prices: PriceTable, trader: Trader) -> ModelDayOutcome:
    """Let a trader trade one day and value its portfolio at the close."""
    opened = _open(task, prices)
    if isinstance(opened, ModelDayFailure):
        return opened
    view, ledger = opened
    try:
        trader.trade(ModelDaySession(view, ledger))
    except Exception as error:  # the edge to code that may be anybody's: whatever it raises fails this attempt alone
        return _failure(error)
    return _close(task, prices, view, ledger)


async def run_session_day(task: ModelDayTask, prices: PriceTable, trader: SessionTrader) -> ModelDayOutcome:
    """Let an agent trade one day and value its portfolio at the close."""
    opened = _open(task, prices)
    if isinstance(opened, ModelDayFailure):
        return opened
    view, ledger = opened
    try:
        record = await trader.trade(ModelDaySession(view, ledger))
    except SessionFailedError as error:
        return ModelDayFailure(kind=error.kind, message=plain(str(error), MAX_ERROR), record=error.record)
    except Exception as error:  # the edge to code that may be anybody's, as above
        return _failure(error)
    return _close(task, prices, view, ledger, record)


def _open(task: ModelDayTask, prices: PriceTable) -> tuple[MarketView, Ledger] | ModelDayFailure:
    universe = None if task.universe is None else {*task.universe, *task.portfolio.holdings}
    try:
        view = MarketView(prices, task.date, universe)
        return view, Ledger(
            task.portfolio,
            view,
            initial_cash=task.initial_cash,
            previous_value=task.previous_value,
            costs=task.costs,
            actions=view.actions(task.portfolio.holdings, task.previous_day) if task.previous_day else (),
        )
    except (LookupError, LedgerError, OverflowError) as error:
        return ModelDayFailure(kind=FailureKind.MARKET_DATA, message=str(error))


def _failure(error: Exception) -> ModelDayFailure:
    message = plain(f"{type(error).__name__}: {error}", MAX_ERROR)
    return ModelDayFailure(kind=FailureKind.TRADER_ERROR, message=message)


def _close(
    task: ModelDayTask, prices: PriceTable, view: MarketView, ledger: Ledger, record: SessionRecord | None = None
) -> ModelDayOutcome:
    try:
        ledger.check()
        trading_day = _value_at_close(task, prices, view, ledger)
    except (LedgerError, NotPricedError, OverflowError) as error:
        return ModelDayFailure(kind=FailureKind.LEDGER_ERROR, message=str(error), record=record)
    return ModelDayResult(
        trading_day=trading_day,
        positions=ledger.positions,
        rejections=ledger.rejections,
        effects=ledger.effects,
        record=record,
    )


def _value_at_close(task: ModelDayTask, prices: PriceTable, view: MarketView, ledger: Ledger) -> TradingDay:
    value = value_at_close(prices, view, ledger.cash, ledger.holdings)
    worth = Valuation.of(value, previous_value=task.previous_value, initial_cash=task.initial_cash)
    return TradingDay(
        date=task.date,
        cash=ledger.cash,
        portfolio_value=value,
        daily_profit=worth.daily_profit,
        daily_return_pct=worth.daily_return_pct,
        cumulative_profit=worth.cumulative_profit,
        cumulative_return_pct=worth.cumulative_return_pct,
    )
