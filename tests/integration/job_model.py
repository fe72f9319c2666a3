"""A small model of jobs: what is to be seen of them once nothing moves any more. Pure; nothing of the service is used.

A model-day runs at once unless it is held, and then fails if it is to fail. So after each step there is one state that
the service has to come to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto

#: date and model
Day = tuple[str, str]

#: what of a job can be run again
UNDONE = frozenset({"failed", "skipped", "cancelled"})


class Answer(StrEnum):
    """What a call is answered with."""

    ACCEPTED = auto()
    EXISTING = auto()
    UP_TO_DATE = auto()
    REUSED = auto()
    CONFLICT = auto()
    WRONG_STATE = auto()
    OK = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a trigger asks for; `dates` are trading dates, ascending and without a gap."""

    models: tuple[str, ...]
    dates: tuple[str, ...]
    replace: bool = False


@dataclass(slots=True, kw_only=True)
class ModelJob:
    """A job; `ends` is how often it ended."""

    wish: Wish
    days: dict[Day, str]
    status: str = "pending"
    waits: bool = False
    may_replace: bool = False
    was_cancelled: bool = False
    ends: int = 0

    @property
    def active(self) -> bool:
        return self.status in ("pending", "running")

    @property
    def runs(self) -> bool:
        return self.active and not self.waits

    def first(self, model: str) -> str:
        """Return the first date of one of its models."""
        return min(date for date, name in self.days if name == model)

    def count(self, *statuses: str) -> int:
        """Count its model-days in some states."""
        return sum(status in statuses for status in self.days.values())


