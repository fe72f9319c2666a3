"""Following a job from the command line until it ends."""

from collections.abc import Iterable, Iterator

import click

from aitrader.v1 import job_pb2
from aitrader.v1.progress_pb2 import LiveStep, ModelDayOrders
from aitrader.v1.simulation_pb2 import StreamProgressResponse

from .document import line
from .job import Job
from .progress import open_view
from .tally import Tally
from .text import plain
from .trades import trade_text
from .words import role_word

#: characters of a step that are shown; `--json` and `ai-trader reasoning` tell all
MAX_SAID = 160


def follow_as_json(job: Job, after_sequence: int, include: Iterable[str] = ()) -> job_pb2.JobStatus.ValueType:
    """Print every event as a line of JSON, or with `include` every message; give the final status."""
    wanted, final = tuple(include), job_pb2.JOB_STATUS_UNSPECIFIED
    for message in job.follow(include=wanted, after_sequence=after_sequence):
        for told in (message,) if wanted else message.events:
            click.echo(line(told))
        final = message.events[-1].status if message.events else final
    return final or job.status().status  # no event is left after the last one


def follow_on_screen(job: Job, after_sequence: int = 0, include: Iterable[str] = ()) -> job_pb2.JobStatus.ValueType:
    """Show the progress, with a line for each order and step that is included; give the final status."""
    from .console import open_console  # rich is imported only where it is needed

    tally = Tally(job.status())
    with open_view(open_console(), tally) as view:
        for message in job.follow(include=include, after_sequence=after_sequence):
            for text in included_lines(message):
                view.note(text)
            for event in message.events:
                if event.type == job_pb2.EVENT_TYPE_JOB_PREPARING:
                    view.note(plain(event.error))
                if tally.outdated_by(event):
                    tally.begin(job.status())
                tally.apply(event)
                view.refresh()
    return tally.status


def included_lines(message: StreamProgressResponse) -> Iterator[str]:
    """Tell what a message holds besides events."""
    for day in message.orders:
        yield from _order_lines(day)
    if message.missed_steps:
        yield f"{message.missed_steps} steps were missed"
    for step in message.steps:
        yield _step_line(step)


def _order_lines(day: ModelDayOrders) -> Iterator[str]:
    place = f"{day.date} {plain(day.model)}"
    yield from (f"{place}  {trade_text(trade)}" for trade in day.trades)
    yield from (f"{place}  refused: {plain(refused.message)}" for refused in day.rejections)
    if day.truncated:
        yield f"{place}  and more: see results"


def _step_line(told: LiveStep) -> str:
    step = told.step
    call = f"{step.tool_name} {step.arguments}".strip()
    said = " ".join(plain(f"{call} {step.content}").split())
    cut = said if len(said) <= MAX_SAID else f"{said[: MAX_SAID - 1]}…"
    return f"{told.date} {plain(told.model)}  {step.step_number:>3} {role_word(step.role)} {cut}"
