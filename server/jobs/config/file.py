"""A config file: found in the configs folder, read, and checked as a whole.

Keys that are not known are reported as warnings, so that an old file loads unchanged; wrong types and values are
refused with the path of every wrong field.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from server.folder import FolderError, locate
from server.jobs.config.schema import SimulationConfig
from server.jobs.config.section import Section
from server.jobs.errors import InvalidRequestError, Violation
from server.jobs.json_text import read_json

#: bytes; a config of a thousand models is a tenth of it
MAX_CONFIG_BYTES = 1_048_576

#: the prefix that callers of earlier versions put before the path
OLD_PREFIX = "configs/"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A config with its path inside the configs folder and the keys nobody knows."""

    path: str
    config: SimulationConfig
    unknown_keys: tuple[str, ...]


def load_config(folder: Path, path: str) -> LoadedConfig:
    """Read a config of the configs folder.

    `universe` may name a JSON list of symbols in the folder instead of being one.

    Raises:
        InvalidRequestError: the path leaves the folder or is no file, or fields of the config are wrong.
    """
    relative, content = _read(folder, path)
    values = _parse(content, relative)
    if isinstance(values, dict) and isinstance(values.get("universe"), str):
        values["universe"] = _universe(folder, values["universe"])
    config = _validate(values)
    unknown = tuple(_unknown_keys(config))
    return LoadedConfig(path=relative, config=config, unknown_keys=unknown)


def normalise_path(path: str) -> str:
    """Return a config path without the prefix that earlier versions wanted."""
    return path.removeprefix("./").removeprefix(OLD_PREFIX)


def _read(folder: Path, path: str) -> tuple[str, bytes]:
    relative = normalise_path(path)
    try:
        found = locate(folder, relative, "configs folder")
        if found.stat().st_size > MAX_CONFIG_BYTES:
            raise FolderError(f"was larger than {MAX_CONFIG_BYTES} bytes")
        return relative, found.read_bytes()
    except (FolderError, OSError) as error:
        reason = error if isinstance(error, FolderError) else "could not be read"
        description = f"config '{path[:200]}' {reason}"
        raise InvalidRequestError.of("config_path", description) from None


def _parse(content: bytes, path: str) -> Any:  # noqa: ANN401 (whatever JSON holds)
    try:
        return read_json(content)
    except ValueError as error:
        raise InvalidRequestError.of("config_path", f"config '{path}' is not JSON: {error}") from None


def _universe(folder: Path, path: str) -> Any:  # noqa: ANN401
    try:
        return read_json(locate(folder, path, "configs folder").read_bytes())
    except (FolderError, OSError, ValueError) as error:
        reason = error if isinstance(error, FolderError) else "could not be read as JSON"
        raise InvalidRequestError.of("config.universe", f"file '{path[:200]}' {reason}") from None


def _validate(values: object) -> SimulationConfig:
    try:
        config = SimulationConfig.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidRequestError([_violation(detail) for detail in details[:50]]) from None
    violations = [*_duplicates(config)]
    end = config.date_range.end_date
    if end is not None and end < config.date_range.init_date:
        description = f"{end} is before init_date {config.date_range.init_date}"
        violations.append(Violation(field="config.date_range.end_date", description=description))
    commission = config.costs.commission
    if commission.maximum is not None and commission.maximum < commission.minimum:
        description = f"{commission.maximum} is below the minimum {commission.minimum}"
        violations.append(Violation(field="config.costs.commission.maximum", description=description))
    if violations:
        raise InvalidRequestError(violations)
    return config


def _duplicates(config: SimulationConfig) -> Iterator[Violation]:
    seen: dict[str, int] = {}
    for i, entry in enumerate(config.models):
        if entry.signature in seen:
            description = f"'{entry.signature}' is the signature of models[{seen[entry.signature]}] as well"
            yield Violation(field=f"config.models[{i}].signature", description=description)
        seen.setdefault(entry.signature, i)


def _violation(detail: ErrorDetails) -> Violation:
    field = "config"
    for part in detail["loc"]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}"
    return Violation(field=field, description=detail["msg"].removeprefix("Value error, "))


def _unknown_keys(config: SimulationConfig) -> Iterator[str]:
    sections: dict[str, Section | None] = {
        "": config,
        "date_range.": config.date_range,
        "agent_config.": config.agent_config,
        "budget.": config.budget,
        "budget.job.": config.budget.job,
        "budget.model.": config.budget.model,
        "costs.": config.costs,
        "costs.commission.": config.costs.commission,
        "costs.slippage.": config.costs.slippage,
        "log_config.": config.log_config,
        "llm.": config.llm,
        **{f"models[{i}].": entry for i, entry in enumerate(config.models)},
        **{f"agent_config.mcp_servers[{i}].": server for i, server in enumerate(config.agent_config.mcp_servers)},
        **{f"models[{i}].prices.": entry.prices for i, entry in enumerate(config.models)},
    }
    for prefix, section in sections.items():
        yield from (f"{prefix}{key}" for key in (section and section.model_extra) or ())
