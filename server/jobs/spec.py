"""What a job is to do, resolved from its config and request, and kept with the job so that a restart needs no file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from server.engine.costs import NO_COSTS, Commission, Costs, OnVolumeLimit, Slippage
from server.engine.llm import LlmMode, LlmSpec, McpServer, TokenPrices
from server.engine.model_day import Parameter
from server.jobs.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of a job."""

    signature: str
    basemodel: str
    parameters: Mapping[str, Parameter]
    initial_cash: Decimal
    llm: LlmSpec | None = None
    costs: Costs = NO_COSTS

    @property
    def definition(self) -> str:
        """What may not change during the life of a portfolio, as canonical JSON."""
        facts: dict[str, Any] = {
            "basemodel": self.basemodel,
            "initial_cash": str(self.initial_cash.normalize()),
            "parameters": dict(self.parameters),
        }
        if self.llm is not None:
            facts["prompt"] = hashlib.sha256(self.llm.prompt.encode()).hexdigest()
            if self.llm.mcp_servers:
                facts["mcp_servers"] = [[each.name, each.tools, each.dated] for each in self.llm.mcp_servers]
        if self.costs != NO_COSTS:
            facts["costs"] = asdict(self.costs)
        return json.dumps(facts, sort_keys=True, default=_number)


class OnFailure(StrEnum):
    """What a model does on the dates after one on which it failed."""

    CONTINUE = "continue"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What sessions may use up together, in tokens and dollars; None is no limit."""

    max_tokens: int | None = None
    max_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpec:
    """Limits of a whole job, and of each of its models in the job."""

    job: Limits = Limits()
    model: Limits = Limits()

    @property
    def in_dollars(self) -> bool:
        """Whether a limit is in dollars, so that costs have to be known."""
        return self.job.max_usd is not None or self.model.max_usd is not None

    @classmethod
    def from_json(cls, text: str | None) -> "BudgetSpec":
        """Return the budget of a spec that `to_json` wrote; jobs of earlier versions have none."""
        values: dict[str, dict[str, Any]] = json.loads(text or "null") or {}
        return cls(**{name: _limits(limits) for name, limits in values.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """Models and settings of a job; `universe` None means every symbol with prices.

    Times are seconds: `model_day_timeout` is that of an attempt, `job_timeout` None is no limit.
    `log_path` is where files of earlier versions are kept up to date, inside the data folder; None is nowhere.
    """

    models: tuple[ModelSpec, ...]
    universe: tuple[str, ...] | None
    max_retries: int
    budget: BudgetSpec = BudgetSpec()
    base_delay: float = 1.0
    model_day_timeout: float = 300.0
    job_timeout: float | None = None
    on_failure: OnFailure = OnFailure.CONTINUE
    log_path: str | None = None

    @property
    def retry(self) -> RetryPolicy:
        """How often and when a model-day is tried again."""
        return RetryPolicy(max_retries=self.max_retries, base_delay=self.base_delay)

    @property
    def overdue(self) -> str:
        """What is said of a job whose time is spent."""
        return f"the job took more than {self.job_timeout or 0:g} seconds"

    def to_json(self) -> str:
        """Return the text that `from_json` reads; no key and no endpoint is in it."""
        return json.dumps(asdict(self), default=str, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "JobSpec":
        """Return the spec that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        models = tuple(_model(model) for model in values["models"])
        universe = None if values["universe"] is None else tuple(values["universe"])
        on_failure = OnFailure(values.get("on_failure", OnFailure.CONTINUE))
        budget = BudgetSpec.from_json(json.dumps(values.get("budget")))
        return cls(**{**values, "models": models, "universe": universe, "on_failure": on_failure, "budget": budget})


def _model(values: dict[str, Any]) -> ModelSpec:
    llm = values.get("llm")
    cash = Decimal(values["initial_cash"])
    costs = _costs(values["costs"]) if "costs" in values else NO_COSTS  # jobs of earlier versions have none
    return ModelSpec(**{**values, "initial_cash": cash, "llm": None if llm is None else _llm(llm), "costs": costs})


def _costs(values: dict[str, Any]) -> Costs:
    commission, slippage = dict(values["commission"]), values["slippage"]
    maximum = _decimal(commission.pop("maximum"))
    return Costs(
        commission=Commission(maximum=maximum, **{name: Decimal(value) for name, value in commission.items()}),
        slippage=Slippage(**{name: Decimal(value) for name, value in slippage.items()}),
        max_volume_share=_decimal(values["max_volume_share"]),
        on_volume_limit=OnVolumeLimit(values["on_volume_limit"]),
    )


def _llm(values: dict[str, Any]) -> LlmSpec:
    prices = values["prices"]
    return LlmSpec(
        **{
            **values,
            "max_usd": _decimal(values["max_usd"]),
            "prices": None if prices is None else _prices(prices),
            "mode": LlmMode(values.get("mode", LlmMode.RECORD)),
            "mcp_servers": tuple(_mcp_server(server) for server in values.get("mcp_servers", ())),
        }
    )


def _mcp_server(values: dict[str, Any]) -> McpServer:
    tools = values["tools"]
    return McpServer(**{**values, "tools": None if tools is None else tuple(tools)})


def _prices(values: dict[str, str | None]) -> TokenPrices:
    return TokenPrices(
        input=Decimal(values["input"] or 0),
        output=Decimal(values["output"] or 0),
        cache_read=_decimal(values["cache_read"]),
        cache_write=_decimal(values["cache_write"]),
    )


def _limits(values: dict[str, Any]) -> Limits:
    return Limits(max_tokens=values["max_tokens"], max_usd=_decimal(values["max_usd"]))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _number(value: Decimal) -> str:
    """Return a decimal as text that is the same for equal numbers."""
    return f"{value.normalize():f}"


def changed_facts(before: str, after: str) -> tuple[str, ...]:
    """Return the names of what differs between two definitions."""
    old, new = json.loads(before), json.loads(after)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))
