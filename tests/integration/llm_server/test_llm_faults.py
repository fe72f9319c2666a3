"""Each fault over real HTTP, and when faults come."""

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.integration.llm_server.conversation import PLAIN, ask, body, events
from tests.llm_server import (
    CLIENT_LEFT,
    ChatRequest,
    Fault,
    FaultKind,
    LlmServer,
    Reply,
    ToolCall,
    every,
    first_of,
    once,
    saying,
    share,
)

BUYING = saying(Reply("I buy some of it now.", (ToolCall("buy", {"symbol": "AAPL", "amount": 3, "price": 1.5}),)))


def by_model(_number: int, request: ChatRequest) -> Fault | None:
    """The model's name is the fault that it has."""
    if request.model == "dated":
        return Fault(FaultKind.RATE_LIMIT, retry_after=30, as_date=True)
    return Fault(FaultKind(request.model), retry_after=7) if request.model in list(FaultKind) else None


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    with LlmServer({"*": BUYING}, faults=by_model) as running:
        yield running


def message(server: LlmServer, kind: FaultKind) -> dict[str, Any]:
    choice = ask(server, body(kind)).json()["choices"][0]
    assert server.delivered[-1].fault == kind
    return choice["message"] | {"finish_reason": choice["finish_reason"]}


def arguments(server: LlmServer, kind: FaultKind) -> Any:
    return json.loads(message(server, kind)["tool_calls"][0]["function"]["arguments"])


