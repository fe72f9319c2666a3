import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from pydantic_core import to_json

from server.agents.llm.gate import LookaheadError
from server.agents.llm.search import Article, SearchError
from server.agents.llm.toolbox import MAX_HISTORY, MAX_QUERY, Toolbox
from server.engine.costs import NO_COSTS, Commission, Costs
from server.engine.ledger import MAX_ORDERS, Ledger
from server.engine.market_view import MarketView
from server.engine.model_day import ModelDaySession
from server.engine.portfolio import Portfolio
from server.engine.prices import PriceTable
from tests.unit.server.engine.synthetic_market import written_market

DATES = ("2025-09-29", "2025-09-30", "2025-10-01", "2025-10-02")
TODAY = "2025-10-01"
MARKET = written_market(
    DATES,
    {
        "AAPL": [(100, 101), (102.5, 103.25), (104.1, 777), (888, 999)],
        "GONE": [(50, 51), (52, 53), (0, 0), (0, 0)],
        "LATER": [(0, 0), (0, 0), (0, 0), (666, 667)],
    },
)


def session_on(
    date: str = TODAY,
    prices: PriceTable = MARKET,
    *,
    cash: Decimal = Decimal(1000),
    holdings: dict[str, int] | None = None,
    costs: Costs = NO_COSTS,
) -> ModelDaySession:
    view = MarketView(prices, date)
    portfolio = Portfolio(cash=cash, holdings=holdings or {})
    ledger = Ledger(portfolio, view, initial_cash=cash, previous_value=cash, costs=costs)
    return ModelDaySession(view, ledger)


class Found:
    """A search that finds what it was given."""

    def __init__(self, *articles: Article, error: str = "") -> None:
        self.articles = list(articles)
        self.error = error
        self.queries: list[str] = []

    async def find(self, query: str) -> list[Article]:
        self.queries.append(query)
        if self.error:
            raise SearchError(self.error)
        return self.articles


def article(date: str | None, *, text: str = "text", date_text: str = "") -> Article:
    return Article(
        title=f"of {date}", url=f"https://news.test/{date}", text=text, date=date, date_text=date_text or date or ""
    )


def digest(answer: Any) -> str:
    return sha256(to_json(answer)).hexdigest()


def test_the_tools_have_names_types_and_descriptions() -> None:
    tools = Toolbox(session_on(), search=Found()).functions

    assert [tool.__name__ for tool in tools] == [
        "buy", "sell", "get_price_local", "get_price_history", "get_positions", "add", "multiply", "calculate",
        "finish", "get_information",
    ]  # fmt: skip
    for tool in tools:
        parameters = inspect.signature(tool).parameters
        documented = inspect.getdoc(tool) or ""
        assert all(f"{name}: " in documented for name in parameters), tool.__name__


def test_without_a_search_there_is_no_tool_for_it() -> None:
    assert "get_information" not in [tool.__name__ for tool in Toolbox(session_on()).functions]


def test_buying_answers_the_new_positions() -> None:
    toolbox = Toolbox(session_on())

    answer = toolbox.buy("aapl ", 3)

    assert json.dumps(answer) == '{"AAPL": 3, "CASH": 687.7}'
    assert toolbox.get_positions() == answer


def test_selling_answers_the_new_positions() -> None:
    toolbox = Toolbox(session_on(holdings={"AAPL": 5}))

    assert toolbox.sell("\tAAPL", 5) == {"CASH": 1520.5}


def test_every_answer_with_a_price_in_it_is_an_observation() -> None:
    toolbox = Toolbox(session_on())
    toolbox.step = 4

    answers = [toolbox.buy("AAPL", 1), toolbox.buy("AAPL", 99), toolbox.get_positions()]

    seen = toolbox.gate.observations
    assert [(one.tool_name, one.subject) for one in seen] == [
        ("buy", "positions"),
        ("buy", "AAPL"),
        ("get_positions", "positions"),
    ]
    assert {(one.step, one.as_of, one.source_date, one.opening) for one in seen} == {(4, TODAY, TODAY, True)}
    assert [one.digest for one in seen] == [digest(answer) for answer in answers]


