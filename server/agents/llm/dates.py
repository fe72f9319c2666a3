"""Dates as the web writes them, read with suspicion: one that can mean several days is read as the latest of them.

What is ambiguous (`03/04/2025`), unknown or more than a date cannot be read; the caller drops it.
"""

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

#: characters; no date is longer
MAX_DATE_TEXT = 60

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?"
_DAY, _YEAR = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?", r"(?P<year>[0-9]{4})"

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}[0-9:.]*(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_RFC = re.compile(
    r"(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} "
    r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})? (?:GMT|UTC|UT|Z|[+-][0-9]{4})"
)
_WRITTEN = (re.compile(f"{_WEEKDAY}{_MONTH} {_DAY},? {_YEAR}"), re.compile(f"{_WEEKDAY}{_DAY} {_MONTH},? {_YEAR}"))
_AGO = re.compile(r"(?P<count>an?|[0-9]{1,4}) (?P<unit>sec|second|min|minute|hr|hour|day|week|month|year)s? ago")
_NAMED = {"now": 0, "just now": 0, "today": 0, "yesterday": 1}

#: a unit at its shortest, so that what is only roughly known is dated as late as it can be
_UNITS = {
    "sec": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "hr": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=28),
    "year": timedelta(days=365),
}


def read_date(text: str, fetched: datetime) -> date | None:
    """Return the latest day that a text can mean; None when it cannot be read.

    Relative dates ("4 hours ago", "yesterday") count from `fetched`, the time of the request. A time with a zone
    counts as the later of its own day and the day in UTC.
    """
    words = " ".join(text.split())
    if not words or len(words) > MAX_DATE_TEXT:
        return None
    try:
        return _absolute(words) or _relative(words.lower(), fetched.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def latest_date(texts: list[str], fetched: datetime) -> date | None:
    """Return the latest of several dates of the same thing; None when there is none or one cannot be read."""
    dates = [read_date(text, fetched) for text in texts]
    readable = [day for day in dates if day is not None]
    return max(readable) if readable and len(readable) == len(dates) else None


def _absolute(words: str) -> date | None:
    if _ISO.fullmatch(words):
        return _latest_day(datetime.fromisoformat(re.sub(r" ?(?:Z|UTC|GMT)$", "+00:00", words)))
    if _RFC.fullmatch(words):
        return _latest_day(parsedate_to_datetime(words))
    for form in _WRITTEN:
        if found := form.fullmatch(words.lower()):
            month = _MONTHS.index(found["month"][:3]) + 1
            return date(int(found["year"]), month, int(found["day"]))
    return None


def _relative(words: str, fetched: datetime) -> date | None:
    if words in _NAMED:
        return (fetched - timedelta(days=_NAMED[words])).date()
    found = _AGO.fullmatch(words)
    if found is None:
        return None
    count = int(found["count"]) if found["count"].isdigit() else 1
    return (fetched - count * _UNITS[found["unit"]]).date()


def _latest_day(moment: datetime) -> date:
    return moment.date() if moment.tzinfo is None else max(moment.date(), moment.astimezone(UTC).date())
