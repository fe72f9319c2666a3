"""The planner of one request, as storage calls it: inside the transaction that stores or starts the job."""

from collections.abc import Mapping
from datetime import date

from server.jobs.errors import InvalidRequestError
from server.jobs.exchange import find_calendar
from server.jobs.planner import Market, Plan, make_plan, weekdays_without_prices
from server.jobs.request import ResolvedRequest
from server.market.snapshots import Snapshot
from storage.acceptance import NewJob
from storage.portfolios import NewPortfolio, PortfolioRow


class JobPlanner:
    """Plans a request; `plan` is the last plan made."""

    plan: Plan

    def __init__(self, request: ResolvedRequest, snapshot: Snapshot, limit: int, today: date) -> None:
        """Look up what planning needs; blocks when the exchange's calendar has to be asked.

        Raises:
            InvalidRequestError: the config's calendar is not known.
        """
        prices = snapshot.prices
        missing = weekdays_without_prices(request.dates, prices.trading_dates)
        calendar = find_calendar(request.calendar, today, needed=bool(missing))
        self._request = request
        self._market = Market(trading_dates=prices.trading_dates, symbols=frozenset(prices.symbols), calendar=calendar)
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
        return NewJob(
            model_days=self.plan.model_days,
            portfolios=tuple(
                NewPortfolio(model=model.signature, definition=model.definition, initial_cash=model.initial_cash)
                for model in spec.models
                if model.signature in planned
            ),
            spec=spec.to_json(),
            warnings=self._request.warnings + self.plan.warnings,
        )
