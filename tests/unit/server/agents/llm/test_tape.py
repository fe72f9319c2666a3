"""Tapes: what is recorded, what a replay answers, and what a miss says."""

import zlib
from decimal import Decimal

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import RequestUsage

from server.agents.llm.answers import ContextOverflowError, RequestFailedError, read, written
from server.agents.llm.calls import Tools
from server.agents.llm.replay_tape import ReplayTape, new_tape
from server.agents.llm.request_parts import RequestParts
from server.agents.llm.tape import Exchange, NoTape, NotRecordedError, Part, RecordingTape, noted
from server.engine.llm import LlmMode, LlmSpec
from server.engine.model_day import FailureKind

KEY = "sk-secret-0123456789"


def query(text: str) -> Exchange:
    return Exchange("search", (Part.of("query", text),))


def replay_of(*tapes: RecordingTape) -> ReplayTape:
    return ReplayTape("a/b", [tape.recording for tape in tapes if tape.recording is not None])


def buy(symbol: str, amount: int) -> str:
    """Buy shares."""
    return f"{amount} {symbol}"


def buy_now(symbol: str, amount: int) -> str:
    """Buy shares at once."""
    return f"{amount} {symbol}"


buy_now.__name__ = "buy"


def conversation(price: Decimal = Decimal("255.04")) -> list[ModelRequest | ModelResponse]:
    answer = f'{{"symbol":"AAPL","open":{price}}}'
    return [
        ModelRequest(parts=[UserPromptPart("Today is 2025-10-01.\nTrade.")]),
        ModelResponse(parts=[ToolCallPart("get_price_local", '{"symbol":"AAPL"}', "1")]),
        ModelRequest(parts=[ToolReturnPart("get_price_local", answer, "1")]),
    ]


def test_equal_requests_get_their_answers_in_order_and_then_none() -> None:
    tape = RecordingTape("a/b")
    tape.keep(query("chips"), b"one")
    tape.keep(query("dips"), b"other")
    tape.keep(query("chips"), b"two")

    replay = replay_of(tape)

    assert [replay.find(query(text)) for text in ("chips", "chips", "dips")] == [b"one", b"two", b"other"]
    with pytest.raises(NotRecordedError, match="used up"):
        replay.find(query("chips"))


def test_first_recording_that_knows_a_request_answers_it() -> None:
    newer, older = RecordingTape("a/b"), RecordingTape("a/b")
    newer.keep(query("chips"), b"new")
    older.keep(query("chips"), b"old")
    older.keep(query("dips"), b"old")

    replay = replay_of(newer, older)

    assert (replay.find(query("chips")), replay.find(query("dips"))) == (b"new", b"old")


def test_replay_records_what_it_answers() -> None:
    tape = RecordingTape("a/b")
    tape.keep(query("chips"), b"one")
    replay = replay_of(tape)

    replay.find(query("chips"))

    assert replay.recording == tape.recording


def test_secrets_are_neither_stored_nor_used() -> None:
    tape = RecordingTape("a/b", [KEY, None, "x"])

    used = tape.keep(query(f"who is {KEY}"), f"it is {KEY}".encode())

    assert used == b"it is ***"
    assert tape.recording is not None
    assert KEY not in str([zlib.decompress(text) for text in tape.recording.blobs.values()])
    assert KEY not in repr(tape.recording)


def test_nothing_recorded_is_said() -> None:
    with pytest.raises(NotRecordedError, match="no request to 'search' is recorded"):
        replay_of(RecordingTape("a/b")).find(query("chips"))


def test_replay_never_records_an_answer_of_a_vendor() -> None:
    with pytest.raises(NotRecordedError):
        replay_of().keep(query("chips"), b"fresh")


def test_circumstances_of_the_record_hold_in_the_replay() -> None:
    tape = RecordingTape("a/b")
    assert noted(tape, "search", now=True)

    assert noted(replay_of(tape), "search", now=False)
    assert not noted(replay_of(), "search", now=False)
    assert noted(NoTape(), "search", now=True)


