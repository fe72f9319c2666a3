"""From a request and the config that it names to what is to be done: everything checked, nothing stored yet."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from server.agents.errors import AgentError, ParameterError
from server.agents.llm.pricing import Pricing
from server.agents.llm.prompt import PromptError, check_template
from server.agents.llm.provider import ProviderError, endpoint
from server.agents.registry import TraderFactory
from server.engine.costs import NO_COSTS, Commission, Costs, OnVolumeLimit, Slippage
from server.engine.llm import LlmMode, LlmSpec, McpServer, TokenPrices
from server.jobs.config import (
    COSTS_PROMPT,
    DEFAULT_PROMPT,
    BudgetConfig,
    CostsConfig,
    LoadedConfig,
    McpServerEntry,
    ModelEntry,
    SimulationConfig,
    load_config,
    load_prompt,
    normalise_path,
)
from server.jobs.credentials import CredentialStore
from server.jobs.errors import InvalidRequestError, Violation
from server.jobs.planner import DateRange
from server.jobs.spec import BudgetSpec, JobSpec, Limits, ModelSpec, OnFailure
from server.market.calendar import DEFAULT_CALENDAR
from storage.acceptance import ConflictPolicy

#: signatures told when one is not known
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerCommand:
    """A request for a job, its fields checked one by one; None means the config's value."""

    config_path: str
    request_id: str | None
    models: tuple[str, ...]
    start_date: str | None
    end_date: str | None
    experiment: str | None
    callback_urls: tuple[str, ...] = ()
    replace: bool = False
    policy: ConflictPolicy = ConflictPolicy.FAIL

    @property
    def digest(self) -> str:
        """What makes two requests the same: what is to be done, not what to do when another job is in the way."""
        dates = (self.start_date, self.end_date)
        facts: list[object] = [normalise_path(self.config_path), sorted(self.models), *dates, self.experiment]
        if self.callback_urls:  # without them the digest is what it was before there were any
            facts.append(sorted(self.callback_urls))
        facts += [self.replace] if self.replace else []
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRequest:
    """What a request asks for, with its config read."""

    config_path: str
    experiment: str
    dates: DateRange
    spec: JobSpec
    warnings: tuple[str, ...]
    replace: bool = False
    calendar: str = DEFAULT_CALENDAR
    auto_update_prices: bool = False

    @property
    def digest(self) -> str:
        """What makes two jobs the same: the same work, however it was asked for."""
        facts = [self.config_path, self.experiment, self.dates.first, self.dates.last, self.spec.to_json()]
        facts += [str(self.replace)] if self.replace else []
        facts += ["auto_update_prices"] if self.auto_update_prices else []
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def to_json(self) -> str:
        """Return the text that `from_json` reads, for a job that is planned again when its turn comes."""
        facts = {
            "config_path": self.config_path,
            "experiment": self.experiment,
            "dates": asdict(self.dates),
            "spec": self.spec.to_json(),
            "warnings": self.warnings,
            "replace": self.replace,
            "calendar": self.calendar,
            "auto_update_prices": self.auto_update_prices,
        }
        return json.dumps(facts, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ResolvedRequest":
        """Return the request that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        dates, spec = DateRange(**values.pop("dates")), JobSpec.from_json(values.pop("spec"))
        return cls(**{**values, "warnings": tuple(values["warnings"])}, dates=dates, spec=spec)


def resolve(
    command: TriggerCommand, configs: Path, traders: TraderFactory, credentials: CredentialStore
) -> ResolvedRequest:
    """Read the config of a request and check everything that needs no database.

    Raises:
        InvalidRequestError: the config or a field of the request is wrong.
    """
    config = load_config(configs, command.config_path)
    return ResolvedRequest(
        config_path=config.path,
        experiment=command.experiment or config.config.experiment,
        dates=_dates(command, config),
        spec=_SpecMaker(configs, config.config, traders, credentials).make(_chosen(command, config)),
        warnings=tuple(f"key '{key}' of the config is not known and was ignored" for key in config.unknown_keys),
        replace=command.replace,
        calendar=config.config.calendar,
        auto_update_prices=config.config.auto_update_prices,
    )


def _chosen(command: TriggerCommand, config: LoadedConfig) -> dict[int, ModelEntry]:
    """Return the entries to run by their place in the config."""
    entries = config.config.models
    if not command.models:
        enabled = {i: entry for i, entry in enumerate(entries) if entry.enabled}
        if not enabled:
            raise InvalidRequestError.of("config.models", "no model is enabled")
        return enabled
    known = [entry.signature for entry in entries]
    told = f"is not a model of the config; its models: {', '.join(known[:SHOWN])}"
    unknown = [
        Violation(field=f"models[{i}]", description=f"'{model}' {told}")
        for i, model in enumerate(command.models)
        if model not in known
    ]
    if unknown:
        raise InvalidRequestError(unknown)
    return {i: entry for i, entry in enumerate(entries) if entry.signature in command.models}


def _dates(command: TriggerCommand, config: LoadedConfig) -> DateRange:
    configured = config.config.date_range
    first, last = command.start_date or configured.init_date, command.end_date or configured.end_date
    if last is not None and last < first:
        field = "end_date" if command.end_date else "start_date"
        raise InvalidRequestError.of(field, f"the last date {last} is before the first date {first}")
    return DateRange(first=first, last=last)


class _SpecMaker:
    """Makes the spec of a job, with everything wrong about its models found first."""

    def __init__(
        self, configs: Path, config: SimulationConfig, traders: TraderFactory, credentials: CredentialStore
    ) -> None:
        self._configs = configs
        self._config = config
        self._agent = config.agent_config
        self._mode = LlmMode(config.llm.mode)
        self._budget = _budget(config.budget)
        self._traders = traders
        self._credentials = credentials

    def make(self, entries: dict[int, ModelEntry]) -> JobSpec:
        violations = [violation for i, entry in entries.items() if (violation := self._wrong(i, entry))]
        if violations:
            raise InvalidRequestError(violations)
        universe, agent, log = self._config.universe, self._agent, self._config.log_config
        return JobSpec(
            models=tuple(self._model(entry) for entry in entries.values()),
            universe=None if universe is None else tuple(sorted(set(universe))),
            max_retries=agent.max_retries,
            base_delay=agent.base_delay,
            model_day_timeout=agent.model_day_timeout,
            job_timeout=agent.job_timeout,
            on_failure=OnFailure(self._config.on_failure),
            log_path=log.log_path if log is not None and log.write else None,
            budget=self._budget,
        )

    def _wrong(self, index: int, entry: ModelEntry) -> Violation | None:
        """Return what is wrong with the kind of a model, its parameters or its credentials."""
        place = f"config.models[{index}]"
        if self._traders.is_llm(entry.basemodel):
            return self._llm_wrong(place, entry)
        try:
            self._traders.create(entry.signature, entry.basemodel, entry.parameters)
        except ParameterError as error:
            return Violation(field=f"{place}.parameters.{error.parameter}", description=str(error))
        except AgentError as error:
            return Violation(field=f"{place}.basemodel", description=str(error))
        return None

    def _llm_wrong(self, place: str, entry: ModelEntry) -> Violation | None:
        if entry.parameters:
            return Violation(field=f"{place}.parameters", description="an LLM model takes none")
        unset = self._token_unset()
        if unset is not None:
            return unset
        found = self._credentials.of_entry(entry)
        spec = replace(self._llm(entry), base_url=found.base_url, api_key=found.api_key)
        try:
            check_template(spec.prompt)
            endpoint(spec)
        except PromptError as error:
            return Violation(field="config.agent_config.prompt", description=str(error))
        except ProviderError as error:
            return Violation(field=f"{place}.basemodel", description=str(error))
        return self._price_wrong(place, spec)

    def _token_unset(self) -> Violation | None:
        if self._mode is LlmMode.REPLAY:
            return None
        for i, server in enumerate(self._agent.mcp_servers):
            if server.token_env is not None and not os.environ.get(server.token_env):
                description = f"environment variable '{server.token_env}' is not set"
                return Violation(field=f"config.agent_config.mcp_servers[{i}].token_env", description=description)
        return None

    def _price_wrong(self, place: str, spec: LlmSpec) -> Violation | None:
        """Refuse a limit in dollars for a model whose dollars nobody can count."""
        if (spec.max_usd is None and not self._budget.in_dollars) or Pricing.of(spec).known:
            return None
        description = f"is needed: the price of '{spec.basemodel}' is not known, so max_usd cannot be kept"
        return Violation(field=f"{place}.prices", description=description)

    def _model(self, entry: ModelEntry) -> ModelSpec:
        return ModelSpec(
            signature=entry.signature,
            basemodel=entry.basemodel,
            parameters=entry.parameters,
            initial_cash=self._agent.initial_cash,
            llm=self._llm(entry) if self._traders.is_llm(entry.basemodel) else None,
            costs=costs_of(self._config.costs),
        )

    @property
    def _default_prompt(self) -> str:
        return DEFAULT_PROMPT if costs_of(self._config.costs) == NO_COSTS else COSTS_PROMPT

    def _llm(self, entry: ModelEntry) -> LlmSpec:
        agent, prices = self._agent, entry.prices
        return LlmSpec(
            basemodel=entry.basemodel,
            prompt=load_prompt(self._configs, agent.prompt or self._default_prompt),
            max_steps=agent.max_steps,
            max_retries=agent.max_retries,
            base_delay=agent.base_delay,
            request_timeout=agent.request_timeout,
            session_timeout=min(agent.session_timeout, agent.model_day_timeout),
            max_tokens=agent.max_tokens,
            max_usd=agent.max_usd,
            prices=None if prices is None else TokenPrices(**dict(prices)),
            model_summary=agent.model_summary,
            mode=self._mode,
            mcp_servers=tuple(_mcp_server(entry) for entry in agent.mcp_servers),
        )


def _mcp_server(entry: McpServerEntry) -> McpServer:
    return McpServer(name=entry.name, tools=None if entry.tools is None else tuple(entry.tools), dated=entry.dated)


def costs_of(config: CostsConfig) -> Costs:
    """Return what a config says that trading costs."""
    return Costs(
        commission=Commission(**dict(_known(config.commission))),
        slippage=Slippage(**dict(_known(config.slippage))),
        max_volume_share=config.max_volume_share,
        on_volume_limit=OnVolumeLimit(config.on_volume_limit),
    )


def _known(section: BaseModel) -> Iterator[tuple[str, Any]]:
    """Return the fields of a section, without keys that nobody knows."""
    return ((name, value) for name, value in section if name in type(section).model_fields)


def _budget(config: BudgetConfig) -> BudgetSpec:
    job, model = config.job, config.model
    return BudgetSpec(
        job=Limits(max_tokens=job.max_tokens, max_usd=job.max_usd),
        model=Limits(max_tokens=model.max_tokens, max_usd=model.max_usd),
    )
