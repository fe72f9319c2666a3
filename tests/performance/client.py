"""A client process, seen from the measurement that gives it orders."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.performance.process import ROOT

PROGRAM = ("-m", "tests.performance.client_process")


class Client:
    """Gives orders to a client process and reads its answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, order: str, **arguments: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self.begin(order, **arguments)
        return self.answer()

    def begin(self, order: str, **arguments: Any) -> None:
        """Give an order; read its answer with `answer`."""
        if self._process.stdin is None:
            raise RuntimeError("the client process has no standard input")
        self._process.stdin.write(json.dumps({"order": order, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return the next answer."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the client process ended")
        values: dict[str, Any] = json.loads(line)
        return values


@contextmanager
def client() -> Iterator[Client]:
    """Start a client process and end it."""
    with subprocess.Popen(
        [sys.executable, *PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield Client(process)
        finally:
            process.kill()
