"""The tape of a replay: answers from recordings alone, and says what differs when they have none."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from server.agents.llm.miss import difference
from server.agents.llm.tape import Exchange, NoTape, NotRecordedError, RecordingTape, Tape
from server.engine.llm import LlmMode, LlmSpec
from server.engine.recording import RecordedExchange, SessionRecording


class ReplayTape:
    """Answers from recorded sessions, the first of them first.

    An equal request asked again gets the next answer that was recorded for it in one session. What is answered is
    recorded in turn, so that a replay has a record of its own.
    """

    def __init__(self, basemodel: str, recordings: Sequence[SessionRecording]) -> None:
        self._recordings = recordings
        self._answers: dict[tuple[str, int], bytes] = {}
        for recording in recordings:
            again: Counter[str] = Counter()
            for exchange in recording.exchanges:
                self._answers.setdefault((exchange.digest, again[exchange.digest]), recording.blobs[exchange.answer])
                again[exchange.digest] += 1
        self._asked: Counter[str] = Counter()
        self._record = RecordingTape(basemodel)

    @property
    def recording(self) -> SessionRecording | None:
        """What was answered so far."""
        return self._record.recording

    def find(self, exchange: Exchange) -> bytes | None:
        """Return the recorded answer.

        Raises:
            NotRecordedError: there is none; with what differs from the nearest recorded request.
        """
        key = exchange.digest
        found = self._answers.get((key, self._asked[key]))
        if found is None:
            raise NotRecordedError(self._miss(exchange))
        self._asked[key] += 1
        return self._record.keep(exchange, zlib.decompress(found))

    def keep(self, exchange: Exchange, answer: bytes) -> bytes:
        """Refuse: nobody is asked in a replay."""
        raise NotRecordedError(f"a replay was about to record an answer of '{exchange.vendor}'")

    def _miss(self, exchange: Exchange) -> str:
        if self._asked[exchange.digest]:
            return "the recorded answers to this request are used up"
        nearest = max(self._requests(exchange.vendor), key=lambda found: _likeness(exchange, found[1]), default=None)
        if nearest is None:
            return f"no request to '{exchange.vendor}' is recorded for this model and date"
        recording, parts = nearest
        return f"this request is not recorded; {difference(exchange.parts, parts, recording.blobs)}"

    def _requests(self, vendor: str) -> Iterator[tuple[SessionRecording, list[tuple[str, str]]]]:
        for recording in self._recordings:
            for parts in _whole(exchange for exchange in recording.exchanges if exchange.vendor == vendor):
                yield recording, parts


def new_tape(spec: LlmSpec, recordings: Sequence[SessionRecording] = (), secrets: Sequence[str | None] = ()) -> Tape:
    """Return the tape that a session's mode asks for."""
    match spec.mode:
        case LlmMode.LIVE:
            return NoTape()
        case LlmMode.RECORD:
            return RecordingTape(spec.basemodel, [spec.api_key, *secrets])
        case LlmMode.REPLAY:
            return ReplayTape(spec.basemodel, recordings)


def _whole(exchanges: Iterator[RecordedExchange]) -> Iterator[list[tuple[str, str]]]:
    """Give the parts of requests to one vendor, those that they share with the one before put back."""
    parts: list[tuple[str, str]] = []
    for exchange in exchanges:
        parts = [*parts[: exchange.shared], *exchange.parts]
        yield parts


def _likeness(exchange: Exchange, recorded: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """Return how many parts are equal; of two requests alike in that, the one of about the same length is nearer."""
    equal = {part.digest for part in exchange.parts} & {digest for _, digest in recorded}
    return len(equal), -abs(len(exchange.parts) - len(recorded))
