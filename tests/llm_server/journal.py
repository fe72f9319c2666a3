"""What came in and what went out, in order, for readers on other threads."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

#: nginx's status for a client that left before its answer
CLIENT_LEFT = 499


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer that went out; tokens are those billed, 0 when the answer reports no usage or was never sent whole.

    `date` is the first in the conversation, `seconds` what the answer took from the whole request to its first byte.
    """

    model: str
    prompt_tokens: int
    completion_tokens: int
    status: int
    fault: str | None
    date: str | None = None
    seconds: float = 0.0


class Journal:
    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: list[dict[str, Any]] = []
        self._delivered: list[Delivery] = []

    @property
    def requests(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._requests)

    @property
    def delivered(self) -> list[Delivery]:
        with self._lock:
            return list(self._delivered)

    def received(self, body: dict[str, Any]) -> int:
        """Note a request; returns its number, from 1."""
        with self._lock:
            self._requests.append(body)
            return len(self._requests)

    def sent(self, delivery: Delivery) -> None:
        with self._lock:
            self._delivered.append(delivery)
