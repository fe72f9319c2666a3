"""Sessions: stored with the end of their attempt, read back as they were."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from peewee import SqliteDatabase

from storage.attempts import commit_attempt, fail_attempt, retry_attempt, start_attempt
from storage.audit import AuditCounts, DroppedCount, audit_counts, dropped_counts, find_violations
from storage.cost import CostField
from storage.database import timestamp
from storage.errors import StaleAttemptError
from storage.models import SessionRecord
from storage.results import ResultQuery, find_days
from storage.session_record import ObservationRecord, SessionOutcome, SessionRows, UsageRecord, store_session
from storage.sessions import Spent, committed_sessions, find_session, find_tools, spent, spent_on_dates, steps
from tests.unit.storage.stored_job import DATES, DIED, NOW, attempt, count, day_record, started
from tests.unit.storage.stored_session import USAGE, dropped, observation, session_rows
from tests.unit.storage.stored_session import steps as step_records

TABLES = ("sessions", "reasoning_logs", "tool_usage", "observations", "dropped_observations")


def committed(db: SqliteDatabase, rows: SessionRows, number: int = 1, date: str = DATES[0]) -> None:
    with db.atomic():
        start_attempt(db, attempt(number, date=date), NOW)
        commit_attempt(db, attempt(number, date=date), replace(day_record(), session=rows), 1.5, NOW)


def retried(db: SqliteDatabase, rows: SessionRows, number: int = 1) -> None:
    with db.atomic():
        start_attempt(db, attempt(number), NOW)
        retry_attempt(db, attempt(number), DIED, 1.5, NOW, rows)


def observed(db: SqliteDatabase, observations: Sequence[ObservationRecord]) -> None:
    started(db)
    committed(db, session_rows(observations=tuple(observations)))


def test_session_of_a_committed_attempt_is_read_back_as_it_was(db: SqliteDatabase) -> None:
    rows = session_rows()
    started(db)

    committed(db, rows)

    session = find_session(db, "job-1", DATES[0], "m")
    assert session is not None
    assert (session.attempt, session.outcome, session.steps) == (1, SessionOutcome.SUCCEEDED, 4)
    assert (session.prompt_digest, session.stop_reason, session.summary) == ("p" * 64, "finish_signal", rows.summary)
    assert (session.usage, session.cost_usd) == (USAGE, Decimal("0.000123456789"))
    assert [
        (row.number, row.time, row.role, row.content, row.tool_name, row.tool_call_id, row.arguments)
        for row in steps(db, session, limit=9)
    ] == [
        (step.number, timestamp(step.time), step.role, step.content, step.tool_name, step.tool_call_id, step.arguments)
        for step in rows.steps
    ]
    (tools,) = find_tools(db, [session]).values()
    assert [(use.tool_name, use.call_count, use.total_duration_seconds) for use in tools] == [("get_price", 1, 0.25)]


def test_every_attempt_keeps_its_session_and_the_last_one_is_found(db: SqliteDatabase) -> None:
    started(db)

    retried(db, session_rows(summary="first", stop_reason=None))
    committed(db, session_rows(summary="second"), 2)
    with db.atomic():
        start_attempt(db, attempt(date=DATES[1]), NOW)
        fail_attempt(db, attempt(date=DATES[1]), DIED, 1.0, NOW, session_rows(summary="third"))

    found = [find_session(db, "job-1", DATES[0], "m", number) for number in (0, 1, 2, 3)]
    assert [row and (row.attempt, row.outcome, row.summary) for row in found] == [
        (2, "succeeded", "second"),
        (1, "failed", "first"),
        (2, "succeeded", "second"),
        None,
    ]
    failed = find_session(db, "job-1", DATES[1], "m")
    assert failed is not None
    assert (failed.outcome, failed.summary) == (SessionOutcome.FAILED, "third")
    assert len(list(steps(db, failed, limit=9))) == 4


def test_steps_and_tools_of_attempts_are_kept_apart(db: SqliteDatabase) -> None:
    started(db)
    retried(db, session_rows(steps=step_records(2), tool_usage=()))
    committed(db, session_rows(), 2)

    first, second = (find_session(db, "job-1", DATES[0], "m", number) for number in (1, 2))

    assert first is not None
    assert second is not None
    assert [row.number for row in steps(db, first, limit=9)] == [0, 1]
    assert [row.number for row in steps(db, second, after=1, limit=1)] == [2]
    assert [len(used) for used in find_tools(db, [first, second]).values()] == [0, 1]
    assert find_tools(db, []) == {}


def test_days_without_an_agent_have_no_session(db: SqliteDatabase) -> None:
    started(db)
    retried(db, session_rows())
    committed(db, session_rows(), 2)
    with db.atomic():
        start_attempt(db, attempt(date=DATES[1]), NOW)
        commit_attempt(db, attempt(date=DATES[1]), day_record(), 1.0, NOW)
    days = find_days(db, ResultQuery(experiment="default", first=DATES[0], last=DATES[1]))

    found = committed_sessions(db, days)

    assert {key: row.attempt for key, row in found.items()} == {("job-1", DATES[0], "m"): 2}


def test_stale_attempt_leaves_no_session(db: SqliteDatabase) -> None:
    started(db)
    committed(db, session_rows())

    with pytest.raises(StaleAttemptError), db.atomic():
        fail_attempt(db, attempt(), DIED, 1.0, NOW, session_rows())

    assert count(db)("sessions") == 1


def test_cost_that_is_no_amount_stores_nothing_of_the_day(db: SqliteDatabase) -> None:
    started(db)

    for cost in ("NaN", "Infinity", "-1"):
        with pytest.raises(ValueError, match="is not an amount"):
            committed(db, session_rows(cost_usd=Decimal(cost)))

    assert {table: count(db)(table) for table in (*TABLES, "trading_days")} == dict.fromkeys(
        (*TABLES, "trading_days"), 0
    )


@pytest.mark.parametrize("cost", ["0", "1E-9", "0.10", "12345678901234567890.123456789012345678901"])
def test_cost_reads_back_as_the_same_decimal_and_sums_as_a_number(db: SqliteDatabase, cost: str) -> None:
    started(db)

    committed(db, session_rows(cost_usd=Decimal(cost)))

    session = find_session(db, "job-1", DATES[0], "m")
    assert session is not None
    assert session.cost_usd == Decimal(cost)
    assert db.execute_sql("SELECT SUM(cost_usd) FROM sessions").fetchone()[0] == pytest.approx(float(cost))
    assert [row.cost_usd for row in SessionRecord.select().execute(db)] == [Decimal(cost)]
    assert CostField().db_value(Decimal("1E-9")) == "0.000000001"


def test_spending_adds_up_by_model_with_failed_attempts(db: SqliteDatabase) -> None:
    started(db)
    retried(db, session_rows(cost_usd=Decimal("0.1")))
    committed(db, session_rows(cost_usd=Decimal("0.2")), 2)
    committed(db, session_rows(cost_usd=None, usage=UsageRecord()), date=DATES[1])

    first = Spent(sessions=2, requests=4, input_tokens=2400, output_tokens=680, cost_usd=Decimal("0.3"))
    second = Spent(sessions=1, unpriced=1)
    assert spent(db, "job-1") == {"m": first + second}
    assert spent_on_dates(db, "job-1") == {DATES[0]: first, DATES[1]: second}
    assert spent_on_dates(db, "job-1", [DATES[1]]) == {DATES[1]: second}
    assert spent_on_dates(db, "job-1", []) == spent(db, "job-2") == {}


def test_deleting_a_job_deletes_its_sessions(db: SqliteDatabase) -> None:
    started(db)
    committed(db, session_rows())

    assert 0 not in [count(db)(table) for table in TABLES]
    db.execute_sql("DELETE FROM jobs")

    assert [count(db)(table) for table in TABLES] == [0] * len(TABLES)


def test_attempt_has_one_session(db: SqliteDatabase) -> None:
    started(db)
    committed(db, session_rows())

    with pytest.raises(Exception, match="UNIQUE"), db.atomic():
        store_session(db, ("job-1", DATES[0], "m", 1), SessionOutcome.FAILED, session_rows())

    assert count(db)("reasoning_logs") == 4


def test_audit_of_what_was_known_is_clean(db: SqliteDatabase) -> None:
    observed(db, [observation("2025-09-30"), observation(DATES[0], opening=True), observation("2020-01-01")])

    assert audit_counts(db, "job-1") == AuditCounts(sessions=1, observations=3, violations=0, dropped=1)
    assert find_violations(db, "job-1", 9) == []


@pytest.mark.parametrize(
    "planted",
    [
        observation("2025-10-02"),
        observation("2025-10-02", opening=True),
        observation(DATES[0]),
        observation("2025-10-02", as_of="2025-10-03"),
        observation("2025-10-01T09:00"),
        observation("yesterday"),
        observation(""),
    ],
    ids=["later", "later opening", "same date", "false decision", "with a time", "words", "undated"],
)
def test_audit_finds_a_planted_violation(db: SqliteDatabase, planted: ObservationRecord) -> None:
    observed(db, [observation(), planted, observation()])

    (found,) = find_violations(db, "job-1", 9)

    assert audit_counts(db, "job-1").violations == 1
    assert (found.date, found.model, found.attempt, found.step) == (DATES[0], "m", 1, 2)
    assert (found.tool_name, found.subject, found.as_of) == ("get_price", "UP", planted.as_of)
    assert found.source_date == planted.source_date


def test_audit_sees_failed_attempts_and_one_job_alone(db: SqliteDatabase) -> None:
    started(db)
    started(db, "job-2", experiment="other")
    retried(db, session_rows(observations=(observation("2025-12-31"),)))

    assert audit_counts(db, "job-1").violations == 1
    assert audit_counts(db, "job-2") == AuditCounts(sessions=0, observations=0, violations=0, dropped=0)


def test_violations_are_limited_and_counted(db: SqliteDatabase) -> None:
    observed(db, [observation("2025-12-31")] * 5)

    assert len(find_violations(db, "job-1", 3)) == 3
    assert audit_counts(db, "job-1").violations == 5


def test_dropped_observations_are_counted_by_tool_and_reason(db: SqliteDatabase) -> None:
    started(db)
    committed(db, session_rows(dropped=(dropped(), dropped("later"), dropped(subject="b"))))

    assert dropped_counts(db, "job-1", 9) == [
        DroppedCount(tool_name="search", reason="no date", count=2),
        DroppedCount(tool_name="search", reason="later", count=1),
    ]
    assert len(dropped_counts(db, "job-1", 1)) == 1
