"""What doing what was due leads to."""

from dataclasses import dataclass


class NotNowError(Exception):
    """What is due would overlap with what goes on, so it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, as words, and the job that was triggered."""

    message: str
    job_id: str | None = None
