"""Sessions over real HTTP: the main path, what is recorded of it, budgets, and many at once."""

import asyncio
import json
import logging
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.agents.llm.limits import ProviderLimits
from server.agents.llm.prompt import PromptError, template_digest
from server.agents.llm.provider import ProviderError
from server.agents.llm.trader import LlmTrader
from server.engine.llm import LlmSpec, TokenPrices
from server.engine.model_day import FailureKind, ModelDayFailure, run_session_day
from server.engine.orders import RejectionReason
from server.engine.session_record import Role, StopReason
from tests.integration.agents.llm_session import (
    DATES,
    FINISH,
    KEY,
    QUOTES,
    TEMPLATE,
    answers,
    buy,
    calls,
    run,
    run_well,
    spec_for,
    trades,
)
from tests.llm_server import ChatRequest, LlmServer, Reply, Script, ToolCall, finish_at_once, saying, trading_script
from tests.unit.server.engine.model_day_chain import model_day_task
from tests.unit.server.engine.synthetic_market import written_market

POSITIONS = ToolCall("get_positions", {})
TWO_BUYS = saying(calls(POSITIONS, content="Let me look."), calls(buy("AAPL", 3), buy("MSFT", 4)), FINISH)


async def test_session_trades_and_records_everything_in_order() -> None:
    with LlmServer({"openai/gpt-5": TWO_BUYS}, key=KEY) as server:
        result, record = await run_well(server)
        delivered = server.delivered

    assert trades(result) == [("buy", "AAPL", 3)]
    assert [(step.role.value, step.tool_name) for step in record.steps] == [
        ("user", None),
        ("assistant", None),
        ("assistant", "get_positions"),
        ("tool", "get_positions"),
        ("assistant", "buy"),
        ("tool", "buy"),
        ("assistant", "buy"),
        ("tool", "buy"),
        ("assistant", None),
    ]
    assert [step.number for step in record.steps] == list(range(9))
    assert [step.offset_seconds for step in record.steps] == sorted(step.offset_seconds for step in record.steps)
    assert json.loads(record.steps[4].arguments or "") == {"symbol": "AAPL", "amount": 3}
    assert json.loads(record.steps[5].content or "") == {"AAPL": 3, "CASH": 694.0}
    assert [(use.tool_name, use.call_count) for use in record.tool_usage] == [("buy", 2), ("get_positions", 1)]
    assert record.usage.requests == len(delivered) == 3
    assert record.usage.input_tokens == sum(one.prompt_tokens for one in delivered)
    assert record.usage.output_tokens == sum(one.completion_tokens for one in delivered)
    assert (
        record.cost_usd
        == Decimal("0.00000125") * record.usage.input_tokens + Decimal("0.00001") * record.usage.output_tokens
    )
    assert record.stop_reason is StopReason.FINISH_SIGNAL
    assert record.prompt_digest == template_digest(TEMPLATE)


async def test_observations_are_kept_under_the_step_that_showed_them() -> None:
    with LlmServer({"*": TWO_BUYS}) as server:
        _, record = await run_well(server)

    shown = {(one.step, one.tool_name) for one in record.observations}
    assert {(0, "prompt"), (3, "get_positions"), (5, "buy"), (7, "buy")} == shown


async def test_calls_of_one_answer_see_the_effect_of_those_before() -> None:
    script = saying(calls(buy("MSFT", 4), buy("AAPL", 1), ToolCall("sell", {"symbol": "MSFT", "amount": 1})), FINISH)
    with LlmServer({"*": script}) as server:
        result, record = await run_well(server, cash=Decimal(850))

    assert [rejection.reason for rejection in result.rejections] == [RejectionReason.INSUFFICIENT_CASH]
    assert trades(result) == [("buy", "MSFT", 4), ("sell", "MSFT", 1)]
    assert [json.loads(answer).get("cash") for answer in answers(record)] == [None, 42.0, None]


async def test_summary_is_made_from_the_ledger() -> None:
    boasting = saying(calls(buy("AAPL", 3), buy("MSFT", 50)), Reply("I bought 500 NVDA. <FINISH_SIGNAL>"))
    with LlmServer({"*": boasting}) as server:
        _, record = await run_well(server, holdings={"MSFT": 1})

    assert record.summary == (
        "Bought 3 AAPL at 102; 1 order was refused (insufficient_cash). "
        "Holds 3 AAPL, 1 MSFT and 694 dollars in cash, worth 1202 dollars at the opening prices."
    )


async def test_summary_of_the_model_is_asked_for_after_the_end() -> None:
    def script(request: ChatRequest) -> Reply:
        return FINISH if request.tools else Reply("I waited for better prices")

    with LlmServer({"*": script}) as server:
        _, record = await run_well(server, model_summary=True)

    assert record.summary.startswith("I waited for better prices. Holds no shares and 1000 dollars in cash")
    assert record.usage.requests == 2
    assert record.steps[-1].content == "I waited for better prices"


async def test_summary_given_to_finish_saves_the_request() -> None:
    with LlmServer(
        {"*": saying(calls(ToolCall("finish", {"summary": "Nothing was cheap."}), buy("AAPL", 1)))}
    ) as server:
        result, record = await run_well(server, model_summary=True)

    assert record.stop_reason is StopReason.FINISH_TOOL
    assert record.summary.startswith("Nothing was cheap. Holds no shares")
    assert record.usage.requests == 1
    assert trades(result) == []


async def test_answer_without_a_call_ends_the_session() -> None:
    with LlmServer({"*": saying(Reply("I shall hold."))}) as server:
        _, record = await run_well(server)

    assert record.stop_reason is StopReason.NO_TOOL_CALL


