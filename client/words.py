"""The contract's enum values as the short lower-case words that people and scripts use, and back."""

from collections.abc import Iterable

from aitrader.v1 import callbacks_pb2, job_pb2, portfolio_pb2, progress_pb2, schedule_pb2, simulation_pb2

#: states that a job does not leave
FINAL_STATUSES = frozenset(
    {
        job_pb2.JOB_STATUS_COMPLETED,
        job_pb2.JOB_STATUS_PARTIAL,
        job_pb2.JOB_STATUS_FAILED,
        job_pb2.JOB_STATUS_CANCELLED,
    }
)

_STATUS_PREFIX = "JOB_STATUS_"
_DETAIL_PREFIX = "RESULT_DETAIL_"
_POLICY_PREFIX = "CONFLICT_POLICY_"

_SORT_PREFIX = "LEADERBOARD_SORT_"
_INCLUDE_PREFIX = "PROGRESS_INCLUDE_"

INCLUDE_WORDS = tuple(name.removeprefix(_INCLUDE_PREFIX).lower() for name in progress_pb2.ProgressInclude.keys()[1:])
STATUS_WORDS = tuple(name.removeprefix(_STATUS_PREFIX).lower() for name in job_pb2.JobStatus.keys()[1:])
SORT_WORDS = tuple(name.removeprefix(_SORT_PREFIX).lower() for name in simulation_pb2.LeaderboardSort.keys()[1:])
POLICY_WORDS = tuple(name.removeprefix(_POLICY_PREFIX).lower() for name in simulation_pb2.ConflictPolicy.keys()[1:])
DETAIL_WORDS = tuple(name.removeprefix(_DETAIL_PREFIX).lower() for name in simulation_pb2.ResultDetail.keys()[1:])


def status_word(status: job_pb2.JobStatus.ValueType) -> str:
    """Tell a job's status as a word, for example `completed`."""
    return _word(job_pb2.JobStatus.Name(status), _STATUS_PREFIX)


def day_status_word(status: job_pb2.ModelDayStatus.ValueType) -> str:
    """Tell a model-day's status as a word."""
    return _word(job_pb2.ModelDayStatus.Name(status), "MODEL_DAY_STATUS_")


def action_word(action: portfolio_pb2.TradeAction.ValueType) -> str:
    """Tell a trade's action as a word."""
    return _word(portfolio_pb2.TradeAction.Name(action), "TRADE_ACTION_")


def role_word(role: job_pb2.ReasoningRole.ValueType) -> str:
    """Tell who speaks in a step as a word."""
    return _word(job_pb2.ReasoningRole.Name(role), "REASONING_ROLE_")


def stop_reason_word(reason: job_pb2.StopReason.ValueType) -> str:
    """Tell why a session ended in words; empty when it broke off."""
    return _word(job_pb2.StopReason.Name(reason), "STOP_REASON_").replace("_", " ") if reason else ""


def outcome_word(outcome: job_pb2.SessionOutcome.ValueType) -> str:
    """Tell what became of a session's attempt as a word."""
    return _word(job_pb2.SessionOutcome.Name(outcome), "SESSION_OUTCOME_")


def delivery_word(status: callbacks_pb2.DeliveryStatus.ValueType) -> str:
    """Tell the state of a delivery in words."""
    return _word(callbacks_pb2.DeliveryStatus.Name(status), "DELIVERY_STATUS_").replace("_", " ")


def schedule_kind_word(kind: schedule_pb2.ScheduleKind.ValueType) -> str:
    """Tell what a schedule does as a word."""
    return _word(schedule_pb2.ScheduleKind.Name(kind), "SCHEDULE_KIND_")


def schedule_outcome_word(outcome: schedule_pb2.ScheduleOutcome.ValueType) -> str:
    """Tell what came of a time that was due as a word."""
    return _word(schedule_pb2.ScheduleOutcome.Name(outcome), "SCHEDULE_OUTCOME_")


def status_values(words: Iterable[str]) -> list[job_pb2.JobStatus.ValueType]:
    """Tell the statuses that words stand for. Raises ValueError for a word that is none."""
    return [job_pb2.JobStatus.Value(_name(word, STATUS_WORDS, _STATUS_PREFIX)) for word in words]


def include_values(words: Iterable[str]) -> list[progress_pb2.ProgressInclude.ValueType]:
    """Tell what `fills` and `reasoning` stand for. Raises ValueError for another word."""
    return [progress_pb2.ProgressInclude.Value(_name(word, INCLUDE_WORDS, _INCLUDE_PREFIX)) for word in words]


def detail_value(word: str) -> simulation_pb2.ResultDetail.ValueType:
    """Tell the detail that `minimal` or `full` stands for. Raises ValueError for another word."""
    return simulation_pb2.ResultDetail.Value(_name(word, DETAIL_WORDS, _DETAIL_PREFIX))


def sort_value(word: str) -> simulation_pb2.LeaderboardSort.ValueType:
    """Tell the order that `value`, `return`, `sharpe` or `drawdown` stands for. Raises ValueError for another word."""
    return simulation_pb2.LeaderboardSort.Value(_name(word, SORT_WORDS, _SORT_PREFIX))


def policy_value(word: str) -> simulation_pb2.ConflictPolicy.ValueType:
    """Tell the policy that `fail`, `use_existing` or `queue` stands for. Raises ValueError for another word."""
    return simulation_pb2.ConflictPolicy.Value(_name(word, POLICY_WORDS, _POLICY_PREFIX))


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _name(word: str, known: tuple[str, ...], prefix: str) -> str:
    if word not in known:
        raise ValueError(f"{word!r} is not one of {', '.join(known)}")
    return prefix + word.upper()
