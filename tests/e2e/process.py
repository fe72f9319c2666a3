"""The commands as processes, the way people and scripts start them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: where the commands are installed
BIN = Path(sys.executable).parent

#: seconds after which a command is taken for hung
DEADLINE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A server that listens on `address`; `output` is what it logs to."""

    process: "subprocess.Popen[str]"
    address: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the commands find this server and its database."""
        return {**clean_environment(), "AITRADER_SERVER": self.address, "AITRADER_DB": str(self.folder / "jobs.db")}

    def stop(self) -> int:
        """Ask for its end and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of ours, with the commands on the path."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AITRADER_")}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "COLUMNS": "120"}


def run(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [shutil.which(command[0], path=clean_environment()["PATH"]) or command[0], *command[1:]],
        cwd=folder,
        env=dict(environment or clean_environment()),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@contextmanager
def server(folder: Path, *options: str) -> Iterator[ServerProcess]:
    """Run a server on a free port with its database in a folder."""
    command = [str(BIN / "ai-trader-server"), "serve", "--port", "0", "--db", str(folder / "jobs.db"), *options]
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("listening on "), (folder / "server.log").read_text(encoding="utf-8")
        yield ServerProcess(process=process, address=line.removeprefix("listening on "), folder=folder)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(DEADLINE)
        if process.stdout is not None:
            process.stdout.close()


def require_tool(name: str) -> str:
    """Return the path of a system tool; skip without it, or fail where everything must run."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
