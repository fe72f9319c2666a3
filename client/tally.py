"""How far a job is, model by model, kept up to date from its events."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from aitrader.v1 import job_pb2
from aitrader.v1.job_pb2 import ModelDay, ProgressEvent
from aitrader.v1.simulation_pb2 import GetStatusResponse

#: model-days; the rate is that of the latest ones, so that it follows a change of pace
RATE_WINDOW = 500

_ENDINGS = frozenset(
    {
        job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED,
        job_pb2.EVENT_TYPE_MODEL_DAY_FAILED,
        job_pb2.EVENT_TYPE_MODEL_DAY_SKIPPED,
        job_pb2.EVENT_TYPE_MODEL_DAY_CANCELLED,
    }
)
_OTHER_ENDINGS = frozenset({job_pb2.EVENT_TYPE_MODEL_DAY_SKIPPED, job_pb2.EVENT_TYPE_MODEL_DAY_CANCELLED})
_BEGINNINGS = frozenset({job_pb2.EVENT_TYPE_JOB_STARTED, job_pb2.EVENT_TYPE_JOB_RESUMED})


@dataclass(slots=True, kw_only=True)
class ModelTally:
    """How far one model is. `date` is the model-day under way, `value` the latest close value in dollars."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    other: int = 0
    date: str = ""
    value: float | None = None

    @property
    def done(self) -> int:
        return self.completed + self.failed + self.other


class Tally:
    """How far a job is: the state at one moment, and the events after it."""

    def __init__(self, status: GetStatusResponse) -> None:
        self._times: deque[datetime] = deque(maxlen=RATE_WINDOW)
        self.begin(status)

    def begin(self, status: GetStatusResponse) -> None:
        """Count anew from a state."""
        self.status = status.status
        self.models = {model: ModelTally() for model in status.models}
        self._sequence = status.last_sequence
        for day in status.progress.details:
            self._add(day)

    def outdated_by(self, event: ProgressEvent) -> bool:
        """Tell whether the job was planned anew since: it waited, for its turn or for prices."""
        return event.type == job_pb2.EVENT_TYPE_JOB_STARTED and event.total_model_days != self.total

    @property
    def total(self) -> int:
        return sum(model.total for model in self.models.values())

    @property
    def done(self) -> int:
        return sum(model.done for model in self.models.values())

    @property
    def failed(self) -> int:
        return sum(model.failed for model in self.models.values())

    def apply(self, event: ProgressEvent) -> None:
        """Take in an event; one from before the first state tells only about the pace and the latest value."""
        self._time(event)
        if event.model:
            self._apply_to_model(self.models.setdefault(event.model, ModelTally()), event)
        if event.sequence > self._sequence:
            self.status = event.status

    def rate(self) -> float | None:
        """Tell the model-days per second of late, by the service's clock; None before two are done."""
        if len(self._times) < 2:
            return None
        seconds = (self._times[-1] - self._times[0]).total_seconds()
        return (len(self._times) - 1) / seconds if seconds > 0 else None

    def remaining_seconds(self) -> float | None:
        """Tell the seconds to the end at the present rate; None when there is no rate yet."""
        rate = self.rate()
        return None if rate is None else (self.total - self.done) / rate

    def _add(self, day: ModelDay) -> None:
        model = self.models.setdefault(day.model, ModelTally())
        model.total += 1
        model.completed += day.status == job_pb2.MODEL_DAY_STATUS_COMPLETED
        model.failed += day.status == job_pb2.MODEL_DAY_STATUS_FAILED
        model.other += day.status in (job_pb2.MODEL_DAY_STATUS_SKIPPED, job_pb2.MODEL_DAY_STATUS_CANCELLED)
        if day.status == job_pb2.MODEL_DAY_STATUS_RUNNING:
            model.date = day.date

    def _time(self, event: ProgressEvent) -> None:
        if event.type in _BEGINNINGS:
            self._times.clear()
        if event.type in _BEGINNINGS | _ENDINGS:
            self._times.append(event.event_time.ToDatetime())

    def _apply_to_model(self, model: ModelTally, event: ProgressEvent) -> None:
        if event.HasField("portfolio_value"):
            model.value = event.portfolio_value
        if event.sequence <= self._sequence:
            return
        model.completed += event.type == job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED
        model.completed -= event.type == job_pb2.EVENT_TYPE_MODEL_DAY_SUPERSEDED
        model.failed += event.type == job_pb2.EVENT_TYPE_MODEL_DAY_FAILED
        model.other += event.type in _OTHER_ENDINGS
        model.date = "" if event.type in _ENDINGS else event.date
