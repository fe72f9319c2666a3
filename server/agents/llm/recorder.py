"""The record of a session while it grows: steps in order, tools used, tokens and dollars. No key gets into it."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from server.agents.llm.pricing import Pricing, added
from server.agents.llm.prompt import Prompt
from server.agents.llm.tape import MIN_SECRET
from server.engine.recording import SessionRecording
from server.engine.session_record import (
    Dropped,
    Observation,
    Role,
    SessionRecord,
    Step,
    StopReason,
    TokenUsage,
    ToolUse,
)
from server.engine.text import MAX_WORD, plain

#: characters of one step; far more than a model writes, and less than a row of a database holds
MAX_STEP = 200_000


class Recorder:
    """Takes down one session; times are those of `clock`, seconds since the recorder was made.

    `on_step` is called with each step as it is taken down.
    """

    def __init__(
        self,
        *,
        prompt_digest: str,
        pricing: Pricing,
        secret: str | None,
        clock: Callable[[], float],
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        self._prompt_digest = prompt_digest
        self._pricing = pricing
        self._secret = secret.strip() if secret and len(secret.strip()) >= MIN_SECRET else None
        self._clock = clock
        self._began = clock()
        self._on_step = on_step
        self._steps: list[Step] = []
        self._tools: dict[str, tuple[int, float]] = {}
        self._prompt_observations: tuple[Observation, ...] = ()
        self.usage = TokenUsage()
        self.cost: Decimal | None = Decimal(0)
        self.measured = True

    @property
    def next_number(self) -> int:
        """The number of the next step."""
        return len(self._steps)

    def clean(self, text: str, limit: int = MAX_STEP) -> str:
        """Return a text as it may be kept: without the key, bounded, valid Unicode."""
        return plain(text if self._secret is None else text.replace(self._secret, "***"), limit)

    def prompt(self, prompt: Prompt) -> None:
        """Take down the prompt and what it shows of the market."""
        self._prompt_observations = prompt.observations
        self.said(Role.USER, prompt.text)

    def said(self, role: Role, text: str) -> None:
        """Take down a text."""
        self._take(Step(number=self.next_number, role=role, content=self.clean(text), offset_seconds=self._offset()))

    def called(self, tool: str, call_id: str, arguments: str) -> None:
        """Take down a call."""
        self._take(
            Step(
                number=self.next_number,
                role=Role.ASSISTANT,
                content=None,
                tool_name=self.clean(tool, MAX_WORD),
                tool_call_id=self.clean(call_id, MAX_WORD),
                arguments=self.clean(arguments),
                offset_seconds=self._offset(),
            )
        )

    def answered(self, tool: str, call_id: str, answer: str, seconds: float) -> None:
        """Take down the answer to a call, and count the call."""
        name = self.clean(tool, MAX_WORD)
        count, total = self._tools.get(name, (0, 0.0))
        self._tools[name] = count + 1, total + seconds
        self._take(
            Step(
                number=self.next_number,
                role=Role.TOOL,
                content=self.clean(answer),
                tool_name=name,
                tool_call_id=self.clean(call_id, MAX_WORD),
                offset_seconds=self._offset(),
                duration_seconds=seconds,
            )
        )

    def spent(self, usage: TokenUsage, *, measured: bool = True) -> None:
        """Count a request that was answered; one whose usage was not told makes the cost unknown."""
        self.usage = added(self.usage, usage)
        self.measured = self.measured and measured
        cost = self._pricing.cost(usage) if measured else None
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def record(
        self,
        *,
        stop_reason: StopReason | None,
        observations: Sequence[Observation],
        dropped: Sequence[Dropped],
        summary: str,
        recording: SessionRecording | None = None,
    ) -> SessionRecord:
        """Return the record so far."""
        return SessionRecord(
            prompt_digest=self._prompt_digest,
            steps=tuple(self._steps),
            tool_usage=tuple(
                ToolUse(tool_name=name, call_count=count, total_duration_seconds=seconds)
                for name, (count, seconds) in sorted(self._tools.items())
            ),
            usage=self.usage,
            cost_usd=self.cost,
            stop_reason=stop_reason,
            observations=(*self._prompt_observations, *observations),
            dropped=tuple(dropped),
            summary=self.clean(summary),
            recording=recording,
        )

    def _take(self, step: Step) -> None:
        self._steps.append(step)
        if self._on_step is not None:
            self._on_step(step)

    def _offset(self) -> float:
        return self._clock() - self._began
