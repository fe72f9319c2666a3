"""What may go wrong, and when."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .chat_request import ChatRequest


class FaultKind(StrEnum):
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    #: nothing is sent for `wait` seconds
    TIMEOUT = "timeout"
    #: the connection is closed in the middle of the body
    CLOSED = "closed"
    #: a stream is cut in the middle; a request without `stream` gets CLOSED
    BROKEN_STREAM = "broken_stream"
    HTML = "html"
    EMPTY_CHOICES = "empty_choices"
    #: a whole answer that does not tell its tokens
    NO_USAGE = "no_usage"
    EMPTY_CONTENT = "empty_content"
    #: half a sentence and finish_reason "length"
    CUT_CONTENT = "cut_content"
    #: half of the last call's arguments and finish_reason "length"
    CUT_ARGUMENTS = "cut_arguments"
    REFUSAL = "refusal"
    CONTEXT_OVERFLOW = "context_overflow"
    #: the arguments are a JSON string that holds the JSON object
    ENCODED_TWICE = "encoded_twice"
    NUMBERS_AS_TEXT = "numbers_as_text"
    UNKNOWN_TOOL = "unknown_tool"
    #: calls that only read beside the script's own
    PARALLEL_CALLS = "parallel_calls"
    MALFORMED_ARGUMENTS = "malformed_arguments"


#: kinds that change what the script says; they leave an answer without a fitting tool call as it is
CALL_FAULTS = frozenset(
    {
        FaultKind.CUT_ARGUMENTS,
        FaultKind.ENCODED_TWICE,
        FaultKind.NUMBERS_AS_TEXT,
        FaultKind.UNKNOWN_TOOL,
        FaultKind.PARALLEL_CALLS,
        FaultKind.MALFORMED_ARGUMENTS,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault; `retry_after` (seconds, None for no header) is for 429 and 503, `wait` (seconds) for TIMEOUT."""

    kind: FaultKind
    retry_after: float | None = None
    as_date: bool = False
    wait: float = 3600.0


Faults = Callable[[int, ChatRequest], Fault | None]


def no_faults(_number: int, _request: ChatRequest) -> Fault | None:
    return None


def always(fault: Fault) -> Faults:
    return lambda _number, _request: fault


def every(n: int, fault: Fault) -> Faults:
    """Fail each n-th request that the server gets."""
    return lambda number, _request: fault if number % n == 0 else None


def once(fault: Fault, *, at: int = 1) -> Faults:
    """Fail the request with this number, from 1, and no other."""
    return lambda number, _request: fault if number == at else None


def first_attempts(fault: Fault) -> Faults:
    """Fail each request the first time it comes; only the very same messages again get through."""
    seen: set[str] = set()

    def choose(_number: int, request: ChatRequest) -> Fault | None:
        new = request.digest not in seen
        seen.add(request.digest)
        return fault if new else None

    return choose


def share(part: float, seed: int, faults: Sequence[Fault]) -> Faults:
    """Fail this part of the requests, whatever order they come in: the draw is of the request and its repetition."""
    attempts: Counter[str] = Counter()

    def choose(_number: int, request: ChatRequest) -> Fault | None:
        attempts[request.digest] += 1
        draw = random.Random(f"{seed} {request.digest} {attempts[request.digest]}")
        return draw.choice(faults) if draw.random() < part else None

    return choose


def first_of(*choices: Faults) -> Faults:
    """Ask each in turn; the first fault counts."""

    def choose(number: int, request: ChatRequest) -> Fault | None:
        found = [choice(number, request) for choice in choices]
        return next((fault for fault in found if fault is not None), None)

    return choose
