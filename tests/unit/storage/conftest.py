from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from storage.database import open_database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()
