"""A local HTTP server that behaves like Alpha Vantage, faults included."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

#: what is asked → status and body, or None to leave the caller without an answer
Answer: TypeAlias = Callable[[dict[str, str]], tuple[int, bytes] | None]

PREMIUM = (
    "Thank you for using Alpha Vantage! The outputsize=full parameter value is a premium feature for the "
    "TIME_SERIES_DAILY endpoint. You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/"
)
TOO_FAST = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly (1 request "
    "per second). You may subscribe to any of the premium plans to lift the free key rate limit (25 requests per day)"
)
DAY_SPENT = (
    "We have detected your API key as SECRET and our standard API rate limit is 25 requests per day. Please subscribe "
    "to any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily rate limits."
)
UNKNOWN_SYMBOL = (
    "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/) for "
    "TIME_SERIES_DAILY."
)
BAD_KEY = (
    "the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/)."
)


class Vendor:
    """Answers in turn, the last answer for ever; keeps what it was asked. `url` is where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, str]] = []
        self.answers: list[Answer] = []
        self.leave = Event()

    def answer(self, question: dict[str, str]) -> tuple[int, bytes] | None:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(question)
        return answer(question)


def series(dates: Sequence[str], price: str = "10.5") -> Answer:
    def answer(question: dict[str, str]) -> tuple[int, bytes]:
        values = {"1. open": price, "2. high": price, "3. low": price, "4. close": price, "5. volume": "100"}
        document = {
            "Meta Data": {"1. Information": "Daily Prices", "2. Symbol": question["symbol"]},
            "Time Series (Daily)": dict.fromkeys(dates, values),
        }
        return 200, json.dumps(document).encode()

    return answer


def words(name: str, text: str) -> Answer:
    return lambda _: (200, json.dumps({name: text}).encode())


def body(content: bytes, status: int = 200) -> Answer:
    return lambda _: (status, content)


def silence(_: dict[str, str]) -> None:
    return None


@contextmanager
def serving() -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            question = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            answer = vendor.answer(question)
            if answer is None:
                vendor.leave.wait(30)
                return
            status, content = answer
            self.send_response(status)
            self.send_header("content-length", str(len(content) + (7 if content.endswith(b"CUT") else 0)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vendor = Vendor(f"http://127.0.0.1:{server.server_port}/query")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield vendor
    finally:
        vendor.leave.set()
        server.shutdown()
        thread.join()
        server.server_close()
