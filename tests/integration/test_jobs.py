"""ListJobs: newest first, filtered, paged."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aitrader.v1 import job_pb2
from aitrader.v1.job_pb2 import Job
from aitrader.v1.simulation_pb2 import ListJobsRequest
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted


def listed(service: Service, **fields: object) -> list[Job]:
    request = ListJobsRequest(**fields)
    jobs: list[Job] = []
    while True:
        page = service.stub.ListJobs(request, timeout=DEADLINE)
        jobs.extend(page.jobs)
        if not page.next_page_token:
            return jobs
        request.page_token = page.next_page_token


def three_jobs(service: Service, experiment: str) -> list[str]:
    path = service.write_config(config(scripted("m", raise_on=DATES[1])))
    return [service.run(path, experiment=experiment, end_date=date).job_id for date in DATES[:3]]


def test_service_without_jobs_lists_none(new_service: Callable[..., Service]) -> None:
    assert listed(new_service()) == []


def test_newest_comes_first(service: Service, experiment: str) -> None:
    ids = three_jobs(service, experiment)

    assert [job.job_id for job in listed(service, experiment=experiment)] == ids[::-1]


def test_job_is_told_with_its_counts_as_in_its_status(service: Service, experiment: str) -> None:
    status = service.run(config(scripted("m", raise_on=DATES[1]), end=DATES[2]), experiment=experiment)

    (job,) = listed(service, experiment=experiment)

    assert (job.status, job.config_path, job.experiment) == (status.status, status.config_path, experiment)
    assert (job.progress.total_model_days, job.progress.completed, job.progress.failed) == (3, 2, 1)
    assert not job.progress.details
    assert (list(job.date_range), list(job.models)) == ([*DATES[:3]], ["m"])
    assert (job.created_time, job.completed_time) == (status.created_time, status.completed_time)


def test_filter_by_status(service: Service, experiment: str, tmp_path: Path) -> None:
    completed, failed, *_ = three_jobs(service, experiment)
    gate = tmp_path / "gate"
    waiting = config(scripted("n", wait_on=DATES[0], wait_for=str(gate)))
    running = service.trigger(waiting, experiment=experiment).job_id

    def found(*statuses: job_pb2.JobStatus.ValueType) -> list[str]:
        return [job.job_id for job in listed(service, experiment=experiment, statuses=statuses)]

    assert found(job_pb2.JOB_STATUS_FAILED) == [failed]
    assert found(job_pb2.JOB_STATUS_PENDING, job_pb2.JOB_STATUS_RUNNING) == [running]
    assert completed in found(job_pb2.JOB_STATUS_COMPLETED)
    assert found(job_pb2.JOB_STATUS_CANCELLED) == []
    assert len(found(job_pb2.JOB_STATUS_UNSPECIFIED)) == 4
    assert len(found(job_pb2.JOB_STATUS_UNSPECIFIED, job_pb2.JOB_STATUS_FAILED)) == 4
    assert found(*[job_pb2.JOB_STATUS_FAILED] * 3) == [failed]
    gate.touch()
    service.ended(running)


def test_experiment_without_jobs_lists_none(service: Service) -> None:
    assert listed(service, experiment="nothing-here") == []


@pytest.mark.parametrize("size", [1, 2, 500])
def test_pages_add_up_to_the_whole(service: Service, experiment: str, size: int) -> None:
    ids = three_jobs(service, experiment)

    assert [job.job_id for job in listed(service, experiment=experiment, page_size=size)] == ids[::-1]


def test_token_of_another_query_is_refused(service: Service, experiment: str) -> None:
    three_jobs(service, experiment)
    page = service.stub.ListJobs(ListJobsRequest(experiment=experiment, page_size=1), timeout=DEADLINE)

    refused = refusal(service.stub.ListJobs, ListJobsRequest(page_token=page.next_page_token))

    assert list(refused.violations) == ["page_token"]


def test_job_that_comes_between_two_pages_neither_repeats_nor_hides_one(service: Service, experiment: str) -> None:
    ids = three_jobs(service, experiment)
    request = ListJobsRequest(experiment=experiment, page_size=1)
    page = service.stub.ListJobs(request, timeout=DEADLINE)
    service.run(config(model("n"), end=DATES[0]), experiment=experiment)

    request.page_token = page.next_page_token
    rest = listed(service, experiment=experiment, page_size=1, page_token=page.next_page_token)

    assert [page.jobs[0].job_id, *(job.job_id for job in rest)] == ids[::-1]


def test_page_of_the_largest_jobs_stays_under_4_mib(new_service: Callable[..., Service]) -> None:
    service = new_service()
    service.run(config(model("m"), end=DATES[0]))
    _copy_job(service, copies=499, dates=2520)

    page = service.stub.ListJobs(ListJobsRequest(page_size=500), timeout=DEADLINE)

    assert page.ByteSize() < 4 * 1024 * 1024
    assert len(listed(service, page_size=500)) == 500


def _copy_job(service: Service, *, copies: int, dates: int) -> None:
    """Store copies of the first job, each with ten years of dates."""
    columns = [name for _, name, *_ in service.rows("PRAGMA table_info(jobs)")]
    long_range = "[" + ", ".join(['"2025-03-03"'] * dates) + "]"
    told = {"job_id": "job_id || n.i", "date_range": "?"}
    with service.db.atomic():
        service.db.execute_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO jobs ({', '.join(columns)})"
            f" SELECT {', '.join(told.get(name, name) for name in columns)} FROM jobs, n",
            (copies, long_range),
        )
