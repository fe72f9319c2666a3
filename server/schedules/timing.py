"""When something is due: a cron expression in a time zone. Times in and out are in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

#: minute, hour, day of the month, month, day of the week
FIELDS = 5

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Timing:
    """The times that an expression means, as Debian's cron has them, changes of the clock included."""

    cron: str
    zone: tzinfo

    def last(self, now: datetime) -> datetime | None:
        """Return the last time that is not later than now; None when there was none in 50 years."""
        after = now.astimezone(UTC).replace(microsecond=0) + SECOND
        return next((due for due in self._times(after, reverse=True) if due <= now), None)

    def next(self, now: datetime) -> datetime | None:
        """Return the first time that is later than now; None when there is none in 50 years."""
        return next((due for due in self._times(now, reverse=False) if due > now), None)

    def _times(self, begin: datetime, *, reverse: bool) -> Iterator[datetime]:
        # an hour that the clock repeats is left and entered at the same wall time, so some may lie on the wrong side
        for due in CronSim(self.cron, begin.astimezone(self.zone), reverse=reverse):
            yield due.astimezone(UTC)


def parse_zone(name: str) -> tzinfo:
    """Return a time zone by its name in the IANA database.

    Raises:
        ValueError: there is none.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"'{name[:60]}' is no time zone such as America/New_York") from None


def check_cron(expression: str) -> str:
    """Return a cron expression of five fields unchanged.

    Raises:
        ValueError: it is none, or means no time at all.
    """
    told = f"'{expression[:60]}' is no cron expression of {FIELDS} fields such as '30 22 * * MON-FRI'"
    if len(expression.split()) != FIELDS:
        raise ValueError(told)
    try:
        never = Timing(expression, UTC).next(datetime.fromtimestamp(0, UTC)) is None
    except CronSimError as error:
        raise ValueError(f"{told}: {str(error).lower()}") from None
    if never:
        raise ValueError(f"'{expression[:60]}' never comes")
    return expression
