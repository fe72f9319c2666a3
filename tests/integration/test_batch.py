"""`ai-trader-server batch`: one job to its end, with its outcome as exit status."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.app import App
from server.batch import INTERRUPTED, run_job
from server.settings import Settings
from storage.database import open_database
from storage.prices import import_bars
from tests.faulty_worker import KINDS
from tests.service import DATES, DEADLINE, FAULTY_WORKER, config, model, scripted, small_market, wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    db = open_database(tmp_path / "jobs.db")
    import_bars(db, "test", list(small_market()), [], datetime.now(UTC))
    db.close()
    return Settings(port=0, db=tmp_path / "jobs.db", configs=tmp_path, data_dir=tmp_path, worker_processes=1)


def batch(
    settings: Settings, content: dict[str, Any], asked_to_stop: "asyncio.Event | None" = None
) -> "asyncio.Future[tuple[int, list[str]]]":
    """Run a batch; give its exit status and its lines."""
    (settings.configs / "c.json").write_text(json.dumps(content), encoding="utf-8")

    async def run() -> tuple[int, list[str]]:
        lines = list[str]()
        app = App(settings, worker=FAULTY_WORKER, extra=KINDS)
        status = await run_job(app, "c.json", "", asked_to_stop or asyncio.Event(), lines.append)
        return status, lines

    return asyncio.ensure_future(asyncio.wait_for(run(), DEADLINE))


async def test_job_that_completes_is_0_with_a_line_per_event_and_up_to_date_is_0_again(settings: Settings) -> None:
    content = config(model("m"), end=DATES[1])

    status, lines = await batch(settings, content)
    again, told = await batch(settings, content)

    assert status == again == 0
    assert [line.split()[2] for line in lines[1:]] == [
        "job_accepted",
        "job_started",
        *["model_day_started", "model_day_completed"] * 2,
        "job_ended",
    ]
    assert f"2/2 model_day_completed {DATES[1]} m" in lines[-2]
    assert len(told) == 1


async def test_job_that_ends_partial_is_3_and_one_that_fails_is_4(settings: Settings) -> None:
    partial, lines = await batch(settings, config(model("m"), scripted("bad", raise_on=DATES[0]), end=DATES[0]))
    failed, _ = await batch(settings, config(scripted("worse", raise_on=DATES[0]), end=DATES[0]))

    assert (partial, failed) == (3, 4)
    assert any("model_day_failed" in line for line in lines)


async def test_job_that_is_stopped_goes_on_with_the_next_run(settings: Settings, tmp_path: Path) -> None:
    gate, asked = tmp_path / "gate", asyncio.Event()
    content = config(scripted("m", wait_on=DATES[1], wait_for=str(gate)), end=DATES[1])
    stopping = settings.model_copy(update={"shutdown_grace": 0.0})

    running = batch(stopping, content, asked)
    await asyncio.to_thread(wait_until, (tmp_path / "gate.reached").exists, "the second day")
    asked.set()
    stopped, _ = await running
    gate.touch()
    status, lines = await batch(settings, content)

    assert (stopped, status) == (INTERRUPTED, 0)
    assert "job_ended" in lines[-1]