def receive(server: LlmServer, sent: dict[str, Any], got: list[bytes]) -> None:
    with httpx.stream("POST", f"{server.base_url}/chat/completions", json=sent, verify=PLAIN) as answer:
        for piece in answer.iter_raw():
            got.append(piece)  # noqa: PERF402  what came before the cut must stay


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"),
    [
        (FaultKind.RATE_LIMIT, 429, "7"),
        (FaultKind.SERVER_ERROR, 500, None),
        (FaultKind.UNAVAILABLE, 503, "7"),
        (FaultKind.CONTEXT_OVERFLOW, 400, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_status_fault_has_openai_error_and_bills_nothing(
    server: LlmServer, kind: FaultKind, status: int, retry_after: str | None, *, stream: bool
) -> None:
    answer = ask(server, body(kind, stream=stream))

    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    delivery = server.delivered[-1]
    assert (delivery.status, delivery.fault, delivery.prompt_tokens, delivery.completion_tokens) == (status, kind, 0, 0)


def test_retry_after_can_be_an_http_date(server: LlmServer) -> None:
    headers = ask(server, body("dated")).headers

    wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    assert 28 <= wait.total_seconds() <= 32


def test_context_overflow_has_the_code_of_openai(server: LlmServer) -> None:
    error = ask(server, body(FaultKind.CONTEXT_OVERFLOW)).json()["error"]

    assert (error["code"], error["type"]) == ("context_length_exceeded", "invalid_request_error")


@pytest.mark.parametrize("kind", [FaultKind.CLOSED, FaultKind.BROKEN_STREAM])
@pytest.mark.parametrize("stream", [False, True])
def test_connection_is_closed_in_the_middle(server: LlmServer, kind: FaultKind, *, stream: bool) -> None:
    got: list[bytes] = []

    with pytest.raises(httpx.RemoteProtocolError):
        receive(server, body(kind, stream=stream), got)

    assert got
    assert b"[DONE]" not in b"".join(got)
    assert (server.delivered[-1].fault, server.delivered[-1].completion_tokens) == (kind, 0)


def test_html_comes_instead_of_json(server: LlmServer) -> None:
    answer = ask(server, body(FaultKind.HTML))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


def test_choices_are_empty(server: LlmServer) -> None:
    answer = ask(server, body(FaultKind.EMPTY_CHOICES)).json()
    chunks = events(ask(server, body(FaultKind.EMPTY_CHOICES, stream=True)).text)

    assert (answer["choices"], answer["usage"]) == ([], None)
    assert [chunk["choices"] for chunk in chunks] == [[]]
    assert server.delivered[-1].prompt_tokens == 0


def test_content_is_empty(server: LlmServer) -> None:
    said = message(server, FaultKind.EMPTY_CONTENT)

    assert (said["content"], said.get("tool_calls"), said["finish_reason"]) == ("", None, "stop")


def test_content_is_cut(server: LlmServer) -> None:
    said = message(server, FaultKind.CUT_CONTENT)

    assert (said["content"], said.get("tool_calls"), said["finish_reason"]) == ("I buy some", None, "length")


def test_model_refuses(server: LlmServer) -> None:
    said = message(server, FaultKind.REFUSAL)

    assert said["content"] is None
    assert said["refusal"].startswith("I'm sorry")
    assert server.delivered[-1].completion_tokens > 0


def test_arguments_are_encoded_twice(server: LlmServer) -> None:
    assert json.loads(arguments(server, FaultKind.ENCODED_TWICE)) == {"symbol": "AAPL", "amount": 3, "price": 1.5}


def test_numbers_are_text(server: LlmServer) -> None:
    assert arguments(server, FaultKind.NUMBERS_AS_TEXT) == {"symbol": "AAPL", "amount": "3", "price": "1.5"}


def test_tool_is_unknown(server: LlmServer) -> None:
    assert message(server, FaultKind.UNKNOWN_TOOL)["tool_calls"][0]["function"]["name"] == "buy_v2"


def test_calls_are_parallel_with_ids_of_their_own(server: LlmServer) -> None:
    calls = message(server, FaultKind.PARALLEL_CALLS)["tool_calls"]

    assert [call["function"]["name"] for call in calls] == ["buy", "get_positions"]
    assert len({call["id"] for call in calls}) == 2


@pytest.mark.parametrize(
    ("kind", "reason"), [(FaultKind.MALFORMED_ARGUMENTS, "tool_calls"), (FaultKind.CUT_ARGUMENTS, "length")]
)
def test_arguments_are_no_json(server: LlmServer, kind: FaultKind, reason: str) -> None:
    said = message(server, kind)

    assert said["finish_reason"] == reason
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(said["tool_calls"][0]["function"]["arguments"])


def test_timeout_sends_nothing_and_ends_when_the_client_leaves(server: LlmServer) -> None:
    with pytest.raises(httpx.ReadTimeout):
        ask(server, body(FaultKind.TIMEOUT), timeout=0.05)
    ask(server, body("healthy"))

    assert [(delivery.status, delivery.fault) for delivery in server.delivered[-2:]] == [
        (CLIENT_LEFT, FaultKind.TIMEOUT),
        (200, None),
    ]


def test_timeout_answers_after_its_wait_and_the_server_stops_in_spite_of_it() -> None:
    faults = first_of(once(Fault(FaultKind.TIMEOUT, wait=0.05)), once(Fault(FaultKind.TIMEOUT), at=2))
    with LlmServer({"*": BUYING}, faults=faults) as server:
        late = ask(server, body("m"))
        with pytest.raises(httpx.ReadTimeout):
            ask(server, body("m"), timeout=0.05)

    assert late.status_code == 200
    assert server.delivered[0].fault == FaultKind.TIMEOUT


def drawn(part: float, seed: int, order: list[int]) -> dict[int, bool]:
    faults = share(part, seed, [Fault(FaultKind.HTML)])
    requests = {number: ChatRequest(body(f"model-{number}")) for number in order}
    return {number: faults(1, requests[number]) is not None for number in order}


def test_every_and_once_go_by_the_number_of_the_request() -> None:
    fault, request = Fault(FaultKind.HTML), ChatRequest(body("m"))

    assert [every(3, fault)(number, request) is fault for number in range(1, 7)] == [False, False, True] * 2
    assert [once(fault, at=2)(number, request) is fault for number in range(1, 4)] == [False, True, False]


def test_share_fails_its_part_whatever_the_order() -> None:
    numbers = list(range(1000))

    failing = drawn(0.1, 7, numbers)

    assert 70 <= sum(failing.values()) <= 130
    assert failing == drawn(0.1, 7, numbers[::-1])
    assert failing != drawn(0.1, 8, numbers)
