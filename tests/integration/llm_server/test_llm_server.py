"""The vendor over real HTTP: answers, streams, usage, keys, and many requests at once."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.llm_server.conversation import PLAIN, ask, body, events
from tests.llm_server import CLIENT_LEFT, LlmServer, Reply, ToolCall, finish_at_once, looping, saying, varied

ROOT = Path(__file__).resolve().parents[3]
CALLING = Reply("I buy.", (ToolCall("buy", {"symbol": "AAPL", "amount": 3}), ToolCall("get_positions", {})))


def broken(_request: object) -> Reply:
    raise LookupError("no such plan")


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    scripts = {"finisher": finish_at_once, "caller": saying(CALLING), "looping": looping, "broken": broken}
    with LlmServer(scripts) as running:
        yield running


def joined(chunks: list[dict[str, Any]]) -> tuple[str, dict[int, dict[str, str]], str]:
    """Put a stream together: content, calls by index, finish reason."""
    content, calls, reason = "", {}, ""
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        content += choice["delta"].get("content") or ""
        reason = choice["finish_reason"] or reason
        for call in choice["delta"].get("tool_calls", ()):
            known = calls.setdefault(call["index"], {"name": call["function"].get("name"), "arguments": ""})
            known["arguments"] += call["function"]["arguments"]
    return content, calls, reason


def test_answer_has_content_calls_and_usage_that_the_journal_says(server: LlmServer) -> None:
    answer = ask(server, body("caller")).json()

    message, usage = answer["choices"][0]["message"], answer["usage"]
    assert message["content"] == "I buy."
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["buy", "get_positions"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"symbol": "AAPL", "amount": 3}
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    delivery = server.delivered[-1]
    assert (delivery.prompt_tokens, delivery.completion_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert usage["prompt_tokens"] > 0 < usage["completion_tokens"]
    assert (delivery.model, delivery.status, delivery.fault) == ("caller", 200, None)
    assert server.requests[-1] == body("caller")


def test_equal_requests_get_equal_bytes(server: LlmServer) -> None:
    assert ask(server, body("caller")).content == ask(server, body("caller")).content


def test_stream_carries_the_same_answer_and_usage(server: LlmServer) -> None:
    answer = ask(server, body("caller")).json()

    streamed = ask(server, body("caller", stream=True, stream_options={"include_usage": True}))

    chunks = events(streamed.text)
    content, calls, reason = joined(chunks)
    told = {call["index"]: call for call in ({"index": i} | c for i, c in calls.items())}
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert (content, reason) == ("I buy.", "tool_calls")
    assert [told[index]["name"] for index in (0, 1)] == ["buy", "get_positions"]
    assert json.loads(told[0]["arguments"]) == {"symbol": "AAPL", "amount": 3}
    assert chunks[-1]["usage"] == answer["usage"]


def test_stream_without_include_usage_has_none(server: LlmServer) -> None:
    chunks = events(ask(server, body("finisher", stream=True)).text)

    assert all("usage" not in chunk for chunk in chunks)


def test_models_are_listed_and_unknown_ones_refused(server: LlmServer) -> None:
    listed = httpx.get(f"{server.base_url}/models", verify=PLAIN).json()["data"]
    refused = ask(server, body("other"))

    assert [model["id"] for model in listed] == ["finisher", "caller", "looping", "broken"]
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


def test_script_that_raises_is_a_500_that_says_so(server: LlmServer) -> None:
    answer = ask(server, body("broken"))

    assert answer.status_code == 500
    assert "no such plan" in answer.json()["error"]["message"]
    assert server.delivered[-1].fault == "script_failed"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "narrator", "content": "Once"}],
        [{"role": "tool", "tool_call_id": "x", "content": "1"}],
        [{"role": "assistant", "tool_calls": [{"id": "x", "function": {}}]}, {"role": "user", "content": "Go on"}],
    ],
)
def test_conversation_that_openai_would_refuse_is_refused(server: LlmServer, messages: list[dict[str, Any]]) -> None:
    answer = ask(server, body("finisher", messages=messages))

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_body_that_is_no_json_is_refused(server: LlmServer) -> None:
    assert httpx.post(f"{server.base_url}/chat/completions", content=b"{", verify=PLAIN).status_code == 400


def test_wrong_key_is_refused_and_bills_nothing() -> None:
    with LlmServer({"m": finish_at_once}, key="right") as server:
        statuses = [
            ask(server, body("m"), headers={"authorization": f"Bearer {key}"}).status_code for key in ("right", "wrong")
        ]
        models = httpx.get(f"{server.base_url}/models", verify=PLAIN).status_code

    assert (statuses, models) == ([200, 401], 401)
    assert [(delivery.status, delivery.prompt_tokens > 0) for delivery in server.delivered] == [
        (200, True),
        (401, False),
    ]


async def test_64_parallel_requests_wait_at_once() -> None:
    with LlmServer({"m": looping}, latency=0.25) as server:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(limits=limits, base_url=server.base_url, verify=PLAIN) as client:
            started = time.monotonic()
            answers = await asyncio.gather(*(client.post("/chat/completions", json=body("m")) for _ in range(64)))
            elapsed = time.monotonic() - started

    assert {answer.status_code for answer in answers} == {200}
    assert 0.25 <= elapsed < 1.5
    assert len(server.delivered) == len(server.requests) == 64


def test_client_that_leaves_is_not_billed() -> None:
    with LlmServer({"m": looping}, latency=varied(0.2, 0.2, 1)) as server:
        with pytest.raises(httpx.ReadTimeout):
            ask(server, body("m"), timeout=0.05)
        ask(server, body("m"))

    left, served = server.delivered
    assert (left.status, left.prompt_tokens, served.status) == (CLIENT_LEFT, 0, 200)


def test_runs_alone_and_stops_at_sigterm() -> None:
    command = [sys.executable, "-m", "tests.llm_server", "--port", "0", "--key", "k"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+/v1)\n", said)
        assert found is not None
        headers = {"authorization": "Bearer k"}
        answer = httpx.post(f"{found.group(1)}/chat/completions", json=body("any/model"), headers=headers, verify=PLAIN)
        delivered = httpx.get(found.group(1).removesuffix("v1") + "delivered", headers=headers, verify=PLAIN).json()
        process.send_signal(signal.SIGTERM)

    assert answer.status_code == 200
    assert delivered[0]["prompt_tokens"] == answer.json()["usage"]["prompt_tokens"]
    assert process.returncode == 0
