import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from aitrader.v1.simulation_pb2 import GetLeaderboardRequest, GetLeaderboardResponse
from server.rpc.errors import NoDataError
from server.rpc.leaderboard import LeaderboardReader
from storage import attempts
from storage.database import open_database
from tests.unit.storage.stored_job import DATES, NOW, attempt, day_record, started

MODELS = ("a", "b", "c")

QUESTIONS = (
    GetLeaderboardRequest(),
    GetLeaderboardRequest(curve_points=2, with_metrics=True),
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    started(database, models=MODELS)
    for place, model in enumerate(MODELS):
        attempts.start_attempt(database, attempt(model=model), NOW)
        attempts.commit_attempt(database, attempt(model=model), day_record(value=f"{10_000 + place}.5"), 0.1, NOW)
    yield database
    database.close()


@pytest.mark.parametrize("question", QUESTIONS)
async def test_answer_is_kept_until_the_database_has_changed(
    db: SqliteDatabase, question: GetLeaderboardRequest
) -> None:
    reader = LeaderboardReader(db)

    first, again = await reader.read(question), await reader.read(question)
    await asyncio.to_thread(_change, db)
    changed = GetLeaderboardResponse.FromString(await reader.read(question))

    assert again is first
    assert GetLeaderboardResponse.FromString(first).leaderboard[0].model == MODELS[-1]
    assert changed.leaderboard[0].model == MODELS[0]
    assert list(changed.leaderboard[0].curve_dates) == list(DATES[: min(1, question.curve_points)])


async def test_refusal_is_not_kept(db: SqliteDatabase) -> None:
    reader = LeaderboardReader(db)
    question = GetLeaderboardRequest(experiment="later", curve_points=2)
    with pytest.raises(NoDataError):
        await reader.read(question)
    await asyncio.to_thread(_change, db)

    assert await reader.read(question)


def _change(db: SqliteDatabase) -> None:
    """Let the first model win, and move a portfolio to another experiment, on a connection of another thread."""
    db.execute_sql("UPDATE portfolios SET last_value = 99999 WHERE model = ?", (MODELS[0],))
    db.execute_sql("UPDATE portfolios SET experiment = 'later' WHERE model = ?", (MODELS[1],))
    db.close()