def test_a_buy_beyond_the_cash_tells_what_can_be_afforded() -> None:
    toolbox = Toolbox(session_on(holdings={"AAPL": 2}))

    answer = toolbox.buy("AAPL", 10)

    assert "cannot buy 10 AAPL" in answer.pop("message")
    assert answer == {
        "error": "insufficient_cash",
        "symbol": "AAPL",
        "cash": 1000.0,
        "held": 2,
        "price": 104.1,
        "max_affordable": 9,
        "cost": 1041.0,
    }
    assert toolbox.buy("AAPL", answer["max_affordable"])["AAPL"] == 11


def test_a_sale_of_more_than_is_held_tells_what_is_held() -> None:
    answer = Toolbox(session_on(holdings={"AAPL": 2})).sell("AAPL", 3)

    assert (answer["error"], answer["held"], answer["price"]) == ("insufficient_holdings", 2, 104.1)


@pytest.mark.parametrize(
    ("symbol", "amount", "error"),
    [
        ("AAPL", 0, "quantity_not_positive"),
        ("AAPL", -5, "quantity_not_positive"),
        pytest.param("AAPL", -(10**5000), "quantity_not_positive", id="far below zero"),
        ("AAPL", 10**12, "quantity_too_large"),
        pytest.param("AAPL", 10**5000, "quantity_too_large", id="far too many"),
        ("AAPL", 1.5, "quantity_not_whole"),
        ("AAPL", float("nan"), "quantity_not_whole"),
        ("AAPL", float("inf"), "quantity_not_whole"),
        ("GONE", 1, "no_price"),
        ("NOPE", 1, "unknown_symbol"),
        ("LATER", 1, "unknown_symbol"),
        ("CASH", 1, "unknown_symbol"),
        ("", 1, "unknown_symbol"),
        ("\ud800" * 999, 1, "unknown_symbol"),
    ],
)
def test_an_order_that_cannot_be_booked_is_refused_and_kept(symbol: str, amount: Any, error: str) -> None:
    session = session_on()
    toolbox = Toolbox(session)

    for tool in (toolbox.buy, toolbox.sell):
        answer = tool(symbol, amount)
        assert answer["error"] == error
        assert len(json.dumps(answer)) < 700
        to_json(answer)

    assert [rejection.reason for rejection in session.rejections] == [error, error]
    assert toolbox.get_positions() == {"CASH": 1000.0}


@pytest.mark.parametrize("amount", ["ten", None, True, [1]])
def test_an_amount_that_is_no_number_is_no_order(amount: Any) -> None:
    session = session_on()

    assert Toolbox(session).buy("AAPL", amount)["error"] == "quantity_not_whole"
    assert not session.rejections


def test_a_whole_float_is_a_whole_number() -> None:
    amount: Any = 2.0

    assert Toolbox(session_on()).buy("AAPL", amount)["AAPL"] == 2


@pytest.mark.parametrize("argument", [None, 5, 10**5000, ["AAPL"]], ids=["none", "number", "huge", "list"])
async def test_what_is_no_text_is_refused_like_an_empty_one(argument: Any) -> None:
    toolbox = Toolbox(session_on(), search=Found())

    assert toolbox.buy(argument, 1)["error"] == "unknown_symbol"
    assert toolbox.get_price_local("AAPL", argument)["error"] == "not_available"
    assert toolbox.get_price_history(argument, 1)["error"] == "unknown_symbol"
    assert toolbox.calculate(argument)["error"] == "bad_calculation"
    assert (await toolbox.get_information(argument))["error"] == "bad_query"
    assert toolbox.finish(argument) == {"finished": True}


