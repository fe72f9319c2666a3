"""Sessions and audits as messages: every word has its value, and everything fits."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from aitrader.v1 import job_pb2
from aitrader.v1.simulation_pb2 import AuditJobRequest, GetReasoningRequest, GetReasoningResponse
from server.engine.session_record import StopReason
from server.jobs.errors import InvalidRequestError
from server.rpc import convert_sessions
from server.rpc.errors import NoDataError
from server.rpc.reasoning import audit_job, get_reasoning
from storage.database import open_database
from storage.errors import JobNotFoundError
from storage.session_record import SessionOutcome, SessionRows, StepRecord, ToolUseRecord, store_session
from storage.sessions import find_session
from tests.unit.storage.stored_job import DATES, NOW, started
from tests.unit.storage.stored_session import dropped, observation, session_rows, steps

MESSAGE = 4 * 1024 * 1024


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    started(database)
    yield database
    database.close()


def stored(db: SqliteDatabase, rows: SessionRows, attempt: int = 1) -> None:
    with db.atomic():
        store_session(db, ("job-1", DATES[0], "m", attempt), SessionOutcome.SUCCEEDED, rows)


def pages(db: SqliteDatabase, **fields: object) -> list[GetReasoningResponse]:
    request = GetReasoningRequest(**{"job_id": "job-1", "date": DATES[0], "model": "m", **fields})
    found = [get_reasoning(db, request)]
    while found[-1].next_page_token:
        request.page_token = found[-1].next_page_token
        found.append(get_reasoning(db, request))
    return found


def numbers(found: list[GetReasoningResponse]) -> list[list[int]]:
    return [[step.step_number for step in page.steps] for page in found]


@pytest.mark.parametrize("reason", StopReason)
def test_every_reason_to_stop_has_its_value(db: SqliteDatabase, reason: StopReason) -> None:
    stored(db, session_rows(stop_reason=reason))

    row = find_session(db, "job-1", DATES[0], "m")

    assert row is not None
    assert job_pb2.StopReason.Name(convert_sessions.session(row, ()).stop_reason) == f"STOP_REASON_{reason.upper()}"
    ended = reason in (StopReason.FINISH_SIGNAL, StopReason.FINISH_TOOL)
    assert convert_sessions.ai_reasoning(row, ()).stop_signal_received is ended


def test_session_that_broke_off_has_no_reason_and_an_unknown_price_no_cost(db: SqliteDatabase) -> None:
    stored(db, session_rows(stop_reason=None, cost_usd=None))

    (page,) = pages(db)

    assert page.session.stop_reason == job_pb2.STOP_REASON_UNSPECIFIED
    assert not page.session.HasField("cost_usd")


def test_cost_of_nothing_is_zero_and_known(db: SqliteDatabase) -> None:
    stored(db, session_rows(cost_usd=Decimal(0)))

    (page,) = pages(db)

    assert page.session.HasField("cost_usd")
    assert page.session.cost_usd == 0


@pytest.mark.parametrize(("total", "size"), [(4, 1), (4, 3), (4, 4), (4, 5), (0, 1)])
def test_pages_hold_every_step_once(db: SqliteDatabase, total: int, size: int) -> None:
    stored(db, session_rows(steps=steps(total)))

    found = pages(db, page_size=size)

    assert [number for page in numbers(found) for number in page] == list(range(total))
    assert len(found) == max(1, -(-total // size))
    assert {page.session.total_steps for page in found} == {total}


def test_paging_stays_with_the_attempt_it_began_with(db: SqliteDatabase) -> None:
    stored(db, session_rows(summary="first"))
    request = GetReasoningRequest(job_id="job-1", date=DATES[0], model="m", page_size=3)
    first = get_reasoning(db, request)
    stored(db, session_rows(summary="second"), 2)

    request.page_token = first.next_page_token
    second = get_reasoning(db, request)

    assert [page.session.summary for page in (first, second)] == ["first", "first"]
    assert pages(db)[0].session.summary == "second"
    assert pages(db, attempt=1)[0].session.summary == "first"


def test_large_steps_are_cut_and_every_page_fits(db: SqliteDatabase) -> None:
    huge = StepRecord(number=0, time=NOW, role="tool", content="ä" * 3_000_000, arguments="1" * 3_000_000)
    stored(db, session_rows(steps=tuple(replace(huge, number=i) for i in range(3)), summary="s" * 5_000_000))

    found = pages(db)

    assert numbers(found) == [[0], [1], [2]]
    assert all(page.ByteSize() < MESSAGE and page.steps[0].truncated for page in found)
    assert found[0].steps[0].content == "ä" * 1_000_000


def test_invented_tools_do_not_fill_the_message(db: SqliteDatabase) -> None:
    tools = tuple(ToolUseRecord(tool_name=f"{i}" * 9999, call_count=1, total_duration_seconds=0) for i in range(1000))
    stored(db, session_rows(tool_usage=tools))

    (page,) = pages(db)

    assert len(page.session.tool_usage) == 200
    assert page.ByteSize() < 200_000


@pytest.mark.parametrize("fields", [{"date": DATES[1]}, {"model": "n"}, {"attempt": 2}])
def test_model_day_without_a_session_has_no_data(db: SqliteDatabase, fields: dict[str, object]) -> None:
    stored(db, session_rows())

    with pytest.raises(NoDataError):
        pages(db, **fields)


def test_unknown_job_is_not_found(db: SqliteDatabase) -> None:
    with pytest.raises(JobNotFoundError):
        pages(db, job_id="job-9")
    with pytest.raises(JobNotFoundError):
        audit_job(db, AuditJobRequest(job_id="job-9"))


def test_every_wrong_field_is_named(db: SqliteDatabase) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        get_reasoning(db, GetReasoningRequest(attempt=-1, page_size=-1))
    with pytest.raises(InvalidRequestError):
        pages(db, date="2025-02-30")
    with pytest.raises(InvalidRequestError):
        pages(db, page_token="x")
    with pytest.raises(InvalidRequestError):
        audit_job(db, AuditJobRequest())

    wrong = {violation.field for violation in caught.value.violations}
    assert wrong == {"job_id", "date", "model", "attempt", "page_size"}


def test_audit_tells_violations_and_what_was_dropped(db: SqliteDatabase) -> None:
    planted = observation("2025-10-09")
    stored(db, session_rows(observations=(observation(), planted), dropped=(dropped(), dropped())))

    response = audit_job(db, AuditJobRequest(job_id="job-1"))

    assert (response.sessions, response.observations, response.violation_count, response.dropped_count) == (1, 2, 1, 2)
    (violation,) = response.violations
    assert (violation.model, violation.date, violation.tool_name, violation.subject) == (
        "m",
        DATES[0],
        "get_price",
        "UP",
    )
    assert (violation.as_of, violation.source_date, violation.step_number) == (DATES[0], "2025-10-09", 2)
    assert [(row.tool_name, row.reason, row.count) for row in response.dropped] == [("search", "no date", 2)]


def test_audit_of_a_leaking_job_fits_into_a_message(db: SqliteDatabase) -> None:
    wrong = replace(observation("9" * 9999), subject="ä" * 99_999, tool_name="ä" * 99_999)
    reasons = tuple(replace(dropped(f"{i}"), tool_name="ä" * 9999) for i in range(300))
    stored(db, session_rows(observations=(wrong,) * 600, dropped=reasons))

    response = audit_job(db, AuditJobRequest(job_id="job-1"))

    assert response.violation_count == 600
    assert (len(response.violations), len(response.dropped)) == (500, 200)
    assert response.ByteSize() < MESSAGE
