"""The command `ai-trader`: the client's methods for people and scripts."""

import click
from google.protobuf.message import Message

from aitrader.v1.service_status_pb2 import COMPONENT_STATUS_HEALTHY

from .channel import DEFAULT_TARGET, TARGET_VARIABLE
from .client import Client
from .command_group import CommandGroup
from .document import document
from .exit_codes import EXIT_CODES_HELP, ExitCode, exit_code_of
from .following import follow_as_json, follow_on_screen
from .gateway.command import gateway
from .job import Job
from .options import benchmark_option, experiment_option, json_option, range_options
from .paging import joined
from .words import DETAIL_WORDS, INCLUDE_WORDS, POLICY_WORDS, SORT_WORDS, STATUS_WORDS

STATUS_HELP = "Only jobs in this state; may be repeated."
#: values of an equity curve in the leaderboard, one column each
CURVE_POINTS = 40


@click.group(cls=CommandGroup, epilog=EXIT_CODES_HELP)
@click.option(
    "--server",
    metavar="HOST:PORT",
    envvar=TARGET_VARIABLE,
    default=DEFAULT_TARGET,
    show_default=True,
    show_envvar=True,
    help="The server to call.",
)
@click.pass_context
def main(ctx: click.Context, *, server: str) -> None:
    """Start trading simulations, follow them, and read what the models did."""
    ctx.obj = ctx.with_resource(Client(server))


