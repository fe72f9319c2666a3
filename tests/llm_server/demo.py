"""A job of scripted "LLM" agents from start to audit: what `make demo-llm` runs.

The service is the real one; only the vendor is played, on this machine, so no key and no network are needed.
"""

import os
import sys
from pathlib import Path

from client import Client
from client.demo import main, market_server, run
from tests.llm_server import LlmServer, trading_script

CONFIG = "demo-llm.json"
EXPERIMENT = "demo-llm"
KEY = "a-key-that-is-never-shown"
MODELS = ("demo/careful", "demo/bold", "demo/curious")

#: symbols of the made-up market that the scripted agents know
SYMBOLS = tuple(f"SYN{number:03}" for number in range(1, 11))


def play(folder: Path) -> None:
    """Run the job, then show what was recorded of it."""
    scripts = {model: trading_script(seed, symbols=SYMBOLS) for seed, model in enumerate(MODELS)}
    with LlmServer(scripts, key=KEY) as vendor:
        os.environ.update(OPENAI_API_BASE=vendor.base_url, OPENAI_API_KEY=KEY)
        with market_server(folder) as address:
            command = ("ai-trader", "--server", address)
            run(*command, "trigger", CONFIG, "--wait")
            run(*command, "leaderboard", "--experiment", EXPERIMENT)
            with Client(address) as client:
                job = next(iter(client.jobs()))
            run(*command, "reasoning", job.job_id, "--model", "careful", "--date", job.date_range[-1])
            run(*command, "audit", job.job_id)


if __name__ == "__main__":
    sys.exit(main(play))
