"""Backup, restore and vacuum: copies made while a job writes are sound, and nothing is lost on the way back."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.upkeep.command import db
from storage.database import open_database
from storage.migrations import __path__ as migrations
from tests.service import DATES, Service, config, model, scripted, wait_until


def upkeep(*arguments: object) -> Result:
    return CliRunner().invoke(db, [str(argument) for argument in arguments])


def test_backups_made_while_a_job_writes_restore_to_databases_that_are_sound(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service, gate = new_service(), tmp_path / "gate"
    job_id = service.trigger(config(model("m"), scripted("n", wait_on=DATES[5], wait_for=str(gate)))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the sixth day")
    gate.touch()
    backups = []
    while not backups or service.status(job_id).progress.completed < 20:
        backups.append(tmp_path / f"{len(backups)}.db")
        assert upkeep("backup", backups[-1], "--db", service.settings.db).exit_code == 0
    service.close()

    for backup in (backups[0], backups[-1]):
        restored = upkeep("restore", backup, "--db", service.settings.db)
        assert restored.exit_code == 0, restored.output
        assert upkeep("check", "--db", service.settings.db).exit_code == 0
    service.start()
    assert service.ended(job_id).progress.completed == 20


def test_restore_and_vacuum_are_refused_while_a_server_runs(service: Service, tmp_path: Path) -> None:
    path = service.settings.db
    assert upkeep("backup", tmp_path / "b.db", "--db", path).exit_code == 0

    for result in (upkeep("restore", tmp_path / "b.db", "--db", path), upkeep("vacuum", "--db", path)):
        assert result.exit_code == 1
        assert "is in use by another server" in result.stderr


def test_restore_keeps_the_file_before_aside(tmp_path: Path) -> None:
    path, backup = tmp_path / "jobs.db", tmp_path / "backup.db"
    open_database(path).close()
    upkeep("backup", backup, "--db", path)
    path.write_bytes(b"damaged" * 1000)

    result = upkeep("restore", backup, "--db", path)

    (aside,) = tmp_path.glob("jobs.db.*.old")
    assert result.output == f"{path}: restored from {backup}; the file before is {aside}\n"
    assert aside.read_bytes() == b"damaged" * 1000
    assert upkeep("check", "--db", path).exit_code == 0


@pytest.mark.parametrize("content", [b"", b"not a database" * 500, None], ids=["empty", "text", "damaged"])
def test_backup_that_is_no_sound_database_changes_nothing(content: bytes | None, tmp_path: Path) -> None:
    path, backup = tmp_path / "jobs.db", tmp_path / "backup.db"
    open_database(path).close()
    before = path.read_bytes()
    if content is None:
        upkeep("backup", backup, "--db", path)
        with backup.open("r+b") as file:
            file.seek(4096 * 3)
            file.write(os.urandom(4096 * 20))
    else:
        backup.write_bytes(content)

    result = upkeep("restore", backup, "--db", path)

    assert (result.exit_code, path.read_bytes()) == (1, before)
    assert str(backup) in result.stderr
    assert not list(tmp_path.glob("*.old")) + list(tmp_path.glob("*restoring*")) + list(tmp_path.glob(".*"))


def test_backup_lies_in_the_folder_of_backups_by_default(tmp_path: Path) -> None:
    open_database(tmp_path / "jobs.db").close()

    result = upkeep("backup", "--db", tmp_path / "jobs.db")

    (made,) = (tmp_path / "backups").iterdir()
    assert result.output.startswith(f"{made}: ")


def test_migration_is_preceded_by_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    last = max(file.stem for file in Path(migrations[0]).glob("0*.py"))
    open_database(path).close()
    assert not (tmp_path / "backups").exists()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE kept (id INTEGER)")
        connection.execute("DELETE FROM schema_migrations WHERE name = ?", (last,))

    upkeep("migrate", "--db", path)

    with closing(sqlite3.connect(tmp_path / "backups" / f"jobs.db.before-{last}")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM kept").fetchone() == (0,)


def test_vacuum_gives_space_back(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    open_database(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE filler (text TEXT)")
        connection.execute("INSERT INTO filler SELECT hex(zeroblob(500000))")
        connection.execute("DROP TABLE filler")

    assert upkeep("vacuum", "--db", path).exit_code == 0
    assert path.stat().st_size < 1_000_000
