"""What can go wrong with market data.

MarketError
├── BarRefusedError     a bar breaks a rule
├── NotJsonError        a text is not JSON
└── TableFileError      a file is not a saved price table
"""


class MarketError(Exception):
    """Market data could not be used."""


class BarRefusedError(MarketError):
    """A bar breaks a rule; the message says which."""


class NotJsonError(MarketError):
    """A text is not JSON; the message says why."""


class TableFileError(MarketError):
    """A file is not a price table saved by this version."""
