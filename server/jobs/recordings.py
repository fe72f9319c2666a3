"""Recordings of sessions between the engine and storage, and where a replay finds those it may answer from."""

from peewee import SqliteDatabase

from server.engine.recording import RecordedExchange, SessionRecording
from server.engine.text import storable
from storage.attempts import Attempt
from storage.recordings import ExchangeRow, RecordingRows, find_recordings


def recording_rows(recording: SessionRecording) -> RecordingRows:
    """Return what a recording stores."""
    return RecordingRows(
        basemodel=recording.basemodel,
        exchanges=tuple(
            ExchangeRow(
                vendor=exchange.vendor,
                digest=exchange.digest,
                shared=exchange.shared,
                parts=tuple((storable(name), digest) for name, digest in exchange.parts),
                answer=exchange.answer,
            )
            for exchange in recording.exchanges
        ),
        blobs=recording.blobs,
    )


def session_recording(rows: RecordingRows) -> SessionRecording:
    """Return a recording as it was stored."""
    return SessionRecording(
        basemodel=rows.basemodel,
        exchanges=tuple(
            RecordedExchange(
                vendor=row.vendor, digest=row.digest, shared=row.shared, parts=row.parts, answer=row.answer
            )
            for row in rows.exchanges
        ),
        blobs=rows.blobs,
    )


class RecordedSessions:
    """Finds what a replay of a model-day may answer from: sessions of its kind of model on its date, of any job."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db

    def __call__(self, attempt: Attempt, basemodel: str) -> tuple[SessionRecording, ...]:
        """Return the recordings, nearest first."""
        return tuple(map(session_recording, find_recordings(self._db, attempt.date, attempt.model, basemodel)))
