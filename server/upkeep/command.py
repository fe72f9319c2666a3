"""The commands `ai-trader-server db …`."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from server.upkeep.age import moment_before
from server.upkeep.cleanup import CleanupReport, cleanup
from storage.backup import backups_of, write_backup
from storage.checks.check import Checked, check
from storage.database import migrate_file, open_existing
from storage.errors import StorageError
from storage.restore import restore, vacuum
from storage.status import StorageStatus, storage_status

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
    """Bring the database up to date, with a backup before, making it when it is not there."""
    with told():
        database, applied = migrate_file(path)
        database.close()
    words = f"{path}: " + (f"applied {', '.join(applied)}" if applied else "up to date")
    _print({"db": str(path), "applied": applied}, words, as_json=as_json)


@db.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), required=False)
@db_option
@json_option
def backup(target: Path | None, path: Path, *, as_json: bool) -> None:
    """Copy the database to TARGET, by default to the folder `backups` beside it, while a server may run and write.

    The copy is as of one moment and verified, and gets its name only then.
    """
    target = target or backups_of(path) / f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
    with told():
        size = write_backup(path, target)
    _print({"db": str(path), "backup": str(target), "bytes": size}, f"{target}: {size:,} bytes, sound", as_json=as_json)


@db.command("restore")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False), metavar="BACKUP")
@db_option
@json_option
def restore_command(source: Path, path: Path, *, as_json: bool) -> None:
    """Put a verified copy of BACKUP in the place of the database, whose file is kept aside; no server may run on it."""
    with told():
        aside = restore(source, path, datetime.now(UTC))
    words = f"{path}: restored from {source}" + (f"; the file before is {aside}" if aside else "")
    _print({"db": str(path), "restored": str(source), "aside": aside and str(aside)}, words, as_json=as_json)


@db.command("vacuum")
@db_option
@json_option
def vacuum_command(path: Path, *, as_json: bool) -> None:
    """Give the space of deleted rows back to the disk; no server may run on the database."""
    with told():
        before, after = vacuum(path)
    words = f"{path}: {before:,} bytes before, {after:,} after"
    _print({"db": str(path), "before": before, "after": after}, words, as_json=as_json)


@db.command("cleanup")
@click.option("--older-than", required=True, metavar="AGE", help="Age such as 90d, 12w or 36h, or a date YYYY-MM-DD.")
@click.option("--dry-run", is_flag=True, help="Tell what would be removed, and change nothing.")
@db_option
@json_option
def cleanup_command(older_than: str, path: Path, *, dry_run: bool, as_json: bool) -> None:
    """Remove the jobs that ended longer ago than AGE, with all that hangs on them; a server may run and write.

    Portfolios go on: the state that their other trading days build on is kept. `db vacuum` gives the space back.
    """
    now = datetime.now(UTC)
    try:
        ended_before = moment_before(older_than, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--older-than'") from None
    with told(), closing(open_existing(path, writable=not dry_run)) as database:
        report = cleanup(database, ended_before, now=now, dry_run=dry_run)
    moment = f"{ended_before:%Y-%m-%dT%H:%M:%SZ}"
    document = {"db": str(path), "ended_before": moment, "dry_run": dry_run, "rows": report.rows, "kept": report.kept}
    _print(document, "\n".join(_removed(path, moment, report)), as_json=as_json)


def _removed(path: Path, moment: str, report: CleanupReport) -> Iterator[str]:
    would = "would be removed" if report.dry_run else "removed"
    yield f"{path}: jobs that ended before {moment}: {report.rows['jobs']:,} {would}, {len(report.kept):,} kept"
    for table, count in report.rows.items():
        if count:
            yield f"{table}: {count:,} {would}"
    for job_id, reason in report.kept.items():
        yield f"kept {job_id}: {reason}"


def _print(document: dict[str, Any], words: str, *, as_json: bool) -> None:
    click.echo(json.dumps(document) if as_json else words)


@db.command()
@db_option
@json_option
def status(path: Path, *, as_json: bool) -> None:
    """Print the size of the database, rows by table, jobs by status and by day, and the largest models."""
    with told(), closing(open_existing(path)) as database:
        found = storage_status(database, datetime.now(UTC).date())
    _print({"db": str(path), **asdict(found)}, "\n".join(_lines(path, found)), as_json=as_json)


def _lines(path: Path, found: StorageStatus) -> Iterator[str]:
    yield f"{path}: {found.bytes:,} bytes, {found.free_bytes:,} of them free, {found.wal_bytes:,} of write-ahead log"
    yield f"disk: {found.free_disk_bytes:,} bytes free"
    yield f"schema: {found.schema_version}"
    yield "trading days: " + (f"{found.first_date} to {found.last_date}" if found.first_date else "none")
    yield "jobs: " + (", ".join(f"{count:,} {status}" for status, count in found.jobs.items()) or "none")
    for day, jobs in found.job_days.items():
        if jobs:
            yield f"{day}: {jobs:,} jobs"
    for name, rows in found.rows.items():
        yield f"{name}: {rows:,} rows"
    for model in found.models:
        yield f"model {model.model}: {model.trading_days:,} trading days in {model.portfolios:,} portfolios"


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
