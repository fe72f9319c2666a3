"""The planner of one request, as storage calls it: inside the transaction that stores or starts the job."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from server.jobs.errors import InvalidRequestError
from server.jobs.exchange import find_calendar
from server.jobs.planner import DateRange, Market, Plan, make_plan, weekdays_without_prices
from server.jobs.request import ResolvedRequest
from server.market.calendar import load_calendar
from server.market.errors import CalendarError
from server.market.snapshots import Snapshot
from storage.acceptance import NewJob
from storage.portfolios import NewPortfolio, PortfolioRow

#: what a job is told whose dates hang on a download
UNPREPARED = "missing prices are downloaded first; dates that have none then are left out"


class JobPlanner:
    """Plans a request; `plan` is the last plan made.

    The plan of a job that is still to be prepared counts on every trading day up to yesterday; `told` are the warnings
    of its preparation, once it is over.
    """

    plan: Plan

    def __init__(
        self, request: ResolvedRequest, snapshot: Snapshot, limit: int, today: date, told: Sequence[str] | None = None
    ) -> None:
        """Look up what planning needs; blocks when the exchange's calendar has to be asked.

        Raises:
            InvalidRequestError: the config's calendar is not known.
        """
        prices, dates = snapshot.prices, request.dates
        self._request = request
        self._unprepared = request.auto_update_prices and told is None
        self._told = tuple(told or ())
        days = sorted({*prices.trading_dates, *_expected(request, today)}) if self._unprepared else prices.trading_dates
        missing = weekdays_without_prices(dates, days)
        calendar = find_calendar(request.calendar, today, needed=bool(missing))
        self._market = Market(trading_dates=days, symbols=frozenset(prices.symbols), calendar=calendar)
        self._limit = limit

    def __call__(self, states: Mapping[str, PortfolioRow]) -> NewJob | None:
        request = self._request
        self.plan = make_plan(
            request.spec, request.experiment, request.dates, states, self._market, replace=request.replace
        )
        count = len(self.plan.model_days)
        if count > self._limit:
            description = f"the job would have {count} model-days; the limit is {self._limit}"
            raise InvalidRequestError.of("end_date", description)
        return self._new_job() if count else None

    def _new_job(self) -> NewJob:
        planned = {model for _, model in self.plan.model_days}
        spec = self._request.spec
        warnings = (UNPREPARED,) if self._unprepared else self.plan.warnings + self._told
        return NewJob(
            model_days=self.plan.model_days,
            portfolios=tuple(
                NewPortfolio(model=model.signature, definition=model.definition, initial_cash=model.initial_cash)
                for model in spec.models
                if model.signature in planned
            ),
            spec=spec.to_json(),
            warnings=self._request.warnings + warnings,
            unprepared=self._request.to_json() if self._unprepared else None,
        )


def _expected(request: ResolvedRequest, today: date) -> Sequence[str]:
    """Return the trading days asked for that are over."""
    dates: DateRange = request.dates
    yesterday = (today - timedelta(days=1)).isoformat()
    last = min(dates.last or yesterday, yesterday)
    try:
        return load_calendar(request.calendar, today).between(dates.first, last)
    except CalendarError as error:
        raise InvalidRequestError.of("config.auto_update_prices", f"trading days cannot be told: {error}") from None
