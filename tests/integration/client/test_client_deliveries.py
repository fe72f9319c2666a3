"""Callbacks on the command line."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from aitrader.v1 import callbacks_pb2
from aitrader.v1 import simulation_pb2 as pb
from client.cli import main
from tests.integration.client.fake_service import FakeService
from tests.integration.client.job_story import JOB_ID, accepted

Command = Callable[..., Result]


@pytest.fixture
def command(target: str) -> Command:
    def run(*arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "160"}).invoke(main, ["--server", target, *arguments], catch_exceptions=False)

    return run


def test_trigger_hands_on_callbacks(command: Command, service: FakeService) -> None:
    service.trigger = accepted()

    command("trigger", "demo.json", "--callback", "https://a.net/1", "--callback", "https://a.net/2")

    (request,) = service.received(pb.TriggerRequest)
    assert list(request.callback_urls) == ["https://a.net/1", "https://a.net/2"]


def test_deliveries_are_told_with_what_came_of_them(command: Command, service: FakeService) -> None:
    told = service.deliveries.deliveries
    told.add(
        delivery_id="d1",
        url="https://a.net/1",
        status=callbacks_pb2.DELIVERY_STATUS_PENDING,
        attempts=2,
        last_error="no",
    ).next_attempt_time.FromJsonString("2026-01-02T03:04:05Z")
    told.add(delivery_id="d2", url="https://a.net/2", status=callbacks_pb2.DELIVERY_STATUS_GIVEN_UP, attempts=1)

    assert command("deliveries", JOB_ID).stdout.splitlines() == [
        "d1  pending after 2 attempts  https://a.net/1",
        "    no",
        "    next attempt at 2026-01-02T03:04:05Z",
        "d2  given up after 1 attempt  https://a.net/2",
    ]


def test_no_deliveries_are_told_as_such(command: Command) -> None:
    assert command("deliveries", JOB_ID).stdout == "no deliveries\n"
