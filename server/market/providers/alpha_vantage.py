"""Alpha Vantage over HTTP: daily prices as they were paid, within the limits of a key.

It answers everything with status 200. What is no prices stands under "Error Message", "Note" or "Information", and its
words alone tell a symbol that is not known from a key that is not, from too many requests a second or minute, from a
spent day, and from what only paying customers get, such as more than the last hundred days.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from peewee import SqliteDatabase

from server.market.alpha_vantage import ANSWERS, read_text
from server.market.alpha_vantage_events import Event, read_events
from server.market.errors import BarRefusedError
from server.market.found import Found, printable
from server.market.providers.provider import Daily, ProviderClosedError, ProviderError
from server.market.providers.token_bucket import TokenBucket
from storage.corporate_actions import ActionRow
from storage.provider_requests import spend_requests, take_request

if TYPE_CHECKING:
    import httpx2

NAME = "alpha-vantage"

#: requests for one symbol; each counts and waits for its turn
ATTEMPTS = 3

#: days that a compact answer of 100 trading days surely reaches back
COMPACT_DAYS = 130

#: bytes; 25 years of a symbol are 1.5 MB
LONGEST_BODY = 16 * 1024 * 1024

#: characters of the vendor's words in an error
SHOWN = 200

TOO_FAST = ("spreading out", "per second", "per minute", "burst pattern")
PREMIUM = ("premium feature", "premium endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaVantageAccess:
    """How Alpha Vantage is reached; `timeout` is in seconds."""

    key: str
    url: str = "https://www.alphavantage.co/query"
    requests_per_day: int = 25
    timeout: float = 30.0


class _UnsteadyError(Exception):
    """The answer may be another one next time."""


class _PremiumError(Exception):
    """What was asked for is for paying customers."""


class AlphaVantage:
    """Asks Alpha Vantage; the requests of a day are counted in the database."""

    name = NAME

    def __init__(
        self, access: AlphaVantageAccess, db: SqliteDatabase, bucket: TokenBucket, *, actions: bool = False
    ) -> None:
        self._access = access
        self._db = db
        self._bucket = bucket
        self._actions = actions
        self._full = True

    def daily(self, symbol: str, first: str) -> Daily:
        """Return bars and refusals of a symbol, of the last hundred trading days or of all there are.

        Splits and dividends come with them where they are wanted, or nothing does; that is two requests more.

        Raises:
            ProviderError: they could not be had.
        """
        try:
            found = self._series(symbol, first)
            events = [self._events(symbol, event) for event in Event] if self._actions else []
        except _PremiumError as error:
            raise ProviderClosedError(str(error)) from None
        return Daily(found=found, actions=list(chain.from_iterable(events)))

    def _series(self, symbol: str, first: str) -> Sequence[Found]:
        asked, read = {"function": "TIME_SERIES_DAILY", "symbol": symbol}, partial(read_text, NAME, symbol)
        recent = (datetime.now(UTC) - timedelta(days=COMPACT_DAYS)).date().isoformat()
        if self._full and first < recent:
            try:
                return list(read(self._ask(asked | {"outputsize": "full"})))
            except _PremiumError:
                self._full = False
        return list(read(self._ask(asked | {"outputsize": "compact"})))

    def _events(self, symbol: str, event: Event) -> Sequence[ActionRow]:
        try:
            return read_events(symbol, event, self._ask({"function": event, "symbol": symbol}))
        except BarRefusedError as error:
            raise ProviderError(f"{event} of '{symbol}' could not be read: {error}") from None

    def _ask(self, asked: Mapping[str, str]) -> str:
        """Return an answer that is JSON and no refusal."""
        reason = ""
        for _ in range(ATTEMPTS):
            self._bucket.take()
            if not take_request(self._db, NAME, _today(), self._access.requests_per_day):
                limit = self._access.requests_per_day
                raise ProviderClosedError(f"all {limit} requests to Alpha Vantage of today (UTC) are used up")
            try:
                return self._checked(self._fetch(asked))
            except _UnsteadyError as error:
                reason = str(error)
        raise ProviderError(f"Alpha Vantage was asked {ATTEMPTS} times for '{asked['symbol']}': {reason}")

    def _fetch(self, asked: Mapping[str, str]) -> str:
        import httpx2  # here, as it is needed only by those who download prices

        question = {**asked, "apikey": self._access.key}
        try:
            with (
                httpx2.Client(timeout=self._access.timeout, follow_redirects=False) as client,
                client.stream("GET", self._access.url, params=question) as response,
            ):
                if response.status_code != httpx2.codes.OK:
                    raise _UnsteadyError(f"it answered with status {response.status_code}")
                return _body(response)
        except httpx2.HTTPError as error:
            raise _UnsteadyError(f"no whole answer came: {type(error).__name__}") from None

    def _checked(self, text: str) -> str:
        try:
            document: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise _UnsteadyError(f"it answered '{self._shown(text)}', which is not JSON") from None
        told = document if isinstance(document, dict) else {}
        for answer in ANSWERS:
            if isinstance(words := told.get(answer), str):
                self._refuse(words)
        return text

    def _refuse(self, words: str) -> None:
        """Raise what the vendor's words mean."""
        shown, lower = self._shown(words), words.lower()
        if any(mark in lower for mark in PREMIUM):
            raise _PremiumError(shown)
        if any(mark in lower for mark in TOO_FAST):
            raise _UnsteadyError(shown)
        if "per day" in lower:
            spend_requests(self._db, NAME, _today(), self._access.requests_per_day)
            raise ProviderClosedError(f"Alpha Vantage says that the day's requests are used up: {shown}")
        if "apikey" in lower or "api key" in lower:
            raise ProviderClosedError(f"Alpha Vantage refused the key: {shown}")
        raise ProviderError(f"Alpha Vantage sent no prices: {shown}")

    def _shown(self, words: str) -> str:
        """Return the beginning of the vendor's words; it likes to repeat the key in them."""
        return printable(words.replace(self._access.key, "***")[:SHOWN])


def _body(response: "httpx2.Response") -> str:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise _UnsteadyError(f"its answer was longer than {LONGEST_BODY:,} bytes")
    return body.decode("utf-8", "replace")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
