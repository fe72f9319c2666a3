"""What models and vendors do wrong, over real HTTP: each fault has its behaviour, and none leaves half a day."""

import asyncio
import json
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest

from server.agents.llm.requests import Requester, classify
from server.engine.model_day import FailureKind, ModelDayFailure
from server.engine.session_record import StopReason
from tests.integration.agents.llm_session import FINISH, answers, buy, calls, run, run_well, trades
from tests.llm_server import (
    ChatRequest,
    DeniedError,
    Fault,
    FaultKind,
    LlmServer,
    Reply,
    ToolCall,
    always,
    every,
    first_attempts,
    looping,
    once,
    saying,
    share,
    trading_script,
)

POSITIONS = ToolCall("get_positions", {})
ONE_BUY = saying(calls(POSITIONS), calls(buy("AAPL", 3)), FINISH)

#: what may pass, with the kind of failure when it does not
PASSING = {
    FaultKind.RATE_LIMIT: FailureKind.RATE_LIMITED,
    FaultKind.SERVER_ERROR: FailureKind.PROVIDER_ERROR,
    FaultKind.UNAVAILABLE: FailureKind.PROVIDER_ERROR,
    FaultKind.TIMEOUT: FailureKind.TIMEOUT,
    FaultKind.CLOSED: FailureKind.PROVIDER_ERROR,
    FaultKind.HTML: FailureKind.PROVIDER_ERROR,
    FaultKind.EMPTY_CHOICES: FailureKind.PROVIDER_ERROR,
}


@pytest.mark.parametrize("kind", PASSING)
async def test_fault_of_the_vendor_that_passes_is_not_seen_in_the_day(kind: FaultKind) -> None:
    with LlmServer({"*": ONE_BUY}, faults=first_attempts(Fault(kind, wait=2.0))) as server:
        result, record = await run_well(server, request_timeout=0.2)
        asked = len(server.requests)

    assert trades(result) == [("buy", "AAPL", 3)]
    assert (record.usage.requests, asked) == (3, 6)


@pytest.mark.parametrize("kind", PASSING)
async def test_fault_of_the_vendor_that_stays_fails_the_attempt_with_its_record(kind: FaultKind) -> None:
    def after_the_buy(number: int, _request: ChatRequest) -> Fault | None:
        return Fault(kind, wait=2.0) if number > 2 else None

    with LlmServer({"*": ONE_BUY}, faults=after_the_buy) as server:
        outcome = await run(server, request_timeout=0.15, max_retries=1)
        asked = len(server.requests)

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is PASSING[kind]
    assert asked == 4
    assert outcome.record is not None
    assert outcome.record.usage.requests == 2
    assert outcome.record.cost_usd
    assert outcome.record.stop_reason is None


async def test_wait_that_the_provider_asks_for_is_kept() -> None:
    with LlmServer({"*": saying(FINISH)}, faults=once(Fault(FaultKind.RATE_LIMIT, retry_after=0.3))) as server:
        began = time.monotonic()
        await run_well(server)

    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("header", "least", "most"), [("7", 7, 7), ("0.25", 0.25, 0.25), ("DATE", 58, 60), ("soon", 0, 0)]
)
def test_wait_is_read_in_seconds_and_as_a_date(header: str, least: float, most: float) -> None:
    from pydantic_ai.exceptions import ModelHTTPError

    sent = formatdate(time.time() + 60, usegmt=True) if header == "DATE" else header

    fault = classify(ModelHTTPError(429, "model", headers={"Retry-After": sent}))

    assert least <= (fault.after or 0.0) <= most


async def test_wait_longer_than_a_session_fails_at_once() -> None:
    fault = Fault(FaultKind.RATE_LIMIT, retry_after=3600)
    with LlmServer({"*": ONE_BUY}, faults=always(fault)) as server:
        outcome = await run(server)
        asked = len(server.requests)

    assert isinstance(outcome, ModelDayFailure)
    assert (outcome.kind, asked) == (FailureKind.RATE_LIMITED, 1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"api_key": "sk-wrong-key"}, "ModelAuthenticationError"),
        ({"basemodel": "openai/gpt-none"}, "ModelNotFoundError"),
    ],
)
async def test_rejected_request_is_not_repeated(options: dict[str, Any], text: str) -> None:
    with LlmServer({"openai/gpt-5": ONE_BUY}, key="sk-right-key") as server:
        outcome = await run(server, **{"api_key": "sk-right-key", **options})
        asked = len(server.requests)

    assert isinstance(outcome, ModelDayFailure)
    assert (outcome.kind, asked) == (FailureKind.PROVIDER_ERROR, 1)
    assert text in outcome.message


