"""Cleanups: old jobs go with all that hangs on them, and portfolios go on as if nothing had been removed."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from storage import portfolios, replays
from storage.carried import carried_state, removed_through
from storage.checks.check import check
from storage.database import open_database
from storage.errors import JobStateError, StorageError
from storage.recordings import ExchangeRow, RecordingRows, store_recording
from storage.removable import removable_jobs
from storage.removal import EVENTS, MODEL_DAYS, TABLES, TEXTS, count_rows, remove
from storage.retries import RetryRequest, retry_job
from storage.session_record import SessionRows, ToolUseRecord
from tests.unit.storage.stored_history import accept, contents, dates, run
from tests.unit.storage.stored_job import NOW
from tests.unit.storage.stored_session import USAGE, dropped, observation, steps

OLD, LIMIT = NOW - timedelta(days=100), NOW - timedelta(days=90)


def history(
    db: SqliteDatabase,
    job_id: str,
    first: int,
    last: int,
    *,
    now: datetime = OLD,
    models: tuple[str, ...] = ("m",),
    fails: tuple[tuple[str, str], ...] = (),
    session: SessionRows | None = None,
    may_replace: bool = False,
    callbacks: tuple[str, ...] = (),
) -> None:
    """Store a job that ended long ago, unless told otherwise."""
    accept(db, job_id, dates(first, last), now, models=models, may_replace=may_replace, callbacks=callbacks)
    run(db, job_id, now, fails=fails, session=session)


def clean(db: SqliteDatabase) -> Counter[str]:
    return sum(remove(db, removable_jobs(db, LIMIT), NOW), Counter())


def broken(db: SqliteDatabase) -> list[str]:
    return [f"{row.name}: {row.broken}" for row in check(db) if row.broken]


def session(*texts: str) -> SessionRows:
    exchanges = tuple(
        ExchangeRow(vendor="v", digest=text, shared=0, parts=(("prompt", f"part-{text}"),), answer=text)
        for text in texts
    )
    blobs = {digest: b"x" for text in texts for digest in (text, f"part-{text}")}
    return SessionRows(
        prompt_digest="p",
        usage=USAGE,
        steps=steps(),
        tool_usage=(ToolUseRecord(tool_name="get_price", call_count=1, total_duration_seconds=0.25),),
        observations=(observation(),),
        dropped=(dropped(),),
        recording=RecordingRows(basemodel="b", exchanges=exchanges, blobs=blobs),
    )


def rich(db: SqliteDatabase) -> None:
    """Store three old jobs and a young one, with rows in every table."""
    history(db, "one", 0, 5, models=("m", "n"), session=session("a", "b"), callbacks=("http://127.0.0.1/",))
    history(db, "two", 5, 9, fails=(("2025-01-07", "m"),))
    retry_job(db, RetryRequest(job_id="two", models=(), request_id="again", max_concurrent_jobs=9), OLD)
    run(db, "two", OLD)
    history(db, "three", 7, 12, may_replace=True)
    db.execute_sql("INSERT INTO revaluations VALUES (1, 'one', 1, '', '', '', 5, 5)")
    db.execute_sql("INSERT INTO known_requests VALUES ('r', 'one', '', '')")
    history(db, "young", 12, 15, now=NOW, models=("m", "n"), session=session("b", "c"))


def test_old_jobs_go_with_all_that_hangs_on_them_and_nothing_else(db: SqliteDatabase) -> None:
    rich(db)
    young = {table: rows for table, rows in contents(db).items() if table not in ("recorded_texts", "portfolios")}

    removed = clean(db)

    left = contents(db)
    assert [row[0] for row in left["jobs"]] == ["young"]
    for table in set(TABLES) - {"recorded_texts", "jobs", "holdings"}:
        of_young = [row for row in young[table] if "young" in row]
        assert left[table] == of_young, table
        assert removed[table] == len(young[table]) - len(of_young), table
    assert set(removed) == set(TABLES)
    assert min(removed.values()) > 0
    assert sorted(row[0] for row in left["recorded_texts"]) == ["b", "c", "part-b", "part-c"]
    assert broken(db) == []


def test_every_table_that_hangs_on_a_job_is_among_those_of_a_cleanup(db: SqliteDatabase) -> None:
    tables = {
        table
        for table in db.get_tables()
        for key in db.get_foreign_keys(table)
        if key.dest_table in ("jobs", "positions")
    }

    # the last two have rows of jobs that have not started
    assert tables - {"portfolios", "queued_jobs", "preparing_jobs"} == set(TABLES) - {"jobs", "recorded_texts"}


def test_dry_run_counts_what_the_cleanup_removes_and_changes_nothing(db: SqliteDatabase) -> None:
    rich(db)
    before = contents(db)

    counted = count_rows(db, removable_jobs(db, LIMIT))

    assert contents(db) == before
    assert counted == clean(db)


def test_database_is_sound_after_every_transaction_and_each_is_bounded(db: SqliteDatabase) -> None:
    history(db, "one", 0, 70, fails=(("2025-01-03", "m"), ("2025-02-20", "m")))
    history(db, "two", 70, 130)
    history(db, "young", 130, 132, now=NOW)
    history(db, "barren", 132, 133, fails=(("2025-05-13", "m"),))

    for removed in remove(db, removable_jobs(db, LIMIT), NOW):
        assert broken(db) == []
        assert removed["job_details"] <= MODEL_DAYS
        assert removed["job_events"] <= EVENTS
        assert removed["recorded_texts"] <= TEXTS
    assert [row[0] for row in contents(db)["jobs"]] == ["young"]


def test_cleanup_that_stopped_between_two_transactions_goes_on(db: SqliteDatabase, tmp_path: Path) -> None:
    history(db, "one", 0, 120, session=session("a"))
    history(db, "young", 120, 122, now=NOW)
    db.close()
    shutil.copy(db.database, tmp_path / "whole.db")
    with closing(open_database(tmp_path / "whole.db")) as whole:
        clean(whole)
        expected = contents(whole)

    stopped = list(islice(remove(db, removable_jobs(db, LIMIT), NOW), 2))

    assert sum(removed["trading_days"] for removed in stopped) == 2 * MODEL_DAYS
    assert broken(db) == []
    clean(db)
    assert contents(db) == expected


def test_reader_sees_the_database_of_before_and_waits_for_nothing(db: SqliteDatabase) -> None:
    history(db, "one", 0, 60)
    with closing(sqlite3.connect(db.database, timeout=0, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT COUNT(*) FROM trading_days").fetchone() == (60,)

        clean(db)

        assert reader.execute("SELECT COUNT(*) FROM positions").fetchone() == (120,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT COUNT(*) FROM positions").fetchone() == (0,)


def test_portfolio_goes_on_from_what_was_carried(db: SqliteDatabase) -> None:
    history(db, "one", 0, 6)
    before = portfolios.portfolio_state(db, "default", "m")
    standing = portfolios.standings(db, "default", as_of="2025-01-06", limit=9)[0]

    clean(db)

    assert portfolios.portfolio_state(db, "default", "m") == before
    assert portfolios.held_symbols(db, "default", ["m"]) == ["UP"]
    assert portfolios.held_symbols(db, "default", ["other"]) == []
    assert removed_through(db, "default") == removed_through(db, "default", "m") == "2025-01-06"
    assert removed_through(db, "default", "other") == removed_through(db, "other") == ""
    after = portfolios.standings(db, "default", as_of="2025-01-06", limit=9)[0]
    assert (after.portfolio_value, after.trading_days) == (standing.portfolio_value, 6)
    assert portfolios.standings(db, "default", as_of="2025-01-05", limit=9) == []
    assert portfolios.lives(db, "default", "2025-12-31")[0].first == "2025-01-01"
    history(db, "two", 6, 8)
    assert portfolios.standings(db, "default", as_of=None, limit=9)[0].trading_days == 8
    assert replays.beginning(db, "default", "m", "2025-01-07").state == before
    assert broken(db) == []


def test_state_of_a_removed_date_is_not_made_up(db: SqliteDatabase) -> None:
    history(db, "one", 0, 6)
    clean(db)

    with pytest.raises(StorageError, match="a cleanup removed the trading days up to 2025-01-06"):
        portfolios.portfolio_state(db, "default", "m", date="2025-01-04")


def test_old_job_stays_whose_days_come_after_those_of_a_young_one(db: SqliteDatabase) -> None:
    history(db, "one", 0, 3, models=("m", "n"), fails=(("2025-01-01", "n"), ("2025-01-02", "n"), ("2025-01-03", "n")))
    history(db, "two", 3, 5)
    retry_job(db, RetryRequest(job_id="one", models=("n",), request_id=None, max_concurrent_jobs=9), NOW)
    run(db, "one", NOW)

    removable = removable_jobs(db, LIMIT)

    assert removable.job_ids == ()
    assert removable.kept == {"two": "trading days before its own have to stay"}
    assert clean(db) == Counter()


def test_days_that_an_active_job_may_replace_stay(db: SqliteDatabase) -> None:
    history(db, "one", 0, 3)
    history(db, "two", 3, 6)
    accept(db, "replacing", dates(4, 6), NOW, may_replace=True)

    removable = removable_jobs(db, LIMIT)
    clean(db)

    assert removable.job_ids == ("one",)
    assert removable.kept == {"two": "an active job may replace trading days of it"}
    run(db, "replacing", NOW)
    assert [row[1] for row in contents(db)["trading_days"]] == list(dates(3, 6))
    assert broken(db) == []


def test_job_that_was_reopened_meanwhile_stays_as_it_is(db: SqliteDatabase) -> None:
    history(db, "one", 0, 3, fails=(("2025-01-03", "m"),))
    removable = removable_jobs(db, LIMIT)
    retry_job(db, RetryRequest(job_id="one", models=(), request_id=None, max_concurrent_jobs=9), NOW)

    assert list(remove(db, removable, NOW)) == []

    run(db, "one", NOW)
    assert len(contents(db)["trading_days"]) == 3


def test_retry_where_days_were_removed_is_refused(db: SqliteDatabase) -> None:
    failed = tuple((day, "n") for day in dates(0, 3))
    history(db, "failed", 0, 3, models=("m", "n"), fails=failed, now=NOW)
    history(db, "later", 3, 6, models=("n",))
    clean(db)

    with pytest.raises(JobStateError, match="a cleanup removed the trading days of 'n' up to 2025-01-06"):
        retry_job(db, RetryRequest(job_id="failed", models=(), request_id=None, max_concurrent_jobs=9), NOW)


def test_text_that_a_recording_refers_to_meanwhile_stays(db: SqliteDatabase) -> None:
    history(db, "one", 0, 1, session=session("a", "b"))
    accept(db, "young", dates(1, 2), NOW)
    steps_left = remove(db, removable_jobs(db, LIMIT), NOW)
    for removed in steps_left:
        if removed["jobs"]:
            break
    again = session("b").recording
    assert again is not None
    store_recording(db, ("young", "2025-01-02", "m", 1), again)

    assert sum(steps_left, Counter()) == Counter(recorded_texts=2)

    assert [row[0] for row in contents(db)["recorded_texts"]] == ["b", "part-b"]


def test_job_of_an_earlier_version_goes_with_rows_that_belong_to_no_model_day(db: SqliteDatabase) -> None:
    moment = "2025-01-01T00:00:00"
    db.execute_sql(
        "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at, total_model_days)"
        " VALUES ('earlier', 'c', 'completed', '[]', '[]', ?, 1)",
        (moment,),
    )
    db.execute_sql(
        "INSERT INTO job_details VALUES (1, 'earlier', '2025-01-01', 'm', 'completed', '', '', 1, '', 1, '')"
    )
    for day in ("2025-01-01", "2025-01-02"):
        db.execute_sql(
            "INSERT INTO positions (job_id, date, model, action_id, action_type, cash, portfolio_value, created_at)"
            " VALUES ('earlier', ?, 'm', 0, 'no_trade', 1, 1, '')",
            (day,),
        )

    counted = count_rows(db, removable_jobs(db, LIMIT))

    assert counted == clean(db) == Counter(jobs=1, job_details=1, positions=2)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "jobs.db"
    open_database(path).close()
    return path


@given(
    lengths=st.lists(st.integers(min_value=1, max_value=4), min_size=2, max_size=4),
    cleanups=st.lists(st.booleans(), min_size=4, max_size=4),
    failing=st.sets(st.integers(min_value=0, max_value=15), max_size=4),
)
@settings(max_examples=12, deadline=None)
def test_history_goes_on_as_if_it_had_never_been_cleaned_up(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, lengths: list[int], cleanups: list[bool], failing: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("twins")
    paths = [Path(shutil.copy(empty, folder / name)) for name in ("cleaned.db", "whole.db")]
    with closing(open_database(paths[0])) as cleaned, closing(open_database(paths[1])) as whole:
        fails = tuple((dates(number, number + 1)[0], "m") for number in failing)
        for number, length in enumerate(lengths):
            first = sum(lengths[:number])
            for db in (cleaned, whole):
                history(db, f"job-{number}", first, first + length, fails=fails)
            if cleanups[number]:
                clean(cleaned)

        carried = carried_state(cleaned, 1)
        through = "" if carried is None else carried.date
        assert portfolios.portfolio_state(cleaned, "default", "m") == portfolios.portfolio_state(whole, "default", "m")
        assert contents(cleaned)["portfolios"] == contents(whole)["portfolios"]
        columns = "date, day_number, cash, portfolio_value, daily_profit, cumulative_profit"
        left, kept = (
            list(db.execute_sql(f"SELECT {columns} FROM trading_days ORDER BY date")) for db in (cleaned, whole)
        )
        assert left == [row for row in kept if row[0] > through]
        assert broken(cleaned) == []
