"""Jobs that download what they lack before they run, from a server that behaves like the vendor."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from aitrader.v1 import control_pb2, job_pb2, simulation_pb2
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.integration.test_drain import server_process
from tests.service import DATES, DEADLINE, Service, config, model, refusal, wait_until
from tests.unit.server.market import vendor as vendors
from tests.unit.server.market.vendor import Vendor, series, serving, silence, words

#: trading days after those of the small market
LATER = ("2025-03-17", "2025-03-18")

PREPARING = job_pb2.EVENT_TYPE_JOB_PREPARING

Start = Callable[..., Service]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as served:
        yield served


@pytest.fixture
def start(new_service: Start, vendor: Vendor) -> Start:
    """Start a service that may download from the vendor."""

    def started(**overrides: object) -> Service:
        access = {
            "alphaadvantage_api_key": SecretStr("SECRET"),
            "alpha_vantage_url": vendor.url,
            "alpha_vantage_requests_per_minute": 100_000,
        }
        return new_service(**access | overrides)

    return started


def preparing(*models: dict[str, Any], universe: tuple[str, ...] = ("FLAT", "UP"), **more: Any) -> dict[str, Any]:
    entries = models or (model("m"),)
    return config(*entries, end=LATER[-1], universe=list(universe), auto_update_prices=True, **more)


def told(events: list[job_pb2.ProgressEvent]) -> list[str]:
    return [event.error for event in events if event.type == PREPARING]


def test_what_is_missing_is_downloaded_before_the_job_runs(start: Start, vendor: Vendor) -> None:
    service = start()
    service.run(config(model("m", "rule/buy-and-hold"), universe=["UP"]))
    vendor.answers = [series(LATER, "20")]

    triggered = service.trigger(preparing(model("m", "rule/buy-and-hold"), universe=("DOWN", "FLAT", "UP")))
    status = service.ended(triggered.job_id)
    events = service.events(triggered.job_id)

    assert list(triggered.date_range) == [*LATER]
    assert (status.status, list(status.date_range)) == (job_pb2.JOB_STATUS_COMPLETED, [*LATER])
    assert list(status.warnings) == [
        f"'m': 10 date(s) left out, done already; the portfolio's last trading day is {DATES[-1]}",
        f"jump DOWN {LATER[0]}: from 41 to 20",
        f"jump FLAT {LATER[0]}: from 100 to 20",
    ]
    assert [event.type for event in events[:1]] == [job_pb2.EVENT_TYPE_JOB_ACCEPTED]
    assert told(events)[0] == "3 symbols lack prices of the job's dates"
    assert told(events)[-1] == "3 symbols asked for, 6 bars added, 0 changed"
    assert {event.status for event in events if event.type == PREPARING} == {job_pb2.JOB_STATUS_PENDING}
    # of those that miss as many dates, the one that is held is asked for first
    assert [asked["symbol"] for asked in vendor.asked] == ["UP", "DOWN", "FLAT"]


def test_job_runs_with_what_could_be_had_and_tells_what_could_not(start: Start, vendor: Vendor) -> None:
    vendor.answers = [words("Error Message", vendors.UNKNOWN_SYMBOL), series(LATER[:1])]
    service = start()

    status = service.run(preparing())

    assert (status.status, list(status.date_range)) == (job_pb2.JOB_STATUS_COMPLETED, [*DATES, LATER[0]])
    warnings = "\n".join(status.warnings)
    assert f"dates after {LATER[0]} up to {LATER[1]} left out" in warnings
    assert "prices of FLAT could not be had: Alpha Vantage sent no prices: Invalid API call" in warnings
    assert "prices of UP could not be had: alpha-vantage has no bar" in warnings


def test_job_ends_when_no_date_has_prices_after_all_and_is_not_retried(start: Start, vendor: Vendor) -> None:
    vendor.answers = [words("Information", vendors.DAY_SPENT)]
    service = start()

    job_id = service.trigger(preparing(), start_date=LATER[0]).job_id
    status = service.ended(job_id)
    refused = refusal(service.stub.RetryJob, control_pb2.RetryJobRequest(job_id=job_id))

    assert status.status == job_pb2.JOB_STATUS_FAILED
    assert "the job could not start: start_date: no date from 2025-03-17" in status.error
    assert status.progress.skipped == len(LATER)
    assert "prices of FLAT, UP could not be had: Alpha Vantage says" in "\n".join(status.warnings)
    assert (refused.reason, "trigger it again" in refused.message) == ("JOB_STATE", True)


def test_download_ends_when_its_time_is_over(start: Start, vendor: Vendor) -> None:
    vendor.answers = [series(LATER)]
    service = start(alpha_vantage_requests_per_minute=1, price_update_timeout=1.0)

    status = service.run(preparing())

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert "could not be had: the 1 seconds for downloads of a job are over" in "\n".join(status.warnings)


def test_cancel_ends_a_job_that_waits_for_the_vendor(start: Start, vendor: Vendor) -> None:
    vendor.answers = [silence]
    service = start()
    job_id = service.trigger(preparing()).job_id
    wait_until(lambda: vendor.asked, "the first request")

    service.stub.CancelJob(control_pb2.CancelJobRequest(job_id=job_id))
    status = service.ended(job_id)

    assert (status.status, status.progress.cancelled) == (job_pb2.JOB_STATUS_CANCELLED, len(DATES) + len(LATER))
    assert service.rows("SELECT count(*) FROM portfolios WHERE claimed_by IS NOT NULL") == [(0,)]


def test_job_that_waits_for_the_vendor_goes_on_after_a_restart(start: Start, vendor: Vendor) -> None:
    vendor.answers = [silence, series(LATER)]
    service = start()
    job_id = service.trigger(preparing()).job_id
    wait_until(lambda: vendor.asked, "the first request")

    service.restart()
    status = service.ended(job_id)

    assert (status.status, list(status.date_range)) == (job_pb2.JOB_STATUS_COMPLETED, [*DATES, *LATER])
    assert told(service.events(job_id)).count("2 symbols lack prices of the job's dates") == 2


def test_job_whose_server_is_killed_while_it_waits_for_the_vendor_goes_on_with_the_next_one(
    start: Start, vendor: Vendor
) -> None:
    vendor.answers = [silence, series(LATER)]
    service = start()
    path = service.write_config(preparing())
    service.stop()
    access = {"ALPHAADVANTAGE_API_KEY": "SECRET", "AITRADER_ALPHA_VANTAGE_URL": vendor.url}

    with server_process(service, **access) as (process, address), grpc.insecure_channel(address) as channel:
        trigger = simulation_pb2.TriggerRequest(config_path=path)
        job_id = SimulationServiceStub(channel).Trigger(trigger, timeout=DEADLINE).job_id
        wait_until(lambda: vendor.asked, "the first request")
        process.kill()
    left = service.rows("SELECT status FROM jobs")
    service.start()
    status = service.ended(job_id)

    assert left == [("pending",)]
    assert (status.status, list(status.date_range)) == (job_pb2.JOB_STATUS_COMPLETED, [*DATES, *LATER])
    assert service.rows("SELECT count(*) FROM portfolios WHERE claimed_by IS NOT NULL") == [(0,)]


def test_job_that_waits_for_its_turn_is_prepared_when_it_comes(start: Start, vendor: Vendor) -> None:
    vendor.answers = [silence, series(LATER)]
    service = start(max_concurrent_jobs=1)
    first = service.trigger(preparing(model("a"))).job_id
    wait_until(lambda: vendor.asked, "the first request")
    second = service.trigger(preparing(model("b")), conflict_policy=simulation_pb2.CONFLICT_POLICY_QUEUE)

    service.stub.CancelJob(control_pb2.CancelJobRequest(job_id=first))
    status = service.ended(second.job_id)

    assert (second.queue_position, status.status) == (1, job_pb2.JOB_STATUS_COMPLETED)
    assert list(status.date_range) == [*DATES, *LATER]


def test_download_that_nobody_can_make_is_refused(new_service: Start, start: Start) -> None:
    unknown = preparing()
    del unknown["universe"]
    service = new_service("without a key")

    without_key = refusal(service.stub.Trigger, request(service, preparing()))

    assert without_key.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "needs ALPHAADVANTAGE_API_KEY" in without_key.violations["config.auto_update_prices"]
    service = start(name="without prices")
    service.db.execute_sql("DELETE FROM price_bars")
    assert "config.universe" in refusal(service.stub.Trigger, request(service, unknown)).violations


def request(service: Service, content: dict[str, Any]) -> simulation_pb2.TriggerRequest:
    return simulation_pb2.TriggerRequest(config_path=service.write_config(content))