@pytest.mark.parametrize(
    ("status", "code", "passing"),
    [
        (408, None, True),
        (409, None, True),
        (425, None, True),
        (502, None, True),
        (400, None, False),
        (402, None, False),
        (403, None, False),
        (422, None, False),
        (429, "insufficient_quota", False),
    ],
)
async def test_status_of_the_vendor_says_whether_a_request_is_repeated(
    status: int, code: str | None, *, passing: bool
) -> None:
    tried: list[int] = []

    def script(_request: ChatRequest) -> Reply:
        tried.append(1)
        if len(tried) == 1:
            raise DeniedError(status, "no", code)
        return FINISH

    with LlmServer({"*": script}) as server:
        outcome = await run(server, max_retries=1)
        asked = len(server.requests)

    assert isinstance(outcome, ModelDayFailure) is not passing, outcome
    assert asked == 1 + passing


async def test_nobody_at_the_address_fails_the_attempt() -> None:
    with LlmServer({"*": ONE_BUY}) as server:
        pass
    outcome = await run(server, max_retries=1)

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is FailureKind.PROVIDER_ERROR


async def test_session_that_takes_too_long_fails_with_its_record() -> None:
    with LlmServer({"*": ONE_BUY}, faults=every(3, Fault(FaultKind.TIMEOUT))) as server:
        outcome = await run(server, session_timeout=0.4)

    assert isinstance(outcome, ModelDayFailure)
    assert (outcome.kind, outcome.message) == (FailureKind.TIMEOUT, "the session took more than 0.4 seconds")
    assert outcome.record is not None
    assert [json.loads(answer) for answer in answers(outcome.record)][-1] == {"AAPL": 3, "CASH": 694.0}


async def test_cancelled_session_ends_with_its_record() -> None:
    reached = threading.Event()

    def fault(_number: int, _request: ChatRequest) -> Fault:
        reached.set()
        return Fault(FaultKind.TIMEOUT)

    with LlmServer({"*": ONE_BUY}, faults=fault) as server:
        task = asyncio.create_task(run(server))
        await asyncio.to_thread(reached.wait, 5.0)
        task.cancel()
        outcome = await task

    assert isinstance(outcome, ModelDayFailure)
    assert outcome.kind is FailureKind.CANCELLED
    assert outcome.record is not None


REPAIRED = (FaultKind.ENCODED_TWICE, FaultKind.NUMBERS_AS_TEXT, FaultKind.PARALLEL_CALLS)


@pytest.mark.parametrize("kind", REPAIRED)
async def test_odd_calls_are_done_as_they_are_meant(kind: FaultKind) -> None:
    with LlmServer({"*": ONE_BUY}, faults=always(Fault(kind))) as server:
        result, record = await run_well(server)

    assert trades(result) == [("buy", "AAPL", 3)]
    assert record.usage.requests == 3


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (ToolCall("purchase", {"symbol": "AAPL"}), "unknown tool 'purchase'; the tools are: buy, sell, "),
        (ToolCall("buy", '{"symbol": "AAPL", "amou'), "invalid arguments of 'buy': not valid JSON"),
        (ToolCall("buy", "[1, 2]"), "invalid arguments of 'buy': not a JSON object"),
        (ToolCall("buy", {"symbol": "AAPL"}), "invalid arguments of 'buy': amount: Field required"),
        (buy("AAPL", "many"), "invalid arguments of 'buy': amount: Input should be a valid integer"),
        (buy("AAPL", 1.5), "invalid arguments of 'buy': amount: Input should be a valid integer"),
    ],
)
async def test_call_that_cannot_be_done_is_told_and_counted(call: ToolCall, told: str) -> None:
    with LlmServer({"*": saying(calls(call), calls(buy("AAPL", 1)), FINISH)}) as server:
        result, record = await run_well(server)

    assert told in json.loads(answers(record)[0])["message"]
    assert sum(use.call_count for use in record.tool_usage) == 2
    assert trades(result) == [("buy", "AAPL", 1)]


