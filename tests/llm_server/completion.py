"""A reply as OpenAI writes it: one JSON object, or the events of a stream."""

import json
from collections.abc import Iterator
from typing import Any

from .chat_request import ChatRequest
from .reply import Reply
from .tokens import count_tokens

#: seconds since the epoch, 2025-01-01; always the same, so that equal requests get equal bytes
CREATED = 1_735_689_600
#: characters of content or arguments in an event
PIECE = 24


def usage(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    prompt, completion = request.prompt_tokens, count_tokens(reply.text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def whole(request: ChatRequest, reply: Reply | None, counted: dict[str, Any] | None) -> bytes:
    """Encode an answer with its usage; None for one with no choices, and for one that does not tell its usage."""
    body = _head(request, "chat.completion") | {"choices": [], "usage": counted}
    if reply is not None:
        choice = {"index": 0, "message": _message(request, reply), "logprobs": None, "finish_reason": reply.reason}
        body |= {"choices": [choice]}
    return json.dumps(body).encode()


def events(request: ChatRequest, reply: Reply | None, counted: dict[str, Any] | None) -> list[bytes]:
    """Encode an answer as server-sent events."""
    chunks = list(_chunks(request, reply, counted)) if reply is not None else [{"choices": []}]
    head = _head(request, "chat.completion.chunk")
    encoded = [b"data: " + json.dumps(head | chunk).encode() + b"\n\n" for chunk in chunks]
    return [*encoded, b"data: [DONE]\n\n"]


def _chunks(request: ChatRequest, reply: Reply, counted: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    empty = {"usage": None} if request.include_usage else {}
    for delta in _deltas(request, reply):
        yield {"choices": [_choice(delta, None)]} | empty
    yield {"choices": [_choice({}, reply.reason)]} | empty
    if request.include_usage and counted is not None:
        yield {"choices": [], "usage": counted}


def _deltas(request: ChatRequest, reply: Reply) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": "" if reply.content is not None else None}
    yield from ({"content": piece} for piece in _pieces(reply.content))
    yield from ({"refusal": piece} for piece in _pieces(reply.refusal))
    for index, call in enumerate(_calls(request, reply)):
        function = call["function"]
        yield {"tool_calls": [{"index": index} | call | {"function": function | {"arguments": ""}}]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _head(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{request.digest[:24]}", "object": kind, "created": CREATED, "model": request.model}


def _message(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
    return message | ({"tool_calls": _calls(request, reply)} if reply.tool_calls else {})


def _calls(request: ChatRequest, reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{request.digest[:16]}{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.encoded},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _choice(delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _pieces(text: str | None) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)] if text else []
