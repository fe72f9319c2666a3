"""Schedules of a real server: what was due while it was away, once, whatever restarts."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aitrader.v1 import job_pb2
from aitrader.v1 import schedule_pb2 as pb
from server.schedules.schedule import ScheduleError
from storage.database import open_database
from storage.prices import import_bars
from storage.schedule_runs import ScheduleRow, remember_schedules
from tests.service import DEADLINE, Service, config, model, scripted, small_market, wait_until

Entries = Sequence[dict[str, Any]]


@pytest.fixture
def start(new_service: Callable[..., Service], tmp_path: Path) -> Callable[[dict[str, Any], Entries], Service]:
    """Start a service on a market, with schedules that are due now and have been there for an hour."""
    now = datetime.now(UTC)

    def started(content: dict[str, Any], entries: Entries) -> Service:
        schedules = [{"cron": f"{now.minute} {now.hour} * * *"} | entry for entry in entries]
        folder = tmp_path / "service"
        (folder / "configs").mkdir(parents=True)
        (folder / "configs" / "daily.json").write_text(json.dumps(content), encoding="utf-8")
        (folder / "configs" / "s.json").write_text(json.dumps({"schedules": schedules}), encoding="utf-8")
        db = open_database(folder / "jobs.db")
        import_bars(db, "test", small_market(), (), now)
        rows = [ScheduleRow(name=one["name"], cron=one["cron"], zone="UTC") for one in schedules]
        with db.atomic():
            remember_schedules(db, rows, now - timedelta(hours=1))
        db.close()
        return new_service(schedules="s.json")

    return started


def listed(service: Service) -> dict[str, pb.Schedule]:
    answer = service.stub.ListSchedules(pb.ListSchedulesRequest(), timeout=DEADLINE)
    return {schedule.name: schedule for schedule in answer.schedules}


def ended(service: Service, *names: str) -> list[pb.ScheduleRun]:
    """Wait until what was due last has ended."""

    def all_ended() -> bool:
        found = listed(service)
        return all(found[name].last_run.HasField("end_time") for name in names)

    wait_until(all_ended, "the end of the runs")
    return [listed(service)[name].last_run for name in names]


def test_job_that_is_due_is_triggered_once_whatever_restarts(start: Callable[..., Service]) -> None:
    daily = {"name": "daily", "kind": "job", "config": "daily.json", "experiment": "scheduled"}
    service = start(config(model("m")), [daily])

    (run,) = ended(service, "daily")
    status = service.ended(run.job_id)
    service.stop()
    # what a kill between the acceptance of the job and its record leaves
    service.db.execute_sql("UPDATE schedule_runs SET outcome = 'running', ended_at = NULL, job_id = NULL")
    service.start()
    (again,) = ended(service, "daily")

    assert (run.outcome, run.message) == (pb.SCHEDULE_OUTCOME_SUCCEEDED, "the job was accepted")
    assert (status.status, status.experiment) == (job_pb2.JOB_STATUS_COMPLETED, "scheduled")
    assert (again.job_id, again.message) == (run.job_id, "the same job was there already")
    assert again.job_status == job_pb2.JOB_STATUS_COMPLETED
    assert service.rows("SELECT COUNT(*) FROM jobs") == [(1,)]
    schedule = listed(service)["daily"]
    assert (schedule.kind, schedule.enabled, schedule.config_path) == (pb.SCHEDULE_KIND_JOB, True, "daily.json")
    assert schedule.next_due_time.seconds - run.due_time.seconds == 24 * 3600


def test_upkeep_is_done_and_what_fails_or_overlaps_is_told(start: Callable[..., Service], tmp_path: Path) -> None:
    waits = scripted("m", wait_on="2025-03-03", wait_for=str(tmp_path / "never"))
    (tmp_path / "file").touch()
    old = [tmp_path / "copies" / f"nightly-2026010{day}T030000Z.db" for day in (1, 2)]
    other = tmp_path / "copies" / "by-hand-20260101T030000Z.db"
    cut_off = tmp_path / "copies" / ".nightly-20260101T030000Z.db.7.tmp"
    for path in (*old, other, cut_off):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    service = start(
        config(waits),
        [
            {"name": "nightly", "kind": "backup", "folder": str(tmp_path / "copies"), "keep": 2},
            {"name": "broken", "kind": "backup", "folder": str(tmp_path / "file")},
            {"name": "small", "kind": "vacuum"},
            {"name": "off", "kind": "vacuum", "enabled": False},
        ],
    )
    nightly, broken, small = ended(service, "nightly", "broken", "small")
    job = service.trigger("daily.json").job_id
    service.db.execute_sql("UPDATE schedule_runs SET outcome = 'running', ended_at = NULL WHERE schedule = 'small'")
    service.restart()
    (beside,) = ended(service, "small")

    assert nightly.outcome == small.outcome == pb.SCHEDULE_OUTCOME_SUCCEEDED
    assert nightly.message.endswith("sound; 1 older removed")
    assert (old[0].exists(), old[1].exists(), other.exists(), len(list(other.parent.iterdir()))) == (
        False,
        True,
        True,
        3,
    )
    assert broken.outcome == pb.SCHEDULE_OUTCOME_FAILED
    assert str(tmp_path / "file") in broken.error
    assert "bytes before" in small.message
    assert (beside.outcome, beside.error) == (pb.SCHEDULE_OUTCOME_SKIPPED, "jobs run, and would wait for it")
    assert service.status(job).status == job_pb2.JOB_STATUS_RUNNING
    assert not listed(service)["off"].HasField("next_due_time")


def test_server_with_a_wrong_file_of_schedules_does_not_start(new_service: Callable[..., Service]) -> None:
    with pytest.raises(ScheduleError, match=r"schedules 'no.json' was not found in the configs folder"):
        new_service(schedules="no.json")
