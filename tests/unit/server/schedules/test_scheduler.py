"""What is due when: on a clock that the tests set, with a real database, and work that does as it is told."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from peewee import SqliteDatabase

from server.jobs.errors import DrainingError
from server.schedules.outcome import Done, NotNowError
from server.schedules.schedule import BackupSchedule, Schedule
from server.schedules.scheduler import Scheduler
from storage.database import open_database
from storage.writer import Writer
from tests.service import DEADLINE

MONDAY = datetime(2026, 11, 16, 10, 0, tzinfo=UTC)


def at_half_past(name: str = "a", **keys: Any) -> Schedule:
    """Return a schedule that is due at 10:30 each day."""
    return BackupSchedule(**{"name": name, "kind": "backup", "cron": "30 10 * * *"} | keys)


class Bench:
    """Schedulers one after the other on one database, and what they ran; `answers` are raised, awaited or returned."""

    def __init__(self, db: SqliteDatabase, writer: Writer) -> None:
        self._db = db
        self._writer = writer
        self.now = MONDAY
        self.ran: list[tuple[str, str]] = []
        self.answers: dict[str, Exception | asyncio.Event] = {}

    def start(self, *schedules: Schedule) -> None:
        """Begin as a new process does."""
        self.scheduler = Scheduler(schedules, self._perform, self._db, self._writer, lambda: self.now)

    async def at(self, text: str) -> None:
        """Look at a day of November and time, and wait for the runs that do not wait for an event."""
        self.now = datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        await self.scheduler.look()
        waiting = {name for name, answer in self.answers.items() if isinstance(answer, asyncio.Event)}
        await asyncio.gather(*(task for name, task in self.scheduler._running.items() if name not in waiting))

    async def release(self, name: str) -> None:
        """Let a run that waits end."""
        event = self.answers.pop(name)
        assert isinstance(event, asyncio.Event)
        event.set()
        await asyncio.gather(*self.scheduler._running.values())

    async def _perform(self, schedule: Schedule, due: datetime) -> Done:
        self.ran.append((schedule.name, f"{due:%d %H:%M}"))
        answer = self.answers.get(schedule.name)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        elif answer is not None:
            raise answer
        return Done(message="done")

    def stored(self) -> list[tuple[str, str, str, str | None]]:
        """Return schedule, due time, outcome and error of every row."""
        rows = self._db.execute_sql(
            "SELECT schedule, due_at, outcome, error FROM schedule_runs ORDER BY due_at, schedule"
        )
        return [(name, due[8:16].replace("T", " "), outcome, error) for name, due, outcome, error in rows]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    db = open_database(tmp_path / "jobs.db")
    writer = Writer(db)
    writer.start()
    yield Bench(db, writer)
    writer.stop()
    db.close()


async def test_schedule_runs_once_at_each_of_its_times_and_not_before_its_first(bench: Bench) -> None:
    bench.start(at_half_past())

    for time in ("16 10:00", "16 10:29", "16 10:30", "16 10:30", "16 18:00", "17 10:30"):
        await bench.at(time)

    assert bench.ran == [("a", "16 10:30"), ("a", "17 10:30")]
    assert bench.stored() == [("a", "16 10:30", "succeeded", None), ("a", "17 10:30", "succeeded", None)]


async def test_missed_times_are_caught_up_by_one_run_of_the_last(bench: Bench) -> None:
    bench.start(at_half_past())
    await bench.at("16 10:00")

    bench.start(at_half_past())
    await bench.at("20 09:00")
    bench.start(at_half_past())
    await bench.at("20 09:01")

    assert bench.ran == [("a", "19 10:30")]


async def test_machine_that_slept_catches_up_once_as_well(bench: Bench) -> None:
    bench.start(at_half_past(cron="* * * * *"))
    await bench.at("16 10:00")

    await bench.at("17 10:00")

    assert bench.ran == [("a", "17 10:00")]


@pytest.mark.parametrize("keys", [{"catch_up": False}, {"catch_up_hours": 1}])
async def test_missed_time_that_is_not_caught_up_is_recorded_as_missed(bench: Bench, keys: dict[str, Any]) -> None:
    bench.start(at_half_past(**keys))
    await bench.at("16 10:00")

    await bench.at("16 12:00")
    await bench.at("17 10:30")

    assert bench.ran == [("a", "17 10:30")]
    assert bench.stored()[0] == ("a", "16 10:30", "missed", "the service was not there, and it is not caught up")


async def test_times_before_a_change_of_the_schedule_were_not_missed(bench: Bench) -> None:
    bench.start(at_half_past())
    await bench.at("16 11:00")

    bench.start(at_half_past(cron="0 9 * * *"))
    await bench.at("17 12:00")
    await bench.at("18 09:00")

    assert bench.ran == [("a", "18 09:00")]


async def test_schedule_that_is_switched_off_does_nothing_and_misses_nothing(bench: Bench) -> None:
    bench.start(at_half_past(), at_half_past("b"))
    await bench.at("16 09:00")
    bench.start(at_half_past(), at_half_past("b", enabled=False))
    await bench.at("16 10:30")

    bench.start(at_half_past(), at_half_past("b"))
    await bench.at("16 12:00")

    assert bench.ran == [("a", "16 10:30")]


async def test_what_is_due_while_the_run_before_goes_on_is_skipped(bench: Bench) -> None:
    bench.start(at_half_past(), at_half_past("b"))
    bench.answers["a"] = asyncio.Event()
    await bench.at("16 09:00")

    await bench.at("16 10:30")
    await bench.at("17 10:30")
    await bench.release("a")
    await bench.at("18 10:30")

    assert [time for name, time in bench.ran if name == "a"] == ["16 10:30", "18 10:30"]
    assert [row[1:] for row in bench.stored() if row[0] == "a"] == [
        ("16 10:30", "succeeded", None),
        ("17 10:30", "skipped", "the run before has not ended"),
        ("18 10:30", "succeeded", None),
    ]
    assert len([name for name, _ in bench.ran if name == "b"]) == 3


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (OSError("no room"), "failed", "no room"),
        (NotNowError("jobs run"), "skipped", "jobs run"),
        (KeyError("x"), "failed", "it broke: KeyError"),
    ],
)
async def test_run_that_fails_is_recorded_and_stops_neither_others_nor_its_next_time(
    bench: Bench, error: Exception, outcome: str, told: str
) -> None:
    bench.start(at_half_past(), at_half_past("b"))
    bench.answers["a"] = error
    await bench.at("16 09:00")

    await bench.at("16 10:30")
    await bench.at("16 10:31")
    del bench.answers["a"]
    await bench.at("17 10:30")

    assert bench.stored() == [
        ("a", "16 10:30", outcome, told),
        ("b", "16 10:30", "succeeded", None),
        ("a", "17 10:30", "succeeded", None),
        ("b", "17 10:30", "succeeded", None),
    ]


@pytest.mark.parametrize("cut", [asyncio.Event(), DrainingError()], ids=["stopped", "draining"])
async def test_run_that_is_cut_off_is_begun_again_at_the_next_start(
    bench: Bench, cut: asyncio.Event | DrainingError
) -> None:
    bench.start(at_half_past())
    await bench.at("16 09:00")
    bench.answers["a"] = cut
    await bench.at("16 10:30")
    await bench.scheduler.stop(0)
    bench.answers.clear()

    bench.start(at_half_past())
    await bench.at("16 11:00")
    bench.start(at_half_past())
    await bench.at("16 11:01")

    assert bench.ran == [("a", "16 10:30")] * 2
    assert bench.stored() == [("a", "16 10:30", "succeeded", None)]


async def test_cut_off_run_and_a_missed_time_after_it_are_one_run(bench: Bench) -> None:
    bench.start(at_half_past())
    await bench.at("16 09:00")
    bench.answers["a"] = asyncio.Event()
    await bench.at("16 10:30")
    await bench.scheduler.stop(0)

    bench.start(at_half_past())
    await bench.at("17 11:00")
    await bench.release("a")

    assert bench.ran == [("a", "16 10:30")] * 2
    assert [row[2] for row in bench.stored()] == ["succeeded", "skipped"]


@pytest.mark.parametrize("again", [(), (at_half_past(catch_up=False),)], ids=["gone", "not caught up"])
async def test_cut_off_run_that_is_not_begun_again_has_failed(bench: Bench, again: tuple[Schedule, ...]) -> None:
    bench.start(at_half_past())
    await bench.at("16 09:00")
    bench.answers["a"] = DrainingError()
    await bench.at("16 10:30")

    bench.start(*again, at_half_past("b"))
    await bench.at("16 10:40")

    assert bench.ran == [("a", "16 10:30")]
    assert bench.stored() == [("a", "16 10:30", "failed", "the service ended while it ran")]


async def test_stop_waits_for_what_runs_and_starts_nothing_more(bench: Bench) -> None:
    bench.start(at_half_past(), at_half_past("b", cron="31 10 * * *"))
    await bench.at("16 09:00")
    bench.answers["a"] = asyncio.Event()
    await bench.at("16 10:30")

    stopping = asyncio.create_task(bench.scheduler.stop(DEADLINE))
    await asyncio.sleep(0)
    await bench.at("16 10:31")
    await bench.release("a")
    await stopping

    assert bench.stored() == [("a", "16 10:30", "succeeded", None)]
