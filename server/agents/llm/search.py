"""Looking things up on the web: what a search gives, and Jina's search and reader.

Whether an article may be shown is not decided here but at the toolbox's gate. No text that leaves here holds the key.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urldefrag, urlsplit

from server.agents.llm.dates import latest_date
from server.engine.text import MAX_ERROR, MAX_WORD, plain

if TYPE_CHECKING:
    import ssl

    import httpx2

#: seconds for one request, reading the page included
TIMEOUT = 20.0
#: bytes of an answer; a page of news has a tenth of it
MAX_BODY = 4_000_000
#: articles looked at, and of these how many are fetched in full
MAX_RESULTS = 10
MAX_READS = 3
#: characters kept of an article
MAX_TEXT = 8000

#: metadata of a page that dates what stands on it
_PAGE_DATES = ("article:published_time", "article:modified_time", "og:updated_time")

#: what stands where the key was
REMOVED = "[removed]"

#: where the text of a result or page is, best first
_TEXTS = ("content", "description")

_STATUS = {
    401: "the search vendor refused the key",
    402: "the search vendor's credit is used up",
    403: "the search vendor refused the key",
    429: "the search vendor is busy; try again later",
}
#: Jina's way to say that nothing was found
_NOTHING_FOUND = 422
_OK = 200


class SearchError(Exception):
    """A search could not be answered; the text is fit to be shown to the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """Something found.

    `date` is the day of its publication or latest change, `YYYY-MM-DD`; None when the source gave none or one that
    cannot be read. `date_text` is what the source wrote, empty when it gave none.
    """

    title: str
    url: str
    text: str
    date: str | None
    date_text: str = ""


class Search(Protocol):
    """Where articles come from."""

    async def find(self, query: str) -> list[Article]:
        """Return articles, best first.

        Raises:
            SearchError: the vendor did not answer as it should.
        """
        ...


def utc_now() -> datetime:
    """Return the time by the clock on the wall."""
    return datetime.now(UTC)


