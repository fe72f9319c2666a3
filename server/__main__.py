"""The command `ai-trader-server`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click
import structlog

from server.history.command import export_portfolios, import_positions
from server.log_output import LogOutput
from server.market.command import prices
from server.settings import OLD_NAMES, Settings, SettingsError, load_settings, variable
from server.tools.command import tools
from server.upkeep.command import db
from storage.errors import StorageError

#: seconds within which a repeated signal is the same request: `timeout` and some supervisors send it twice
SECOND_SIGNAL_AFTER = 1.0


def _environment_help() -> str:
    lines = ["\b", "Settings, from the environment or as keys of the TOML file that AITRADER_SETTINGS names:"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f" [{field.default}]"
        lines.append(f"  {variable(name)}  {field.description}{default}")
    lines.append(
        f"Keys in the file are the names without AITRADER_, in lower case ({', '.join(OLD_NAMES.values())} too)."
    )
    return "\n".join(lines)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aitrader-service")
def cli() -> None:
    """Run the AI-Trader simulation service and look after its database."""


@cli.command(epilog=_environment_help())
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--db", type=click.Path(path_type=Path), help="Database file.")
@click.option("--configs", type=click.Path(path_type=Path), help="Folder of simulation configs.")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of recorded runs.")
def serve(**options: Any) -> None:  # noqa: ANN401 (click passes the options above)
    """Serve until SIGTERM or SIGINT; a second signal stops at once."""
    try:
        settings = load_settings(**options)
        _set_up_logs(settings)
        asyncio.run(_serve(settings))
    except (SettingsError, StorageError, RuntimeError, OSError) as error:
        raise click.ClickException(str(error)) from error


@cli.command(
    epilog="Exit codes: 0 completed or up to date; 1 error; 3 partial; 4 failed or cancelled; 130 stopped by a signal."
)
@click.argument("config")
@click.option("--experiment", default="", help="Experiment whose portfolios are extended.")
@click.option("--db", type=click.Path(path_type=Path), help="Database file.")
@click.option("--configs", type=click.Path(path_type=Path), help="Folder of simulation configs.")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of recorded runs.")
def batch(config: str, experiment: str, **options: Any) -> None:  # noqa: ANN401 (click passes the options above)
    """Run the job of CONFIG to its end without a server that stays, and exit with what came of it.

    CONFIG is a path relative to the folder of configs. SIGTERM lets running model-days finish within the grace period;
    the same command goes on where it stopped.
    """
    import grpc  # here, as most commands need none of it

    try:
        settings = load_settings(**options, host="127.0.0.1", port=0).model_copy(update={"schedules": None})
        _set_up_logs(settings)
        status = asyncio.run(_batch(settings, config, experiment))
    except grpc.aio.AioRpcError as error:
        raise click.ClickException(str(error.details())) from error
    except (SettingsError, StorageError, RuntimeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(status)


@cli.command()
@click.option("--host", help="Address the server listens on.")
@click.option("--port", type=int, help="Port the server listens on.")
def health(**options: Any) -> None:  # noqa: ANN401 (click passes the options above)
    """Ask the running server for its health; exit with 0 when it serves."""
    import grpc  # here, as the other commands need none of it
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    try:
        settings = load_settings(**options)
        with grpc.insecure_channel(f"{_reachable(settings.host)}:{settings.port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=2)  # type: ignore[attr-defined]
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    except grpc.RpcError as error:
        raise click.ClickException(f"the server did not answer: {error.code().name}") from error
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    click.echo(status.lower())
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise SystemExit(1)


def _reachable(host: str) -> str:
    """Return the address at which a server that listens on all of them can be asked."""
    try:
        return "127.0.0.1" if ip_address(host).is_unspecified else host
    except ValueError:
        return host


async def _serve(settings: Settings) -> None:
    """Run the service until a signal asks for its end."""
    from server.app import App, freeze_heap  # here, as the other commands need none of it

    app = App(settings)
    asked = _asked_to_stop(app.abandon)
    port = await app.start()
    freeze_heap()
    click.echo(f"listening on {settings.host}:{port}")
    await asked.wait()
    await app.stop()


async def _batch(settings: Settings, config: str, experiment: str) -> int:
    """Run the service for one job, or until a signal asks for its end."""
    from server.app import App  # here, as the other commands need none of it
    from server.batch import run_job

    app = App(settings)
    return await run_job(app, config, experiment, _asked_to_stop(app.abandon), click.echo)


def _asked_to_stop(abandon: Callable[[], None]) -> asyncio.Event:
    """Return what a signal sets; a second signal calls `abandon` and ends the process."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def first() -> None:
        if not asked.is_set():
            asked.set()
            loop.call_later(SECOND_SIGNAL_AFTER, _stop_at_once, loop, abandon)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, first)
    return asked


def _stop_at_once(loop: asyncio.AbstractEventLoop, abandon: Callable[[], None]) -> None:
    """End the process at the next signal, whatever the loop does then: the next server puts back what is under way."""

    def end(*_: object) -> None:
        try:
            abandon()
        finally:
            os._exit(1)  # waits for no thread and no task

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, end)


def _set_up_logs(settings: Settings) -> None:
    """Send logs to standard error, as lines for people or as JSON."""
    console = settings.log_format == "console"
    renderer = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if console else structlog.processors.JSONRenderer()
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not console else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: LogOutput(sys.stderr),
        cache_logger_on_first_use=True,
    )


cli.add_command(db)
cli.add_command(export_portfolios)
cli.add_command(import_positions)
cli.add_command(prices)
cli.add_command(tools)


def main() -> None:
    """Run the command."""
    cli()


if __name__ == "__main__":
    main()
