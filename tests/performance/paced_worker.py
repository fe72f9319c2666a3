"""A worker process that knows one more kind of trader: one that takes its time, so that a real job has a set pace."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from server.agents.registry import Create
from server.engine.model_day import ModelDaySession, Parameter
from server.pool.worker import main

KIND = "paced/wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """Waits `seconds` and orders nothing."""

    seconds: float

    def trade(self, session: ModelDaySession) -> None:
        """Wait."""
        time.sleep(self.seconds)


def create(model: str, parameters: Mapping[str, Parameter]) -> Paced:
    """Make the trader of a model's entry in the config."""
    return Paced(seconds=float(parameters["seconds"]))


EXTRA: Mapping[str, Create] = MappingProxyType({KIND: create})

if __name__ == "__main__":
    main(EXTRA)
