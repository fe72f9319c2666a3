"""The program that prints the trading days of an exchange as a JSON list: `python -m … NAME`."""

import json
import sys

#: exit code for a name that is no calendar
UNKNOWN = 3

#: some exchanges are known from later on only
FIRST = "1990-01-01"


def trading_days(name: str) -> list[str]:
    """Return the trading days of an exchange, to a year from now or as far as its holidays are known.

    Raises:
        KeyError: there is no calendar of this name.
    """
    from exchange_calendars import get_calendar, get_calendar_names

    if name not in get_calendar_names():
        raise KeyError(name)
    try:
        calendar = get_calendar(name, start=FIRST)
    except ValueError:  # known from later on
        calendar = get_calendar(name)
    return [day.isoformat() for day in calendar.sessions.date]


def main() -> None:
    """Print them."""
    try:
        days = trading_days(sys.argv[1])
    except KeyError:
        sys.exit(UNKNOWN)
    json.dump(days, sys.stdout)


if __name__ == "__main__":
    main()
