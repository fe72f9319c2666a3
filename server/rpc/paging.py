"""Page tokens: opaque to callers, a position in the order of the list for us, bound to the query they came from."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from google.protobuf.message import Message

from server.jobs.errors import InvalidRequestError

#: characters; longer than any token of ours
MAX_TOKEN = 2048

#: bytes a message may have, with room below the 4 MiB that clients accept
MAX_RESPONSE = 3_500_000

Entry = TypeVar("Entry", bound=Message)


def make_token(request: Message, position: Sequence[object]) -> str:
    """Return the token of the page after a position."""
    text = json.dumps([_digest(request, position), *position], ensure_ascii=False)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(request: Any, types: Sequence[type]) -> tuple[Any, ...] | None:  # noqa: ANN401 (any paged request)
    """Return the position in a request's `page_token`, its parts of the given types; None for the first page.

    Raises:
        InvalidRequestError: the token is not one of ours, or of another query.
    """
    token: str = request.page_token
    if not token:
        return None
    try:
        if len(token) > MAX_TOKEN:
            raise ValueError(token)
        digest, *position = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if digest != _digest(request, position) or [type(part) for part in position] != list(types):
            raise ValueError(token)
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequestError.of("page_token", "is not a token that this query returned") from None
    return tuple(position)


def fitting(entries: Iterable[Entry]) -> list[Entry]:
    """Return as many of the first entries as a message has room for, one in any case."""
    room, fit = MAX_RESPONSE, list[Entry]()
    for entry in entries:
        room -= entry.ByteSize() + 8
        if room < 0 and fit:
            break
        fit.append(entry)
    return fit


def _digest(request: Message, position: Sequence[object]) -> str:
    """Return what binds a position to the query; a token that was tampered with does not have it."""
    query: Any = type(request)()
    query.CopyFrom(request)
    query.ClearField("page_token")
    query.ClearField("page_size")
    content = query.SerializeToString(deterministic=True) + json.dumps(position).encode()
    return sha256(content).hexdigest()[:12]
