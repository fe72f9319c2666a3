"""The gate that everything from outside passes on its way to an agent: the one place that forbids lookahead.

What is shown becomes an `Observation`, what is withheld a `Dropped`; the audit of a job reads both. A refusal never
says which later dates exist.
"""

import re
from datetime import date
from enum import StrEnum
from hashlib import sha256

from server.engine.session_record import Dropped, Observation
from server.engine.text import MAX_WORD, plain

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class LookaheadError(Exception):
    """Something that was not known at the decision time was about to be shown."""

    def __init__(self, tool: str, decision_date: str) -> None:
        super().__init__(f"tool '{tool}' was about to show what is not known at the open of {decision_date}")
        self.tool = tool
        self.decision_date = decision_date


class DropReason(StrEnum):
    """Why something that a source gave was withheld."""

    NO_DATE = "no_date"
    UNREADABLE_DATE = "unreadable_date"
    NOT_BEFORE_DECISION = "not_before_decision"


def is_iso_date(text: str) -> bool:
    """Tell whether a text is a day of the calendar as `YYYY-MM-DD`, in ASCII digits and nothing around them."""
    if _ISO_DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class Gate:
    """The gate of one session, whose decision is made at the open of `decision_date`."""

    def __init__(self, decision_date: str) -> None:
        if not is_iso_date(decision_date):
            raise ValueError("decision_date was not a date as YYYY-MM-DD")
        self.decision_date = decision_date
        self.observations: list[Observation] = []
        self.dropped: list[Dropped] = []

    def allows(self, source_date: str, *, opening: bool = False) -> bool:
        """Tell whether what is of `source_date` may be shown; what has no readable date may not."""
        if not is_iso_date(source_date):
            return False
        return source_date < self.decision_date or (opening and source_date == self.decision_date)

    def show(
        self,
        step: int,
        tool: str,
        subject: str,
        source_date: str,
        text: str,
        opening: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        """Record that `text` is shown to the agent, and return it.

        Raises:
            LookaheadError: `source_date` is later than the decision, of its date and not an opening price, or no date.
        """
        if not self.allows(source_date, opening=opening):
            raise LookaheadError(tool, self.decision_date)
        self._observe(step, tool, subject, source_date, text, opening=opening)
        return text

    def vouch(self, step: int, tool: str, subject: str, text: str) -> None:
        """Record that `text`, which has no date, is shown on the word of the user; the audit does not take it."""
        self._observe(step, tool, subject, "", text, opening=False)

    def drop(self, step: int, tool: str, subject: str, reason: str) -> None:
        """Record that something was withheld."""
        dropped = Dropped(step=step, tool_name=tool, subject=plain(subject, MAX_WORD), reason=plain(reason, MAX_WORD))
        self.dropped.append(dropped)

    def _observe(self, step: int, tool: str, subject: str, source_date: str, text: str, *, opening: bool) -> None:
        observation = Observation(
            step=step,
            tool_name=tool,
            subject=plain(subject, MAX_WORD),
            as_of=self.decision_date,
            source_date=source_date,
            opening=opening,
            digest=sha256(text.encode("utf-8", "replace")).hexdigest(),
        )
        self.observations.append(observation)
