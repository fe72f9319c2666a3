"""From a request and the config that it names to what is to be done: everything checked, nothing stored yet."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from server.agents.errors import AgentError, ParameterError
from server.agents.registry import TraderFactory
from server.jobs.config import LoadedConfig, ModelEntry, load_config, normalise_path
from server.jobs.errors import InvalidRequestError, Violation
from server.jobs.planner import DateRange
from server.jobs.spec import JobSpec, ModelSpec

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

    @property
    def digest(self) -> str:
        """What makes two requests the same, the request id aside."""
        facts = [normalise_path(self.config_path), sorted(self.models), self.start_date, self.end_date, self.experiment]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRequest:
    """What a request asks for, with its config read."""

    config_path: str
    experiment: str
    dates: DateRange
    spec: JobSpec
    warnings: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What makes two jobs the same: the same work, however it was asked for."""
        facts = [self.config_path, self.experiment, self.dates.first, self.dates.last, self.spec.to_json()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def resolve(command: TriggerCommand, configs: Path, traders: TraderFactory) -> ResolvedRequest:
    """Read the config of a request and check everything that needs no database.

    Raises:
        InvalidRequestError: the config or a field of the request is wrong.
    """
    config = load_config(configs, command.config_path)
    return ResolvedRequest(
        config_path=config.path,
        experiment=command.experiment or config.config.experiment,
        dates=_dates(command, config),
        spec=_spec(_chosen(command, config), config, traders),
        warnings=tuple(f"key '{key}' of the config is not known and was ignored" for key in config.unknown_keys),
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


def _spec(entries: dict[int, ModelEntry], config: LoadedConfig, traders: TraderFactory) -> JobSpec:
    violations = [violation for i, entry in entries.items() if (violation := _wrong(i, entry, traders))]
    if violations:
        raise InvalidRequestError(violations)
    agent, universe = config.config.agent_config, config.config.universe
    return JobSpec(
        models=tuple(
            ModelSpec(
                signature=entry.signature,
                basemodel=entry.basemodel,
                parameters=entry.parameters,
                initial_cash=agent.initial_cash,
            )
            for entry in entries.values()
        ),
        universe=None if universe is None else tuple(sorted(set(universe))),
        max_retries=agent.max_retries,
    )


def _wrong(index: int, entry: ModelEntry, traders: TraderFactory) -> Violation | None:
    """Return what is wrong with the kind of a model or its parameters."""
    try:
        traders.create(entry.signature, entry.basemodel, entry.parameters)
    except ParameterError as error:
        return Violation(field=f"config.models[{index}].parameters.{error.parameter}", description=str(error))
    except AgentError as error:
        return Violation(field=f"config.models[{index}].basemodel", description=str(error))
    return None
