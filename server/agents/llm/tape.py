"""The tape of a session: every exchange with the world outside goes by it, to be recorded or answered from a record.

Whoever asks a vendor does `tape.find(exchange)`, asks only when that is None, and goes on with what `tape.keep` gives
back, so that a session that is recorded sees the very bytes that its replay will see.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from server.engine.recording import RecordedExchange, SessionRecording

#: characters; a shorter secret would be found in ordinary words
MIN_SECRET = 6

#: what stands where a secret was
REMOVED = b"***"


class NotRecordedError(Exception):
    """A replay was asked for what is not recorded; the text says what differs from the record."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a request that a miss can name; the text of one that is not `kept` is not stored, only its digest."""

    name: str
    text: str
    digest: str
    kept: bool = True

    @classmethod
    def of(cls, name: str, text: str, *, kept: bool = True) -> "Part":
        """Return the part with its digest."""
        return cls(name, text, digest_of(text.encode("utf-8", "replace")), kept)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to a vendor (`model`, `search`, …); nothing in it is secret, random or of an endpoint."""

    vendor: str
    parts: tuple[Part, ...]

    @property
    def digest(self) -> str:
        """What equal requests share."""
        return digest_of("\n".join([self.vendor, *(part.digest for part in self.parts)]).encode())


class Tape(Protocol):
    """Records exchanges, or answers them from a record."""

    @property
    def recording(self) -> SessionRecording | None:
        """The exchanges so far; None when none are recorded."""

    def find(self, exchange: Exchange) -> bytes | None:
        """Return the recorded answer; None when the vendor is to be asked.

        Raises:
            NotRecordedError: this is a replay, and there is none.
        """

    def keep(self, exchange: Exchange, answer: bytes) -> bytes:
        """Record an answer and return it as it is to be used: without secrets."""


class NoTape:
    """Records nothing: the vendor is always asked."""

    @property
    def recording(self) -> SessionRecording | None:
        """None."""
        return None

    def find(self, exchange: Exchange) -> bytes | None:
        """Return None."""
        return None

    def keep(self, exchange: Exchange, answer: bytes) -> bytes:
        """Return the answer as it is."""
        return answer


class RecordingTape:
    """Records the exchanges of a session; `secrets` are taken out of everything that is stored."""

    def __init__(self, basemodel: str, secrets: Iterable[str | None] = ()) -> None:
        stripped = [secret.strip().encode() for secret in secrets if secret]
        self._secrets = [secret for secret in stripped if len(secret) >= MIN_SECRET]
        self._basemodel = basemodel
        self._exchanges: list[RecordedExchange] = []
        self._blobs: dict[str, bytes] = {}
        self._last: dict[str, Sequence[Part]] = {}

    @property
    def recording(self) -> SessionRecording | None:
        """The exchanges so far."""
        return SessionRecording(basemodel=self._basemodel, exchanges=tuple(self._exchanges), blobs=dict(self._blobs))

    def find(self, exchange: Exchange) -> bytes | None:
        """Return None: what is recorded is asked for."""
        return None

    def keep(self, exchange: Exchange, answer: bytes) -> bytes:
        """Record an answer and return it without secrets."""
        cleaned = self._clean(answer)
        shared = _shared(self._last.get(exchange.vendor, ()), exchange.parts)
        self._last[exchange.vendor] = exchange.parts
        new = exchange.parts[shared:]
        for part in new:
            if part.kept:
                self._add(part.digest, self._clean(part.text.encode("utf-8", "replace")))
        key = digest_of(cleaned)
        self._add(key, cleaned)
        self._exchanges.append(
            RecordedExchange(
                vendor=exchange.vendor,
                digest=exchange.digest,
                shared=shared,
                parts=tuple((self._clean(part.name.encode("utf-8", "replace")).decode(), part.digest) for part in new),
                answer=key,
            )
        )
        return cleaned

    def _add(self, key: str, content: bytes) -> None:
        if key not in self._blobs:
            self._blobs[key] = zlib.compress(content)

    def _clean(self, content: bytes) -> bytes:
        for secret in self._secrets:
            content = content.replace(secret, REMOVED)
        return content


def noted(tape: Tape, name: str, *, now: bool) -> bool:
    """Return whether something held when the session was recorded, such as that there was a search; else `now`."""
    exchange = Exchange("setup", (Part.of(name, ""),))
    try:
        found = tape.find(exchange)
    except NotRecordedError:
        return now
    return (tape.keep(exchange, b"1" if now else b"0") if found is None else found) == b"1"


def digest_of(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return sha256(content).hexdigest()


def _shared(before: Sequence[Part], parts: Sequence[Part]) -> int:
    """Return how many leading parts are the same."""
    pairs = zip(before, parts, strict=False)
    return next((i for i, (old, new) in enumerate(pairs) if old != new), min(len(before), len(parts)))
