"""From a request to the answer that its script and its fault make."""

import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from .answer import Answer, error_answer
from .chat_request import ChatRequest
from .completion import events, usage, whole
from .conversation import broken_rule
from .faults import Fault, FaultKind
from .journal import Delivery
from .reply import Reply
from .scripts import DeniedError, Script
from .spoiling import spoil

#: tokens; named in the message of a context overflow
CONTEXT_WINDOW = 128_000
_CUT = frozenset({FaultKind.CLOSED, FaultKind.BROKEN_STREAM})
_UNBILLED = _CUT | {FaultKind.EMPTY_CHOICES, FaultKind.NO_USAGE}
_SENDING = _UNBILLED | {FaultKind.TIMEOUT}


@dataclass(frozen=True, slots=True)
class Outcome:
    answer: Answer
    delivery: Delivery


def respond(request: ChatRequest, script: Script | None, fault: Fault | None) -> Outcome:
    """Make the answer and what the journal says about it."""
    if script is None:
        return failed(request, _no_model(request), "unknown_model")
    if complaint := broken_rule(request):
        bad = error_answer(400, complaint, kind="invalid_request_error", code=None, param="messages")
        return failed(request, bad, "bad_request")
    if fault and (refused := _refused(request, fault)):
        return failed(request, refused, fault.kind)
    try:
        reply = script(request)
    except DeniedError as error:
        answer = error_answer(error.status, str(error), kind="invalid_request_error", code=error.code)
        return failed(request, answer, "denied")
    except Exception as error:
        answer = error_answer(500, f"script failed: {error!r}", kind="server_error", code="script_failed")
        return failed(request, answer, "script_failed")
    return _completed(request, reply, fault.kind if fault else None)


def _completed(request: ChatRequest, reply: Reply, kind: FaultKind | None) -> Outcome:
    said = spoil(reply, kind, request)
    applied = kind if kind in _SENDING or said != reply else None
    shown = None if kind is FaultKind.EMPTY_CHOICES else said
    counted = usage(request, said) if shown and kind is not FaultKind.NO_USAGE else None
    answer = replace(_encoded(request, shown, counted), cut=kind in _CUT)
    billed = usage(request, said) if kind not in _UNBILLED else {"prompt_tokens": 0, "completion_tokens": 0}
    delivery = Delivery(request.model, billed["prompt_tokens"], billed["completion_tokens"], 200, applied)
    return Outcome(answer, delivery)


def _encoded(request: ChatRequest, reply: Reply | None, counted: dict[str, Any] | None) -> Answer:
    if request.stream:
        return Answer(200, "text/event-stream; charset=utf-8", events(request, reply, counted))
    return Answer(200, "application/json", [whole(request, reply, counted)])


def failed(request: ChatRequest, answer: Answer, fault: str) -> Outcome:
    """An answer that bills nothing."""
    return Outcome(answer, Delivery(request.model, 0, 0, answer.status, fault))


def _refused(request: ChatRequest, fault: Fault) -> Answer | None:
    match fault.kind:
        case FaultKind.RATE_LIMIT:
            text = f"Rate limit reached for {request.model}"
            return error_answer(429, text, kind="requests", code="rate_limit_exceeded", retry_after=_retry_after(fault))
        case FaultKind.SERVER_ERROR:
            return error_answer(500, "The server had an error", kind="server_error", code=None)
        case FaultKind.UNAVAILABLE:
            text = "The engine is currently overloaded, please try again later"
            return error_answer(503, text, kind="service_unavailable", code=None, retry_after=_retry_after(fault))
        case FaultKind.HTML:
            return Answer(200, "text/html", [b"<!doctype html><html><body><h1>Just a moment...</h1></body></html>"])
        case FaultKind.CONTEXT_OVERFLOW:
            return _overflow(request)
    return None


def _retry_after(fault: Fault) -> str | None:
    if fault.retry_after is None:
        return None
    return formatdate(time.time() + fault.retry_after, usegmt=True) if fault.as_date else f"{fault.retry_after:g}"


def _overflow(request: ChatRequest) -> Answer:
    text = (
        f"This model's maximum context length is {CONTEXT_WINDOW} tokens. However, your messages resulted in "
        f"{CONTEXT_WINDOW + request.prompt_tokens} tokens. Please reduce the length of the messages."
    )
    return error_answer(400, text, kind="invalid_request_error", code="context_length_exceeded", param="messages")


def _no_model(request: ChatRequest) -> Answer:
    text = f"The model `{request.model}` does not exist or you do not have access to it."
    return error_answer(404, text, kind="invalid_request_error", code="model_not_found")
