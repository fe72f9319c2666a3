"""Processes of a measurement: a server on a free port and what it costs; ended whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]

READY = "listening on "

#: seconds; a server lets running model-days finish before it stops
STOP_TIMEOUT = 30.0

#: the product's own command, as a module, so that it is found without a PATH
SERVE = ("-m", "server", "serve")
PACED_SERVER = ("-m", "tests.performance.paced_server")
EMPTY_SERVER = ("-m", "tests.performance.empty_server")

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A running server."""

    address: str
    process: psutil.Process

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the server process itself, without its workers."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def child(self, program: str) -> "ServerProcess":
        """Return the process that the server started with a program.

        Raises:
            LookupError: there is none.
        """
        for child in self.process.children():
            if program in child.cmdline():
                return ServerProcess(address=self.address, process=child)
        raise LookupError(f"the server has no process of '{program}'")

    @property
    def memory_mib(self) -> float:
        """Resident memory of the server process."""
        return float(self.process.memory_info().rss / MIB)

    @property
    def worker_memory_mib(self) -> list[float]:
        """Memory of each worker that it shares with nobody."""
        return [round(child.memory_full_info().uss / MIB, 1) for child in self.process.children()]


@contextmanager
def serving(log: Path, program: tuple[str, ...], **options: object) -> Iterator[ServerProcess]:
    """Start a server and wait until it listens; `options` become arguments, those in capitals environment."""
    arguments = [text for name, value in options.items() if name.islower() for text in (f"--{name}", str(value))]
    environment = clean_environment() | {name: str(value) for name, value in options.items() if name.isupper()}
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            cwd=ROOT,
            env=environment,
        )
    with process:
        try:
            yield ServerProcess(address=_address(process, log), process=psutil.Process(process.pid))
        finally:
            _stop(process)


def clean_environment() -> dict[str, str]:
    """Return our environment without settings of the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AITRADER_", "MAX_CONCURRENT"))}


def _address(process: subprocess.Popen[str], log: Path) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith(READY):
        raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
    return line.removeprefix(READY).strip()


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
