"""Trading days of an exchange, whether or not there are prices for them.

They come from exchange_calendars, which takes one to two seconds and 86 MB to import: a program of its own is asked
for them when there is a question, at most once a day.
"""

import json
import subprocess  # nosec
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.util import find_spec

from server.market.errors import CalendarError, UnknownCalendarError
from server.market.trading_days import UNKNOWN

#: New York Stock Exchange, of which Nasdaq keeps the days
DEFAULT_CALENDAR = "XNYS"

PROGRAM = (sys.executable, "-m", "server.market.trading_days")

#: seconds; it takes two on a quiet machine
PATIENCE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Days on which an exchange trades, ascending; before the first and after the last one nothing is known."""

    name: str
    days: tuple[str, ...]

    def between(self, first: str, last: str) -> tuple[str, ...]:
        """Return the trading days from one date to another, both included."""
        return self.days[bisect_left(self.days, first) : bisect_right(self.days, last)]

    def after(self, day: str) -> str | None:
        """Return the first trading day after a date; None when it is not known."""
        if day < self.days[0]:
            return None
        return next(iter(self.days[bisect_right(self.days, day) :][:1]), None)

    def knows(self, day: str) -> bool:
        """Tell whether a date lies within what is known."""
        return self.days[0] <= day <= self.days[-1]


@lru_cache(maxsize=64)
def load_calendar(name: str, today: date) -> Calendar:
    """Return the trading days of an exchange by its code in exchange_calendars, to a year after today at most.

    Raises:
        UnknownCalendarError: there is none of this name.
        CalendarError: it cannot be told, as the package is not installed, or failed.
    """
    del today  # so that tomorrow it is asked anew
    if find_spec("exchange_calendars") is None:
        raise CalendarError("calendars need the package exchange_calendars")
    command = (*PROGRAM, name)
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603  # nosec B603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CalendarError(f"calendar '{name}' could not be read: {error}") from error
    if done.returncode == UNKNOWN:
        raise UnknownCalendarError(name)
    if done.returncode:
        raise CalendarError(f"calendar '{name}' could not be read: exit code {done.returncode}")
    return Calendar(name=name, days=tuple(json.loads(done.stdout)))
