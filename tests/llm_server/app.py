"""The routes, and how long each request waits."""

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .answer import Answer, error_answer, json_answer
from .chat_request import ChatRequest
from .completion import CREATED
from .faults import Fault, FaultKind, Faults
from .journal import CLIENT_LEFT, Journal
from .scripts import Script
from .vendor import Outcome, failed, respond

#: the entry of `scripts` that answers for every model without one of its own
ANY_MODEL = "*"
#: what the journal says of answers that neither a script nor a fault made
WRONG_KEY = "wrong_key"
STOPPED = "stopped"
Latency = float | Callable[[ChatRequest], float]


@dataclass(frozen=True, slots=True)
class Delivering:
    """A Starlette response that notes its delivery before a client can see the end of it."""

    outcome: Outcome
    journal: Journal

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.outcome.answer.send(send, lambda: self.journal.sent(self.outcome.delivery))


@dataclass(frozen=True, slots=True)
class Vendor:
    scripts: Mapping[str, Script]
    key: str | None
    latency: Latency
    faults: Faults
    journal: Journal
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/delivered", self.delivered),
            ]
        )

    async def chat(self, request: Request) -> Answer | Delivering:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return error_answer(400, "We could not parse the JSON body", kind="invalid_request_error", code=None)
        asked, began = ChatRequest(body), time.monotonic()
        number = self.journal.received(body)
        denied = self._denied(request)
        outcome = failed(asked, denied, WRONG_KEY) if denied else await self._outcome(number, asked, request)
        delivery = replace(outcome.delivery, date=asked.date, seconds=time.monotonic() - began)
        return Delivering(replace(outcome, delivery=delivery), self.journal)

    async def models(self, request: Request) -> Answer:
        names = [name for name in self.scripts if name != ANY_MODEL]
        data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "tests"} for name in names]
        return self._denied(request) or json_answer(200, {"object": "list", "data": data})

    async def delivered(self, request: Request) -> Answer:
        return self._denied(request) or json_answer(200, [asdict(delivery) for delivery in self.journal.delivered])

    async def _outcome(self, number: int, asked: ChatRequest, request: Request) -> Outcome:
        fault = self.faults(number, asked)
        await self._wait(asked, fault, request)
        if self.stopping.is_set():
            return failed(asked, error_answer(503, "The server is stopping", kind="server_error", code=None), STOPPED)
        script = self.scripts.get(asked.model) or self.scripts.get(ANY_MODEL)
        outcome = respond(asked, script, fault)
        return _left(outcome) if await request.is_disconnected() else outcome

    async def _wait(self, asked: ChatRequest, fault: Fault | None, request: Request) -> None:
        if fault and fault.kind is FaultKind.TIMEOUT:
            await _first(fault.wait, self.stopping.wait(), request.receive())
            return
        seconds = self.latency(asked) if callable(self.latency) else self.latency
        if seconds > 0:
            await _first(seconds, self.stopping.wait())

    def _denied(self, request: Request) -> Answer | None:
        given = request.headers.get("authorization", "")
        if self.key is None or hmac.compare_digest(given.encode(), f"Bearer {self.key}".encode()):
            return None
        return error_answer(401, "Incorrect API key provided.", kind="invalid_request_error", code="invalid_api_key")


async def _first(seconds: float, *events: Awaitable[object]) -> None:
    """Wait for one of the events, at most so many seconds."""
    tasks = [asyncio.ensure_future(event) for event in events]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _left(outcome: Outcome) -> Outcome:
    nothing = replace(outcome.delivery, prompt_tokens=0, completion_tokens=0, status=CLIENT_LEFT)
    return Outcome(outcome.answer, nothing)
