"""The product's server with the paced kind of trader; started with `--db`, `--configs` and `--data`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import structlog

from server.app import App, freeze_heap
from server.settings import Settings, load_settings
from tests.performance.paced_worker import EXTRA

WORKER = (sys.executable, "-m", "tests.performance.paced_worker")


async def main(settings: Settings) -> None:
    """Serve until SIGTERM."""
    app = App(settings, worker=WORKER, extra=EXTRA)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    port = await app.start()
    freeze_heap()
    print(f"listening on {settings.host}:{port}", flush=True)
    await asked.wait()
    await app.stop()


def _settings() -> Settings:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--db", "--configs", "--data"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    return load_settings(port=0, db=given.db, configs=given.configs, data_dir=given.data, shutdown_grace=0)


if __name__ == "__main__":
    # as the product does: standard output is for the address
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(_settings()))