UNUSABLE = (FaultKind.EMPTY_CONTENT, FaultKind.CUT_CONTENT, FaultKind.CUT_ARGUMENTS, FaultKind.REFUSAL)


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_answer_of_no_use_is_asked_for_again(kind: FaultKind) -> None:
    with LlmServer({"*": ONE_BUY}, faults=first_attempts(Fault(kind))) as server:
        result, record = await run_well(server)
        asked = server.requests

    assert trades(result) == [("buy", "AAPL", 3)]
    assert record.stop_reason is StopReason.FINISH_SIGNAL
    assert asked[0] == asked[1]


async def test_answer_of_no_use_twice_is_told() -> None:
    def twice(number: int, _request: ChatRequest) -> Fault | None:
        return Fault(FaultKind.CUT_ARGUMENTS) if number in (2, 3) else None

    with LlmServer({"*": ONE_BUY}, faults=twice) as server:
        result, _ = await run_well(server)
        asked = server.requests

    assert trades(result) == [("buy", "AAPL", 3)]
    assert "was cut off" in str(asked[3]["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.EMPTY_CONTENT, StopReason.NO_TOOL_CALL),
        (FaultKind.CUT_CONTENT, StopReason.NO_TOOL_CALL),
        (FaultKind.REFUSAL, StopReason.REFUSAL),
        (FaultKind.CONTEXT_OVERFLOW, StopReason.CONTEXT_OVERFLOW),
    ],
)
async def test_fault_of_the_model_that_stays_ends_the_session_with_its_orders(
    kind: FaultKind, reason: StopReason
) -> None:
    def after_the_buy(number: int, _request: ChatRequest) -> Fault | None:
        return Fault(kind) if number > 2 else None

    script = saying(calls(POSITIONS), calls(buy("AAPL", 3)), calls(POSITIONS))
    with LlmServer({"*": script}, faults=after_the_buy) as server:
        result, record = await run_well(server)

    assert record.stop_reason is reason
    assert trades(result) == [("buy", "AAPL", 3)]


async def test_same_call_with_the_same_answer_for_ever_is_a_loop() -> None:
    with LlmServer({"*": looping}) as server:
        _, record = await run_well(server)

    assert record.stop_reason is StopReason.LOOP
    assert len(answers(record)) == 5


async def test_same_order_again_is_no_loop_while_it_changes_something() -> None:
    with LlmServer({"*": saying(calls(*[buy("AAPL", 1)] * 7), FINISH)}) as server:
        result, record = await run_well(server)

    assert len(trades(result)) == 7
    assert record.stop_reason is StopReason.FINISH_SIGNAL


async def test_a_third_of_the_requests_failing_changes_no_trade() -> None:
    faults = [Fault(kind, wait=2.0) for kind in (*PASSING, *REPAIRED, FaultKind.EMPTY_CONTENT, FaultKind.UNKNOWN_TOOL)]
    script = trading_script(5, symbols=("AAPL", "MSFT"))
    with LlmServer({"*": script}) as sound, LlmServer({"*": script}, faults=share(0.33, 1, faults)) as faulty:
        expected, _ = await run_well(sound)
        result, _ = await run_well(faulty, request_timeout=0.2, max_retries=8)
        failed = [one.fault for one in faulty.delivered if one.fault]

    assert failed
    assert trades(result) == trades(expected) != []


def test_delays_double_and_never_fall_short_of_what_was_asked() -> None:
    from pydantic_ai.models.test import TestModel

    from server.agents.llm.limits import ProviderLimits
    from server.engine.llm import LlmSpec

    spec = LlmSpec(basemodel="test", prompt="", base_delay=2.0)
    least = Requester(TestModel(), spec, ProviderLimits(), jitter=lambda: 0.0)
    most = Requester(TestModel(), spec, ProviderLimits(), jitter=lambda: 1.0)

    assert [most._delay(tries, None) for tries in (0, 1, 2, 9)] == [2.0, 4.0, 8.0, 60.0]
    assert [least._delay(tries, None) for tries in (0, 1, 2, 9)] == [1.0, 2.0, 4.0, 30.0]
    assert least._delay(0, 7.0) >= 7.0


def test_answers_that_no_library_can_read_are_worth_another_try() -> None:
    fault = classify(IndexError("list index out of range"))

    assert (fault.kind, fault.passing, fault.after) == (FailureKind.PROVIDER_ERROR, True, None)
    assert "IndexError" in fault.message


async def test_reply_with_half_a_surrogate_pair_can_be_kept() -> None:
    with LlmServer({"*": saying(Reply("broken \ud800 text <FINISH_SIGNAL>"))}) as server:
        outcome = await run(server, max_retries=0)

    repr(outcome).encode()
