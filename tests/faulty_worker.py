"""A trader that does what its parameters say, faults included, and the worker program that knows it.

`test/scripted` submits given orders, and raises, dies or waits on given dates; each fault is one that a real model,
its libraries or its machine could produce.
"""

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from server.agents.registry import Create
from server.engine.model_day import ModelDaySession, Parameter
from server.pool.worker import main

#: seconds after which a waiting trader gives up, so that a failing test leaves no process behind
PATIENCE = 60.0

#: seconds between looks for a file
GLANCE = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """Does as `parameters` say.

    `orders`: JSON object, date → list of [action, symbol, amount]. `raise_on`: dates, `message`: what is raised, as
    JSON, only the first time when `raise_once` names a file. `die_on`: dates on which the process kills itself, only
    the first time when `once` names a file. `wait_on`: dates on which to wait for the file `wait_for`; the file
    `<wait_for>.reached` tells that the wait began. `told_by` begins the names of files: while `<told_by>-<date>.hold`
    is there it waits, and when `<told_by>-<date>.fail` is there then, it raises.
    """

    parameters: Mapping[str, Any]

    @classmethod
    def create(cls, _model: str, parameters: Mapping[str, Parameter]) -> Self:
        return cls(parameters=dict(parameters))

    def trade(self, session: ModelDaySession) -> None:
        orders: dict[str, list[tuple[str, str, Any]]] = json.loads(self.parameters.get("orders", "{}"))
        for action, symbol, amount in orders.get(session.date, ()):
            (session.sell if action == "sell" else session.buy)(symbol, amount)
        if "told_by" in self.parameters:
            self._obey(f"{self.parameters['told_by']}-{session.date}")
        if self._on("wait_on", session.date):
            self._wait()
        if self._on("die_on", session.date):
            self._die()
        if self._on("raise_on", session.date) and self._first(self.parameters.get("raise_once")):
            raise RuntimeError(json.loads(self.parameters.get("message", '"the trader gave up"')))

    def _on(self, name: str, date: str) -> bool:
        return date in self.parameters.get(name, "").split(",")

    def _obey(self, name: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while Path(f"{name}.hold").exists() and time.monotonic() < deadline:
            time.sleep(GLANCE)
        if Path(f"{name}.fail").exists():
            raise RuntimeError("told to fail")

    def _wait(self) -> None:
        awaited = Path(self.parameters["wait_for"])
        awaited.with_name(f"{awaited.name}.reached").touch()
        deadline = time.monotonic() + PATIENCE
        while not awaited.exists() and time.monotonic() < deadline:
            time.sleep(GLANCE)

    def _die(self) -> None:
        if self._first(self.parameters.get("once")):
            os.kill(os.getpid(), signal.SIGKILL)

    def _first(self, once: str | None) -> bool:
        """Tell whether to do what is done only once, by a file that says that it was; without one it is always done."""
        if once is None:
            return True
        if Path(once).exists():
            return False
        Path(once).touch()
        return True


KINDS: Mapping[str, Create] = {"test/scripted": Scripted.create}

if __name__ == "__main__":
    main(extra=KINDS)
