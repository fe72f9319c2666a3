"""What the service does by itself, on the command line."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from google.protobuf.timestamp_pb2 import Timestamp

from aitrader.v1 import job_pb2
from aitrader.v1 import schedule_pb2 as pb
from client.cli import main
from tests.integration.client.fake_service import FakeService

Command = Callable[..., Result]


@pytest.fixture
def command(target: str) -> Command:
    return lambda *arguments: CliRunner().invoke(main, ["--server", target, *arguments], catch_exceptions=False)


def test_schedules_are_told_with_what_came_of_the_last_time(command: Command, service: FakeService) -> None:
    due = Timestamp(seconds=1_763_500_000)
    service.schedules.schedules.extend(
        [
            pb.Schedule(
                name="daily",
                kind=pb.SCHEDULE_KIND_JOB,
                cron="0 3 * * *",
                zone="UTC",
                config_path="demo.json",
                next_due_time=due,
                last_run=pb.ScheduleRun(
                    due_time=due,
                    outcome=pb.SCHEDULE_OUTCOME_SUCCEEDED,
                    message="the job was accepted",
                    job_id="j",
                    job_status=job_pb2.JOB_STATUS_PARTIAL,
                ),
            ),
            pb.Schedule(
                name="nightly",
                kind=pb.SCHEDULE_KIND_BACKUP,
                cron="0 4 * * *",
                zone="UTC",
                last_run=pb.ScheduleRun(due_time=due, outcome=pb.SCHEDULE_OUTCOME_FAILED, error="no room"),
            ),
        ]
    )

    assert command("schedules").stdout.splitlines() == [
        "daily  job demo.json  0 3 * * * UTC, next 2025-11-18 21:06:40Z",
        "    due 2025-11-18 21:06:40Z: succeeded: the job was accepted, job j partial",
        "nightly  backup  0 4 * * * UTC, switched off",
        "    due 2025-11-18 21:06:40Z: failed: no room",
    ]


def test_no_schedules_are_told_as_such(command: Command) -> None:
    assert command("schedules").stdout == "no schedules\n"
