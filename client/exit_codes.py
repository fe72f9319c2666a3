"""What the exit status of `ai-trader` tells a script."""

from enum import IntEnum

from aitrader.v1 import job_pb2


class ExitCode(IntEnum):
    """The job's outcomes stay clear of 2, which is click's for a wrong command line."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PARTIAL = 3
    FAILED = 4
    VIOLATIONS = 5
    DIFFERENT = 6
    INTERRUPTED = 130


#: the line that every command's help carries
EXIT_CODES_HELP = (
    "Exit codes: 0 fine; 1 error, told in one line on stderr; 2 wrong command line; "
    "with --wait or watch also 3 the job ended partial, 4 it failed or was cancelled; "
    "with audit also 5 there are violations; with verify also 6 there is a difference; "
    "with service-status 1 it is not healthy; 130 interrupted."
)


def exit_code_of(status: job_pb2.JobStatus.ValueType) -> ExitCode:
    """Tell the exit code for a job that ended with this status."""
    if status == job_pb2.JOB_STATUS_PARTIAL:
        return ExitCode.PARTIAL
    if status in (job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_CANCELLED):
        return ExitCode.FAILED
    return ExitCode.OK
