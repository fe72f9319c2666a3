"""The loop of a session: ask the model, do what it calls, until something ends it."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from server.agents.llm.answers import ContextOverflowError
from server.agents.llm.calls import CallTool, Tools, as_json
from server.agents.llm.prompt import FINISH_SIGNAL
from server.agents.llm.recorder import Recorder
from server.agents.llm.requests import Requester
from server.agents.llm.toolbox import Toolbox
from server.engine.llm import LlmSpec
from server.engine.session_record import Role, StopReason, TokenUsage

#: equal calls in a row with equal answers that make an endless loop
LOOP_CALLS = 5


class Unusable(StrEnum):
    """What is wrong with an answer that cannot be acted on; the values are what the model is told."""

    EMPTY = "Your last answer was empty. Call a tool, or call finish if nothing is left to do."
    CUT = "Your last answer was cut off, and nothing of it was done. Answer again, shorter."
    REFUSED = "refused"


class Loop:
    """One session with a model."""

    def __init__(
        self,
        requester: Requester,
        toolbox: Toolbox,
        recorder: Recorder,
        spec: LlmSpec,
        clock: Callable[[], float] = time.monotonic,
        more: Sequence[CallTool] = (),
    ) -> None:
        self._requester = requester
        self._toolbox = toolbox
        self._tools = Tools(toolbox.functions, more)
        self._recorder = recorder
        self._spec = spec
        self._clock = clock
        self._parameters = ModelRequestParameters(function_tools=self._tools.definitions)
        self._messages: list[ModelMessage] = []
        self._unusable = 0
        self._last_call = ("", "", "")
        self._repeated = 0

    async def run(self, prompt: str) -> StopReason:
        """Let the model work until it ends, or something ends it.

        Raises:
            RequestFailedError: a request was not answered.
        """
        self._messages.append(ModelRequest(parts=[UserPromptPart(prompt)]))
        while True:
            stop = self._budget()
            if stop is None:
                stop = await self._step()
            if stop is not None:
                return stop

    async def say(self, question: str) -> str:
        """Ask for a text after the end, without tools; empty when the budget is spent."""
        if self._budget() is not None:
            return ""
        self._recorder.said(Role.USER, question)
        asked = [*self._messages, ModelRequest(parts=[UserPromptPart(question)])]
        response = await self._requester.ask(asked, ModelRequestParameters())
        self._count(response)
        self._record(response)
        return "" if unusable(response) else _text(response).replace(FINISH_SIGNAL, "")

    def _budget(self) -> StopReason | None:
        """Say which limit is reached; what nobody counted has reached it."""
        usage, spec = self._recorder.usage, self._spec
        if usage.requests >= spec.max_steps:
            return StopReason.MAX_STEPS
        if spec.max_tokens is not None and (
            not self._recorder.measured or usage.input_tokens + usage.output_tokens >= spec.max_tokens
        ):
            return StopReason.MAX_TOKENS
        cost = self._recorder.cost
        if spec.max_usd is not None and (cost is None or cost >= spec.max_usd):
            return StopReason.MAX_USD
        return None

    async def _step(self) -> StopReason | None:
        try:
            response = await self._requester.ask(self._messages, self._parameters)
        except ContextOverflowError:
            return StopReason.CONTEXT_OVERFLOW
        self._count(response)
        self._record(response)
        fault = unusable(response)
        if fault is not None:
            return self._again(fault)
        self._unusable = 0
        return await self._act(response)

    def _again(self, fault: Unusable) -> StopReason | None:
        """Ask again after an answer of no use: first the same, then told what was wrong, then no more.

        The answer is left out of the conversation, so that a request repeated is the same request. A refusal is not
        argued with.
        """
        self._unusable += 1
        if self._unusable == 1:
            return None
        if fault is Unusable.REFUSED:
            return StopReason.REFUSAL
        if self._unusable > 2:
            return StopReason.NO_TOOL_CALL
        self._messages.append(ModelRequest(parts=[UserPromptPart(fault.value)]))
        self._recorder.said(Role.USER, fault.value)
        return None

    async def _act(self, response: ModelResponse) -> StopReason | None:
        self._messages.append(response)
        calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
        stop = await self._call_all(calls)
        if stop is not None:
            return stop
        if FINISH_SIGNAL in _text(response):
            return StopReason.FINISH_SIGNAL
        return None if calls else StopReason.NO_TOOL_CALL

    async def _call_all(self, calls: list[ToolCallPart]) -> StopReason | None:
        """Do the calls of an answer one after the other, so that each sees the effect of the one before."""
        answers: list[ToolReturnPart] = []
        stop: StopReason | None = None
        for call in calls:
            text = await self._call(call)
            answers.append(ToolReturnPart(call.tool_name, text, call.tool_call_id))
            stop = self._after(call, text)
            if stop is not None:
                answers += [_undone(left) for left in calls[len(answers) :]]
                break
        if answers:
            self._messages.append(ModelRequest(parts=answers))
        return stop

    async def _call(self, call: ToolCallPart) -> str:
        self._recorder.called(call.tool_name, call.tool_call_id, as_json(call.args))
        self._toolbox.step = self._recorder.next_number
        began = self._clock()
        text = await self._tools.call(call.tool_name, call.args)
        self._recorder.answered(call.tool_name, call.tool_call_id, text, self._clock() - began)
        return text

    def _after(self, call: ToolCallPart, answer: str) -> StopReason | None:
        if self._toolbox.finished:
            return StopReason.FINISH_TOOL
        this = (call.tool_name, as_json(call.args), answer)
        self._repeated = self._repeated + 1 if this == self._last_call else 1
        self._last_call = this
        return StopReason.LOOP if self._repeated >= LOOP_CALLS else None

    def _count(self, response: ModelResponse) -> None:
        used = response.usage
        usage = TokenUsage(
            requests=1,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cache_read_tokens=used.cache_read_tokens,
            cache_write_tokens=used.cache_write_tokens,
            reasoning_tokens=used.output_reasoning_tokens,
        )
        self._recorder.spent(usage, measured=not used.unmeasured_requests)

    def _record(self, response: ModelResponse) -> None:
        """Take down what the model said; its calls are taken down as they are done."""
        for part in response.parts:
            if isinstance(part, ThinkingPart) and part.content:
                self._recorder.said(Role.ASSISTANT, f"<thinking>\n{part.content}\n</thinking>")
            elif isinstance(part, TextPart) and part.content:
                self._recorder.said(Role.ASSISTANT, part.content)
        refusal = (response.provider_details or {}).get("refusal")
        if isinstance(refusal, str):
            self._recorder.said(Role.ASSISTANT, refusal)


def unusable(response: ModelResponse) -> Unusable | None:
    """Say why an answer cannot be acted on; None when it can."""
    if response.finish_reason == "content_filter":
        return Unusable.REFUSED
    text = _text(response)
    if response.finish_reason == "length" and FINISH_SIGNAL not in text:
        return Unusable.CUT
    if not text.strip() and not any(isinstance(part, ToolCallPart) for part in response.parts):
        return Unusable.EMPTY
    return None


def _text(response: ModelResponse) -> str:
    return "\n".join(part.content for part in response.parts if isinstance(part, TextPart))


def _undone(call: ToolCallPart) -> ToolReturnPart:
    return ToolReturnPart(call.tool_name, "The session has ended; this call was not done.", call.tool_call_id)
