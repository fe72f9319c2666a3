"""Steps of agents' sessions while they happen: the latest few of a job, for whoever listens now.

They are kept only while somebody listens. A listener has a place in them and no queue of its own; one that falls behind
misses steps, and is told how many.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

#: steps kept per job; some 6 MB when every one of them is as long as it may be
KEPT = 128


class LiveSteps:
    """The latest steps of one job, encoded once for all listeners, and how many there were."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque(maxlen=KEPT)
        self._listeners = 0
        self.count = 0

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return self._listeners > 0

    @contextmanager
    def listening(self) -> Iterator[int]:
        """Listen for a while; gives the place to begin at."""
        self._listeners += 1
        try:
            yield self.count
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._messages.clear()

    def append(self, message: bytes) -> None:
        """Add the next step."""
        self._messages.append(message)
        self.count += 1

    def after(self, place: int, limit: int) -> tuple[list[bytes], int]:
        """Return at most `limit` steps after a place, and how many before them are gone."""
        first = self.count - len(self._messages)
        start = max(0, place - first)
        return list(islice(self._messages, start, start + limit)), max(0, first - place)
