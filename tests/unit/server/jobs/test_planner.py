from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.errors import ConfigChangedError, InvalidRequestError
from server.jobs.planner import DateRange, Market, Plan, make_plan
from server.jobs.spec import JobSpec, ModelSpec
from server.market.calendar import Calendar
from storage.portfolios import PortfolioRow

DATES = ("2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07", "2025-03-10")

MARKET = Market(trading_dates=DATES, symbols=frozenset({"UP", "DOWN"}))


def model(signature: str, **changed: object) -> ModelSpec:
    values = {"basemodel": "rule/hold-cash", "parameters": {}, "initial_cash": Decimal(10_000), **changed}
    return ModelSpec(signature=signature, **values)  # type: ignore[arg-type]


def portfolio(of: ModelSpec, last_day: str | None, first: str = DATES[0]) -> PortfolioRow:
    return PortfolioRow(
        id=1,
        model=of.signature,
        definition=of.definition,
        initial_cash=of.initial_cash,
        last_day=last_day,
        last_value=of.initial_cash,
        claimed_by=None,
        trading_days=DATES.index(last_day) + 1 if last_day in DATES else 0,
        days=tuple(day for day in DATES if last_day and first <= day <= last_day),
    )


def spec_of(*models: ModelSpec, universe: tuple[str, ...] | None = None) -> JobSpec:
    return JobSpec(models=models, universe=universe, max_retries=3)


def planned(
    *models: ModelSpec,
    first: str = DATES[0],
    last: str | None = None,
    done: Mapping[str, str] | None = None,
    universe: tuple[str, ...] | None = None,
    market: Market = MARKET,
) -> Plan:
    spec = spec_of(*models, universe=universe)
    rows = {m.signature: portfolio(m, (done or {})[m.signature]) for m in models if m.signature in (done or {})}
    return make_plan(spec, "default", DateRange(first=first, last=last), rows, market)


def test_new_models_run_on_every_date_in_order_of_date_then_config() -> None:
    plan = planned(model("b"), model("a"), last=DATES[1])

    assert plan.model_days == ((DATES[0], "b"), (DATES[0], "a"), (DATES[1], "b"), (DATES[1], "a"))
    assert plan.warnings == ()
    assert plan.last_simulation_date is None


def test_each_model_goes_on_after_its_own_last_day() -> None:
    plan = planned(model("a"), model("b"), model("new"), first=DATES[3], done={"a": DATES[4], "b": DATES[2]})

    assert plan.model_days == (
        (DATES[3], "b"),
        (DATES[3], "new"),
        (DATES[4], "b"),
        (DATES[4], "new"),
        (DATES[5], "a"),
        (DATES[5], "b"),
        (DATES[5], "new"),
    )
    assert plan.last_simulation_date == DATES[2]


def test_everything_done_leaves_nothing_and_says_so() -> None:
    plan = planned(model("a"), done={"a": DATES[5]})

    assert plan.model_days == ()
    assert plan.last_simulation_date == DATES[5]
    assert "6 date(s) left out, done already" in plan.warnings[0]


def test_range_that_holds_no_trading_date_but_was_reached_is_up_to_date() -> None:
    plan = planned(model("a"), first="2025-03-08", last="2025-03-09", done={"a": DATES[5]})

    assert plan.model_days == ()


def test_last_date_may_lie_between_trading_dates() -> None:
    plan = planned(model("a"), first="2025-03-07", last="2025-03-09")

    assert plan.model_days == (("2025-03-07", "a"),)


def test_range_without_prices_is_refused_with_the_dates_there_are() -> None:
    with pytest.raises(InvalidRequestError, match="prices cover 2025-03-03 to 2025-03-10"):
        planned(model("a"), first="2025-04-01")


def test_market_without_prices_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no prices were imported yet"):
        planned(model("a"), market=Market(trading_dates=(), symbols=frozenset()))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"initial_cash": Decimal(1)}, ("initial_cash",)),
        ({"basemodel": "rule/random", "parameters": {"seed": 1}}, ("basemodel", "parameters")),
    ],
)
def test_changed_definition_of_a_portfolio_is_refused(changed: dict[str, object], told: tuple[str, ...]) -> None:
    before = {"a": portfolio(model("a"), DATES[0])}
    spec = JobSpec(models=(model("a", **changed),), universe=None, max_retries=3)

    with pytest.raises(ConfigChangedError) as caught:
        make_plan(spec, "default", DateRange(first=DATES[0], last=None), before, MARKET)

    assert caught.value.changed == told


