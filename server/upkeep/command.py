"""The commands `ai-trader-server db …`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from storage.checks.check import Checked, check
from storage.database import migrate_file, open_existing
from storage.errors import StorageError

db_option = click.option(
    "--db",
    "path",
    type=click.Path(path_type=Path),
    default=Path("data/jobs.db"),
    envvar="AITRADER_DB",
    show_default=True,
    help="Database file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def db() -> None:
    """Look after the database."""


@contextmanager
def told() -> Iterator[None]:
    """Say in one line what storage could not do."""
    try:
        yield
    except (StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error


@db.command()
@db_option
@json_option
def migrate(path: Path, *, as_json: bool) -> None:
    """Bring the database up to date, making it when it is not there."""
    with told():
        database, applied = migrate_file(path)
        database.close()
    if as_json:
        click.echo(json.dumps({"db": str(path), "applied": applied}))
    else:
        click.echo(f"{path}: " + (f"applied {', '.join(applied)}" if applied else "up to date"))


@db.command("check")
@db_option
@json_option
def check_command(path: Path, *, as_json: bool) -> None:
    """Check the file and that all rows agree; exit with 1, naming the first row that does not.

    A server may run and write meanwhile: the check sees the database as of its beginning.
    """
    with told():
        found = _check(path, (lambda _: None) if as_json else _tell)
    broken = [row for row in found if row.broken]
    if as_json:
        click.echo(json.dumps({"db": str(path), "sound": not broken, "checked": [asdict(row) for row in found]}))
    elif broken:
        click.echo(f"{path}: {len(broken)} of {len(found)} invariants are broken")
    else:
        seconds = sum(row.seconds for row in found)
        click.echo(f"{path}: sound, {len(found)} invariants, {seconds:.1f} s")
    if broken:
        raise SystemExit(1)


def _check(path: Path, tell: Callable[[Checked], Any]) -> list[Checked]:
    database, found = open_existing(path), []
    try:
        for row in check(database):
            tell(row)
            found.append(row)
    finally:
        database.close()
    return found


def _tell(row: Checked) -> None:
    looked = f"{row.rows:,} rows of {row.table}" if row.table else "the file"
    click.echo(f"{'broken' if row.broken else 'ok    '}  {row.name} ({looked}, {row.seconds:.1f} s)")
    if row.broken:
        click.echo(f"        {row.broken}")