@main.command(epilog=EXIT_CODES_HELP, short_help="Start a job for a config.")
@click.argument("config")
@experiment_option
@click.option("--model", "models", metavar="M", multiple=True, help="Only this model; may be repeated.")
@range_options
@click.option("--request-id", metavar="R", default="", help="A repeat with the same id returns the first job.")
@click.option(
    "--callback", "callbacks", metavar="URL", multiple=True, help="Post the job's end to this URL; may be repeated."
)
@click.option("--replace", is_flag=True, help="Run dates again that are done already, and the days after them.")
@click.option(
    "--on-conflict",
    type=click.Choice([word.replace("_", "-") for word in POLICY_WORDS]),
    default="fail",
    show_default=True,
    help="What to do when another job is in the way.",
)
@click.option("--wait", is_flag=True, help="Show the progress until the job ends, then its status.")
@json_option
@click.pass_context
def trigger(
    ctx: click.Context,
    *,
    config: str,
    experiment: str,
    models: tuple[str, ...],
    start: str,
    end: str,
    request_id: str,
    callbacks: tuple[str, ...],
    replace: bool,
    on_conflict: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Start a job for the dates that the models of CONFIG still lack.

    CONFIG is a path relative to the server's configs folder.
    """
    job = ctx.obj.trigger(
        config,
        experiment=experiment,
        models=models,
        start_date=start,
        end_date=end,
        request_id=request_id,
        callback_urls=callbacks,
        replace_existing=replace,
        conflict_policy=on_conflict.replace("-", "_"),
    )
    if not (wait and as_json):
        _print(job.response, as_json=as_json)
    if wait and (as_json or not job.up_to_date):
        _wait(ctx, job, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Run again what did not complete of a job.")
@click.argument("job_id", metavar="JOB")
@click.option("--model", "models", metavar="M", multiple=True, help="Only this model; may be repeated.")
@click.option("--request-id", metavar="R", default="", help="A repeat with the same id changes nothing.")
@click.option("--wait", is_flag=True, help="Show the progress until the job ends, then its status.")
@json_option
@click.pass_context
def retry(
    ctx: click.Context, *, job_id: str, models: tuple[str, ...], request_id: str, wait: bool, as_json: bool
) -> None:
    """Run again what did not complete of JOB, which has ended: failed model-days and what followed from them."""
    job = ctx.obj.job(job_id)
    response = job.retry(models=models, request_id=request_id)
    if not (wait and as_json):
        _print(response, as_json=as_json)
    if wait:
        _wait(ctx, job, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell how far a job is and what went wrong.")
@click.argument("job_id", metavar="JOB")
@json_option
@click.pass_obj
def status(client: Client, *, job_id: str, as_json: bool) -> None:
    """Tell how far JOB is and what went wrong."""
    _print(client.status(job_id), as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Show the progress of a job until it ends.")
@click.argument("job_id", metavar="JOB")
@click.option("--after", metavar="N", type=int, default=0, help="Begin after the event of this sequence number.")
@click.option(
    "--include",
    type=click.Choice(INCLUDE_WORDS),
    multiple=True,
    help="Tell fills, or reasoning as it happens, as well; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one event, or with --include one message, as JSON a line.")
@click.pass_context
def watch(ctx: click.Context, *, job_id: str, after: int, include: tuple[str, ...], as_json: bool) -> None:
    """Show the progress of JOB until it ends: a bar with rate and remaining time, and a row per model."""
    job = ctx.obj.job(job_id)
    final = follow_as_json(job, after, include) if as_json else follow_on_screen(job, after, include)
    ctx.exit(exit_code_of(final))


@main.command(epilog=EXIT_CODES_HELP)
@click.option("--date", metavar="D", default="", help="One date, YYYY-MM-DD; excludes --start and --end.")
@range_options
@click.option("--job", "job_id", metavar="JOB", default="", help="Only days that this job committed.")
@click.option("--model", metavar="M", default="", help="Only this model.")
@experiment_option
@click.option(
    "--detail", type=click.Choice(DETAIL_WORDS), default="minimal", show_default=True, help="How much to tell."
)
@click.option("--superseded", is_flag=True, help="Also the days that the --job replaced itself when it was retried.")
@json_option
@click.pass_obj
def results(
    client: Client,
    /,
    *,
    date: str,
    start: str,
    end: str,
    job_id: str,
    model: str,
    experiment: str,
    detail: str,
    superseded: bool,
    as_json: bool,
) -> None:
    """List what the models did and earned, by date and model."""
    response = joined(
        lambda token: client.get_results(
            date=date,
            start_date=start,
            end_date=end,
            job_id=job_id,
            model=model,
            experiment=experiment,
            detail=detail,
            include_superseded=superseded,
            page_token=token,
        )
    )
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP)
@experiment_option
@click.option("--date", metavar="D", default="", help="Rank as of the end of this date, YYYY-MM-DD.")
@click.option("--sort", type=click.Choice(SORT_WORDS), default="value", show_default=True, help="What to rank by.")
@benchmark_option
@click.option("--metrics", "with_metrics", is_flag=True, help="Also tell Sharpe ratio and drawdown.")
@json_option
@click.pass_obj
def leaderboard(
    client: Client, /, *, experiment: str, date: str, sort: str, benchmark: str, with_metrics: bool, as_json: bool
) -> None:
    """Rank the portfolios, each with its equity curve."""
    response = joined(
        lambda token: client.get_leaderboard(
            experiment=experiment,
            date=date,
            curve_points=CURVE_POINTS,
            sort=sort,
            benchmark=benchmark,
            with_metrics=with_metrics,
            page_token=token,
        )
    )
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell how good a model's portfolio was.")
@click.argument("model")
@experiment_option
@range_options
@benchmark_option
@json_option
@click.pass_obj
def metrics(
    client: Client, *, model: str, experiment: str, start: str, end: str, benchmark: str, as_json: bool
) -> None:
    """Tell how good MODEL's portfolio was: returns, risk, ratios with 95 % confidence intervals."""
    response = client.get_metrics(model, experiment=experiment, start_date=start, end_date=end, benchmark=benchmark)
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Draw the value of a model's portfolio over time.")
@click.argument("model")
@experiment_option
@range_options
@json_option
@click.pass_obj
def timeseries(client: Client, *, model: str, experiment: str, start: str, end: str, as_json: bool) -> None:
    """Draw the value of MODEL's portfolio over time, with the last values below."""
    response = joined(
        lambda token: client.get_portfolio_timeseries(
            model, experiment=experiment, start_date=start, end_date=end, page_token=token
        )
    )
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP)
@click.option(
    "--status",
    "statuses",
    type=click.Choice(STATUS_WORDS),
    multiple=True,
    help="Only jobs in this state; may be repeated.",
)
@click.option("--experiment", metavar="E", default="", help="Only jobs of this experiment.")
@json_option
@click.pass_obj
def jobs(client: Client, *, statuses: tuple[str, ...], experiment: str, as_json: bool) -> None:
    """List jobs, newest first."""
    response = joined(lambda token: client.list_jobs(statuses=statuses, experiment=experiment, page_token=token))
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Stop a job; what it has committed stays.")
@click.argument("job_id", metavar="JOB")
@click.option("--reason", metavar="TEXT", default="", help="Why, for those who read the job later.")
@click.option("--wait", is_flag=True, help="Show the progress until the job has ended.")
@json_option
@click.pass_obj
def cancel(client: Client, *, job_id: str, reason: str, wait: bool, as_json: bool) -> None:
    """Stop JOB: nothing of it is committed any more, and what it has committed stays."""
    response: Message = client.cancel(job_id, reason=reason)
    if wait:
        if not as_json:
            follow_on_screen(client.job(job_id))
        response = client.job(job_id).wait()
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell what an agent saw, said and did on a day.")
@click.argument("job_id", metavar="JOB")
@click.option("--model", metavar="M", required=True, help="The model.")
@click.option("--date", metavar="D", required=True, help="The trading date, YYYY-MM-DD.")
@click.option("--attempt", metavar="N", type=int, default=0, help="The attempt, from 1; by default the last.")
@json_option
@click.pass_obj
def reasoning(client: Client, *, job_id: str, model: str, date: str, attempt: int, as_json: bool) -> None:
    """Tell what a model's agent saw, said and did on a day of JOB, and what it cost."""
    response = joined(lambda token: client.get_reasoning(job_id, model, date, attempt=attempt, page_token=token))
    _print(response, as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell what came of telling a job's end.")
@click.argument("job_id", metavar="JOB")
@json_option
@click.pass_obj
def deliveries(client: Client, *, job_id: str, as_json: bool) -> None:
    """List the deliveries of JOB's end to its callback URLs, with what came of them."""
    _print(joined(lambda token: client.list_deliveries(job_id, page_token=token)), as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell which prices there are, and what is missing.")
@json_option
@click.pass_obj
def prices(client: Client, *, as_json: bool) -> None:
    """Tell which symbols have prices from when to when, and what is missing or strange among them."""
    _print(joined(lambda token: client.get_price_coverage(page_token=token)), as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell what the service does by itself, and when.")
@json_option
@click.pass_obj
def schedules(client: Client, *, as_json: bool) -> None:
    """Tell what the service does by itself, when it is due next, and what came of the last time."""
    _print(joined(lambda token: client.list_schedules(page_token=token)), as_json=as_json)


@main.command(epilog=EXIT_CODES_HELP, short_help="Check that no agent of a job saw the future.")
@click.argument("job_id", metavar="JOB")
@json_option
@click.pass_context
def audit(ctx: click.Context, *, job_id: str, as_json: bool) -> None:
    """Check that nothing the agents of JOB were shown was later than their decisions, and tell what was kept back."""
    response = ctx.obj.audit(job_id)
    _print(response, as_json=as_json)
    ctx.exit(ExitCode.VIOLATIONS if response.violation_count else ExitCode.OK)


@main.command("service-status", epilog=EXIT_CODES_HELP, short_help="Tell how the service and its parts are.")
@json_option
@click.pass_context
def service_status(ctx: click.Context, *, as_json: bool) -> None:
    """Tell the version of the service and how its database, prices, disk, workers and tool services are."""
    response = ctx.obj.service_status()
    _print(response, as_json=as_json)
    ctx.exit(ExitCode.OK if response.status == COMPONENT_STATUS_HEALTHY else ExitCode.ERROR)


@main.command(epilog=EXIT_CODES_HELP, short_help="Tell how much is stored.")
@json_option
@click.pass_obj
def storage(client: Client, *, as_json: bool) -> None:
    """Tell the size of the database, its rows by table, jobs by status and by day, and the largest models."""
    _print(client.storage_status(), as_json=as_json)


main.add_command(gateway)


@main.command(epilog=EXIT_CODES_HELP, short_help="Run a job again from its record and compare every row.")
@click.argument("job_id", metavar="JOB")
@json_option
@click.pass_context
def verify(ctx: click.Context, *, job_id: str, as_json: bool) -> None:
    """Run the completed model-days of JOB again from its record, without any model call, and compare every row."""
    response = ctx.obj.verify(job_id)
    _print(response, as_json=as_json)
    ctx.exit(ExitCode.OK if response.equal else ExitCode.DIFFERENT)


def _wait(ctx: click.Context, job: Job, *, as_json: bool) -> None:
    if not as_json:
        follow_on_screen(job)
    final = job.wait()
    _print(final, as_json=as_json)
    ctx.exit(exit_code_of(final.status))


def _print(response: Message, *, as_json: bool) -> None:
    if as_json:
        click.echo(document(response))
        return
    from .presentation import present  # rich is imported only where it is needed

    present(response)
