"""How old something has to be: an age such as 90d, 12w or 36h, or a date."""

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,6})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def moment_before(text: str, now: datetime) -> datetime:
    """Return the time that an age or a date (`YYYY-MM-DD`, its beginning in UTC) stands for.

    Raises:
        ValueError: it is neither, or the time is in the future, or before the year 1.
    """
    age = _AGE.fullmatch(text.strip().lower())
    try:
        if age is not None:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is no age such as 90d, 12w or 36h, and no date YYYY-MM-DD") from None
    if moment > now:
        raise ValueError(f"'{text}' is in the future")
    return moment
