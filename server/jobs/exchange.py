"""The exchange of a config: its trading days, where they can be told."""

from datetime import date

import structlog

from server.jobs.errors import InvalidRequestError
from server.market.calendar import DEFAULT_CALENDAR, Calendar, load_calendar
from server.market.errors import CalendarError

logger = structlog.get_logger(__name__)


def find_calendar(name: str, today: date, *, needed: bool) -> Calendar | None:
    """Return a calendar; None when nothing hangs on it, or the default one cannot be told. Blocks for seconds.

    Raises:
        InvalidRequestError: the calendar that a config names cannot be told.
    """
    if not needed and name == DEFAULT_CALENDAR:
        return None
    try:
        return load_calendar(name, today)
    except CalendarError as error:
        if name != DEFAULT_CALENDAR:
            raise InvalidRequestError.of("config.calendar", str(error)) from None
        logger.warning("calendar_not_read", calendar=name, error=str(error))
        return None


def default_calendar(today: date) -> Calendar | None:
    """Return the calendar of configs that name none; None when it cannot be told. Blocks for seconds."""
    return find_calendar(DEFAULT_CALENDAR, today, needed=True)


def next_trading_day(name: str, last_day: str | None, today: date) -> str | None:
    """Return the trading day after a date; None when it is not known. Blocks for seconds."""
    calendar = find_calendar(name, today, needed=True) if last_day else None
    return calendar.after(last_day) if calendar and last_day else None