async def test_call_beside_the_signal_is_done_first() -> None:
    with LlmServer({"*": saying(calls(buy("AAPL", 1), content="Last one. <FINISH_SIGNAL>"))}) as server:
        result, record = await run_well(server)

    assert trades(result) == [("buy", "AAPL", 1)]
    assert record.stop_reason is StopReason.FINISH_SIGNAL


def reading(request: ChatRequest) -> Reply:
    """Look at another date each time, for ever."""
    return calls(ToolCall("add", {"a": request.step, "b": 1}))


@pytest.mark.parametrize(
    ("limit", "reason", "requests"),
    [
        ({"max_steps": 4}, StopReason.MAX_STEPS, 4),
        ({"max_tokens": 2500}, StopReason.MAX_TOKENS, 2),
        ({"max_usd": Decimal("0.003")}, StopReason.MAX_USD, 2),
    ],
)
async def test_budget_ends_the_session_and_keeps_its_orders(
    limit: dict[str, Any], reason: StopReason, requests: int
) -> None:
    def script(request: ChatRequest) -> Reply:
        return reading(request) if request.step else calls(buy("AAPL", 1))

    with LlmServer({"*": script}) as server:
        result, record = await run_well(server, **limit)

    assert (record.stop_reason, record.usage.requests) == (reason, requests)
    assert trades(result) == [("buy", "AAPL", 1)]


async def test_budget_in_dollars_of_a_model_without_a_price_is_refused_before_it_costs() -> None:
    with LlmServer({"*": finish_at_once}) as server:
        outcome = await run(server, basemodel="nobody/nothing", max_usd=Decimal(1))
        asked = server.requests

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is FailureKind.BUDGET
    assert asked == []


async def test_own_prices_and_unknown_ones() -> None:
    prices = TokenPrices(input=Decimal(1), output=Decimal(1))
    with LlmServer({"*": finish_at_once}) as server:
        _, own = await run_well(server, basemodel="nobody/nothing", prices=prices, max_usd=Decimal(1))
        _, unknown = await run_well(server, basemodel="nobody/nothing")

    assert own.cost_usd == Decimal(own.usage.input_tokens + own.usage.output_tokens) / 1_000_000
    assert unknown.cost_usd is None


async def test_key_is_in_no_record_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    echoing = saying(
        Reply(f"My key is {KEY}.", (ToolCall("calculate", {"expression": KEY}), ToolCall(KEY, {}))), FINISH
    )
    caplog.set_level(logging.DEBUG)
    with capture_logs() as events, LlmServer({"*": echoing}, key=KEY) as server:
        _, record = await run_well(server)
        refused = await run(server, api_key=f"{KEY}-wrong", max_retries=0)

    assert "***" in repr(record)
    assert isinstance(refused, ModelDayFailure)
    assert "ModelAuthenticationError" in refused.message
    for text in (repr(record), repr(refused), repr(events), caplog.text, repr(spec_for(server))):
        assert KEY not in text


def test_trader_that_cannot_work_is_not_made() -> None:
    with pytest.raises(PromptError):
        LlmTrader(LlmSpec(basemodel="openai/gpt-5", prompt="${tomorrow}", api_key=KEY))
    with pytest.raises(ProviderError):
        LlmTrader(LlmSpec(basemodel="openai/gpt-5", prompt=""))


async def test_same_script_gives_the_same_day() -> None:
    with LlmServer({"*": trading_script(3, symbols=("AAPL", "MSFT"))}) as server:
        days = [await run_well(server) for _ in range(2)]

    (one, first), (other, second) = days
    assert replace(one, record=None) == replace(other, record=None)
    assert one.positions[1:]
    told = [[(s.role, s.content, s.tool_name, s.arguments) for s in record.steps] for record in (first, second)]
    assert told[0] == told[1]
    assert (first.usage, first.cost_usd, first.summary) == (second.usage, second.cost_usd, second.summary)


#: sessions at once
SESSIONS = 64


class Overlap:
    """A latency that counts the requests that wait in it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._seen = 0
        self.running = 0
        self.most = 0

    def latency(self, _request: ChatRequest) -> float:
        """Let the first request of every session wait long enough for all others to come."""
        with self._lock:
            self._seen += 1
            self.running += 1
            self.most = max(self.most, self.running)
            return 4.0 if self._seen <= SESSIONS else 0.0

    def script(self, request: ChatRequest) -> Reply:
        with self._lock:
            self.running -= 1
        return self._script(request)


async def _many(server: LlmServer, limits: ProviderLimits | None) -> list[Any]:
    prices = written_market(DATES, QUOTES)
    tasks = (
        run_session_day(
            model_day_task(DATES[1]), prices, LlmTrader(spec_for(server, request_timeout=20.0), limits=limits)
        )
        for _ in range(SESSIONS)
    )
    return await asyncio.gather(*tasks)


async def test_sixty_four_sessions_wait_for_the_provider_together() -> None:
    overlap = Overlap(TWO_BUYS)
    with LlmServer({"*": overlap.script}, latency=overlap.latency) as server:
        outcomes = await _many(server, None)

    assert overlap.most > SESSIONS // 2
    assert {tuple(trades(outcome)) for outcome in outcomes} == {(("buy", "AAPL", 3), ("buy", "MSFT", 4))}


async def test_sessions_share_the_limit_of_parallel_requests() -> None:
    overlap = Overlap(finish_at_once)
    with LlmServer({"*": overlap.script}, latency=overlap.latency) as server:
        outcomes = await _many(server, ProviderLimits(parallel=32))

    assert overlap.most <= 32
    assert all(outcome.record.steps[0].role is Role.USER for outcome in outcomes)
