"""How models behave: pure functions from the conversation to the next reply."""

from collections.abc import Callable, Sequence

from .chat_request import ChatRequest
from .reply import Reply, ToolCall

FINISH_SIGNAL = "<FINISH_SIGNAL>"
Script = Callable[[ChatRequest], Reply]


class DeniedError(Exception):
    """Raised by a script whose answer is an error with this status."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def finish_at_once(_request: ChatRequest) -> Reply:
    return Reply(f"Nothing to do today. {FINISH_SIGNAL}")


def looping(_request: ChatRequest) -> Reply:
    """Make the same call for ever."""
    return Reply(None, (ToolCall("get_positions", {}),))


def probing(calls: Sequence[ToolCall]) -> Script:
    """Make these calls, one a step, then finish."""

    def script(request: ChatRequest) -> Reply:
        if request.step < len(calls):
            return Reply(None, (calls[request.step],))
        return Reply(f"That was all I tried. {FINISH_SIGNAL}")

    return script


def saying(*replies: Reply) -> Script:
    """Give these replies, one a step, and the last one for ever."""
    return lambda request: replies[min(request.step, len(replies) - 1)]
