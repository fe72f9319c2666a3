"""What the dashboard is shown with: jobs of scripted models and of an agent, names and texts full of markup."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aitrader.v1.prices_pb2 import GetPriceCoverageRequest
from storage.prices import import_bars
from tests.llm_server import LlmServer, trading_script
from tests.service import (
    DATES,
    DEADLINE,
    BackgroundLoop,
    Service,
    bar,
    config,
    free_port,
    model,
    scripted,
    small_market,
)

EXPERIMENT = "story"
MARKUP = '<img src=x onerror="document.title=1">'
AGENT = "agent"
BASEMODEL = "played/agent"
#: a symbol without a price on the second date, and with one on the fourth that is far from the one before
ODD = "ODD"


@dataclass(kw_only=True)
class Story:
    """A service and what happened in it. `agent_job` has a session, `job` a failure, trades and rejections."""

    service: Service
    job: str
    agent_job: str
    url: str = ""

    @property
    def target(self) -> str:
        """Address of the service."""
        return f"127.0.0.1:{self.service.settings.port}"


@contextmanager
def told_story(loop: BackgroundLoop, folder: Path) -> Iterator[Story]:
    """Run a service on a port that it keeps, and the jobs of the story."""
    with LlmServer({BASEMODEL: trading_script(1, symbols=("UP", "FLAT"))}, key="key") as vendor:
        service = Service(loop, folder, openai_api_base=vendor.base_url, openai_api_key="key", port=free_port())
        service.import_market(small_market())
        odd = [bar(ODD, DATES[0], 20, 20), bar(ODD, DATES[2], 20, 20), bar(ODD, DATES[3], 90, 90)]
        import_bars(service.db, MARKUP, odd, (), datetime.now(UTC))
        job = service.run(config(*models()), experiment=EXPERIMENT).job_id
        agent = service.run(config(model(AGENT, BASEMODEL), end=DATES[1]), experiment="agents").job_id
        service.stub.GetPriceCoverage(GetPriceCoverageRequest(), timeout=DEADLINE)  # the exchange is asked once
        yield Story(service=service, job=job, agent_job=agent)
        service.close()


def models() -> list[dict[str, object]]:
    """Return one that gains, one that loses and is refused, one that fails, one that does nothing."""
    return [
        scripted("winner", {DATES[0]: [("buy", "UP", 100)]}),
        scripted("loser", {DATES[0]: [("buy", "DOWN", 50), ("sell", "FLAT", 5)], DATES[2]: [("sell", "DOWN", 10)]}),
        scripted("failer", raise_on=DATES[1]),
        model(MARKUP),
    ]
