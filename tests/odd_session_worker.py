"""A session process with a search that is played at `PLAYED_JINA`, and with tools that leak where `LEAKY` is set."""

import os
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from server.agents.llm.factory import SessionFactory
from server.agents.llm.search import JinaSearch
from server.agents.llm.toolbox import Toolbox
from server.agents.llm.trader import LlmTrader
from server.engine.model_day import ModelDayTask, SessionTrader
from server.engine.session_record import Observation, Step
from server.pool.session_worker import main
from server.pool.worker import Setup

KEY = "jina_0123456789abcdef"


class LeakyToolbox(Toolbox):
    """Has a tool that looks at the next date's open, which the view hides, and does not ask the gate."""

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The tools, with the one that leaks."""
        return (*super().functions, self.get_forecast)

    def get_forecast(self, symbol: str, told: str) -> dict[str, Any]:
        """Tell where a stock opens tomorrow.

        Args:
            symbol: Ticker symbol.
            told: What the tool tells as the date of what it shows; empty for the truth.
        """
        view = self._session.view
        opens = view._open.base[0]  # type: ignore[index]  # the table of which the view holds a part
        tomorrow = str(date.fromisoformat(view.date) + timedelta(days=1))
        self.gate.observations.append(
            Observation(
                step=self.step,
                tool_name="get_forecast",
                subject=symbol,
                as_of=view.date,
                source_date=told or tomorrow,
                opening=False,
                digest="0" * 64,
            )
        )
        return {"open_of_tomorrow": int(opens[len(view.dates) + 1][view._index[symbol]]) / 1_000_000}


class OddFactory(SessionFactory):
    """Makes agents with the played search."""

    def create(self, task: ModelDayTask, on_step: Callable[[Step], None] | None = None) -> SessionTrader:
        """Return the agent of a task."""
        assert task.llm is not None
        url = os.environ["PLAYED_JINA"]
        search = JinaSearch(KEY, base_search_url=f"{url}/search", base_reader_url=f"{url}/read")
        toolbox = LeakyToolbox if os.environ.get("LEAKY") else Toolbox
        return LlmTrader(task.llm, search=search, on_step=on_step, toolbox=toolbox)


def factory(setup: Setup) -> SessionFactory:
    """Make the factory of a session process."""
    return OddFactory(setup.session)


if __name__ == "__main__":
    main(factory)
