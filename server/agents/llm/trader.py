"""An LLM agent: trades a day in a session with its model and hands back the record of it."""

import asyncio
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from server.agents.llm.limits import ProviderLimits
from server.agents.llm.pricing import Pricing
from server.agents.llm.prompt import check_template, render, template_digest
from server.agents.llm.provider import endpoint, open_model, warm_up
from server.agents.llm.recorder import Recorder
from server.agents.llm.search import Search
from server.agents.llm.summary import REQUEST, summary
from server.agents.llm.toolbox import Toolbox
from server.engine.llm import LlmSpec
from server.engine.model_day import FailureKind, ModelDaySession, SessionFailedError
from server.engine.session_record import SessionRecord, Step, StopReason

if TYPE_CHECKING:
    import httpx2

    from server.agents.llm.loop import Loop


class LlmTrader:
    """Trades by an LLM (`server.engine.model_day.SessionTrader`).

    `http_client` may be shared by the sessions of an event loop; without one each session has its own. `on_step` is
    called with each step of the record as it happens.

    Raises:
        PromptError: the template has unknown placeholders.
        ProviderError: the provider cannot be used.
    """

    def __init__(
        self,
        spec: LlmSpec,
        *,
        search: Search | None = None,
        limits: ProviderLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        http_client: "httpx2.AsyncClient | None" = None,
        on_step: Callable[[Step], None] | None = None,
        toolbox: type[Toolbox] = Toolbox,
    ) -> None:
        check_template(spec.prompt)
        self._endpoint = endpoint(spec)
        self._spec = spec
        self._search = search
        self._limits = limits or ProviderLimits()
        self._clock = clock
        self._http_client = http_client
        self._on_step = on_step
        self._toolbox = toolbox

    async def trade(self, session: ModelDaySession) -> SessionRecord:
        """Trade one day.

        Raises:
            SessionFailedError: the provider did not answer, or time ran out; the record so far goes with it.
        """
        await asyncio.to_thread(_load)
        pricing = Pricing.of(self._spec)
        self._check(pricing)
        recorder = Recorder(
            prompt_digest=template_digest(self._spec.prompt),
            pricing=pricing,
            secret=self._endpoint.key,
            clock=self._clock,
            on_step=self._on_step,
        )
        toolbox = self._toolbox(session, search=self._search)
        return await self._guarded(session, toolbox, recorder)

    def _check(self, pricing: Pricing) -> None:
        if self._spec.max_usd is not None and not pricing.known:
            message = f"max_usd cannot be kept: the price of '{self._spec.basemodel}' is not known; give prices"
            raise SessionFailedError(FailureKind.BUDGET, message)

    async def _guarded(self, session: ModelDaySession, toolbox: Toolbox, recorder: Recorder) -> SessionRecord:
        """Run the session; whatever fails, the record of what was done and paid for is kept."""
        from server.agents.llm.requests import RequestFailedError

        try:
            return await self._run(session, toolbox, recorder)
        except RequestFailedError as error:
            kind, message = error.kind, str(error)
        except TimeoutError:
            kind, message = FailureKind.TIMEOUT, f"the session took more than {self._spec.session_timeout:g} seconds"
        except Exception as error:  # the session's edge: the record must outlive whatever a library or a tool raises
            kind, message = FailureKind.TRADER_ERROR, f"{type(error).__name__}: {error}"
        record = _record(session, toolbox, recorder, None)
        raise SessionFailedError(kind, recorder.clean(message), record) from None

    async def _run(self, session: ModelDaySession, toolbox: Toolbox, recorder: Recorder) -> SessionRecord:
        from server.agents.llm.loop import Loop
        from server.agents.llm.requests import Requester

        prompt = render(self._spec.prompt, session, toolbox.functions)
        recorder.prompt(prompt)
        async with open_model(self._endpoint, self._http_client) as model:
            requester = Requester(model, self._spec, self._limits, native=self._endpoint.url is None)
            loop = Loop(requester, toolbox, recorder, self._spec, self._clock)
            async with asyncio.timeout(self._spec.session_timeout):
                stop = await loop.run(prompt.text)
            said = await self._said(loop, toolbox) if self._spec.model_summary else ""
        return _record(session, toolbox, recorder, stop, said)

    async def _said(self, loop: "Loop", toolbox: Toolbox) -> str:
        """Return the model's own summary: what it gave to `finish`, or else what it answers when asked.

        The day is over by then, so a model that does not answer costs it the sentence and nothing else.
        """
        from server.agents.llm.requests import ContextOverflowError, RequestFailedError

        if toolbox.summary:
            return toolbox.summary
        try:
            async with asyncio.timeout(self._spec.request_timeout):
                return await loop.say(REQUEST)
        except (RequestFailedError, ContextOverflowError, TimeoutError):
            return ""


def _record(
    session: ModelDaySession, toolbox: Toolbox, recorder: Recorder, stop: StopReason | None, said: str = ""
) -> SessionRecord:
    return recorder.record(
        stop_reason=stop,
        observations=toolbox.gate.observations,
        dropped=toolbox.gate.dropped,
        summary=summary(session, said),
    )


@cache
def _load() -> None:
    """Import the libraries, on a thread: the first time they take more than a second."""
    import_module("server.agents.llm.loop")
    warm_up()
