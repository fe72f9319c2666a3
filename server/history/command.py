"""The commands `ai-trader-server import-positions` and `ai-trader-server export`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.jobs.config import experiment_name
from server.market.options import db_option, json_option

if TYPE_CHECKING:
    from server.history.run_import import RunReport


def _experiment(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return experiment_name(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("import-positions")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--experiment", default="default", show_default=True, callback=_experiment, help="Experiment of the portfolios."
)
@click.option("--model", "models", multiple=True, help="A model to import; all when none is named.")
@click.option(
    "--strict/--lenient",
    default=True,
    help="Import nothing of a model whose records break [default], or its whole trading days before the break.",
)
@db_option
@json_option
def import_positions(
    folder: Path, db_path: Path, experiment: str, models: tuple[str, ...], *, strict: bool, as_json: bool
) -> None:
    """Import recorded runs of DIR, or of its folder agent_data: <model>/position/position.jsonl and logs.

    Every record is replayed at the opens that were imported before; one that does not follow from the one before is
    reported with its file, line and difference. What was imported before is left as it is.
    """
    reports = _import(folder, db_path, experiment, models, lenient=not strict)
    if as_json:
        click.echo(json.dumps({"experiment": experiment, "models": [asdict(report) for report in reports]}))
    else:
        click.echo("\n".join(line for report in reports for line in _lines(report)))
    refused = [report for report in reports if report.status == "refused"]
    if refused:
        raise click.ClickException(f"{len(refused)} of {len(reports)} model(s) were not imported")


@click.command("export")
@click.option(
    "--format", "format_", type=click.Choice(["jsonl", "csv", "parquet"]), required=True, help="What to write."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder; files there are replaced."
)
@click.option(
    "--experiment", default="default", show_default=True, callback=_experiment, help="Experiment of the portfolios."
)
@click.option("--model", "models", multiple=True, help="A model to export; all when none is named.")
@db_option
@json_option
def export_portfolios(
    out: Path, db_path: Path, experiment: str, models: tuple[str, ...], *, format_: str, as_json: bool
) -> None:
    """Write portfolios to files.

    jsonl: agent_data/<model>/position/position.jsonl and logs, which import-positions reads.
    csv, parquet: trading_days, positions, holdings and fills of all models.
    """
    paths, removed = _export(out, db_path, experiment, models, format_)
    if as_json:
        files = [str(path) for path in paths]
        click.echo(json.dumps({"experiment": experiment, "files": files, "removed_through": removed or None}))
    else:
        click.echo(f"{len(paths):,} file(s) written to {out}")
        if removed:
            click.echo(f"a cleanup removed trading days of the experiment up to {removed}; they are in no file")


def _export(out: Path, db_path: Path, experiment: str, models: Sequence[str], format_: str) -> tuple[list[Path], str]:
    """Return the files, and up to which date a cleanup removed trading days; empty for none."""
    from server.history.errors import HistoryError  # here, as other commands need none of it
    from server.history.export import ExportFormat, export
    from storage.carried import removed_through
    from storage.database import open_database
    from storage.errors import StorageError

    if not db_path.exists():
        raise click.ClickException(f"database '{db_path}' was not found")
    try:
        db = open_database(db_path)
        try:
            with db.atomic():  # one moment of the database, whatever is committed meanwhile
                paths = export(db, out, ExportFormat(format_), experiment, models)
                return paths, removed_through(db, experiment)
        finally:
            db.close()
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}: Parquet needs the extra, aitrader-service[parquet]") from error
    except (HistoryError, StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _import(folder: Path, db_path: Path, experiment: str, models: Sequence[str], *, lenient: bool) -> "list[RunReport]":
    from server.history.errors import HistoryError  # here, as other commands need none of it
    from server.history.run_folder import find_runs
    from server.history.run_import import ImportRules, import_run
    from server.market.price_store import load
    from storage.database import gather_statistics, open_database
    from storage.errors import StorageError

    try:
        runs = find_runs(folder, models)
        db = open_database(db_path)
        try:
            prices, rules = load(db), ImportRules(experiment=experiment, lenient=lenient)
            reports = [import_run(db, run, prices, rules, datetime.now(UTC)) for run in runs]
            gather_statistics(db)
            return reports
        finally:
            db.close()
    except (HistoryError, StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _lines(report: "RunReport") -> Iterator[str]:
    if report.status == "imported":
        yield (
            f"{report.model}: imported, {report.days:,} trading day(s) from {report.first} to {report.last},"
            f" job {report.job_id}"
        )
    else:
        yield f"{report.model}: {'imported before, unchanged' if report.status == 'unchanged' else 'not imported'}"
    yield from (f"  {told}" for told in (report.problem, *report.notes) if told)