def test_warnings_tell_dates_before_after_and_between_prices() -> None:
    gap = Market(trading_dates=(DATES[0], DATES[3]), symbols=frozenset({"UP"}))

    plan = planned(model("a"), first="2025-02-01", last="2025-04-01", universe=("UP", "GONE"), market=gap)

    told = "\n".join(plan.warnings)
    assert "from 2025-02-01 to before 2025-03-03" in told
    assert "after 2025-03-06 up to 2025-04-01" in told
    assert "2 weekday(s) without prices left out (holidays, or missing data): 2025-03-04, 2025-03-05" in told
    assert "1 symbol(s) of the universe have no prices and are left out: GONE" in told


def test_holidays_are_no_gaps_and_missing_trading_days_are() -> None:
    dates = ("2025-07-01", "2025-07-02", "2025-07-07", "2025-07-09")
    days = ("2025-07-01", "2025-07-02", "2025-07-03", "2025-07-07", "2025-07-08", "2025-07-09")
    market = Market(trading_dates=dates, symbols=frozenset({"UP"}), calendar=Calendar(name="XNYS", days=days))

    plan = planned(model("a"), first=dates[0], market=market)

    assert plan.warnings == ("2 trading day(s) of XNYS have no prices and are left out: 2025-07-03, 2025-07-08",)


def test_weekdays_beyond_the_calendar_are_told_as_not_known() -> None:
    calendar = Calendar(name="XNYS", days=("2025-03-03", "2025-03-04"))
    market = Market(trading_dates=(DATES[0], DATES[3]), symbols=frozenset({"UP"}), calendar=calendar)

    plan = planned(model("a"), market=market)

    assert plan.warnings == (
        "1 trading day(s) of XNYS have no prices and are left out: 2025-03-04",
        "1 weekday(s) without prices left out (holidays, or missing data): 2025-03-05",
    )


def test_long_lists_in_warnings_are_counted() -> None:
    plan = planned(model("a"), universe=tuple(f"S{n:02}" for n in range(15)))

    assert "S09 and 5 more" in plan.warnings[0]


def test_dates_passed_over_are_told() -> None:
    plan = planned(model("a"), first=DATES[4], done={"a": DATES[1]})

    assert plan.model_days[0] == (DATES[4], "a")
    assert "2 trading date(s) between 2025-03-04 and 2025-03-07 are passed over" in plan.warnings[0]


@given(data=st.data())
def test_no_model_ever_runs_a_date_twice_or_backwards(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    models = [model(name) for name in names]
    done = {name: data.draw(st.sampled_from(DATES)) for name in names if data.draw(st.booleans())}
    first = data.draw(st.sampled_from(DATES))

    plan = planned(*models, first=first, done=done)

    assert list(plan.model_days) == sorted(plan.model_days, key=lambda day: (day[0], names.index(day[1])))
    for name in names:
        dates = [date for date, signature in plan.model_days if signature == name]
        assert dates == [date for date in DATES if date >= first and date > done.get(name, "")]


def test_dates_whose_days_a_cleanup_removed_count_as_done() -> None:
    cleaned = replace(portfolio(model("a"), DATES[4], first=DATES[2]), removed_through=DATES[1])

    plan = make_plan(spec_of(model("a")), "default", DateRange(first=DATES[0], last=None), {"a": cleaned}, MARKET)

    assert plan.model_days == ((DATES[5], "a"),)
    assert plan.done == 5
    assert plan.warnings == (
        f"'a': 2 date(s) left out: a cleanup removed the trading days up to {DATES[1]}",
        f"'a': 3 date(s) left out, done already; the portfolio's last trading day is {DATES[4]}",
    )


@pytest.mark.parametrize(("first", "removed"), [(DATES[0], DATES[1]), (DATES[1], DATES[1]), (DATES[0], DATES[5])])
def test_dates_whose_days_a_cleanup_removed_cannot_be_replaced(first: str, removed: str) -> None:
    cleaned = replace(portfolio(model("a"), DATES[5]), removed_through=removed)
    asked = DateRange(first=first, last=None)

    with pytest.raises(InvalidRequestError, match=f"removed the trading days of 'a' up to {removed}"):
        make_plan(spec_of(model("a")), "default", asked, {"a": cleaned}, MARKET, replace=True)


def test_dates_after_those_that_a_cleanup_removed_can_be_replaced() -> None:
    cleaned = replace(portfolio(model("a"), DATES[5], first=DATES[2]), removed_through=DATES[1])

    plan = make_plan(
        spec_of(model("a")), "default", DateRange(first=DATES[2], last=None), {"a": cleaned}, MARKET, replace=True
    )

    assert plan.model_days == tuple((day, "a") for day in DATES[2:])
