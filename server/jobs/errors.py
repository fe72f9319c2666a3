"""What can be wrong with a request for a job.

JobError
├── InvalidRequestError    fields of the request or its config are wrong; every one is named
├── ConfigChangedError     a portfolio was begun with another definition of its model
├── NotReplayableError     sessions of the job were not recorded
└── DrainingError          the service is stopping
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A wrong field: its path (`models[0].basemodel`) and what is wrong, as a sentence."""

    field: str
    description: str


class JobError(Exception):
    """The job cannot be accepted."""


class InvalidRequestError(JobError):
    """Fields of the request, or of the config it names, are wrong."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(f"{violation.field}: {violation.description}" for violation in violations))
        self.violations = tuple(violations)

    @classmethod
    def of(cls, field: str, description: str) -> "InvalidRequestError":
        """Return the error of one field."""
        return cls([Violation(field=field, description=description)])


class ConfigChangedError(JobError):
    """A portfolio was begun with another definition of its model."""

    def __init__(self, experiment: str, model: str, changed: Sequence[str]) -> None:
        super().__init__(
            f"portfolio of '{model}' in experiment '{experiment}' was begun with another {', '.join(changed)}; "
            "choose another experiment or signature, or restore the config"
        )
        self.experiment = experiment
        self.model = model
        self.changed = tuple(changed)


class NotReplayableError(JobError):
    """Completed model-days, as (date, model), have sessions that were not recorded."""

    #: model-days told
    SHOWN = 5

    def __init__(self, job_id: str, model_days: Sequence[tuple[str, str]]) -> None:
        shown = ", ".join(f"{model} on {date}" for date, model in model_days[: self.SHOWN])
        more = len(model_days) - self.SHOWN
        self.model_days = f"{shown} and {more} more" if more > 0 else shown
        super().__init__(f"job '{job_id}' cannot be run again: nothing is recorded of {self.model_days}")
        self.job_id = job_id


class DrainingError(JobError):
    """The service is stopping and takes no new work."""

    def __init__(self) -> None:
        super().__init__("the service is stopping and takes no new jobs")
