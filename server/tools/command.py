"""The command `ai-trader-server tools`: the tools of one model-day, for an agent that speaks MCP."""

import asyncio
import json
import signal
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from server.engine.model_day import ModelDayFailure, ModelDayOutcome, ModelDayResult
from server.engine.prices import PriceTable
from server.market.price_store import load
from server.settings import Settings, SettingsError, load_settings
from server.tools.services import ToolService, tool_ports
from storage.database import open_database
from storage.errors import StorageError


@click.command()
@click.option("--date", help="Trading date, YYYY-MM-DD. [default: the last one with prices]")
@click.option(
    "--cash", type=click.IntRange(1, 100_000_000), default=10_000, show_default=True, help="Dollars to trade."
)
@click.option("--symbols", help="Symbols that may be traded, with commas between. [default: all]")
@click.option("--ttl", type=click.FloatRange(1, 86_400), default=3600.0, show_default=True, help="Seconds it is open.")
@click.option("--host", "tools_host", help="Address to listen on.")
@click.option("--db", type=click.Path(path_type=Path), help="Database file with the prices.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
def tools(
    *,
    date: str | None,
    cash: int,
    symbols: str | None,
    ttl: float,
    as_json: bool,
    **overrides: Any,  # noqa: ANN401
) -> None:
    """Open one model-day to an agent of your own, and serve its tools over MCP.

    Prints the token of the session and the addresses. The session ends when the agent calls finish, at SIGINT or
    SIGTERM, or when its time is up; then the token is refused, and the day is valued at the close and printed.
    Nothing is stored.
    """
    try:
        settings = load_settings(**overrides)
        prices = _prices(settings.db)
        chosen = _chosen(prices, symbols)
        outcome = asyncio.run(_run(settings, prices, date or prices.dates[-1], Decimal(cash), chosen, ttl, as_json))
    except (SettingsError, StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        raise click.ClickException(f"the extra 'llm' of this package is not installed: {error}") from error
    if isinstance(outcome, ModelDayFailure):
        raise click.ClickException(outcome.message)
    click.echo(json.dumps(_facts(outcome)) if as_json else _sentence(outcome))


def _prices(db: Path) -> PriceTable:
    if not db.exists():
        raise click.ClickException(f"there is no database '{db}'")
    database = open_database(db)
    try:
        prices = load(database)
    finally:
        database.close()
    if not prices.dates:
        raise click.ClickException(f"there are no prices in '{db}'; import some with: ai-trader-server prices import")
    return prices


def _chosen(prices: PriceTable, symbols: str | None) -> tuple[str, ...] | None:
    if symbols is None:
        return None
    chosen = tuple(symbol.strip().upper() for symbol in symbols.split(",") if symbol.strip())
    unknown = [symbol for symbol in chosen if symbol not in prices.symbol_index]
    if unknown or not chosen:
        raise click.BadParameter(f"there are no prices of {', '.join(unknown) or 'no symbol'}", param_hint="--symbols")
    return chosen


async def _run(
    settings: Settings,
    prices: PriceTable,
    date: str,
    cash: Decimal,
    symbols: tuple[str, ...] | None,
    ttl: float,
    as_json: bool,  # noqa: FBT001
) -> ModelDayOutcome:
    from server.agents.llm.search import JinaSearch  # here, as the libraries take seconds to import
    from server.tools.paper_day import PaperDay, run_paper_day

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def announce(token: str, addresses: Mapping[ToolService, str]) -> None:
        opened = {"date": date, "token": token, **{str(service): url for service, url in addresses.items()}}
        click.echo(json.dumps(opened) if as_json else "\n".join(f"{name}: {text}" for name, text in opened.items()))

    key = settings.jina_api_key
    return await run_paper_day(
        PaperDay(date=date, cash=cash, symbols=symbols, ttl=ttl),
        prices,
        host=settings.tools_host,
        ports=tool_ports(settings),
        announce=announce,
        stop=stop,
        search=None if key is None else JinaSearch(key.get_secret_value()),
    )


def _facts(result: ModelDayResult) -> dict[str, Any]:
    day, record = result.trading_day, result.record
    return {
        "date": day.date,
        "positions": {**dict(result.positions[-1].holdings), "CASH": float(day.cash)},
        "portfolio_value": float(day.portfolio_value),
        "profit": float(day.daily_profit),
        "rejections": len(result.rejections),
        "observations": len(record.observations) if record else 0,
        "dropped": len(record.dropped) if record else 0,
        "summary": record.summary if record else "",
    }


def _sentence(result: ModelDayResult) -> str:
    facts = _facts(result)
    return (
        f"{facts['summary']}\nworth {facts['portfolio_value']:,.2f} dollars at the close of {facts['date']}, "
        f"a profit of {facts['profit']:+,.2f}; {facts['rejections']} orders refused, "
        f"{facts['observations']} things shown, {facts['dropped']} kept back"
    )
