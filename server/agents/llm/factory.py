"""From a task to its agent: search and provider limits are shared by all sessions of a process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.engine.model_day import ModelDayTask, SessionTrader
from server.engine.session_record import Step

if TYPE_CHECKING:
    import httpx2


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSetup:
    """What sessions of a process share; limits 0 mean none."""

    jina_api_key: str | None = field(default=None, repr=False)
    parallel_requests: int = 0
    requests_per_minute: int = 0
    tokens_per_minute: int = 0


class SessionFactory:
    """Makes the agent of each session; the libraries are imported with the first one."""

    def __init__(self, setup: SessionSetup) -> None:
        from server.agents.llm.limits import ProviderLimits

        self._setup = setup
        self._limits: dict[str, ProviderLimits] = {}
        self._http_client: httpx2.AsyncClient | None = None

    def create(self, task: ModelDayTask, on_step: Callable[[Step], None] | None = None) -> SessionTrader:
        """Return the agent of a task, which tells each step of its session as it happens.

        Raises:
            ValueError: the task is none for an agent, or its provider cannot be used.
        """
        from server.agents.llm.limits import ProviderLimits
        from server.agents.llm.provider import new_http_client
        from server.agents.llm.replay_tape import new_tape
        from server.agents.llm.search import JinaSearch
        from server.agents.llm.trader import LlmTrader

        if task.llm is None:
            raise ValueError(f"'{task.basemodel}' is no kind of agent")
        provider = task.llm.base_url or task.llm.basemodel
        limits = self._limits.get(provider)
        if limits is None:
            limits = self._limits[provider] = ProviderLimits(
                parallel=self._setup.parallel_requests or None,
                requests_per_minute=self._setup.requests_per_minute or None,
                tokens_per_minute=self._setup.tokens_per_minute or None,
            )
        search = JinaSearch(self._setup.jina_api_key) if self._setup.jina_api_key else None
        if self._http_client is None:
            self._http_client = new_http_client()
        tape = new_tape(task.llm, task.recordings, [self._setup.jina_api_key])
        return LlmTrader(
            task.llm, search=search, limits=limits, http_client=self._http_client, on_step=on_step, tape=tape
        )