def test_orders_from_many_threads_are_booked_one_after_the_other() -> None:
    toolbox = Toolbox(session_on(cash=Decimal(10_000)))

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: toolbox.buy("AAPL", 1), range(200)))

    assert sorted(one["AAPL"] for one in answers if "AAPL" in one) == list(range(1, 97))
    assert sum("error" in one for one in answers) == 104
    assert toolbox.get_positions() == {"AAPL": 96, "CASH": 6.4}


def test_a_tool_that_leaks_is_stopped_at_the_gate() -> None:
    class Leaky(Toolbox):
        def get_tomorrow(self) -> dict[str, Any]:
            return self._show("get_tomorrow", "AAPL", "2025-10-02", {"close": 999.0})

    toolbox = Leaky(session_on())

    with pytest.raises(LookaheadError):
        toolbox.get_tomorrow()
    assert not toolbox.gate.observations


def test_too_many_orders_are_told_and_do_not_raise() -> None:
    toolbox = Toolbox(session_on())
    for _ in range(MAX_ORDERS):
        toolbox.sell("NOPE", 1)

    assert toolbox.buy("AAPL", 1)["error"] == "too_many_orders"


def test_the_bar_of_an_earlier_date_is_shown_in_full() -> None:
    toolbox = Toolbox(session_on())

    answer = toolbox.get_price_local(" aapl", " 2025-09-30 ")

    assert answer == {
        "symbol": "AAPL",
        "date": "2025-09-30",
        "open": 102.5,
        "high": 103.25,
        "low": 102.5,
        "close": 103.25,
        "volume": 1000,
    }
    [seen] = toolbox.gate.observations
    assert (seen.source_date, seen.opening, seen.digest) == ("2025-09-30", False, digest(answer))


def test_of_the_day_itself_the_open_alone_is_shown() -> None:
    toolbox = Toolbox(session_on())

    assert toolbox.get_price_local("AAPL", TODAY) == {"symbol": "AAPL", "date": TODAY, "open": 104.1}
    [seen] = toolbox.gate.observations
    assert (seen.source_date, seen.opening) == (TODAY, True)


@pytest.mark.parametrize(
    ("symbol", "date", "error"),
    [
        ("AAPL", "2025-09-28", "no_price"),
        ("GONE", TODAY, "no_price"),
        ("NOPE", "2025-09-30", "unknown_symbol"),
        ("LATER", TODAY, "unknown_symbol"),
        ("LATER", "2025-10-02", "not_available"),
        ("AAPL", "2025-10-02", "not_available"),
        ("AAPL", "yesterday", "not_available"),
    ],
)
def test_a_price_that_is_not_there_is_refused(symbol: str, date: str, error: str) -> None:
    toolbox = Toolbox(session_on())

    assert toolbox.get_price_local(symbol, date)["error"] == error
    assert not toolbox.gate.observations


def test_the_history_has_earlier_bars_and_todays_open_each_an_observation() -> None:
    toolbox = Toolbox(session_on())

    answer = toolbox.get_price_history("aapl", 1)

    assert [bar["date"] for bar in answer["bars"]] == ["2025-09-30"]
    assert answer["today"] == {"symbol": "AAPL", "date": TODAY, "open": 104.1}
    seen = toolbox.gate.observations
    assert [(one.source_date, one.opening) for one in seen] == [("2025-09-30", False), (TODAY, True)]
    assert [one.digest for one in seen] == [digest(answer["bars"][0]), digest(answer["today"])]
    assert {one.tool_name for one in seen} == {"get_price_history"}


@pytest.mark.parametrize("days", [2, 3, MAX_HISTORY, 10**100])
def test_a_longer_history_has_what_there_is(days: int) -> None:
    answer = Toolbox(session_on()).get_price_history("GONE", days)

    assert [bar["date"] for bar in answer["bars"]] == ["2025-09-29", "2025-09-30"]
    assert answer["today"]["error"] == "no_price"


@pytest.mark.parametrize("days", [0, -1, -(10**100), True, 1.5, "3", None])
def test_a_history_of_no_days_is_refused(days: Any) -> None:
    assert Toolbox(session_on()).get_price_history("AAPL", days)["error"] == "bad_days"