@dataclass(slots=True)
class JobModel:
    """Jobs in the order in which they were accepted, the chains of portfolios as date → job, and who holds them."""

    jobs: list[ModelJob] = field(default_factory=list)
    chains: dict[str, dict[str, int]] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    requests: dict[str, tuple[Wish, int]] = field(default_factory=dict)
    held: set[Day] = field(default_factory=set)
    failing: set[Day] = field(default_factory=set)

    def trigger(self, wish: Wish, policy: str, request_id: str | None) -> tuple[Answer, frozenset[int]]:
        """Ask for a job; return the answer and the jobs that it may tell of."""
        if request_id in self.requests:
            known, number = self.requests[request_id]
            return (Answer.EXISTING, frozenset({number})) if known == wish else (Answer.REUSED, frozenset())
        equal = [number for number, job in enumerate(self.jobs) if job.active and job.wish == wish]
        if equal:
            return Answer.EXISTING, frozenset(equal)
        conflicts = self._conflicts(wish.models, len(self.jobs))
        if conflicts and policy == "fail":
            return Answer.CONFLICT, conflicts
        days = self._plan(wish)
        if not days:
            return Answer.UP_TO_DATE, frozenset()
        if conflicts and policy == "use_existing":
            return Answer.EXISTING, conflicts
        number = self._add(wish, days, waits=bool(conflicts))
        if request_id is not None:
            self.requests[request_id] = wish, number
        return Answer.ACCEPTED, frozenset({number})

    def cancel(self, number: int) -> Answer:
        """Cancel a job."""
        job = self.jobs[number]
        if job.was_cancelled:
            return Answer.OK
        if not job.active:
            return Answer.WRONG_STATE
        job.was_cancelled = True
        for day, status in job.days.items():
            if status in ("pending", "running"):
                job.days[day] = "cancelled"
        self._end(number, "cancelled")
        return Answer.OK

    def retry(self, number: int, asked: Sequence[str]) -> Answer:
        """Run again what did not complete of a job."""
        job = self.jobs[number]
        models = {name for (_, name), status in job.days.items() if status in UNDONE and (not asked or name in asked)}
        if job.active or job.status == "completed" or not models:
            return Answer.WRONG_STATE
        if any(owner != number and date >= job.first(m) for m in models for date, owner in self._chain(m).items()):
            return Answer.WRONG_STATE
        if self._conflicts(tuple(models), len(self.jobs)):
            return Answer.CONFLICT
        for day in job.days:
            if day[1] in models and job.days[day] in UNDONE:
                job.days[day] = "pending"
        job.status, job.may_replace, job.was_cancelled = "running", True, False
        self.holders.update(dict.fromkeys(models, number))
        return Answer.OK

    def settle(self) -> None:
        """Let everything happen that can."""
        moved = True
        while moved:
            numbers = range(len(self.jobs))
            ended = [
                self._run(number) for number in numbers if self.jobs[number].active and not self.jobs[number].waits
            ]
            begun = [self._admit(number) for number in numbers if self.jobs[number].waits]
            moved = any(ended + begun)

    def _add(self, wish: Wish, days: Sequence[Day], *, waits: bool) -> int:
        job = ModelJob(wish=wish, days=dict.fromkeys(days, "pending"), waits=waits, may_replace=wish.replace)
        self.jobs.append(job)
        number = len(self.jobs) - 1
        if not waits:
            self._claim(number)
        return number

    def _claim(self, number: int) -> None:
        self.holders.update({name: number for _, name in self.jobs[number].days})

    def _conflicts(self, models: Sequence[str], before: int) -> frozenset[int]:
        """Return the jobs that hold one of the portfolios, or came before a job and wait for one."""
        holding = {self.holders[name] for name in models if name in self.holders}
        waiting = {n for n in range(before) if self.jobs[n].waits and set(self.jobs[n].wish.models) & set(models)}
        return frozenset(holding or waiting)

    def _plan(self, wish: Wish) -> list[Day]:
        return sorted((date, name) for name in wish.models for date in self._dates(name, wish))

    def _dates(self, name: str, wish: Wish) -> set[str]:
        chain = self._chain(name)
        last = max(chain, default="")
        if wish.replace and wish.dates[0] <= last:
            return {*wish.dates, *(date for date in chain if date >= wish.dates[0])}
        return {date for date in wish.dates if date > last}

    def _chain(self, name: str) -> dict[str, int]:
        return self.chains.setdefault(name, {})

    def _admit(self, number: int) -> bool:
        """Let a job that waits begin, if it can; tell whether it did."""
        job = self.jobs[number]
        if self._conflicts(job.wish.models, number):
            return False
        job.waits, job.days = False, dict.fromkeys(self._plan(job.wish), "pending")
        if job.days:
            self._claim(number)
        else:
            self._end(number, "completed")
        return True

    def _run(self, number: int) -> bool:
        """Run a job as far as it goes; tell whether it ended."""
        job = self.jobs[number]
        job.status = "running"
        while (date := min((day[0] for day in self._left(job)), default=None)) is not None:
            for day in [day for day in self._left(job) if day[0] == date]:
                self._run_day(number, day)
            if any(day[0] == date for day in self._left(job)):
                return False
        failed = job.count("failed", "cancelled")
        self._end(number, "completed" if not failed else "partial" if job.count("completed") else "failed")
        return True

    def _left(self, job: ModelJob) -> Iterator[Day]:
        return (day for day, status in list(job.days.items()) if status in ("pending", "running"))

    def _run_day(self, number: int, day: Day) -> None:
        job, (date, name) = self.jobs[number], day
        if day in self.held:
            job.days[day] = "running"
        elif day in self.failing:
            job.days[day] = "failed"
        else:
            job.days[day] = "completed"
            self._commit(number, date, name)

    def _commit(self, number: int, date: str, name: str) -> None:
        """Build on what the job goes on from, and replace what comes after."""
        job, chain = self.jobs[number], self._chain(name)
        kept = {d: owner for d, owner in chain.items() if d < date and (owner == number or d < job.first(name))}
        base = max(kept, default="")
        for replaced in [d for d in chain if d > base]:
            owner = chain.pop(replaced)
            if owner == number:
                job.days[replaced, name] = "pending"
        chain[date] = number

    def _end(self, number: int, status: str) -> None:
        job = self.jobs[number]
        job.status, job.waits, job.ends = status, False, job.ends + 1
        self.holders = {name: holder for name, holder in self.holders.items() if holder != number}
