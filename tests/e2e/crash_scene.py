"""What the crash harness plays with: a made-up market, two configs, a vendor of agents and a receiver of callbacks."""

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.callback_receiver import Receiver
from tests.e2e.process import run
from tests.llm_server import ChatRequest, DeniedError, LlmServer, Reply, Script, trading_script, varied

KEY = "a-key-for-crashes"
SYMBOLS = tuple(f"SYN{number:03}" for number in range(1, 7))

#: trading dates of the market, and those that the agents trade on
DAYS = 24
AGENTS_DAYS = 4

#: the one of the agents' dates, counted from 0, on which the vendor denies one of them until it is healed
DENIED_DAY = 1

#: seconds that an answer of the vendor takes
ANSWER_TIME = (0.005, 0.05)

RULES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("random-1", {"basemodel": "rule/random", "parameters": {"seed": 1}}),
    ("random-2", {"basemodel": "rule/random", "parameters": {"seed": 2}}),
    ("momentum", {"basemodel": "rule/momentum"}),
    ("equal-weight", {"basemodel": "rule/equal-weight"}),
)


class Moody:
    """A vendor's model that denies everything on one date until it is healed."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.healed = threading.Event()
        self.date = ""

    def __call__(self, request: ChatRequest) -> Reply:
        if request.date == self.date and not self.healed.is_set():
            raise DeniedError(401, "not today")
        return self._script(request)


class Scene:
    """One vendor and one receiver of callbacks for all servers of a test."""

    def __init__(self, folder: Path) -> None:
        self.moody = Moody(trading_script(2, symbols=SYMBOLS))
        scripts = {"demo/steady": trading_script(1, symbols=SYMBOLS), "demo/moody": self.moody}
        self.vendor = LlmServer(scripts, key=KEY, latency=varied(*ANSWER_TIME, seed=1))
        self.receiver = Receiver()
        self._prices = folder / "prices.csv"
        size = ("--symbols", str(len(SYMBOLS)), "--days", str(DAYS), "--seed", "1")
        made = run(["ai-trader-server", "prices", "generate", str(self._prices), *size])
        assert made.returncode == 0, made.stderr
        lines = self._prices.read_text(encoding="utf-8").splitlines()
        place = lines[0].split(",").index("date")
        self.dates = sorted({line.split(",")[place] for line in lines[1:]})
        self.moody.date = self.dates[DENIED_DAY]

    def furnish(self, folder: Path) -> None:
        """Make a folder with a database of prices and the configs `rules.json` and `agents.json`."""
        folder.mkdir()
        read = run(["ai-trader-server", "prices", "import", "--db", str(folder / "jobs.db"), str(self._prices)])
        assert read.returncode == 0, read.stderr
        rules = [{"name": name, "signature": name, "enabled": True, **more} for name, more in RULES]
        agents = [
            {"name": name, "signature": name, "basemodel": f"demo/{name}", "enabled": True, "prices": _PRICES}
            for name in ("steady", "moody")
        ]
        for name, models, days in (("rules", rules, DAYS), ("agents", agents, AGENTS_DAYS)):
            (folder / f"{name}.json").write_text(json.dumps(self._config(models, days)), encoding="utf-8")

    def _config(self, models: list[dict[str, Any]], days: int) -> dict[str, Any]:
        return {
            "agent_type": "BaseAgent",
            "date_range": {"init_date": self.dates[0], "end_date": self.dates[days - 1]},
            "models": models,
            "agent_config": {"initial_cash": 10_000.0, "max_retries": 9, "base_delay": 0.01},
        }

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment in which a server finds the vendor and may tell the receiver."""
        return {
            "MAX_CONCURRENT_JOBS": "8",
            "OPENAI_API_BASE": self.vendor.base_url,
            "OPENAI_API_KEY": KEY,
            "AITRADER_CALLBACK_HOSTS": f"127.0.0.1:{self.receiver.port}",
            "AITRADER_CALLBACK_SECRET": "whsec_" + b64encode(bytes(32)).decode(),
            "AITRADER_CALLBACK_RETRY_DELAY": "0.1",
            "AITRADER_SHUTDOWN_GRACE": "1",
        }


_PRICES = {"input": 1.25, "output": 10.0}
