"""The prompt."""

from dataclasses import replace
from decimal import Decimal
from hashlib import sha256

import pytest

from server.agents.llm.prompt import Prompt, PromptError, check_template, render, template_digest
from server.agents.llm.rules import cost_rules
from server.agents.llm.toolbox import Toolbox
from server.engine.corporate_action import ActionKind, CorporateAction
from server.engine.costs import NO_COSTS, Commission, Costs, Slippage
from server.engine.model_day import ModelDaySession
from server.engine.prices import PriceTable
from tests.integration.agents.llm_session import DATES, QUOTES, TEMPLATE
from tests.unit.server.engine.model_day_chain import run_day
from tests.unit.server.engine.synthetic_market import Quotes, written_market


def rendered(
    template: str,
    prices: PriceTable | None = None,
    date: str = DATES[1],
    costs: Costs = NO_COSTS,
    previous_day: str | None = None,
) -> Prompt:
    """Render for a portfolio of two symbols."""
    made: list[Prompt] = []

    def keep(session: ModelDaySession) -> None:
        made.append(render(template, session, Toolbox(session).functions))

    holdings = {"AAPL": 2}
    run_day(
        prices or written_market(DATES, QUOTES),
        date,
        keep,
        cash=Decimal("82.45"),
        holdings=holdings,
        costs=costs,
        previous_day=previous_day,
    )
    return made[0]


def test_shipped_template_tells_all_that_a_day_begins_with() -> None:
    text = rendered(TEMPLATE).text

    for part in (
        "The date is 2025-10-02",
        "those of 2025-10-01",
        "- AAPL: 2 shares, closed at 101\n",
        "Cash: 82.45 dollars",
        "at today's opening prices: 286.45 dollars",
        "- MSFT: 202\n",
        "- `buy`: Buy shares of a stock at today's opening price.",
        "write <FINISH_SIGNAL>",
    ):
        assert part in text
    assert "${" not in text


def test_other_future_gives_the_same_prompt() -> None:
    other: Quotes = {
        symbol: [day[0], (day[1][0], day[1][1] * 2), (day[2][0] * 3, day[2][1])] for symbol, day in QUOTES.items()
    }

    assert rendered(TEMPLATE, written_market(DATES, other)) == rendered(TEMPLATE)


def test_first_date_has_no_closes() -> None:
    prompt = rendered("${previous_date}|${positions}", date=DATES[0])

    assert prompt.text == "none|- AAPL: 2 shares, no close"
    assert prompt.observations == ()


def test_unknown_placeholders_are_refused_by_name() -> None:
    with pytest.raises(
        PromptError, match=r"'tomorrow', 'weather' is not known; known placeholders: cash, corporate_actions"
    ) as raised:
        check_template("${weather} on ${date} and ${tomorrow}")

    assert raised.value.names == ("tomorrow", "weather")


def test_dollar_signs_and_braces_elsewhere_stay_as_they_are() -> None:
    assert rendered("$10,000 {date} $date ${date}").text == "$10,000 {date} $date 2025-10-02"


def test_digest_is_that_of_the_template_itself() -> None:
    assert template_digest("on ${date}") == sha256(b"on ${date}").hexdigest()


def test_prices_in_the_prompt_are_observations_with_their_dates() -> None:
    shown = [(one.subject, one.as_of, one.source_date, one.opening) for one in rendered(TEMPLATE).observations]

    assert shown == [
        ("closing prices", "2025-10-02", "2025-10-01", False),
        ("portfolio value", "2025-10-02", "2025-10-02", True),
        ("opening prices", "2025-10-02", "2025-10-02", True),
    ]


@pytest.mark.parametrize(
    ("costs", "rules"),
    [
        (Costs(), "There are no commissions and no slippage."),
        (
            Costs(
                commission=Commission(per_order=Decimal(1), basis_points=Decimal("2.50"), minimum=Decimal(2)),
                slippage=Slippage(basis_points=Decimal(5), volume_share=Decimal("0.1")),
            ),
            (
                "Each order costs a commission of 1 dollars and 2.5 basis points of what changes hands, "
                "at least 2 dollars. Purchases are filled above the opening price, sales below it: by 5 basis points "
                "and 0.1 times the square of your orders' part of the average daily volume."
            ),
        ),
        (
            Costs(max_volume_share=Decimal("0.025")),
            (
                "There are no commissions. There is no slippage. Your orders of a day may take at most 2.5 % of a "
                "symbol's average volume on its last 20 dates; an order over that is filled in part."
            ),
        ),
    ],
)
def test_costs_are_told_with_their_figures(costs: Costs, rules: str) -> None:
    assert cost_rules(costs) == rules


def test_costs_stand_at_their_place_or_at_the_end() -> None:
    costs = Costs(commission=Commission(per_order=Decimal(1)))

    assert rendered("Trade: ${costs}", costs=costs).text.startswith(
        "Trade: Each order costs a commission of 1 dollars."
    )
    assert rendered("Trade.\n", costs=costs).text.startswith("Trade.\n\n# Costs\n\nEach order costs a commission")
    assert rendered("Trade.\n").text == "Trade.\n"


def test_split_of_a_holding_is_told_at_the_end_and_in_an_observation() -> None:
    market = written_market(DATES, QUOTES)
    split = CorporateAction(
        symbol="AAPL", ex_date=DATES[1], kind=ActionKind.SPLIT, numerator=3, denominator=1, amount=Decimal(0)
    )
    later = CorporateAction(symbol="AAPL", ex_date=DATES[2], kind=ActionKind.DIVIDEND, amount=Decimal(1))

    prompt = rendered("Trade.", replace(market, actions=(split, later)), previous_day=DATES[0])

    assert prompt.text == (
        "Trade.\n\n# Splits and dividends\n\n"
        "- AAPL was split 3 for 1: 2 shares became 6 (ex-date 2025-10-02)\n"
        "Shares and cash are those of today; prices of dates before a split are as they were then.\n"
    )
    assert [(seen.subject, seen.source_date) for seen in prompt.observations] == [("corporate actions", DATES[1])]


def test_history_tells_the_actions_known_by_today() -> None:
    market = written_market(DATES, QUOTES)
    actions = tuple(
        CorporateAction(symbol="AAPL", ex_date=date, kind=ActionKind.DIVIDEND, amount=Decimal("0.5"))
        for date in DATES[1:]
    )
    answers = []

    def ask(session: ModelDaySession) -> None:
        answers.append(Toolbox(session).get_price_history("AAPL", 5))

    run_day(replace(market, actions=actions), DATES[1], ask)

    assert answers[0]["corporate_actions"] == [{"ex_date": DATES[1], "kind": "dividend", "dollars_per_share": 0.5}]
