"""Random sequences of what users and fate do to jobs, against a small model of them: no disagreement.

`CHAOS_EXAMPLES` asks for more sequences than the test tries, drawn at random instead of being the same each time.
"""

import json
import os
import sqlite3
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pydantic import SecretStr

from aitrader.v1 import job_pb2
from aitrader.v1.control_pb2 import CancelJobRequest, RetryJobRequest
from aitrader.v1.simulation_pb2 import ConflictPolicy, TriggerOutcome, TriggerRequest
from tests.callback_receiver import Receiver
from tests.integration.job_model import Answer, JobModel, ModelJob, Wish
from tests.service import DATES, DEADLINE, BackgroundLoop, Refusal, config, scripted, start_service, wait_until

TRADED = DATES[:4]
MODELS = ("a", "b")

EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "0"))

#: what each model buys a day, in dollars, and what it has in the beginning
SPENT, CASH = 100, 10_000

REFUSALS = {
    "REQUEST_ID_REUSED": Answer.REUSED,
    "JOB_CONFLICT": Answer.CONFLICT,
    "JOB_STATE": Answer.WRONG_STATE,
}
OUTCOMES = {
    TriggerOutcome.TRIGGER_OUTCOME_ACCEPTED: Answer.ACCEPTED,
    TriggerOutcome.TRIGGER_OUTCOME_EXISTING: Answer.EXISTING,
    TriggerOutcome.TRIGGER_OUTCOME_UP_TO_DATE: Answer.UP_TO_DATE,
}

dates = st.sampled_from(TRADED)
models = st.sampled_from([("a",), ("b",), ("a", "b")])


class Stage:
    """The service of all examples, its receiver of callbacks, and the files that tell its traders what to do."""

    def __init__(self, loop: BackgroundLoop, folder: Path, receiver: Receiver) -> None:
        self.folder = folder / "service"
        self.receiver = receiver
        self.told = folder / "told"
        self.told.mkdir()
        self.service = start_service(
            loop,
            self.folder,
            worker_processes=3,
            cancel_grace=0.0,
            callback_hosts=f"127.0.0.1:{receiver.port}",
            callback_secret=SecretStr("whsec_" + b64encode(bytes(32)).decode()),
            callback_retry_delay=0.01,
        )
        orders = {date: [("buy", "FLAT", 1)] for date in TRADED}
        entries = [scripted(name, orders, told_by=str(self.told / name)) for name in MODELS]
        self.config = self.service.write_config(config(*entries, cash=CASH))

    def tell(self, date: str, model: str, word: str, *, wanted: bool) -> None:
        """Tell a trader to do something on a date, or no more."""
        file = self.told / f"{model}-{date}.{word}"
        if wanted:
            file.touch()
        else:
            file.unlink(missing_ok=True)

    def crash(self) -> None:
        """Go on from what was committed at this moment, as after SIGKILL; what this App does after it is forgotten."""
        left = self.service.settings.db.with_suffix(".left")
        with closing(sqlite3.connect(self.service.settings.db)) as now, closing(sqlite3.connect(left)) as copy:
            now.backup(copy)
        self.service.close()
        for file in self.service.settings.db.parent.glob("jobs.db-*"):
            file.unlink()
        left.replace(self.service.settings.db)
        self.service.start()


