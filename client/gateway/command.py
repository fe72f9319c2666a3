"""The command `ai-trader gateway`."""

import os

import click


@click.command(short_help="Serve HTTP and JSON in front of the server.")
@click.option("--host", help="Address to listen on (API_HOST).")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one (API_PORT).")
@click.option("--workers", type=int, help="Processes that share the port (API_WORKERS).")
@click.option("--cors-origins", help="Origins whose pages may call, separated by commas (API_CORS_ORIGINS).")
@click.pass_context
def gateway(
    ctx: click.Context, host: str | None, port: int | None, workers: int | None, cors_origins: str | None
) -> None:
    """Serve the REST routes and the event streams until interrupted; needs the extra `gateway`."""
    try:
        from .serving import serve  # the web server is imported only where it is needed
        from .settings import load_settings
    except ModuleNotFoundError as error:
        raise click.UsageError(f"{error.name} is not installed: the gateway needs the extra 'gateway'") from error
    target = ctx.find_root().params["server"]
    settings = load_settings(
        os.environ, server=target, host=host, port=port, workers=workers, cors_origins=cors_origins
    )
    serve(settings)