def test_tape_is_that_of_the_mode() -> None:
    tapes = {mode: new_tape(LlmSpec(basemodel="a/b", prompt="", mode=mode)) for mode in LlmMode}

    assert isinstance(tapes[LlmMode.LIVE], NoTape)
    assert isinstance(tapes[LlmMode.RECORD], RecordingTape)
    assert isinstance(tapes[LlmMode.REPLAY], ReplayTape)


def test_equal_requests_are_equal_whenever_they_are_made() -> None:
    tools = ModelRequestParameters(function_tools=Tools([buy]).definitions)

    one, other = (RequestParts("a/b").exchange(conversation(), tools) for _ in range(2))

    assert one.digest == other.digest


def test_parts_that_a_conversation_shares_are_stored_once() -> None:
    tape, parts, messages = RecordingTape("a/b"), RequestParts("a/b"), conversation()
    tape.keep(parts.exchange(messages[:1], ModelRequestParameters()), b"1")
    tape.keep(parts.exchange(messages, ModelRequestParameters()), b"2")

    assert tape.recording is not None
    first, second = tape.recording.exchanges
    assert [name for name, _ in first.parts] == ["model", "prompt"]
    assert second.shared == 2
    assert len(second.parts) == 2


def test_miss_names_the_answer_of_a_tool_that_changed() -> None:
    tape = RecordingTape("a/b")
    tape.keep(RequestParts("a/b").exchange(conversation(), ModelRequestParameters()), b"")
    changed = RequestParts("a/b").exchange(conversation(Decimal("256.04")), ModelRequestParameters())

    with pytest.raises(NotRecordedError) as missed:
        replay_of(tape).find(changed)

    assert str(missed.value) == (
        'this request is not recorded; message 2 (answer of get_price_local {"symbol":"AAPL"}) was changed: '
        'recorded \'{"symbol":"AAPL","open":255.04}\', now \'{"symbol":"AAPL","open":256.04}\''
    )


@pytest.mark.parametrize(
    ("functions", "told"),
    [([buy_now], "tool 'buy' was changed: recorded"), ([], "tool 'buy' is gone"), ([buy, read], "tool 'read' is new")],
)
def test_miss_names_the_tool_that_changed(functions: list[object], told: str) -> None:
    tape = RecordingTape("a/b")
    before = ModelRequestParameters(function_tools=Tools([buy]).definitions)
    tape.keep(RequestParts("a/b").exchange(conversation(), before), b"")
    now = ModelRequestParameters(function_tools=Tools(functions).definitions)  # type: ignore[arg-type]

    with pytest.raises(NotRecordedError, match=told):
        replay_of(tape).find(RequestParts("a/b").exchange(conversation(), now))


def test_miss_tells_a_conversation_that_goes_on_longer_than_the_record() -> None:
    tape = RecordingTape("a/b")
    tape.keep(RequestParts("a/b").exchange(conversation()[:1], ModelRequestParameters()), b"")

    with pytest.raises(NotRecordedError, match="ended before it"):
        replay_of(tape).find(RequestParts("a/b").exchange(conversation(), ModelRequestParameters()))


def test_answers_read_back_as_they_were_written() -> None:
    usage = RequestUsage(input_tokens=3, output_tokens=4, unmeasured_requests=1)
    answer = ModelResponse(
        parts=[TextPart("hello"), ToolCallPart("buy", '{"a": 1}')], usage=usage, finish_reason="tool_call"
    )

    again = read(written(answer))

    assert (again.parts, again.usage, again.finish_reason) == (answer.parts, usage, "tool_call")
    assert written(again) == written(answer)


def test_failures_read_back_as_failures() -> None:
    with pytest.raises(ContextOverflowError):
        read(written(ContextOverflowError()))
    with pytest.raises(RequestFailedError, match="busy") as failed:
        read(written(RequestFailedError(FailureKind.RATE_LIMITED, "busy")))
    assert failed.value.kind is FailureKind.RATE_LIMITED
