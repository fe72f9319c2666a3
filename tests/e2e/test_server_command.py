"""The command `ai-trader-server`."""

import json
import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from storage.database import MIGRATIONS
from tests.e2e.process import BIN, DEADLINE, ROOT, clean_environment, run, server


def test_server_answers_health_and_exits_with_0_on_sigterm(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        host, port = running.address.split(":")
        healthy = run(["ai-trader-server", "health", "--host", host, "--port", port])
        status = running.stop()
        gone = run(["ai-trader-server", "health", "--host", host, "--port", port])

    assert (healthy.returncode, healthy.stdout) == (0, "serving\n")
    assert status == 0
    assert gone.returncode == 1
    assert gone.stderr == "Error: the server did not answer: UNAVAILABLE\n"


def test_server_prints_nothing_but_its_address_to_standard_output(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        running.process.send_signal(signal.SIGINT)
        output, _ = running.process.communicate(timeout=DEADLINE)

    assert output == ""
    assert running.process.returncode == 0
    assert "serving" in (tmp_path / "server.log").read_text(encoding="utf-8")


def test_workers_end_when_the_server_is_killed(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        listed = run(["ps", "-o", "pid=", "--ppid", str(running.process.pid)])
        workers = [int(pid) for pid in listed.stdout.split()]
        ends = [os.pidfd_open(pid) for pid in workers]
        running.process.kill()
        ended = [select.select([end], [], [], DEADLINE)[0] for end in ends]

    assert workers
    assert all(ended)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AITRADER_PROT": "1"}, "environment variable 'AITRADER_PROT' is not a setting"),
        ({"AITRADER_PORT": "many"}, "setting 'port' is wrong"),
        ({"AITRADER_SETTINGS": "/nowhere/settings.toml"}, "settings file '/nowhere/settings.toml' could not be read"),
    ],
)
def test_wrong_setting_is_refused_by_its_name_in_one_line(
    environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    done = run(
        ["ai-trader-server", "serve", "--db", str(tmp_path / "jobs.db")],
        environment={**clean_environment(), **environment},
    )

    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_text("this is a text, and long enough to be taken for a page of a database " * 20, encoding="utf-8")

    done = run(["ai-trader-server", "serve", "--port", "0", "--db", str(path)])

    assert done.returncode == 1
    assert f"'{path}' is not a database of this service" in done.stderr


def test_port_that_is_taken_is_refused_in_one_line(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        port = running.address.split(":")[1]
        done = run(["ai-trader-server", "serve", "--port", port, "--db", str(tmp_path / "other.db")])

    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr.splitlines()[-1]


def test_db_migrate_makes_a_database_once(tmp_path: Path) -> None:
    command = ["ai-trader-server", "db", "migrate", "--db", str(tmp_path / "jobs.db"), "--json"]

    first, second = run(command), run(command)

    assert json.loads(first.stdout)["applied"] == [path.stem for path in sorted(MIGRATIONS.glob("0*.py"))]
    assert json.loads(second.stdout)["applied"] == []


def test_commands_are_installed_beside_python() -> None:
    for name in ("ai-trader", "ai-trader-server"):
        done = subprocess.run([BIN / name, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_batch_that_gets_sigterm_stops_in_order_and_the_same_command_goes_on(tmp_path: Path) -> None:
    prices, database = tmp_path / "prices.csv", ("--db", str(tmp_path / "jobs.db"))
    run(["ai-trader-server", "prices", "generate", str(prices), "--symbols", "30", "--days", "1000", "--seed", "3"])
    run(["ai-trader-server", "prices", "import", str(prices), *database])
    command = ["ai-trader-server", "batch", "demo.json", "--configs", str(ROOT / "configs"), *database]

    with subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "model_day_completed" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
    again = run(command)

    assert process.returncode == 130
    assert again.returncode == 0, again.stderr
    assert "6000/6000 job_ended" in again.stdout
