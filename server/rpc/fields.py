"""Checks of request fields: every wrong one is collected, then all are reported at once."""

from collections.abc import Callable, Sequence

from server.jobs.config import experiment_name, parse_date
from server.jobs.errors import InvalidRequestError, Violation

#: characters of an id, path or signature
MAX_NAME = 512


class Fields:
    """Reads fields of one request; `check` raises what was found wrong with them."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def refuse(self, field: str, description: str) -> None:
        """Note that a field is wrong."""
        self._violations.append(Violation(field=field, description=description))

    def check(self) -> None:
        """Raise what was found.

        Raises:
            InvalidRequestError: a field is wrong.
        """
        if self._violations:
            raise InvalidRequestError(self._violations)

    def required(self, field: str, value: str, limit: int = MAX_NAME) -> str:
        """Return a text that must be there."""
        if not value:
            self.refuse(field, "is required")
        return self.name(field, value, limit) or ""

    def name(self, field: str, value: str, limit: int = MAX_NAME) -> str | None:
        """Return a text within a length; None when it is empty."""
        if len(value) > limit:
            self.refuse(field, f"has {len(value)} characters; at most {limit} are allowed")
        elif "\0" in value:
            self.refuse(field, "holds a NUL character")
        return value or None

    def names(self, field: str, values: Sequence[str], limit: int, length: int = MAX_NAME) -> tuple[str, ...]:
        """Return distinct texts, at most `limit`, none empty."""
        if len(values) > limit:
            self.refuse(field, f"has {len(values)} entries; at most {limit} are allowed")
            return ()
        for i, value in enumerate(values):
            self.required(f"{field}[{i}]", value, length)
        return tuple(dict.fromkeys(values))

    def date(self, field: str, value: str) -> str | None:
        """Return a date; None when it is empty."""
        return self._parsed(field, value, parse_date)

    def experiment(self, field: str, value: str) -> str | None:
        """Return the name of an experiment; None when it is empty."""
        return self._parsed(field, value, experiment_name)

    def date_range(self, start: str, end: str) -> tuple[str | None, str | None]:
        """Return `start_date` and `end_date`, in order."""
        first, last = self.date("start_date", start), self.date("end_date", end)
        if first and last and last < first:
            self.refuse("end_date", f"{last} is before start_date {first}")
        return first, last

    def bounded(self, field: str, value: int, low: int, high: int) -> int:
        """Return a number within bounds."""
        if not low <= value <= high:
            self.refuse(field, f"{value} is not between {low} and {high}")
        return value

    def not_negative(self, field: str, value: int) -> int:
        """Return a number that is at least 0."""
        if value < 0:
            self.refuse(field, f"{value} is negative")
        return value

    def page_size(self, value: int, default: int, maximum: int) -> int:
        """Return how many entries a page has: the default for 0, capped at the maximum."""
        return min(self.not_negative("page_size", value) or default, maximum)

    def _parsed(self, field: str, value: str, parse: Callable[[str], str]) -> str | None:
        if not value:
            return None
        try:
            return parse(value)
        except ValueError as error:
            self.refuse(field, str(error))
            return None
