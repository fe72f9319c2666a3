"""The answer to a model request as bytes: what the library read, or how the request failed for good.

The library's reading is recorded and not the vendor's bytes, because it is the same for every provider and holds the
ids that the library made up where the vendor gave none.
"""

import json

from pydantic import TypeAdapter
from pydantic_ai.messages import ModelResponse

from server.engine.model_day import FailureKind

_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)

#: how the answer begins that says that there was none
_FAILED = b'{"failed":'

#: the kind of a failure that only ends the session
OVERFLOW = "context_overflow"


class ContextOverflowError(Exception):
    """The conversation is longer than the model can read."""


class RequestFailedError(Exception):
    """A request was not answered."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def written(answer: ModelResponse | ContextOverflowError | RequestFailedError) -> bytes:
    """Return an answer as bytes."""
    match answer:
        case ModelResponse():
            return _RESPONSE.dump_json(answer, exclude_none=True, exclude={"timestamp"})
        case ContextOverflowError():
            return _failure(OVERFLOW, "")
        case RequestFailedError():
            return _failure(answer.kind.value, str(answer))


def read(answer: bytes) -> ModelResponse:
    """Return an answer, or raise what it says.

    Raises:
        ContextOverflowError, RequestFailedError: the request failed when it was recorded.
    """
    if not answer.startswith(_FAILED):
        return _RESPONSE.validate_json(answer)
    failure = json.loads(answer)
    if failure["failed"] == OVERFLOW:
        raise ContextOverflowError
    raise RequestFailedError(FailureKind(failure["failed"]), failure["message"])


def _failure(kind: str, message: str) -> bytes:
    return json.dumps({"failed": kind, "message": message}, separators=(",", ":")).encode()
