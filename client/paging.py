"""Lists that come in pages: walking through the pages, and joining them into one message."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableSequence
from typing import Any, TypeVar

from aitrader.v1.callbacks_pb2 import ListDeliveriesResponse
from aitrader.v1.prices_pb2 import GetPriceCoverageResponse
from aitrader.v1.schedule_pb2 import ListSchedulesResponse
from aitrader.v1.simulation_pb2 import (
    GetLeaderboardResponse,
    GetPortfolioTimeseriesResponse,
    GetReasoningResponse,
    GetResultsResponse,
    GetStatusResponse,
    ListJobsResponse,
)

PageT = TypeVar(
    "PageT",
    GetStatusResponse,
    GetResultsResponse,
    GetLeaderboardResponse,
    GetPortfolioTimeseriesResponse,
    GetReasoningResponse,
    ListDeliveriesResponse,
    GetPriceCoverageResponse,
    ListSchedulesResponse,
    ListJobsResponse,
)


def pages(fetch: Callable[[str], PageT]) -> Iterator[PageT]:
    """Fetch page after page; `fetch` takes a page token, empty for the first."""
    place = ""
    while True:
        page = fetch(place)
        yield page
        place = page.next_page_token
        if not place:
            return


async def async_pages(fetch: Callable[[str], Awaitable[PageT]]) -> AsyncIterator[PageT]:
    """Fetch page after page; `fetch` takes a page token, empty for the first."""
    place = ""
    while True:
        page = await fetch(place)
        yield page
        place = page.next_page_token
        if not place:
            return


def append(whole: PageT | None, page: PageT) -> PageT:
    """Add the items of a page to the message that holds those of the pages before; all else stays the first page's."""
    if whole is None:
        whole = type(page)()
        whole.CopyFrom(page)
    else:
        _items(whole).extend(_items(page))
    whole.ClearField("next_page_token")
    return whole


def joined(fetch: Callable[[str], PageT]) -> PageT:
    """Fetch all pages as one message."""
    whole = None
    for page in pages(fetch):
        whole = append(whole, page)
    return _present(whole)


async def async_joined(fetch: Callable[[str], Awaitable[PageT]]) -> PageT:
    """Fetch all pages as one message."""
    whole = None
    async for page in async_pages(fetch):
        whole = append(whole, page)
    return _present(whole)


def _present(whole: PageT | None) -> PageT:
    if whole is None:  # there is always a first page
        raise LookupError("no page was fetched")
    return whole


def _items(
    page: GetStatusResponse
    | GetResultsResponse
    | GetLeaderboardResponse
    | GetPortfolioTimeseriesResponse
    | GetReasoningResponse
    | ListDeliveriesResponse
    | GetPriceCoverageResponse
    | ListSchedulesResponse
    | ListJobsResponse,
) -> MutableSequence[Any]:
    match page:
        case GetStatusResponse():
            return page.progress.details
        case GetResultsResponse():
            return page.results
        case GetLeaderboardResponse():
            return page.leaderboard
        case GetPortfolioTimeseriesResponse():
            return page.timeseries
        case GetReasoningResponse():
            return page.steps
        case ListDeliveriesResponse():
            return page.deliveries
        case GetPriceCoverageResponse():
            return page.symbols
        case ListSchedulesResponse():
            return page.schedules
        case ListJobsResponse():
            return page.jobs
