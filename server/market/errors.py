"""What can go wrong with market data.

MarketError
├── BarRefusedError     a bar breaks a rule
├── CalendarError       trading days cannot be told
│   └── UnknownCalendarError
├── NotJsonError        a text is not JSON
├── RevaluationError    a portfolio cannot be valued anew
└── TableFileError      a file is not a saved price table
"""


class MarketError(Exception):
    """Market data could not be used."""


class BarRefusedError(MarketError):
    """A bar breaks a rule; the message says which."""


class CalendarError(MarketError):
    """Trading days cannot be told; the message says why."""


class UnknownCalendarError(CalendarError):
    """There is no calendar of a name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' is not a calendar of exchange_calendars, such as XNYS or XHKG")


class NotJsonError(MarketError):
    """A text is not JSON; the message says why."""


class RevaluationError(MarketError):
    """A portfolio cannot be valued anew; the message says why."""


class TableFileError(MarketError):
    """A file is not a price table saved by this version."""
