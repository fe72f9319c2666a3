import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from storage.database import open_database

REAL_DATA = Path(__file__).parents[5] / "shared" / "data"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real prices, which is kept beside the repository and not in it."""
    if not REAL_DATA.is_dir():
        reason = f"real prices were not found in {REAL_DATA}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return REAL_DATA
