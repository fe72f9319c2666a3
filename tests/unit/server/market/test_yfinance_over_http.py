"""yfinance itself against a local server that answers as Yahoo does, faults included."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yfinance
from requests.adapters import HTTPAdapter

from server.market.found import PlacedBar
from server.market.providers.provider import Daily, ProviderClosedError, ProviderError
from server.market.providers.token_bucket import TokenBucket
from server.market.providers.yfinance import YFinance, table_of

pytestmark = pytest.mark.filterwarnings("ignore")  # the package uses what pandas has deprecated

DAYS = ("2025-06-06", "2025-06-09", "2025-06-10", "2025-06-11")
CLOSES = [89.8666687, 89.8733368, 90.5, 91.25]

_symbols = (f"SYM{number}" for number in count(1))


class Yahoo:
    """Answers questions about charts with a status and a body."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Callable[[], bytes] = lambda: json.dumps(chart()).encode()
        self.missing = 0


def moment(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T13:30:00").replace(tzinfo=UTC).timestamp())


def chart() -> dict[str, Any]:
    split = {"date": moment(DAYS[2]), "numerator": 15.0, "denominator": 1.0, "splitRatio": "15:1"}
    meta = {
        "currency": "USD",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "validRanges": ["1d", "max"],
        "currentTradingPeriod": {
            name: {"timezone": "EDT", "start": 1, "end": 2, "gmtoffset": -14400} for name in ("pre", "regular", "post")
        },
        "regularMarketTime": moment(DAYS[3]),
    }
    quote = dict.fromkeys(("open", "high", "low", "close"), CLOSES) | {"volume": [3000] * 4}
    result = {
        "meta": meta,
        "timestamp": [moment(day) for day in DAYS],
        "events": {
            "splits": {str(split["date"]): split},
            "dividends": {"1": {"amount": 0.01733333, "date": moment(DAYS[1])}},
        },
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": CLOSES}]},
    }
    return {"chart": {"result": [result], "error": None}}


@pytest.fixture
def yahoo(tmp_path: Path) -> Iterator[tuple[Yahoo, Callable[[], Daily]]]:
    """The server, and what asks the package about a symbol that it has not been asked about."""
    told = Yahoo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about_prices = "/chart/" in self.path
            body = told.body() if about_prices else b"crumb"
            self.send_response(told.status if about_prices else 200)
            self.send_header("content-length", str(len(body) + (told.missing if about_prices else 0)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yfinance.set_tz_cache_location(str(tmp_path))
    with requests.Session() as session:
        session.mount("https://", ToServer(server.server_port))
        provider = YFinance(TokenBucket(6_000_000), partial(table_of, session=session))
        yield told, lambda: provider.daily(next(_symbols), DAYS[0])
    yfinance.set_tz_cache_location(str(tmp_path))  # closes the files there
    server.shutdown()
    thread.join()
    server.server_close()


class ToServer(HTTPAdapter):
    """Sends what is meant for Yahoo to the local server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        address = urlsplit(request.url)
        request.url = f"http://127.0.0.1:{self._port}{address.path}?{address.query}"
        return super().send(request, *arguments, **options)


def test_bars_come_back_to_what_was_paid(yahoo: tuple[Yahoo, Callable[[], Daily]]) -> None:
    _, ask = yahoo

    found = ask()

    closes = {one.bar.date: float(one.bar.close or 0) for one in found.found if isinstance(one, PlacedBar)}
    assert closes == {DAYS[0]: 1348.0, DAYS[1]: 1348.1, DAYS[2]: 90.5, DAYS[3]: 91.25}
    terms = {(row.ex_date, row.kind, row.numerator, row.amount_micros) for row in found.actions}
    assert terms == {(DAYS[1], "dividend", 1, 260_000), (DAYS[2], "split", 15, 0)}


def without_closes() -> bytes:
    changed = chart()
    del changed["chart"]["result"][0]["indicators"]["quote"][0]["close"]
    return json.dumps(changed).encode()


UNKNOWN = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, lambda: json.dumps(UNKNOWN).encode()),
        (200, lambda: b"<html>sorry</html>"),
        (200, without_closes),
        (500, lambda: b""),
    ],
    ids=["unknown symbol", "HTML", "changed columns", "fault"],
)
def test_fault_costs_its_symbol(
    yahoo: tuple[Yahoo, Callable[[], Daily]], status: int, body: Callable[[], bytes]
) -> None:
    told, ask = yahoo
    told.status, told.body = status, body

    with pytest.raises(ProviderError) as caught:
        ask()

    assert not isinstance(caught.value, ProviderClosedError)


def test_cut_answer_costs_its_symbol(yahoo: tuple[Yahoo, Callable[[], Daily]]) -> None:
    told, ask = yahoo
    told.missing = 50

    with pytest.raises(ProviderError, match="yfinance had nothing of 'SYM"):
        ask()


def test_refused_requests_end_the_download(yahoo: tuple[Yahoo, Callable[[], Daily]]) -> None:
    told, ask = yahoo
    told.status = 429

    with pytest.raises(ProviderClosedError, match="Yahoo refuses more requests"):
        ask()
