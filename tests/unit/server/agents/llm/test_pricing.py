"""What tokens cost."""

from decimal import Decimal

import pytest

from server.agents.llm.pricing import Pricing, added
from server.engine.llm import LlmSpec, TokenPrices
from server.engine.session_record import TokenUsage

USAGE = TokenUsage(requests=1, input_tokens=1000, output_tokens=100)
OWN = TokenPrices(input=Decimal(2), output=Decimal(10), cache_read=Decimal("0.5"))


def pricing(basemodel: str, prices: TokenPrices | None = None, base_url: str | None = None) -> Pricing:
    return Pricing.of(LlmSpec(basemodel=basemodel, prompt="", prices=prices, base_url=base_url))


@pytest.mark.parametrize(
    ("basemodel", "cost"),
    [
        ("openai/gpt-5", "0.00225"),
        ("gpt-5", "0.00225"),
        ("openai:gpt-5", "0.00225"),
        ("anthropic/claude-3.7-sonnet", "0.0045"),
        ("anthropic:claude-3-7-sonnet-latest", "0.0045"),
    ],
)
def test_known_models_cost_what_the_list_says(basemodel: str, cost: str) -> None:
    assert pricing(basemodel).cost(USAGE) == Decimal(cost)


@pytest.mark.parametrize("basemodel", ["nobody/nothing", "nothing-at-all", "nobody:nothing"])
def test_unknown_models_have_no_cost_rather_than_none_to_pay(basemodel: str) -> None:
    assert pricing(basemodel).cost(USAGE) is None
    assert not pricing(basemodel).known


def test_own_prices_come_before_the_list() -> None:
    usage = TokenUsage(requests=1, input_tokens=1000, output_tokens=100, cache_read_tokens=400, cache_write_tokens=100)

    cost = pricing("openai/gpt-5", OWN).cost(usage)

    assert cost == Decimal("0.0012") + Decimal("0.0002") + Decimal("0.001")


def test_usages_add_up_by_kind() -> None:
    one = TokenUsage(
        requests=1,
        input_tokens=2,
        output_tokens=3,
        cache_read_tokens=4,
        cache_write_tokens=5,
        reasoning_tokens=6,
    )

    assert added(one, one) == TokenUsage(
        requests=2,
        input_tokens=4,
        output_tokens=6,
        cache_read_tokens=8,
        cache_write_tokens=10,
        reasoning_tokens=12,
    )
