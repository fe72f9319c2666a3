"""The commands `ai-trader-server prices actions …`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from server.market.action_file import read_actions
from server.market.found import Refusal, file_name
from server.market.options import db_option, json_option, with_database
from storage.corporate_actions import ActionRow, find_actions, import_actions

#: lines of a bad file that are told
SHOWN = 20


@click.group()
def actions() -> None:
    """Import splits and dividends, see which there are."""


@actions.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@db_option
def import_(path: Path, db_path: Path) -> None:
    """Import corporate actions, all of a file or none: symbol,ex_date,kind,value.

    kind is split (value such as 15:1) or dividend (dollars per share). What is stored already counts once; another
    value for it is refused.
    """
    found = list(read_actions(path))
    refused = [str(one) for one in found if isinstance(one, Refusal)]
    good = [one for one in found if isinstance(one, ActionRow)]
    if not refused and good:
        rows = list(dict.fromkeys(good))
        counts = with_database(db_path, lambda db: import_actions(db, file_name(path), rows, datetime.now(UTC)))
        refused = [f"{_text(row)}: another value is stored" for row in counts.differing]
    for reason in refused[:SHOWN]:
        click.echo(f"refused {reason}")
    if refused or not good:
        raise click.ClickException(f"nothing was imported: {len(refused)} of {len(found)} lines were refused")
    click.echo(f"{counts.added} added, {counts.unchanged} unchanged")


@actions.command("list")
@db_option
@json_option
def list_(db_path: Path, *, as_json: bool) -> None:
    """Print the stored corporate actions by ex-date."""
    if not db_path.exists():
        raise click.ClickException(f"database '{db_path}' was not found")
    rows = with_database(db_path, find_actions)
    if as_json:
        click.echo(json.dumps({"actions": [asdict(row) for row in rows]}))
    elif not rows:
        click.echo("no corporate actions")
    else:
        table = Table("ex-date", "symbol", "action", "source")
        for row in rows:
            table.add_row(row.ex_date, row.symbol, _terms(row), row.source)
        Console().print(table)


def _terms(row: ActionRow) -> str:
    if row.kind == "split":
        return f"split {row.numerator}:{row.denominator}"
    return f"dividend {Decimal(row.amount_micros).scaleb(-6).normalize():f}"


def _text(row: ActionRow) -> str:
    return f"{row.source}: {row.symbol} {row.ex_date} {_terms(row)}"
