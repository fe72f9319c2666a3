"""What can be wrong with a request for a job.

JobError
├── InvalidRequestError    fields of the request or its config are wrong; every one is named
├── ConfigChangedError     a portfolio was begun with another definition of its model
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


class DrainingError(JobError):
    """The service is stopping and takes no new work."""

    def __init__(self) -> None:
        super().__init__("the service is stopping and takes no new jobs")
