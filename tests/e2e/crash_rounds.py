"""Rounds of the crash harness: what a user does with jobs, each call repeated until it is answered.

Whatever is killed meanwhile, the rows that a round leaves are the same: a cancelled job is retried to its end, what the
vendor denied is retried once it is healed, what is replaced is computed again from the same prices.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message

from aitrader.v1.control_pb2 import CancelJobRequest, RetryJobRequest
from aitrader.v1.job_pb2 import JobStatus
from aitrader.v1.simulation_pb2 import (
    CONFLICT_POLICY_QUEUE,
    GetStatusRequest,
    StreamProgressRequest,
    TriggerRequest,
)
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.e2e.crash_scene import Scene

#: seconds for a call on a machine that is as busy as it gets
CALL_DEADLINE = 30.0

#: seconds after which a round is taken for hung
PATIENCE = 600.0

#: seconds between tries of a call
RECONNECT_DELAY = 0.02

#: what a call meets when its server is killed, starts or stops
PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN})

_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Jobs of a round by what they were for."""

    experiment: str
    jobs: dict[str, str]


class Operator:
    """Does rounds against a server that may be gone at any moment; `calling` is set whenever a change is asked for."""

    def __init__(self, address: str, scene: Scene) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._stub = SimulationServiceStub(self._channel)
        self._scene = scene
        self.calling = threading.Event()
        self._closed = threading.Event()

    def close(self) -> None:
        """Close the connection; a round that is not over fails."""
        self._closed.set()
        self._channel.close()

    def play(self, name: str) -> Round:
        """Do one round to its end."""
        self._scene.moody.healed.clear()
        dates, apart = self._scene.dates, f"{name}-cancelled"
        middle = dates[len(dates) // 2]
        trigger = partial(self._trigger, name)
        jobs = {
            "rules": trigger("rules", end_date=middle),
            "agents": trigger("agents", config_path="agents.json", experiment=f"{name}-agents"),
            "queued": trigger("queued", conflict_policy=CONFLICT_POLICY_QUEUE),
            "cancelled": trigger("cancelled", experiment=apart, end_date=middle),
        }
        self._cancel_and_retry(jobs["cancelled"], name)
        for job in ("rules", "queued"):
            self.ended(jobs[job])
        jobs["replacing"] = trigger("replacing", start_date=dates[5], end_date=dates[9], replace_existing=True)
        self.ended(jobs["replacing"])
        assert self.ended(jobs["agents"]) == JobStatus.JOB_STATUS_PARTIAL
        self._scene.moody.healed.set()
        self._retry(jobs["agents"], f"{name}-agents")
        return Round(experiment=name, jobs=jobs)

    def ended(self, job_id: str) -> int:
        """Wait for a job's end and return its status."""
        self._repeated(lambda: list(self._stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=PATIENCE)))
        status = self._call(self._stub.GetStatus, GetStatusRequest(job_id=job_id, page_size=1)).status
        return int(status)

    def _trigger(self, name: str, purpose: str, **fields: Any) -> str:
        values = {"config_path": "rules.json", "experiment": name, "callback_urls": [self._scene.receiver.url]}
        request = TriggerRequest(request_id=f"{name}-{purpose}", **{**values, **fields})
        job_id: str = self._change(self._stub.Trigger, request).job_id
        assert job_id
        return job_id

    def _cancel_and_retry(self, job_id: str, name: str) -> None:
        """Cancel a job and retry what it had not done, unless it was faster."""
        try:
            self._change(self._stub.CancelJob, CancelJobRequest(job_id=job_id, reason="on a whim"))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:  # type: ignore[attr-defined]
                raise
        self._retry(job_id, f"{name}-cancelled")

    def _retry(self, job_id: str, request_id: str) -> None:
        if self.ended(job_id) != JobStatus.JOB_STATUS_COMPLETED:
            self._change(self._stub.RetryJob, RetryJobRequest(job_id=job_id, request_id=f"{request_id}-retry"))
        assert self.ended(job_id) == JobStatus.JOB_STATUS_COMPLETED

    def _change(self, method: Callable[..., Any], request: Message) -> Any:
        self.calling.set()
        return self._call(method, request)

    def _call(self, method: Callable[..., Any], request: Message) -> Any:
        return self._repeated(lambda: method(request, timeout=CALL_DEADLINE))

    def _repeated(self, call: Callable[[], Any]) -> Any:
        """Repeat a call for as long as its server is gone."""
        patience = time.monotonic() + PATIENCE
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                if error.code() not in PASSING:  # type: ignore[attr-defined]
                    raise
                if self._closed.wait(RECONNECT_DELAY) or time.monotonic() > patience:
                    raise
