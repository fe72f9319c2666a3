"""Servers killed with SIGKILL at random moments: every model-day exactly once, the end the same as without.

`CHAOS_KILLS` is how many times something is killed, `CHAOS_SEED` draws the same victims and moments again; as the
machine has its part in the moments, a seed makes a fault likely, not certain, to come again.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from storage.database import open_database
from tests.e2e.crash_rounds import PATIENCE, Operator, Round
from tests.e2e.crash_scene import Scene
from tests.e2e.crash_server import CrashServer, Victim, holds_within, wait_until
from tests.e2e.process import run
from tests.e2e.stored_rounds import differences, faults
from tests.e2e.test_stream_harness import free_port

KILLS = int(os.environ.get("CHAOS_KILLS", "20"))
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))

#: who is killed how often, out of ten
VICTIMS = [Victim.SERVER] * 5 + [Victim.GROUP] * 2 + [Victim.WORKER] * 3

#: what a server logs only for a fault of its own
NEVER_LOGGED = ("job_failed", "job_left_unfinished", "queue_not_admitted", "call_failed", "callbacks_failed")

#: characters of the log that are told from such a line on
TOLD = 8_000

#: seconds at most that a moment is waited for
LONGEST = 4.0

#: seconds at most that answers are waited for: agents need some to start, and have to get on
LONGEST_ANSWERS = 30.0


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A market, a vendor and a receiver."""
    played = Scene(tmp_path)
    with played.vendor, played.receiver:
        yield played


class Killer:
    """Kills a server, or a process of it, at moments of all kinds, and starts it again."""

    def __init__(self, server: CrashServer, scene: Scene, operator: Operator, chance: random.Random) -> None:
        self._server = server
        self._scene = scene
        self._operator = operator
        self._chance = chance
        self._moments = [self._any, self._start, self._call, self._call, self._answers, self._end_of_server]
        self.killed: Counter[str] = Counter()

    def kill(self) -> None:
        """Wait for a moment, kill, and start the server again."""
        moment = self._chance.choice(self._moments)
        victim = self._chance.choice(VICTIMS)
        if moment != self._start:
            wait_until(lambda: self._server.listens, "the start of the server")
        moment()
        if self._server.kill(victim, self._chance):
            self.killed[f"{victim} {moment.__name__.strip('_')}"] += 1
        if victim is not Victim.WORKER:
            if self._chance.random() < 0.5:  # the next one has to get along with what is left of this one
                self._server.expect_no_orphans()
            self._server.start()
        elif moment == self._end_of_server:
            self._server.process.wait(PATIENCE)
            self._server.start()

    def _any(self) -> None:
        time.sleep(self._chance.uniform(0, LONGEST / 2))

    def _start(self) -> None:
        """While the server starts, or soon after."""
        time.sleep(self._chance.uniform(0, 2.0))

    def _call(self) -> None:
        """While a change is asked for."""
        self._operator.calling.clear()
        self._operator.calling.wait(LONGEST)
        time.sleep(self._chance.choice((0.0, 0.002, 0.01, 0.05)))

    def _answers(self) -> None:
        """After some more answers of the vendor."""
        awaited = len(self._scene.vendor.delivered) + self._chance.randrange(1, 30)
        holds_within(LONGEST_ANSWERS, lambda: len(self._scene.vendor.delivered) >= awaited)

    def _end_of_server(self) -> None:
        """While the server stops."""
        self._call()
        self._server.ask_to_end()
        time.sleep(self._chance.uniform(0, 0.2))


def test_whatever_is_killed_every_model_day_is_there_once_and_as_without(tmp_path: Path, scene: Scene) -> None:
    print(f"CHAOS_SEED={SEED} CHAOS_KILLS={KILLS}")
    began = time.monotonic()
    with ExitStack() as used:
        steady = used.enter_context(closing(furnished(scene, tmp_path / "steady")))
        steady.start()
        expected = played(steady, scene, "steady")
        assert steady.stop() == 0

        shaken = used.enter_context(closing(furnished(scene, tmp_path / "shaken")))
        rounds, killed = shaken_rounds(shaken, scene)
        status = shaken.stop()

        databases = [used.enter_context(closing(open_database(each.folder / "jobs.db"))) for each in (steady, shaken)]
        found = [fault for database in databases for fault in faults(database)]
        for each in rounds:
            found += differences((databases[0], expected), (databases[1], each))
    for each in (steady, shaken):
        checked = run(["ai-trader-server", "db", "check", "--db", str(each.folder / "jobs.db")])
        assert checked.returncode == 0, checked.stdout + checked.stderr
    print(f"{killed.total()} kills, {len(rounds)} rounds, {time.monotonic() - began:.0f} s: {dict(killed)}")
    assert not found, f"CHAOS_SEED={SEED}: " + "\n".join(found[:40])
    assert status == 0
    assert killed.total() >= KILLS
    log = (shaken.folder / "server.log").read_text(encoding="utf-8")
    told = [log[max(0, log.index(word) - 200) :][:TOLD] for word in NEVER_LOGGED if word in log]
    assert not told, "\n".join(told)


def furnished(scene: Scene, folder: Path) -> CrashServer:
    scene.furnish(folder)
    return CrashServer(folder, free_port(), scene.settings)


def played(server: CrashServer, scene: Scene, name: str) -> Round:
    """Do one round that nothing disturbs."""
    with closing(Operator(server.address, scene)) as operator:
        done = operator.play(name)
    wait_for_callbacks(server)
    return done


def shaken_rounds(server: CrashServer, scene: Scene) -> tuple[list[Round], "Counter[str]"]:
    """Do rounds until enough was killed, and let the last one come to its end."""
    enough = threading.Event()
    with ThreadPoolExecutor(1) as pool, closing(Operator(server.address, scene)) as operator:
        killer = Killer(server, scene, operator, random.Random(SEED))
        server.start()
        playing = pool.submit(rounds_until, enough, operator)
        try:
            while killer.killed.total() < KILLS and not playing.done():
                killer.kill()
        finally:
            enough.set()
        rounds = playing.result(PATIENCE)
    wait_for_callbacks(server)
    return rounds, killer.killed


def rounds_until(enough: threading.Event, operator: Operator) -> list[Round]:
    rounds = [operator.play("round-0")]
    while not enough.is_set():
        rounds.append(operator.play(f"round-{len(rounds)}"))
    return rounds


def wait_for_callbacks(server: CrashServer) -> None:
    """Wait until every end of a job is told."""
    with closing(open_database(server.folder / "jobs.db")) as database:
        pending = "SELECT COUNT(*) FROM deliveries WHERE status = 'pending'"
        wait_until(lambda: database.execute_sql(pending).fetchone()[0] == 0, "the delivery of all callbacks")
