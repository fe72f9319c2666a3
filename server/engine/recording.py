"""What was exchanged with the world outside during a session, so that the session can be run again without it.

Plain values: they leave the session process with its record, are stored, and come back with the task of a replay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedExchange:
    """A request to a vendor and the answer, by the digests of their texts.

    `digest` is the SHA-256 that equal requests share. `parts` are (name, digest) of what the request consists of; its
    first `shared` parts are those of the session's request before it to the same vendor, and are left out.
    """

    vendor: str
    digest: str
    shared: int
    parts: tuple[tuple[str, str], ...]
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecording:
    """The exchanges of one session in order; `blobs` are texts by digest, compressed by zlib."""

    basemodel: str
    exchanges: tuple[RecordedExchange, ...] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)
