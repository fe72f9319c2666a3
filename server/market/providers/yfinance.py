"""Yahoo's prices through the package yfinance, which needs no key and promises nothing."""

from collections.abc import Callable
from typing import TypeAlias

from server.market.errors import BarRefusedError
from server.market.found import printable
from server.market.providers.provider import Daily, ProviderClosedError, ProviderError
from server.market.providers.token_bucket import TokenBucket
from server.market.yahoo_frame import Frame, read_frame

NAME = "yfinance"

#: requests; Yahoo tells no limit, and shuts out who asks much faster
REQUESTS_PER_MINUTE = 60

#: seconds that Yahoo has to answer
TIMEOUT = 30.0

#: characters of the package's words in an error
SHOWN = 200

#: returns the table of a symbol from a date to today
History: TypeAlias = Callable[[str, str], Frame]


class YFinance:
    """Asks Yahoo; splits and dividends come with the bars."""

    name = NAME

    def __init__(self, bucket: TokenBucket, history: History | None = None) -> None:
        self._bucket = bucket
        self._history = history or table_of

    def daily(self, symbol: str, first: str) -> Daily:
        """Return bars as they were paid, refusals and corporate actions of a symbol, from a date to today.

        Raises:
            ProviderError: they could not be had.
        """
        self._bucket.take()
        try:
            return read_frame(NAME, symbol, self._history(symbol, first))
        except ProviderError:
            raise
        except BarRefusedError as error:
            raise ProviderError(f"the table of '{symbol}' could not be read: {error}") from None
        except Exception as error:  # whatever a package that reads web pages may raise
            told = f"{type(error).__name__}: {printable(str(error)[:SHOWN])}"
            raise ProviderError(f"yfinance had nothing of '{symbol}': {told}") from None


def table_of(symbol: str, first: str, session: object = None) -> Frame:
    """Return the table of a symbol from a date to today; `session` is one of requests, None that of the package.

    Raises:
        ProviderClosedError: Yahoo refuses more requests.
    """
    import yfinance  # here, as it is an extra, and takes a second
    from yfinance.exceptions import YFRateLimitError

    yfinance.config.debug.hide_exceptions = False
    ticker = yfinance.Ticker(symbol, session=session)
    try:
        table: Frame = ticker.history(start=first, auto_adjust=False, actions=True, timeout=TIMEOUT)
    except YFRateLimitError as error:
        raise ProviderClosedError(f"Yahoo refuses more requests: {error}") from None
    return table
