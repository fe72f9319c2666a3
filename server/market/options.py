"""What the commands `ai-trader-server prices …` share."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from peewee import SqliteDatabase

from storage.database import open_database
from storage.errors import StorageError

Answer = TypeVar("Answer")

db_option = click.option(
    "--db",
    "db_path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="AITRADER_DB",
    default=Path("data/jobs.db"),
    show_default=True,
    show_envvar=True,
    help="Database file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def with_database(path: Path, action: Callable[[SqliteDatabase], Answer]) -> Answer:
    """Do something with the database file; what is wrong with it is the command's error."""
    try:
        db = open_database(path)
        try:
            return action(db)
        finally:
            db.close()
    except (StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error
