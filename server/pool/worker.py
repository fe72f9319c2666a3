"""A worker process: takes model-days from a socket, runs them, sends their outcomes back.

It holds no database and keeps nothing between model-days but what it may always read again: price tables (mapped from
the file the server wrote, shared with all workers) and recordings. It ends when the server does, because then its
socket closes.
"""

import os
import select
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from server.agents.llm.factory import SessionSetup
from server.agents.registry import Create, TraderFactory
from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayTask, run_model_day
from server.engine.prices import PriceTable
from server.market.price_store import open_table
from server.pool.wire import pack, read

#: added to the niceness of worker processes, so that the server answers calls while they compute
NICENESS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The first message to a worker: where price snapshots and recordings are, what sessions share."""

    snapshots: Path
    data_dir: Path
    session: SessionSetup = field(default_factory=SessionSetup)


def main(extra: Mapping[str, Create] | None = None) -> None:
    """Serve model-days from the socket whose descriptor is the first argument, until it closes.

    `extra` adds kinds of traders to the known ones.
    """
    os.nice(NICENESS)
    with socket.socket(fileno=int(sys.argv[1])) as connection, connection.makefile("rb") as stream:
        threading.Thread(target=_end_with_server, args=(connection.fileno(),), daemon=True).start()
        setup: Setup = read(stream)
        traders = TraderFactory(setup.data_dir, extra=extra)
        while True:
            try:
                task, snapshot = read(stream)
            except EOFError:
                return
            connection.sendall(pack(_run(task, price_table(setup.snapshots / snapshot), traders)))


def _end_with_server(descriptor: int) -> None:
    """End the process when the server has closed its end, in the middle of a model-day too."""
    hung_up = select.poll()
    hung_up.register(descriptor, 0)  # that the other end is gone is told unasked
    hung_up.poll()
    os._exit(1)


@lru_cache(maxsize=2)
def price_table(path: Path) -> PriceTable:
    """Return the prices of a snapshot file, mapped once."""
    return open_table(path)


def _run(task: ModelDayTask, prices: PriceTable, traders: TraderFactory) -> ModelDayOutcome:
    try:
        trader = traders.create(task.model, task.basemodel, task.parameters)
    except ValueError as error:
        return ModelDayFailure(kind=FailureKind.TRADER_ERROR, message=str(error))
    return run_model_day(task, prices, trader)


if __name__ == "__main__":
    main()
