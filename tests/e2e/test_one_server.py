"""Two servers on one database file: the second is refused, and a killed first one blocks nobody."""

import json
from pathlib import Path

from tests.e2e.process import run, server


def test_second_server_says_so_and_exits_while_other_commands_work(tmp_path: Path) -> None:
    database = str(tmp_path / "jobs.db")
    with server(tmp_path) as first:
        second = run(["ai-trader-server", "serve", "--port", "0", "--db", database])
        migrated = run(["ai-trader-server", "db", "migrate", "--db", database, "--json"])
        coverage = run(["ai-trader-server", "prices", "coverage", "--db", database])
        healthy = run(["ai-trader", "jobs", "--json"], environment=first.environment)

    assert (second.returncode, second.stdout) == (1, "")
    (line,) = second.stderr.splitlines()
    assert f"database '{database}' is in use by another server (process {first.process.pid})" in line
    assert (migrated.returncode, json.loads(migrated.stdout)["applied"]) == (0, [])
    assert (coverage.returncode, healthy.returncode) == (0, 0), (coverage.stderr, healthy.stderr)


def test_killed_server_frees_its_database_at_once(tmp_path: Path) -> None:
    with server(tmp_path) as first:
        first.process.kill()
        first.process.wait()
        with server(tmp_path) as second:
            assert second.stop() == 0


def test_stopped_server_frees_its_database(tmp_path: Path) -> None:
    with server(tmp_path) as first:
        assert first.stop() == 0
    with server(tmp_path) as second:
        assert second.stop() == 0
