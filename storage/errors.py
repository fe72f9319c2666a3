"""What can go wrong in storage.

StorageError
├── StorageNotReadyError      the database takes nothing now; it passes
│   ├── StorageBusyError      the database stayed locked by another process
│   └── StorageFullError      the disk took no more
├── DatabaseInUseError        another server runs on the database file
├── SchemaError               the file is not a database of this service, or of a newer version
│   └── DamagedDatabaseError  the file is no database, or a damaged one
├── JobNotFoundError
├── JobConflictError          another job holds a portfolio, or the job limit is reached
├── QueueFullError            no place in the queue is free
├── RequestIdReusedError      the request id stands for another request
├── JobStateError             the job is in a state that forbids the step
├── JobCancelledError         the job's cancel was accepted, so nothing of it may start or be committed
├── TooManyCallbacksError     the job is to tell enough already
├── ModelDayStateError        the model-day is not in the state that the step starts from
└── StaleAttemptError         the attempt is not the current one, so its outcome must not be committed
"""

from pathlib import Path


class StorageError(Exception):
    """Storage could not do what was asked."""


class StorageNotReadyError(StorageError):
    """The database takes nothing now, through no fault of what was asked."""


class StorageBusyError(StorageNotReadyError):
    """The database stayed locked by another process."""


class StorageFullError(StorageNotReadyError):
    """The disk took no more: it is full, or failing."""


class DatabaseInUseError(StorageError):
    """Another server runs on the database file; `holder` is its process id."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            f"database '{path}' is in use by another server (process {holder or 'unknown'}); "
            "stop that one, or give this one a database of its own with --db"
        )
        self.holder = holder


class SchemaError(StorageError):
    """The file is not a database that this version can use."""


class DamagedDatabaseError(SchemaError):
    """The file is no database, or a damaged one; the message says how to go on."""

    def __init__(self, path: Path, told: str) -> None:
        super().__init__(
            f"'{path}' is not a database of this service, or damaged: {told}; "
            f"restore a backup with: ai-trader-server db restore BACKUP --db {path} "
            f"(backups lie in {path.parent / 'backups'} unless another path was given)"
        )


class JobNotFoundError(StorageError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job_id '{job_id}' was not found")
        self.job_id = job_id


class JobConflictError(StorageError):
    """Another job holds one of the portfolios, or the job limit is reached."""

    def __init__(self, job_id: str, dates: tuple[str, ...], reason: str) -> None:
        super().__init__(f"job '{job_id}' is active: {reason}")
        self.job_id = job_id
        self.dates = dates


class QueueFullError(StorageError):
    """No place in the queue is free; `job_id` is the job that the request would have waited for."""

    def __init__(self, queued_jobs: int, job_id: str) -> None:
        super().__init__(f"job '{job_id}' is in the way and {queued_jobs} job(s) wait already")
        self.queued_jobs = queued_jobs
        self.job_id = job_id


class RequestIdReusedError(StorageError):
    """The request id was used before with another content."""

    def __init__(self, request_id: str, job_id: str) -> None:
        super().__init__(f"request_id '{request_id}' was used with another content by job '{job_id}'")
        self.request_id = request_id
        self.job_id = job_id


class JobStateError(StorageError):
    """The job is in a state that forbids the step."""

    def __init__(self, job_id: str, status: str, wanted: str) -> None:
        super().__init__(f"job '{job_id}' is {status} and cannot be {wanted}")
        self.job_id = job_id
        self.status = status


class JobCancelledError(StorageError):
    """The job's cancel was accepted."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job '{job_id}' was cancelled")


class TooManyCallbacksError(StorageError):
    """The job would have more callbacks than it may have."""

    def __init__(self, job_id: str, limit: int) -> None:
        super().__init__(f"job '{job_id}' would have more than {limit} callbacks")


class ModelDayStateError(StorageError):
    """The model-day is not in the state that the step starts from."""

    def __init__(self, job_id: str, date: str, model: str, wanted: str) -> None:
        super().__init__(f"model-day of '{model}' on {date} in job '{job_id}' is not {wanted}")


class StaleAttemptError(StorageError):
    """The attempt is no longer the current one."""

    def __init__(self, job_id: str, date: str, model: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} of '{model}' on {date} in job '{job_id}' is not the current one")
