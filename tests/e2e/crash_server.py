"""A server that is killed and started again: the command as people start it, in a process group of its own."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

import psutil
import pytest

from tests.e2e.process import BIN, DEADLINE, ROOT, clean_environment

#: seconds between looks at a condition
GLANCE = 0.01


class Victim(StrEnum):
    """What is killed: the server alone, with all its processes at once, or one worker or session process of it."""

    SERVER = "server"
    GROUP = "group"
    WORKER = "worker"


class CrashServer:
    """A server on one port and one database, whatever happens to its processes."""

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{port}"
        self._command = [str(BIN / "ai-trader-server"), "serve", "--port", str(port), "--configs", str(folder)]
        self._command += ["--db", str(folder / "jobs.db"), "--data", str(folder)]
        self._environment = {**clean_environment(), **settings}
        self._log = (folder / "server.log").open("a", encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None
        self._family: list[psutil.Process] = []
        self._asked_to_end = False
        self._log_before = 0

    def start(self) -> None:
        """Start the server; it need not listen yet."""
        self._asked_to_end = False
        self._log_before = Path(self._log.name).stat().st_size
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The server's process."""
        assert self._process is not None
        return self._process

    def kill(self, victim: Victim, chance: random.Random) -> bool:
        """Kill the victim with SIGKILL; tell whether there was one."""
        if self.process.poll() is not None:
            assert self._asked_to_end, f"the server ended by itself, see {self._log.name}"
            return False
        children = self._children()
        if victim is Victim.WORKER:
            return bool(children) and _killed(chance.choice(children))
        self._family = children
        if victim is Victim.GROUP:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(DEADLINE)
        return True

    @property
    def listens(self) -> bool:
        """Whether the server that was started last has said that it listens."""
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}, see {self._log.name}"
        with Path(self._log.name).open("rb") as log:
            log.seek(self._log_before)
            return b"listening on " in log.read()

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        self._asked_to_end = True
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask for the server's end and return its exit status."""
        self._family = self._children()
        self.ask_to_end()
        status = self.process.wait(DEADLINE)
        self.expect_no_orphans()
        return status

    def expect_no_orphans(self) -> None:
        """Wait until no process of the server that ended last is left."""
        if not holds_within(DEADLINE, lambda: not any(_lives(child) for child in self._family)):
            pytest.fail(f"left behind: {[child for child in self._family if _lives(child)]}")

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(DEADLINE)
        self._log.close()

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def wait_until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Wait until a condition holds, and fail when it does not within the deadline in seconds."""
    if not holds_within(deadline, condition):
        pytest.fail(f"{what} did not happen in {deadline} seconds")


def holds_within(seconds: float, condition: Callable[[], object]) -> bool:
    """Wait until a condition holds, but no longer than that; tell whether it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(GLANCE)
    return True


def _killed(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
