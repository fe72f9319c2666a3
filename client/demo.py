"""The main job from start to leaderboard, on a made-up market: what `make demo` runs.

Everything runs as a subprocess, the way a person would type it; nothing is left behind.
"""

import os
import signal
import subprocess  # nosec B404
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

BIN = Path(sys.executable).parent
CONFIGS = Path(__file__).resolve().parent.parent / "configs"
CONFIG = "demo.json"
EXPERIMENT = "demo"
#: the prices begin where the config does
MARKET = ("--symbols", "30", "--days", "80", "--seed", "3")
READY = "listening on "
#: seconds; the server ends running model-days before it stops
STOP_TIMEOUT = 30.0
INTERRUPTED = 130


class DemoError(Exception):
    """A step of the demo went wrong."""


def main(play: Callable[[Path], None] | None = None) -> int:
    """Run a demo, that of rule strategies unless told otherwise, in a folder of its own; give the exit status."""
    try:
        with tempfile.TemporaryDirectory(prefix="ai-trader-demo-") as folder:
            (play or _play)(Path(folder))
    except (DemoError, OSError) as error:
        click.echo(f"error: the demo stopped: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _play(folder: Path) -> None:
    with market_server(folder) as address:
        run("ai-trader", "--server", address, "trigger", CONFIG, "--experiment", EXPERIMENT, "--wait")
        run("ai-trader", "--server", address, "leaderboard", "--experiment", EXPERIMENT)


@contextmanager
def market_server(folder: Path) -> Iterator[str]:
    """Make up a market, run a server on it, and give the server's address."""
    database, prices = folder / "jobs.db", folder / "prices.csv"
    run("ai-trader-server", "prices", "generate", str(prices), *MARKET)
    run("ai-trader-server", "prices", "import", str(prices), "--db", str(database))
    with _server(folder, database) as address:
        yield address


def run(program: str, *arguments: str) -> None:
    """Run one of the commands as a person would type it."""
    _say(program, *arguments)
    # its errors are ours to tell, in one line
    done = subprocess.run(  # noqa: S603  # nosec B603
        [_find(program), *arguments], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if done.returncode:
        told = _last_line(done.stderr).removeprefix("error: ")
        raise DemoError(f"{program}: {told or f'exited with status {done.returncode}'}")


@contextmanager
def _server(folder: Path, database: Path) -> Iterator[str]:
    """Start the server on a free port and give its address; stop it in the end."""
    places = ["--db", str(database), "--configs", str(CONFIGS), "--data", str(folder)]
    command = ["serve", "--host", "127.0.0.1", "--port", "0", *places]
    _say("ai-trader-server", *command)
    log = folder / "server.log"
    with log.open("wb") as sink, _started([_find("ai-trader-server"), *command], sink.fileno()) as server:
        yield _address(server, log)
        server.send_signal(signal.SIGTERM)
        _expect_clean_exit(server, log)


@contextmanager
def _started(command: list[str], log: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process in a group of its own, so that Ctrl-C is left to us; end it whatever happens."""
    with subprocess.Popen(  # noqa: S603  # nosec B603
        command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _address(server: subprocess.Popen[str], log: Path) -> str:
    line = server.stdout.readline() if server.stdout else ""
    if not line.startswith(READY):
        server.kill()
        told = _last_line(log.read_text(errors="replace")) or line.strip() or "it said nothing"
        raise DemoError(f"the server did not start: {told}")
    return line.removeprefix(READY).strip()


def _expect_clean_exit(server: subprocess.Popen[str], log: Path) -> None:
    try:
        code = server.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"the server did not stop within {STOP_TIMEOUT:.0f} s") from error
    if code:
        raise DemoError(f"the server exited with status {code}: {_last_line(log.read_text(errors='replace'))}")
    click.echo("the server stopped cleanly")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def _find(program: str) -> str:
    path = BIN / program
    if not os.access(path, os.X_OK):
        raise DemoError(f"the command '{path}' was not found")
    return str(path)


def _say(*words: str) -> None:
    click.secho("$ " + " ".join(words), dim=True)


if __name__ == "__main__":
    sys.exit(main())