class Jobs(RuleBasedStateMachine):
    """One example: an experiment of its own in a service that all share."""

    stage: ClassVar[Stage]
    numbers: ClassVar[Iterator[int]] = count(1)

    @initialize()
    def begin(self) -> None:
        self.name = f"example-{next(self.numbers)}"
        self.model = JobModel()
        self.ids: list[str] = []

    @rule(
        names=models,
        ends=st.tuples(dates, dates).map(sorted),
        replace=st.booleans(),
        policy=st.sampled_from(["fail", "use_existing", "queue"]),
        request=st.sampled_from([None, None, "r1", "r2"]),
        crash=st.sampled_from([False, False, False, True]),
    )
    def trigger(
        self, *, names: tuple[str, ...], ends: list[str], replace: bool, policy: str, request: str | None, crash: bool
    ) -> None:
        asked = TRADED[TRADED.index(ends[0]) : TRADED.index(ends[1]) + 1]
        wish = Wish(models=names, dates=asked, replace=replace)
        fields = {"models": names, "start_date": ends[0], "end_date": ends[1], "replace_existing": replace}

        answer, found = self._triggered(fields, policy, request)
        expected, jobs = self.model.trigger(wish, policy, request)

        assert answer is expected, (answer, expected)
        if expected is Answer.ACCEPTED:
            self.ids.append(found)
        if expected in (Answer.ACCEPTED, Answer.EXISTING):
            assert self.ids.index(found) in jobs
        if crash:
            self.stage.crash()
        self._settle()

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), crash=st.sampled_from([False, False, True]))
    def cancel(self, *, data: st.DataObject, crash: bool) -> None:
        number = data.draw(st.integers(0, len(self.ids) - 1), "job")
        answer = self._asked(self.stage.service.stub.CancelJob, CancelJobRequest(job_id=self.ids[number]))
        assert answer is self.model.cancel(number)
        if crash:
            self.stage.crash()
        self._settle()

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), names=st.sampled_from([(), ("a",), ("b",)]), crash=st.sampled_from([False, False, True]))
    def retry(self, *, data: st.DataObject, names: tuple[str, ...], crash: bool) -> None:
        number = data.draw(st.integers(0, len(self.ids) - 1), "job")
        job = self.model.jobs[number]
        asked = tuple(name for name in names if name in {model for _, model in job.days})
        answer = self._asked(self.stage.service.stub.RetryJob, RetryJobRequest(job_id=self.ids[number], models=asked))
        assert answer is self.model.retry(number, asked)
        if crash:
            self.stage.crash()
        self._settle()

    @rule(date=dates, model=st.sampled_from(MODELS), wanted=st.booleans())
    def hold(self, *, date: str, model: str, wanted: bool) -> None:
        self.stage.tell(date, model, "hold", wanted=wanted)
        (self.model.held.add if wanted else self.model.held.discard)((date, model))
        self._settle()

    @rule(date=dates, model=st.sampled_from(MODELS), wanted=st.booleans())
    def fail(self, *, date: str, model: str, wanted: bool) -> None:
        self.stage.tell(date, model, "fail", wanted=wanted)
        (self.model.failing.add if wanted else self.model.failing.discard)((date, model))

    @precondition(lambda self: any(job.active for job in self.model.jobs))
    @rule(crash=st.booleans())
    def restart(self, *, crash: bool) -> None:
        (self.stage.crash if crash else self.stage.service.restart)()
        self._settle()

    def teardown(self) -> None:
        for file in self.stage.told.iterdir():
            file.unlink()
        self.model.held.clear()
        self.model.failing.clear()
        self._settle()
        for job_id, job in zip(self.ids, self.model.jobs, strict=True):
            self._compare_stream(job_id, job)

    def _triggered(self, fields: dict[str, Any], policy: str, request: str | None) -> tuple[Answer, str]:
        """Ask the service for a job; return its answer and the job that it tells of."""
        asked = TriggerRequest(
            config_path=self.stage.config,
            experiment=self.name,
            request_id="" if request is None else f"{self.name}-{request}",
            conflict_policy=ConflictPolicy.Value(f"CONFLICT_POLICY_{policy.upper()}"),
            callback_urls=[self.stage.receiver.url],
            **fields,
        )
        try:
            response = self.stage.service.stub.Trigger(asked, timeout=DEADLINE)
        except grpc.RpcError as error:
            return REFUSALS[Refusal(error).reason], ""
        return OUTCOMES[response.outcome], response.job_id

    def _asked(self, call: Any, request: Any) -> Answer:
        try:
            call(request, timeout=DEADLINE)
        except grpc.RpcError as error:
            return REFUSALS[Refusal(error).reason]
        return Answer.OK

    def _settle(self) -> None:
        """Wait until the service has come to where the model is."""
        self.model.settle()
        try:
            wait_until(lambda: self._state() == self._expected(), "what the model says")
        except pytest.fail.Exception:
            assert self._state() == self._expected()
            raise
        for job_id, job in zip(self.ids, self.model.jobs, strict=True):
            self._compare_log(job_id, job)

    def _expected(self) -> dict[str, Any]:
        return {
            "jobs": [
                (job.status, job.waits, job.count("completed"), job.count("failed"), len(job.days), job.days)
                for job in self.model.jobs
            ],
            "chains": {
                model: [(date, self.ids[owner]) for date, owner in sorted(chain.items())]
                for model, chain in self.model.chains.items()
                if chain
            },
            "holders": {model: self.ids[owner] for model, owner in self.model.holders.items()},
            "cash": {model: CASH - SPENT * len(chain) for model, chain in self.model.chains.items() if chain},
        }

    def _state(self) -> dict[str, Any]:
        rows = self.stage.service.rows
        jobs = [
            (*rows(_JOB, job_id)[0], {(date, model): status for date, model, status in rows(_DETAILS, job_id)})
            for job_id in self.ids
        ]
        days = rows(_CHAINS, self.name)
        return {
            "jobs": [(status, bool(waits), *more) for status, waits, *more in jobs],
            "chains": {model: [row[1:3] for row in days if row[0] == model] for model, *_ in days},
            "holders": dict(rows(_HOLDERS, self.name)),
            "cash": {model: cash for model, _, _, cash in days},
        }

    def _compare_log(self, job_id: str, job: ModelJob) -> None:
        """Compare a job's log: no gap, as many ends, every completed model-day committed and no other."""
        events = self.stage.service.rows(_EVENTS, job_id)
        kinds = [event[1] for event in events]
        assert [event[0] for event in events] == list(range(1, len(events) + 1))
        assert kinds.count("job_ended") == job.ends
        assert (kinds[-1] == "job_ended") is (not job.active)
        commits = Counter((event[2], event[3]) for event in events if event[1] == "model_day_completed")
        commits.subtract((event[2], event[3]) for event in events if event[1] == "model_day_superseded")
        assert +commits == Counter(day for day, status in job.days.items() if status == "completed")
        begun = Counter(event[2:] for event in events if event[1] == "model_day_started")
        assert set(begun.values()) <= {1}

    def _compare_stream(self, job_id: str, job: ModelJob) -> None:
        """Read the stream over earlier ends to the last one, and wait for the word of each of them."""
        events = self.stage.service.events(job_id)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        wait_until(lambda: self._delivered(job_id) == job.ends, f"{job.ends} deliveries of {job_id}")
        bodies = [json.loads(told.body)["data"] for told in list(self.stage.receiver.received)]
        assert {told["last_sequence"] for told in bodies if told["job_id"] == job_id} >= {
            event.sequence for event in events if event.type == job_pb2.EVENT_TYPE_JOB_ENDED
        }

    def _delivered(self, job_id: str) -> int:
        sql = "SELECT COUNT(*) FROM deliveries WHERE job_id = ? AND status = 'delivered'"
        return int(self.stage.service.rows(sql, job_id)[0][0])


_JOB = """
    SELECT status, job_id IN (SELECT job_id FROM queued_jobs), completed_model_days, failed_model_days, total_model_days
    FROM jobs WHERE job_id = ?
"""
_DETAILS = "SELECT date, model, status FROM job_details WHERE job_id = ?"
_CHAINS = """
    SELECT p.model, t.date, t.job_id, t.cash FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
    WHERE p.experiment = ? ORDER BY p.model, t.date
"""
_HOLDERS = "SELECT model, claimed_by FROM portfolios WHERE experiment = ? AND claimed_by IS NOT NULL"
_EVENTS = "SELECT sequence, event_type, date, model, attempt FROM job_events WHERE job_id = ? ORDER BY sequence"


def test_jobs_are_what_a_small_model_of_them_says(loop: BackgroundLoop, tmp_path: Path) -> None:
    tried = settings(
        max_examples=EXAMPLES or 12,
        stateful_step_count=20 if EXAMPLES else 12,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with Receiver() as receiver:
        Jobs.stage = Stage(loop, tmp_path, receiver)
        try:
            run_state_machine_as_test(Jobs, settings=tried)
        finally:
            Jobs.stage.service.close()