def test_a_history_of_an_unknown_symbol_is_refused() -> None:
    assert Toolbox(session_on()).get_price_history("LATER", 3)["error"] == "unknown_symbol"


def test_on_the_first_date_the_history_is_empty() -> None:
    assert Toolbox(session_on(DATES[0])).get_price_history("AAPL", 3)["bars"] == []


def test_sums_products_and_expressions_are_calculated() -> None:
    toolbox = Toolbox(session_on())

    assert toolbox.add(0.1, 0.2) == {"result": 0.3}
    assert toolbox.multiply(6, 7) == {"result": 42}
    assert toolbox.calculate("(1000 - 4) / 4") == {"result": 249}
    assert not toolbox.gate.observations


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, None, "many"])
def test_what_cannot_be_calculated_is_told(value: Any) -> None:
    toolbox = Toolbox(session_on())

    answers = toolbox.add(value, 1), toolbox.multiply(value, 2), toolbox.calculate(f"{str(value)[:500]} +")

    assert {answer["error"] for answer in answers} == {"bad_calculation"}


def test_finishing_is_told() -> None:
    toolbox = Toolbox(session_on())
    assert not toolbox.finished

    toolbox.finish("bought nothing")

    assert toolbox.finished
    assert toolbox.summary == "bought nothing"


async def test_articles_before_the_day_are_shown_the_others_dropped_and_counted() -> None:
    search = Found(
        article("2025-09-30"),
        article(TODAY),
        article("2025-10-02"),
        article(None),
        article(None, date_text="someday"),
        article("2025-9-1"),
        article("2024-01-01", text="x" * 9999),
    )
    toolbox = Toolbox(session_on(), search=search)
    toolbox.step = 7

    answer = await toolbox.get_information(" chips ")

    assert search.queries == ["chips"]
    assert [one["date"] for one in answer["articles"]] == ["2025-09-30", "2024-01-01"]
    assert len(answer["articles"][1]["text"]) == 2000
    seen = toolbox.gate.observations
    assert [(one.step, one.source_date, one.opening) for one in seen] == [
        (7, "2025-09-30", False),
        (7, "2024-01-01", False),
    ]
    assert [one.digest for one in seen] == [digest(one) for one in answer["articles"]]
    assert [one.reason for one in toolbox.gate.dropped] == [
        "not_before_decision",
        "not_before_decision",
        "no_date",
        "unreadable_date",
        "unreadable_date",
    ]
    assert "2025-10-02" not in json.dumps(answer)


async def test_dropping_everything_looks_like_finding_nothing() -> None:
    dropped = await Toolbox(session_on(), search=Found(article("2025-10-02"))).get_information("chips")
    nothing = await Toolbox(session_on(), search=Found()).get_information("chips")

    assert dropped == nothing == {"articles": []}


async def test_a_search_that_fails_is_told() -> None:
    toolbox = Toolbox(session_on(), search=Found(error="the search vendor is busy"))

    assert await toolbox.get_information("chips") == {"error": "search_failed", "message": "the search vendor is busy"}


async def test_queries_are_bounded() -> None:
    search = Found()
    toolbox = Toolbox(session_on(), search=search)

    await toolbox.get_information("chips " * 1000)

    assert len(search.queries[0]) == MAX_QUERY
    assert (await toolbox.get_information(" \n"))["error"] == "bad_query"


def test_order_under_costs_tells_what_it_cost_and_what_was_left_over() -> None:
    costs = Costs(commission=Commission(per_order=Decimal(5)), max_volume_share=Decimal("0.005"))
    toolbox = Toolbox(session_on(costs=costs))

    filled, refused = toolbox.buy("AAPL", 8), toolbox.buy("AAPL", 1)

    assert filled == {
        "AAPL": 5,
        "CASH": 474.5,
        "filled": {"amount": 5, "price": 104.1, "commission": 5.0, "unfilled": 3},
    }
    assert (refused["error"], refused["max_affordable"]) == ("volume_limit", 0)
