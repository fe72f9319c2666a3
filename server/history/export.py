"""Portfolios written to files: position files and logs as earlier versions had them, or tables as CSV or Parquet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO

from peewee import SqliteDatabase

from server.history.errors import NotExpressibleError, RunFolderError
from server.history.run_files import PositionLines, log_line
from server.history.run_folder import AGENT_DATA, POSITIONS
from server.history.whole_file import whole_file
from storage import exports
from storage.exports import ExportedPortfolio, ExportTable

#: rows held in memory at once
BATCH = 10_000


class ExportFormat(StrEnum):
    """What portfolios are written as."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def export(
    db: SqliteDatabase, out: Path, format_: ExportFormat, experiment: str, models: Sequence[str] = ()
) -> list[Path]:
    """Write portfolios of an experiment below a folder and return the files; those that are there are replaced.

    Raises:
        RunFolderError: there is no portfolio, or not one of a model that is named.
        NotExpressibleError: a portfolio cannot be told in a position file.
        ImportError: Parquet was asked for without the library that writes it.
    """
    portfolios = exports.exported_portfolios(db, experiment, models)
    missing = sorted(set(models).difference(portfolio.model for portfolio in portfolios))
    if missing or not portfolios:
        raise RunFolderError(f"no portfolio {f'of {missing[0]!r} ' if missing else ''}in experiment '{experiment}'")
    if format_ is ExportFormat.JSONL:
        return [path for portfolio in portfolios for path in write_run(db, portfolio, out / AGENT_DATA)]
    write = write_csv if format_ is ExportFormat.CSV else write_parquet
    paths = [out / f"{table.name}.{format_}" for table in exports.TABLES]
    for table, path in zip(exports.TABLES, paths, strict=True):
        rows = (row for portfolio in portfolios for row in exports.table_rows(db, table, portfolio.id))
        with whole_file(path) as file:
            write(file, table, rows)
    return paths


def write_run(db: SqliteDatabase, portfolio: ExportedPortfolio, agent_data: Path) -> Iterator[Path]:
    """Write the position file of a portfolio and its logs, and give their paths.

    Raises:
        NotExpressibleError: such a file begins with the first day, which a cleanup removed; or a symbol has a bad name.
    """
    if portfolio.removed_through:
        told = f"a cleanup removed its trading days up to {portfolio.removed_through}; csv and parquet hold the others"
        raise NotExpressibleError(portfolio.model, told)
    folder = agent_data / portfolio.model
    lines = PositionLines(portfolio)
    with whole_file(folder / POSITIONS) as file:
        file.write(lines.opening())
        file.writelines(lines.lines(exports.actions(db, portfolio.id)))
    yield folder / POSITIONS
    yield from write_logs(db, portfolio, folder)


def write_logs(db: SqliteDatabase, portfolio: ExportedPortfolio, folder: Path, after: str = "") -> Iterator[Path]:
    """Write the logs of a portfolio's trading days after a date, and give their paths."""
    for date, messages in groupby(exports.messages(db, portfolio.id, after), key=lambda row: row.date):
        path = folder / "log" / date / "log.jsonl"
        with whole_file(path) as file:
            file.writelines(log_line(portfolio.model, message) for message in messages)
        yield path


def write_csv(file: BinaryIO, table: ExportTable, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write a table with a header; what is not set is empty."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows(rows)
    text.detach()


def write_parquet(file: BinaryIO, table: ExportTable, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write a table in groups of `BATCH` rows; its types are text, 64-bit integers and doubles."""
    import pyarrow  # here, as it is an extra, and large
    from pyarrow import parquet

    types = {"TEXT": pyarrow.string(), "INTEGER": pyarrow.int64(), "REAL": pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in table.columns])
    waiting = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(waiting, BATCH)):
            columns = [
                pyarrow.array(column, field.type)
                for column, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
