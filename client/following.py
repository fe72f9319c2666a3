"""Following a job from the command line until it ends."""

import click

from aitrader.v1 import job_pb2

from .document import line
from .job import Job
from .progress import open_view
from .tally import Tally


def follow_as_json(job: Job, after_sequence: int) -> job_pb2.JobStatus.ValueType:
    """Print every event as a line of JSON; give the final status."""
    final = job_pb2.JOB_STATUS_UNSPECIFIED
    for event in job.watch(after_sequence):
        click.echo(line(event))
        final = event.status
    return final or job.status().status  # no event is left after the last one


def follow_on_screen(job: Job, after_sequence: int = 0) -> job_pb2.JobStatus.ValueType:
    """Show the progress; give the final status."""
    from .console import open_console  # rich is imported only where it is needed

    tally = Tally(job.status())
    with open_view(open_console(), tally) as view:
        for event in job.watch(after_sequence):
            tally.apply(event)
            view.refresh()
    return tally.status
