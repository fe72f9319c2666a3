"""The schema: what migrations make, what the models say and what earlier versions had are the same."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from peewee import SqliteDatabase

from storage.database import migrate, migrate_file, open_database
from storage.errors import SchemaError
from storage.models import TABLES

#: tables of earlier versions: columns with type, those that may be null marked
ANCESTOR = {
    "jobs": "job_id TEXT, config_path TEXT, status TEXT, date_range TEXT, models TEXT, created_at TEXT, "
    "started_at TEXT?, completed_at TEXT?, total_duration_seconds REAL?, error TEXT?",
    "job_details": "id INTEGER, job_id TEXT, date TEXT, model TEXT, status TEXT, started_at TEXT?, completed_at TEXT?,"
    " duration_seconds REAL?, error TEXT?",
    "positions": "id INTEGER, job_id TEXT, date TEXT, model TEXT, action_id INTEGER, action_type TEXT, symbol TEXT?,"
    " amount INTEGER?, price REAL?, cash REAL, portfolio_value REAL, daily_profit REAL?, daily_return_pct REAL?,"
    " cumulative_profit REAL?, cumulative_return_pct REAL?, created_at TEXT",
    "holdings": "id INTEGER, position_id INTEGER, symbol TEXT, quantity INTEGER",
    "reasoning_logs": "id INTEGER, job_id TEXT, date TEXT, model TEXT, step_number INTEGER, timestamp TEXT, role TEXT,"
    " content TEXT?, tool_name TEXT?",
    "tool_usage": "id INTEGER, job_id TEXT, date TEXT, model TEXT, tool_name TEXT, call_count INTEGER,"
    " total_duration_seconds REAL?",
}

ANCESTOR_UNIQUE = {
    "job_details": ("job_id", "date", "model"),
    "positions": ("job_id", "date", "model", "action_id"),
}

ANCESTOR_PARENTS = {
    "job_details": ("job_id", "jobs"),
    "positions": ("job_id", "jobs"),
    "holdings": ("position_id", "positions"),
    "reasoning_logs": ("job_id", "jobs"),
    "tool_usage": ("job_id", "jobs"),
}

ANCESTOR_INDEXES = {
    "jobs": [("status",), ("created_at",)],
    "job_details": [("job_id", "status")],
    "positions": [("date",), ("model",), ("date", "model")],
    "holdings": [("position_id",), ("symbol",)],
    "reasoning_logs": [("job_id", "date", "model")],
    "tool_usage": [("job_id", "date", "model")],
}


def columns(db: SqliteDatabase, table: str) -> dict[str, tuple[str, bool]]:
    """Return type and whether it may be null by column."""
    rows = db.execute_sql(f"PRAGMA table_info({table})")
    return {name: (kind, not required) for _, name, kind, required, _, _ in rows}


def primary_key(db: SqliteDatabase, table: str) -> tuple[str, ...]:
    rows = sorted((place, name) for _, name, _, _, _, place in db.execute_sql(f"PRAGMA table_info({table})"))
    return tuple(name for place, name in rows if place)


def indexes(db: SqliteDatabase, table: str, *, unique: bool) -> Iterator[tuple[str, ...]]:
    for _, name, is_unique, origin, _ in list(db.execute_sql(f"PRAGMA index_list({table})")):
        if bool(is_unique) == unique and origin != "pk":
            yield tuple(column for _, _, column in db.execute_sql(f'PRAGMA index_info("{name}")'))


def cascades(db: SqliteDatabase, table: str) -> dict[str, tuple[str, str]]:
    """Return parent table and what happens on its deletion by column."""
    rows = db.execute_sql(f"PRAGMA foreign_key_list({table})")
    return {column: (parent, on_delete) for _, _, parent, column, _, _, on_delete, _ in rows}


@pytest.mark.parametrize("table", ANCESTOR)
def test_every_column_of_earlier_versions_is_there_with_its_type(db: SqliteDatabase, table: str) -> None:
    expected = {}
    for column in ANCESTOR[table].split(", "):
        name, kind = column.split()
        expected[name] = (kind.removesuffix("?"), kind.endswith("?"))

    ours = columns(db, table)

    assert {name: ours.get(name) for name in expected} == expected


@pytest.mark.parametrize("table", ANCESTOR)
def test_columns_of_ours_are_optional_for_scripts_that_insert(db: SqliteDatabase, table: str) -> None:
    theirs = {column.split()[0] for column in ANCESTOR[table].split(", ")}

    required = [
        name
        for _, name, _, required, default, _ in db.execute_sql(f"PRAGMA table_info({table})")
        if required and default is None and name not in theirs
    ]

    assert required == []


@pytest.mark.parametrize("table", ANCESTOR_UNIQUE)
def test_every_unique_key_of_earlier_versions_is_there(db: SqliteDatabase, table: str) -> None:
    assert ANCESTOR_UNIQUE[table] in indexes(db, table, unique=True)


@pytest.mark.parametrize("table", ANCESTOR_PARENTS)
def test_every_cascade_of_earlier_versions_is_there(db: SqliteDatabase, table: str) -> None:
    column, parent = ANCESTOR_PARENTS[table]

    assert cascades(db, table)[column] == (parent, "CASCADE")


@pytest.mark.parametrize("table", ANCESTOR_INDEXES)
def test_every_index_of_earlier_versions_is_there(db: SqliteDatabase, table: str) -> None:
    ours = [*indexes(db, table, unique=False), *indexes(db, table, unique=True)]

    for index in ANCESTOR_INDEXES[table]:
        assert any(found[: len(index)] == index for found in ours), index


def test_newest_jobs_are_found_by_an_index(db: SqliteDatabase) -> None:
    query = "EXPLAIN QUERY PLAN SELECT job_id FROM jobs ORDER BY created_at DESC, job_id DESC LIMIT 5"

    assert "USING" in str(list(db.execute_sql(query)))
    assert "TEMP B-TREE" not in str(list(db.execute_sql(query)))


def test_every_stored_status_of_earlier_versions_is_accepted_and_no_other(db: SqliteDatabase) -> None:
    insert = (
        "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at) VALUES (?, '', ?, '', '', '')"
    )
    for status in ("pending", "running", "completed", "partial", "failed"):
        db.execute_sql(insert, (status, status))

    with pytest.raises(peewee.IntegrityError):
        db.execute_sql(insert, ("x", "lost"))


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.table_name)
def test_model_has_the_columns_of_its_table(db: SqliteDatabase, model: type[peewee.Model]) -> None:
    meta = model._meta
    same = ("TEXT", "BLOB", "REAL", "INTEGER")
    kinds = {kind: kind for kind in same} | {"AUTO": "INTEGER", "FLOAT": "REAL", "INT": "INTEGER"}

    told = {}
    for field in meta.sorted_fields:
        target = field.rel_field if isinstance(field, peewee.ForeignKeyField) else field
        told[field.column_name] = (kinds[target.field_type], field.null)

    assert told == columns(db, meta.table_name)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.table_name)
def test_model_has_the_keys_of_its_table(db: SqliteDatabase, model: type[peewee.Model]) -> None:
    meta = model._meta
    column_of = {field.name: field.column_name for field in meta.sorted_fields}
    unique = {tuple(column_of[name] for name in names) for names, is_unique in meta.indexes if is_unique}
    unique |= {(field.column_name,) for field in meta.sorted_fields if field.unique and not field.primary_key}
    key = meta.primary_key
    names = key.field_names if isinstance(key, peewee.CompositeKey) else [key.name]

    assert unique == set(indexes(db, meta.table_name, unique=True))
    assert tuple(column_of[name] for name in names) == primary_key(db, meta.table_name)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.table_name)
def test_model_has_the_cascades_of_its_table(db: SqliteDatabase, model: type[peewee.Model]) -> None:
    told = {
        field.column_name: (field.rel_model._meta.table_name, field.on_delete or "NO ACTION")
        for field in model._meta.sorted_fields
        if isinstance(field, peewee.ForeignKeyField)
    }

    assert told == cascades(db, model._meta.table_name)


def test_every_table_has_a_model(db: SqliteDatabase) -> None:
    tables = set(db.get_tables()) - {"schema_migrations", "sqlite_stat1", "sqlite_stat4"}

    assert tables == {model._meta.table_name for model in TABLES}


def test_database_is_brought_up_to_date_once(tmp_path: Path) -> None:
    first, applied = migrate_file(tmp_path / "deep" / "folder" / "jobs.db")
    again = migrate(first)
    first.close()

    assert applied
    assert again == []


def test_database_keeps_what_is_committed_and_watches_its_keys(db: SqliteDatabase) -> None:
    pragmas = {name: db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")}

    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}
    assert db.execute_sql("PRAGMA synchronous").fetchone()[0] == 2


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"not a database" * 100)

    with pytest.raises(SchemaError, match="is not a database of this service"):
        open_database(path)


def test_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    db = open_database(tmp_path / "jobs.db")
    columns_of = [name for _, name, *_ in db.execute_sql("PRAGMA table_info(schema_migrations)")]
    row = {name: f"9999_{name}" for name in columns_of if name != "id"}
    db.execute_sql(
        f"INSERT INTO schema_migrations ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", (*row.values(),)
    )
    db.close()

    with pytest.raises(SchemaError, match="newer version"):
        open_database(tmp_path / "jobs.db")


def test_deleting_a_job_deletes_all_that_hangs_on_it(db: SqliteDatabase) -> None:
    db.execute_sql(
        "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at)"
        " VALUES ('j', '', 'completed', '[]', '[]', '')"
    )
    db.execute_sql("INSERT INTO job_details (job_id, date, model, status) VALUES ('j', 'd', 'm', 'completed')")
    db.execute_sql(
        "INSERT INTO positions (id, job_id, date, model, action_id, action_type, cash, portfolio_value, created_at)"
        " VALUES (1, 'j', 'd', 'm', 0, 'no_trade', 1, 1, '')"
    )
    db.execute_sql("INSERT INTO holdings (position_id, symbol, quantity) VALUES (1, 'A', 1)")
    db.execute_sql(
        "INSERT INTO reasoning_logs (job_id, date, model, step_number, timestamp, role)"
        " VALUES ('j', 'd', 'm', 1, '', 'user')"
    )
    db.execute_sql("INSERT INTO tool_usage (job_id, date, model, tool_name) VALUES ('j', 'd', 'm', 't')")

    db.execute_sql("DELETE FROM jobs")

    left = {table: db.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ANCESTOR}
    assert left == dict.fromkeys(ANCESTOR, 0)


def test_model_day_cannot_be_stored_twice(db: SqliteDatabase) -> None:
    db.execute_sql(
        "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at)"
        " VALUES ('j', '', 'completed', '[]', '[]', '')"
    )
    insert = "INSERT INTO job_details (job_id, date, model, status) VALUES ('j', 'd', 'm', 'completed')"
    db.execute_sql(insert)

    with pytest.raises((sqlite3.IntegrityError, peewee.IntegrityError)):
        db.execute_sql(insert)
