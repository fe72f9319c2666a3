import asyncio
from contextlib import suppress

from server.pool.turns import Turns


async def waiting(turns: Turns, *job_ids: str) -> tuple[list[str], list[asyncio.Task[None]]]:
    """Let model-days of jobs wait, in this order; the list tells who had a place so far."""
    served: list[str] = []

    async def wait(job_id: str) -> None:
        await turns.take(job_id)
        served.append(job_id)

    tasks = [asyncio.create_task(wait(job_id)) for job_id in job_ids]
    await settled()
    return served, tasks


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_free_places_are_given_at_once() -> None:
    served, _ = await waiting(Turns(2), "a", "a", "a")

    assert served == ["a", "a"]


async def test_jobs_have_their_turns_however_many_of_one_wait() -> None:
    turns = Turns(1)
    served, _ = await waiting(turns, *"aaaaa", *"bb", *"c")

    for _ in range(7):
        turns.give()
        await settled()

    assert served == ["a", *"abcaba", "a"]


async def test_job_that_comes_late_waits_for_one_turn() -> None:
    turns = Turns(1)
    served, _ = await waiting(turns, *"aaaa")
    late, _ = await waiting(turns, "b")

    turns.give()
    turns.give()
    await settled()

    assert (served, late) == (["a", "a"], ["b"])


async def test_place_of_one_who_went_away_goes_to_the_next() -> None:
    turns = Turns(1)
    served, tasks = await waiting(turns, "a", "a", "b")
    tasks[1].cancel()
    await settled()

    turns.give()
    await settled()

    assert served == ["a", "b"]


async def test_place_given_in_the_moment_of_going_away_is_not_lost() -> None:
    turns = Turns(1)
    served, tasks = await waiting(turns, "a", "b", "c")

    turns.give()
    tasks[1].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[1]
    await settled()

    assert served == ["a", "c"]


async def test_given_back_places_are_free_again() -> None:
    turns = Turns(1)
    _, tasks = await waiting(turns, "a", "b")
    tasks[1].cancel()
    await settled()

    turns.give()
    served, _ = await waiting(turns, "c", "d")

    assert served == ["c"]
