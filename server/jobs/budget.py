"""The budget of a job: what its sessions may still use up, worked out before each of them begins.

A session stops before the request that would follow once its limits are reached. So the sessions of a job can exceed
a limit by no more than one request each of those that run when it is reached.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from server.engine.llm import LlmSpec
from server.jobs.spec import BudgetSpec
from storage.session_record import SessionRows
from storage.sessions import Spent

#: how the reasons of skipped model-days begin
PREFIX = "budget: "

#: the least that a session is given: enough for one request
ONE_TOKEN = Decimal(1)
ONE_MICRODOLLAR = Decimal("0.000001")

#: what sessions cost whose cost is not known
UNKNOWN = Decimal("Infinity")


class BudgetSpentError(Exception):
    """Nothing is left for a session."""

    def __init__(self, owner: str, name: str, limit: Decimal, spent: Decimal) -> None:
        used = "an unknown amount" if spent == UNKNOWN else f"{spent:f}"
        super().__init__(f"{PREFIX}{owner} has used up its {name} of {limit:f}, with {used}")


@dataclass(slots=True, kw_only=True)
class _Meter:
    """One kind of limit, tokens or dollars: what is spent of it, and promised to the sessions that run, by model."""

    name: str
    least: Decimal
    of_job: Decimal | None
    of_model: Decimal | None
    spent: dict[str, Decimal]
    promised: dict[str, Decimal] = field(default_factory=dict)

    def room(self, model: str, asked: Decimal | None, waiting: int) -> Decimal | None:
        """Return what a session may use up: what it asks for, or less; one of `waiting` that share what is left.

        Raises:
            BudgetSpentError: nothing is left.
        """
        rooms = [] if asked is None else [asked]
        if self.of_model is not None:
            rooms.append(self._left(f"model '{model}'", self.of_model, self.spent.get(model, Decimal(0))))
        if self.of_job is not None:
            left = self._left("the job", self.of_job, sum(self.spent.values(), Decimal(0)))
            rooms.append(max(self.least, (left - sum(self.promised.values())) / waiting))
        return min(rooms, default=None)

    def promise(self, model: str, amount: Decimal | None) -> None:
        """Keep an amount for a session until it is booked."""
        if amount is not None:
            self.promised[model] = amount

    def book(self, model: str, amount: Decimal) -> None:
        """Take what a session used up in place of what it was promised."""
        self.promised.pop(model, None)
        self.spent[model] = self.spent.get(model, Decimal(0)) + amount

    def _left(self, owner: str, limit: Decimal, spent: Decimal) -> Decimal:
        if spent >= limit:
            raise BudgetSpentError(owner, self.name, limit, spent)
        return limit - spent


class Budget:
    """The budget of one job; `spent` is what earlier sessions used up, by model, failed attempts included."""

    def __init__(self, spec: BudgetSpec, spent: Mapping[str, Spent]) -> None:
        self._waiting: set[str] = set()
        self._tokens = _Meter(
            name="max_tokens",
            least=ONE_TOKEN,
            of_job=_decimal(spec.job.max_tokens),
            of_model=_decimal(spec.model.max_tokens),
            spent={model: Decimal(used.input_tokens + used.output_tokens) for model, used in spent.items()},
        )
        self._dollars = _Meter(
            name="max_usd",
            least=ONE_MICRODOLLAR,
            of_job=spec.job.max_usd,
            of_model=spec.model.max_usd,
            spent={model: UNKNOWN if used.unpriced else used.cost_usd for model, used in spent.items()},
        )

    def open_date(self, models: Iterable[str]) -> None:
        """Begin a date, on which sessions of these models are to share what the job has left."""
        self._waiting = set(models)

    def allow(self, model: str, llm: LlmSpec) -> LlmSpec:
        """Return what a session is to do, its limits narrowed to what is left for it.

        Raises:
            BudgetSpentError: nothing is left.
        """
        waiting = len(self._waiting | {model})
        self._waiting.discard(model)
        tokens = self._tokens.room(model, _decimal(llm.max_tokens), waiting)
        dollars = self._dollars.room(model, llm.max_usd, waiting)
        self._tokens.promise(model, tokens)
        self._dollars.promise(model, dollars)
        return replace(llm, max_tokens=None if tokens is None else max(1, int(tokens)), max_usd=dollars)

    def book(self, model: str, session: SessionRows | None) -> None:
        """Count what a session used up; None when nothing of it is known."""
        tokens = 0 if session is None else session.usage.input_tokens + session.usage.output_tokens
        cost = Decimal(0) if session is None else session.cost_usd
        self._tokens.book(model, Decimal(tokens))
        self._dollars.book(model, UNKNOWN if cost is None else cost)


def _decimal(number: int | None) -> Decimal | None:
    return None if number is None else Decimal(number)