class JinaSearch:
    """Jina's search, with the first articles fetched through its reader.

    `clock` gives the time against which relative dates are resolved. Without a `client` each search has its own.

    Raises:
        ValueError: the key cannot be sent in a header.
    """

    def __init__(
        self,
        key: str,
        *,
        base_search_url: str = "https://s.jina.ai/",
        base_reader_url: str = "https://r.jina.ai/",
        client: "httpx2.AsyncClient | None" = None,
        clock: Callable[[], datetime] = utc_now,
        timeout: float = TIMEOUT,
    ) -> None:
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the search key was not printable ASCII without spaces")
        self._key = key
        self._search_url = base_search_url
        self._reader_url = base_reader_url.rstrip("/") + "/"
        self._client = client
        self._clock = clock
        self._timeout = timeout
        #: read once; it takes longer than all else that a search computes
        self._certificates: ssl.SSLContext | None = None

    async def find(self, query: str) -> list[Article]:
        """Return articles, best first, as `Search` says."""
        return articles(await self.fetch(query))

    async def fetch(self, query: str) -> bytes:
        """Return what was found as `articles` reads it: JSON, with the time against which its dates are judged.

        Raises:
            SearchError: the vendor did not answer as it should.
        """
        async with self._connected() as client:
            answer = await self._get(client, self._search_url, {"q": query, "num": str(MAX_RESULTS)})
            fetched = self._clock()
            results = _results(answer)
            pages = await asyncio.gather(*(self._page(client, result["url"]) for result in results[:MAX_READS]))
        found = {
            "fetched_at": fetched.isoformat(),
            "results": [*map(self._facts, results)],
            "pages": [*map(self._facts, pages)],
        }
        return json.dumps(found).replace(json.dumps(self._key)[1:-1], REMOVED).encode()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["httpx2.AsyncClient"]:
        import httpx2

        if self._client is not None:
            yield self._client
            return
        if self._certificates is None:
            self._certificates = httpx2.create_ssl_context()
        async with httpx2.AsyncClient(verify=self._certificates) as client:
            yield client

    async def _page(self, client: "httpx2.AsyncClient", url: str) -> Mapping[str, Any]:
        """Return what the reader makes of a page; nothing when it cannot, for the search has a text of its own."""
        try:
            answer = await self._get(client, self._reader_url + urldefrag(url).url)
        except SearchError:
            return {}
        page = answer.get("data")
        return page if isinstance(page, dict) else {}

    async def _get(
        self, client: "httpx2.AsyncClient", url: str, params: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        import httpx2

        try:
            async with asyncio.timeout(self._timeout):
                body = await self._body(client, url, params)
        except (TimeoutError, httpx2.TimeoutException):
            raise SearchError("the search vendor did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError):
            raise SearchError("the search vendor could not be reached") from None
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise SearchError("the search vendor answered with something that is not JSON") from None
        if not isinstance(answer, dict):
            raise SearchError("the search vendor answered without results")
        return answer

    async def _body(self, client: "httpx2.AsyncClient", url: str, params: Mapping[str, str] | None) -> bytes:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._key}"}
        if params is not None:
            headers["X-Respond-With"] = "no-content"
        body = bytearray()
        # a redirect would carry the key to another host
        async with client.stream("GET", url, params=params, headers=headers, follow_redirects=False) as response:
            if response.status_code == _NOTHING_FOUND:
                return b'{"data": []}'
            if response.status_code != _OK:
                unexpected = f"the search vendor failed with status {response.status_code}"
                raise SearchError(_STATUS.get(response.status_code, unexpected))
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY:
                    raise SearchError("the search vendor's answer was too long")
        return bytes(body)

    def _facts(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `articles` reads of a result or page, of long texts no more than it shows."""
        kept = {name: found[name] for name in ("title", "url", "date", "publishedTime") if name in found}
        for name in _TEXTS:
            if isinstance(found.get(name), str):
                kept[name] = found[name].replace(self._key, REMOVED)[: MAX_TEXT + 1]
        metadata = found.get("metadata")
        if isinstance(metadata, dict):
            kept["metadata"] = {name: metadata[name] for name in _PAGE_DATES if name in metadata}
        return kept


def articles(content: bytes) -> list[Article]:
    """Return the articles of what `JinaSearch.fetch` found, best first."""
    found = json.loads(content)
    fetched, results, pages = datetime.fromisoformat(found["fetched_at"]), found["results"], found["pages"]
    pages += [{}] * (len(results) - len(pages))
    return [_article(result, page, fetched) for result, page in zip(results, pages, strict=True)]


def _article(result: Mapping[str, Any], page: Mapping[str, Any], fetched: datetime) -> Article:
    texts = _dates(result) + _dates(page)
    day = latest_date(texts, fetched)
    return Article(
        title=_clean(page.get("title") or result.get("title"), MAX_WORD),
        url=_clean(result["url"], MAX_ERROR),
        text=_clean(page.get("content") or result.get("content") or result.get("description"), MAX_TEXT),
        date=None if day is None else day.isoformat(),
        date_text=_clean("; ".join(texts), MAX_WORD),
    )


def _clean(text: object, limit: int) -> str:
    return plain(text, limit) if isinstance(text, str) else ""


def _results(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the results that have an address on the web."""
    data = answer.get("data")
    if not isinstance(data, list):
        raise SearchError("the search vendor answered without results")
    found: list[Mapping[str, Any]] = [result for result in data if isinstance(result, dict)]
    return [result for result in found if _is_web(result.get("url"))][:MAX_RESULTS]


def _is_web(url: object) -> bool:
    try:
        return isinstance(url, str) and urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _dates(found: Mapping[str, Any]) -> list[str]:
    """Return every date that a result or page gives, as written."""
    metadata = found.get("metadata")
    more = [metadata.get(name) for name in _PAGE_DATES] if isinstance(metadata, dict) else []
    given = [found.get("date"), found.get("publishedTime"), *more]
    return [str(value)[:MAX_WORD] for value in given if value not in (None, "")]
