"""The command `ai-trader-server prices revalue`."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from peewee import SqliteDatabase

from server.market.options import db_option, json_option, with_database
from server.market.price_store import load
from server.market.revaluation import PricesNow, RevaluationStatus, RevaluedPortfolio, revalue_portfolio
from storage.prices import version
from storage.revaluations import NewDay, ValuedPortfolio, portfolios_of_experiment, portfolios_of_job

#: days of a portfolio that people are shown; --json has all
DAYS_SHOWN = 20


@click.command()
@click.option("--job", "job_id", help="The portfolios in which this job has trading days.")
@click.option("--experiment", help="The portfolios of this experiment.")
@click.option("--model", "models", multiple=True, help="Of these models only.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@db_option
@json_option
def revalue(
    job_id: str | None,
    experiment: str | None,
    models: tuple[str, ...],
    db_path: Path,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Compute values, profits and returns of stored trading days anew at the prices that are stored now.

    Orders, fills, cash and holdings stay as they were. A portfolio is valued as a whole, and what was done is
    recorded with the digests of both prices. Nothing else ever changes a stored value.
    """
    if (job_id is None) == (experiment is None):
        raise click.UsageError("name either --job or --experiment")
    if not db_path.exists():
        raise click.ClickException(f"database '{db_path}' was not found")

    def select(db: SqliteDatabase) -> list[ValuedPortfolio]:
        return portfolios_of_job(db, job_id) if job_id else portfolios_of_experiment(db, experiment or "")

    digest, found = with_database(db_path, lambda db: _revalue(db, _named(select(db), models), dry_run=dry_run))
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "price_digest": digest, "portfolios": list(map(_as_json, found))}))
    else:
        for one in found:
            _tell(one, dry_run=dry_run)
    refused = [one for one in found if one.status is RevaluationStatus.REFUSED]
    if refused:
        raise click.ClickException(f"{len(refused)} of {len(found)} portfolio(s) were not valued anew")


def _named(portfolios: Sequence[ValuedPortfolio], models: Sequence[str]) -> list[ValuedPortfolio]:
    """Return the portfolios of some models, of all where none is named."""
    there = [portfolio.model for portfolio in portfolios]
    missing = [model for model in models if model not in there]
    if missing:
        listed = ", ".join(there) or "none"
        raise click.ClickException(f"model '{missing[0]}' was not found among those with trading days: {listed}")
    if not portfolios:
        raise click.ClickException("there are no trading days to be valued")
    return [portfolio for portfolio in portfolios if not models or portfolio.model in models]


def _revalue(
    db: SqliteDatabase, portfolios: Sequence[ValuedPortfolio], *, dry_run: bool
) -> tuple[str, list[RevaluedPortfolio]]:
    imported = version(db)  # before the prices are read, so that an import between the two is noticed
    prices = PricesNow(table=load(db), version=imported)
    now = datetime.now(UTC)
    return prices.table.digest, [revalue_portfolio(db, one, prices, now, dry_run=dry_run) for one in portfolios]


def _tell(found: RevaluedPortfolio, *, dry_run: bool) -> None:
    name = f"{found.portfolio.model} in {found.portfolio.experiment}"
    if found.status is RevaluationStatus.REFUSED:
        click.echo(f"{name}: not valued anew: {found.problem}")
    elif found.status is RevaluationStatus.UNCHANGED:
        click.echo(f"{name}: nothing changes in {len(found.days):,} trading day(s)")
    else:
        verb = "would change" if dry_run else "changed"
        click.echo(f"{name}: {len(found.changed):,} of {len(found.days):,} trading day(s) {verb}")
        click.echo("\n".join(map(_day_line, found.changed[:DAYS_SHOWN])))
        click.echo("\n".join(_sums(found)))


def _day_line(day: NewDay) -> str:
    old, new = day.day.figures, day.figures
    return (
        f"{day.day.date}: {old.portfolio_value:,.2f} → {new.portfolio_value:,.2f}, "
        f"profit {old.daily_profit:+,.2f} → {new.daily_profit:+,.2f}, "
        f"return {old.daily_return_pct:+.2f} % → {new.daily_return_pct:+.2f} %"
    )


def _sums(found: RevaluedPortfolio) -> Iterator[str]:
    if len(found.changed) > DAYS_SHOWN:
        yield f"… and {len(found.changed) - DAYS_SHOWN:,} more trading days"
    last = found.days[-1]
    old, new = last.day.figures, last.figures
    yield (
        f"at the end, on {last.day.date}: {old.portfolio_value:,.2f} → {new.portfolio_value:,.2f},"
        f" return {old.cumulative_return_pct:+.4f} % → {new.cumulative_return_pct:+.4f} %"
    )


def _as_json(found: RevaluedPortfolio) -> dict[str, Any]:
    return {
        "experiment": found.portfolio.experiment,
        "model": found.portfolio.model,
        "status": found.status,
        "problem": found.problem,
        "trading_days": len(found.days),
        "changed": [
            {
                "date": day.day.date,
                "job_id": day.day.job_id,
                "old": day.day.figures._asdict(),
                "new": day.figures._asdict(),
            }
            for day in found.changed
        ],
    }
