"""An LLM agent: trades a day in a session with its model and hands back the record of it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from server.agents.llm.limits import ProviderLimits
from server.agents.llm.pricing import Pricing
from server.agents.llm.prompt import check_template, render, template_digest
from server.agents.llm.provider import endpoint, open_model, warm_up
from server.agents.llm.recorded_search import RecordedSearch
from server.agents.llm.recorded_tools import RecordedTools
from server.agents.llm.recorder import Recorder
from server.agents.llm.replay_tape import new_tape
from server.agents.llm.search import JinaSearch
from server.agents.llm.summary import REQUEST, summary
from server.agents.llm.tape import NotRecordedError, Tape, noted
from server.agents.llm.tool_source import ToolSource, ToolSourceError
from server.agents.llm.toolbox import Toolbox
from server.engine.llm import LlmMode, LlmSpec
from server.engine.model_day import STOPPED, FailureKind, ModelDaySession, SessionFailedError
from server.engine.session_record import SessionRecord, Step, StopReason

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

    from server.agents.llm.loop import Loop
    from server.agents.llm.user_tools import UserTool


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
        search: JinaSearch | None = None,
        limits: ProviderLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        http_client: "httpx2.AsyncClient | None" = None,
        on_step: Callable[[Step], None] | None = None,
        toolbox: type[Toolbox] = Toolbox,
        tape: Tape | None = None,
        tool_source: ToolSource | None = None,
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
        self._tape = tape or new_tape(spec)
        self._tool_source = tool_source

    async def trade(self, session: ModelDaySession) -> SessionRecord:
        """Trade one day.

        Raises:
            SessionFailedError: the provider did not answer, time ran out, or the session was told to stop by being
                cancelled; the record so far goes with it.
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
        searches = noted(self._tape, "search", now=self._search is not None)
        toolbox = self._toolbox(session, search=RecordedSearch(self._tape, self._search) if searches else None)
        return await self._guarded(session, toolbox, recorder)

    def _check(self, pricing: Pricing) -> None:
        if self._spec.max_usd is not None and not pricing.known:
            message = f"max_usd cannot be kept: the price of '{self._spec.basemodel}' is not known; give prices"
            raise SessionFailedError(FailureKind.BUDGET, message)

    async def _guarded(self, session: ModelDaySession, toolbox: Toolbox, recorder: Recorder) -> SessionRecord:
        """Run the session; whatever fails or stops it, the record of what was done and paid for is kept."""
        from server.agents.llm.answers import RequestFailedError

        try:
            return await self._run(session, toolbox, recorder)
        except RequestFailedError as error:
            kind, message = error.kind, str(error)
        except NotRecordedError as error:
            kind, message = FailureKind.NOT_RECORDED, str(error)
        except ToolSourceError as error:
            kind, message = FailureKind.PROVIDER_ERROR, str(error)
        except TimeoutError:
            kind, message = FailureKind.TIMEOUT, f"the session took more than {self._spec.session_timeout:g} seconds"
        except asyncio.CancelledError:
            kind, message = FailureKind.CANCELLED, STOPPED
        except Exception as error:  # the session's edge: the record must outlive whatever a library or a tool raises
            kind, message = FailureKind.TRADER_ERROR, f"{type(error).__name__}: {error}"
        record = self._record(session, toolbox, recorder, None)
        raise SessionFailedError(kind, recorder.clean(message), record) from None

    async def _run(self, session: ModelDaySession, toolbox: Toolbox, recorder: Recorder) -> SessionRecord:
        from server.agents.llm.loop import Loop
        from server.agents.llm.requests import Requester

        tools = await self._user_tools(toolbox)
        more = {tool.name: tool.first_line for tool in tools}
        prompt = render(self._spec.prompt, session, toolbox.functions, more)
        recorder.prompt(prompt)
        async with self._model() as model:
            native = self._endpoint.url is None
            requester = Requester(model, self._spec, self._limits, tape=self._tape, native=native)
            loop = Loop(requester, toolbox, recorder, self._spec, self._clock, [tool.as_call_tool() for tool in tools])
            async with asyncio.timeout(self._spec.session_timeout):
                stop = await loop.run(prompt.text)
            said = await self._said(loop, toolbox) if self._spec.model_summary else ""
        return self._record(session, toolbox, recorder, stop, said)

    def _model(self) -> "AbstractAsyncContextManager[Model | None]":
        """Open the model; in a replay there is none that could be asked."""
        return nullcontext() if self._spec.mode is LlmMode.REPLAY else open_model(self._endpoint, self._http_client)

    async def _user_tools(self, toolbox: Toolbox) -> "list[UserTool]":
        if not self._spec.mcp_servers:
            return []
        from server.agents.llm.mcp_source import McpSource
        from server.agents.llm.user_tools import user_tools

        source = RecordedTools(self._tape, self._tool_source or McpSource(self._spec.request_timeout))
        return await user_tools(self._spec.mcp_servers, source, toolbox)

    async def _said(self, loop: "Loop", toolbox: Toolbox) -> str:
        """Return the model's own summary: what it gave to `finish`, or else what it answers when asked.

        The day is over by then, so a model that does not answer costs it the sentence and nothing else.
        """
        from server.agents.llm.answers import ContextOverflowError, RequestFailedError

        if toolbox.summary:
            return toolbox.summary
        try:
            async with asyncio.timeout(self._spec.request_timeout):
                return await loop.say(REQUEST)
        except (RequestFailedError, ContextOverflowError, TimeoutError):
            return ""

    def _record(
        self,
        session: ModelDaySession,
        toolbox: Toolbox,
        recorder: Recorder,
        stop: StopReason | None,
        said: str = "",
    ) -> SessionRecord:
        return recorder.record(
            stop_reason=stop,
            observations=toolbox.gate.observations,
            dropped=toolbox.gate.dropped,
            summary=summary(session, said),
            recording=self._tape.recording,
        )


@cache
def _load() -> None:
    """Import the libraries, on a thread: the first time they take more than a second."""
    import_module("server.agents.llm.loop")
    warm_up()
