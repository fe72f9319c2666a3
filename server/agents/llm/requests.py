"""One model request, repeated until it is answered or it is clear that it will not be."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from pydantic_ai import exceptions
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from server.agents.llm.answers import ContextOverflowError, RequestFailedError, read, written
from server.agents.llm.limits import ProviderLimits
from server.agents.llm.request_parts import RequestParts
from server.agents.llm.tape import Exchange, NoTape, NotRecordedError, Tape
from server.engine.llm import LlmSpec
from server.engine.model_day import FailureKind

logger = structlog.get_logger(__name__)

#: seconds between two tries, at most, unless the provider asks for more
MAX_DELAY = 60.0

#: statuses of rejected requests that are worth another try
_PASSING = frozenset({408, 409, 425})

_RATE_LIMITED = exceptions.ModelRateLimitError
_TIMED_OUT = (exceptions.ModelTimeoutError, exceptions.ModelRequestTimeout)
_FINAL = (exceptions.ModelRequestRejectedError, exceptions.ModelQuotaExceededError)
#: what adapters raise for an answer that is not what its provider documents
_GARBAGE = (exceptions.AgentRunError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with a request; `after` is the wait that the provider asked for, in seconds."""

    kind: FailureKind
    passing: bool
    after: float | None
    message: str


class Requester:
    """Asks one model for one session, by its tape; without a model the tape alone answers.

    A `native` model's own client is told not to repeat requests by itself.
    """

    def __init__(
        self,
        model: Model | None,
        spec: LlmSpec,
        limits: ProviderLimits,
        *,
        tape: Tape | None = None,
        native: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._model = model
        self._spec = spec
        self._limits = limits
        self._jitter = jitter
        self._tokens = 0
        self._settings = ModelSettings(request_timeout=spec.request_timeout)
        if native:
            self._settings["max_retries"] = 0
        self._tape = tape or NoTape()
        self._parts = RequestParts(spec.basemodel)

    async def ask(self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> ModelResponse:
        """Return the answer of the model.

        Raises:
            ContextOverflowError: the conversation is too long.
            RequestFailedError: the provider refused, or did not answer within the tries that the config allows.
            NotRecordedError: this is a replay, and the request is not recorded.
        """
        exchange = self._parts.exchange(messages, parameters)
        answer = self._tape.find(exchange)
        if answer is None:
            answer = self._tape.keep(exchange, await self._answer(exchange, messages, parameters))
        return read(answer)

    async def _answer(
        self, exchange: Exchange, messages: Sequence[ModelMessage], parameters: ModelRequestParameters
    ) -> bytes:
        """Return what came of asking; a session that ends while it waits has its request recorded as unanswered."""
        try:
            return written(await self._repeated(messages, parameters))
        except (ContextOverflowError, RequestFailedError) as error:
            return written(error)
        except asyncio.CancelledError:
            self._tape.keep(exchange, written(RequestFailedError(FailureKind.TIMEOUT, "there was no time left")))
            raise

    async def _repeated(self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> ModelResponse:
        """Ask until there is an answer, or none is to be had."""
        tries = 0
        while True:
            try:
                return await self._once(messages, parameters)
            except exceptions.ModelContextWindowExceededError:
                raise ContextOverflowError from None
            except _GARBAGE as error:
                fault = classify(error)
            await self._back_off(fault, tries)
            tries += 1

    async def _once(self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> ModelResponse:
        if self._model is None:
            raise NotRecordedError("a replay was about to ask the model")
        async with self._limits.slot(self._tokens) as slot:
            response = await model_request(
                self._model, messages, model_settings=self._settings, model_request_parameters=parameters
            )
            self._tokens = slot.tokens = response.usage.input_tokens + response.usage.output_tokens
        if response.finish_reason == "error":
            raise exceptions.UnexpectedModelBehavior("the provider said that it failed while it answered")
        return response

    async def _back_off(self, fault: Fault, tries: int) -> None:
        """Wait before the next try, or give up."""
        last = not fault.passing or tries >= self._spec.max_retries
        if last or (fault.after or 0.0) > self._spec.session_timeout:
            raise RequestFailedError(fault.kind, fault.message)
        delay = self._delay(tries, fault.after)
        logger.info("model_request_retried", kind=fault.kind.value, retry=tries + 1, delay_seconds=round(delay, 3))
        await asyncio.sleep(delay)

    def _delay(self, tries: int, after: float | None) -> float:
        """Return base_delay doubled with each try, less up to half of it by chance; never less than was asked for."""
        backoff = min(self._spec.base_delay * 2.0 ** min(tries, 30), MAX_DELAY)
        jittered = backoff * (0.5 + 0.5 * self._jitter())
        return jittered if after is None else after + 0.1 * jittered


def classify(error: Exception) -> Fault:
    """Say what kind of fault an error of a request is, and whether it may pass."""
    kind = FailureKind.PROVIDER_ERROR
    if isinstance(error, _RATE_LIMITED):
        kind = FailureKind.RATE_LIMITED
    elif isinstance(error, _TIMED_OUT):
        kind = FailureKind.TIMEOUT
    passing = not isinstance(error, _FINAL) or getattr(error, "status_code", None) in _PASSING
    return Fault(kind, passing, _after(error), _message(error))


def _after(error: Exception) -> float | None:
    """Return the wait that a provider asked for; pydantic-ai reads dates and whole seconds, some send fractions."""
    if not isinstance(error, exceptions.ModelAPIError) or error.retry_after is not None:
        return getattr(error, "retry_after", None)
    try:
        return max(0.0, float((getattr(error, "headers", None) or {})["retry-after"]))
    except (KeyError, ValueError):
        return None


def _message(error: Exception) -> str:
    """Say an error in a line: of a page of HTML or a stack only the beginning is of use."""
    if not isinstance(error, exceptions.AgentRunError):
        return f"the provider's answer was none that its library could read ({type(error).__name__})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__.lstrip('_')}: {text[:300]}"
