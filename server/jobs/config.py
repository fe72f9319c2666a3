"""Simulation configs: JSON files in the configs folder, in the format that earlier versions read.

Keys that are not known are reported as warnings, so that an old file loads unchanged; wrong types and values are
refused with the path of every wrong field.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import ErrorDetails

from server.folder import FolderError, locate
from server.jobs.errors import InvalidRequestError, Violation
from server.market.calendar import DEFAULT_CALENDAR

#: bytes; a config of a thousand models is a tenth of it
MAX_CONFIG_BYTES = 1_048_576

#: the template of the prompt of agents, in the configs folder
DEFAULT_PROMPT = "prompts/trader-v1.md"

#: the same where trading costs something, which the other denies
COSTS_PROMPT = "prompts/trader-v2.md"

#: where the default template is: beside the package where it was installed, in the repository otherwise
SHIPPED_CONFIGS = (Path(__file__).parents[1] / "configs", Path(__file__).parents[2] / "configs")

#: the prefix that callers of earlier versions put before the path
OLD_PREFIX = "configs/"

#: dollars; leaves room for a tenfold gain within the range in which stored amounts are exact
MAX_INITIAL_CASH = Decimal(100_000_000)

#: what a signature may not hold, as it also names a folder of recorded files
_FORBIDDEN_IN_SIGNATURE = frozenset("/\\")


def parse_date(text: str) -> str:
    """Return a date `YYYY-MM-DD` unchanged.

    Raises:
        ValueError: it is not such a date.
    """
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError(f"'{text[:40]}' is not a date such as 2025-10-01")


def model_signature(text: str) -> str:
    """Return a model's signature unchanged.

    Raises:
        ValueError: it could not name a folder, or would not show as it is.
    """
    if text != text.strip() or text.startswith(".") or not text.isprintable() or _FORBIDDEN_IN_SIGNATURE & set(text):
        raise ValueError(f"{text[:40]!r} holds a slash, a control character, a leading dot or outer blanks")
    return text


def experiment_name(text: str) -> str:
    """Return an experiment's name unchanged.

    Raises:
        ValueError: it is not 1 to 64 of `A-Z a-z 0-9 . _ -`, or begins with a dot.
    """
    allowed = text.isascii() and all(c.isalnum() or c in "._-" for c in text)
    if not allowed or not 1 <= len(text) <= 64 or text.startswith("."):
        raise ValueError(f"{text[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot")
    return text


def _amount(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("is not a number")  # noqa: TRY004 (pydantic reports ValueError with the field)
    return Decimal(value)


def _on_grid(value: Decimal) -> Decimal:
    if value != value.quantize(Decimal("0.000001")):
        raise ValueError("has more than 6 decimals")
    return value


def _number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _scalar(value: object) -> object:
    if not isinstance(value, str | bool | int | Decimal):
        raise ValueError("is not text, a number, true or false")  # noqa: TRY004 (as above)
    return _number(value)


def _address(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise ValueError("is not an http or https address")
    return text


def _named_once(servers: "list[McpServerEntry]") -> "list[McpServerEntry]":
    names = [server.name for server in servers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is the name of more than one server")
    return servers


def _log_path(text: str) -> str:
    """Return a path without the data folder that earlier versions named."""
    inside = text.removeprefix("./").removeprefix("data/").rstrip("/")
    if not inside or not inside.isprintable() or inside.startswith(("/", "~")) or ".." in inside.split("/"):
        raise ValueError(f"'{text[:80]}' is not a path inside the data folder")
    return inside


HeaderText = Annotated[str, Field(max_length=4096, pattern=r"^[\x20-\x7e]*$")]
DateText = Annotated[str, AfterValidator(parse_date)]
CalendarName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]{1,20}$")]
Signature = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(model_signature)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9.\-^=]{1,20}$")]
InitialCash = Annotated[Decimal, BeforeValidator(_amount), Field(gt=0, le=MAX_INITIAL_CASH), AfterValidator(_on_grid)]
Dollars = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, le=1_000_000)]
BasisPoints = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, le=10_000)]
Impact = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, le=1000)]
VolumeShare = Annotated[Decimal, BeforeValidator(_amount), Field(gt=0, le=1)]
TokenCount = Annotated[int, Field(ge=1, le=10**15)]
Seconds = Annotated[float, BeforeValidator(_number), Field(ge=0, le=3600)]
ParameterValue = Annotated[str | bool | int | float, PlainValidator(_scalar)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class DateRange(_Section):
    """First and last date; no last date means up to the last one with prices."""

    init_date: DateText
    end_date: DateText | None = None


class PriceEntry(_Section):
    """Dollars per million tokens of a model that the maintained list does not know, or knows otherwise."""

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None


class ModelEntry(_Section):
    """One model: `basemodel` chooses its kind, `signature` names it everywhere, `parameters` set a rule."""

    signature: Signature
    basemodel: Annotated[str, Field(min_length=1, max_length=512)]
    name: str | None = None
    enabled: bool = True
    openai_base_url: str | None = Field(None, repr=False)
    openai_api_key: str | None = Field(None, repr=False)
    parameters: dict[str, ParameterValue] = Field(default_factory=dict)
    prices: PriceEntry | None = None


class McpServerEntry(_Section):
    """A user's own MCP server: `name` begins the names of its tools, `tools` are those to offer, without it all.

    `token_env` names the environment variable of the service that holds its bearer token. `dated` false vouches for
    answers that bear no dates.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
    url: Annotated[str, AfterValidator(_address)] = Field(repr=False)
    token_env: Annotated[str, Field(pattern=r"^MCP_[A-Z0-9_]{1,60}$")] | None = None
    headers: dict[str, HeaderText] = Field(default_factory=dict, repr=False)
    tools: Annotated[list[str], Field(min_length=1, max_length=64)] | None = None
    dated: bool = True


class AgentConfig(_Section):
    """The cash a portfolio begins with; limits of an agent's session, its prompt and who sums it up.

    Times are seconds. `max_tokens` and `max_usd` bound one model-day. `prompt` is a path in the configs folder, None
    the default for the costs.
    `max_retries` and `base_delay` are those of requests to a model within a session, and of attempts at a model-day;
    `model_day_timeout` bounds an attempt of any model, `job_timeout` the job.
    """

    max_steps: Annotated[int, Field(ge=1, le=10_000)] = 30
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    base_delay: Seconds = 1.0
    initial_cash: InitialCash = Decimal(10_000)
    request_timeout: Seconds = 60.0
    session_timeout: Seconds = 300.0
    model_day_timeout: Annotated[float, BeforeValidator(_number), Field(gt=0, le=86_400)] = 300.0
    job_timeout: Annotated[float, BeforeValidator(_number), Field(gt=0, le=31_536_000)] | None = None
    max_tokens: TokenCount | None = None
    max_usd: Dollars | None = None
    prompt: str | None = None
    model_summary: bool = False
    mcp_servers: Annotated[list[McpServerEntry], Field(max_length=8), AfterValidator(_named_once)] = Field(
        default_factory=list
    )


class LimitsConfig(_Section):
    """What sessions may use up together, in tokens and dollars."""

    max_tokens: TokenCount | None = None
    max_usd: Dollars | None = None


class BudgetConfig(_Section):
    """Limits of a whole job, and of each of its models in the job."""

    job: LimitsConfig = LimitsConfig()
    model: LimitsConfig = LimitsConfig()


class CommissionConfig(_Section):
    """Dollars per share and per order, basis points of what changes hands, and bounds in dollars per order."""

    per_share: Dollars = Decimal(0)
    per_order: Dollars = Decimal(0)
    basis_points: BasisPoints = Decimal(0)
    minimum: Dollars = Decimal(0)
    maximum: Dollars | None = None


class SlippageConfig(_Section):
    """Basis points of the open, and what an order of a whole day's volume adds, as a share of the open."""

    basis_points: BasisPoints = Decimal(0)
    volume_share: Impact = Decimal(0)


class CostsConfig(_Section):
    """What trading costs, and the share of an average day's volume that orders of a day may take of a symbol."""

    commission: CommissionConfig = CommissionConfig()
    slippage: SlippageConfig = SlippageConfig()
    max_volume_share: VolumeShare | None = None
    on_volume_limit: Literal["partial", "reject"] = "partial"


class LogConfig(_Section):
    """Where earlier versions wrote their files; `write` has them written there, inside the data folder."""

    log_path: Annotated[str, AfterValidator(_log_path)] | None = None
    write: bool = False


class LlmConfig(_Section):
    """Whether exchanges of agents with vendors are recorded, or answered from the record alone."""

    mode: Literal["live", "record", "replay"] = "record"


class SimulationConfig(_Section):
    """A config file."""

    agent_type: str | None = None
    date_range: DateRange
    models: Annotated[list[ModelEntry], Field(min_length=1, max_length=1000)]
    agent_config: AgentConfig = AgentConfig()
    budget: BudgetConfig = BudgetConfig()
    costs: CostsConfig = CostsConfig()
    log_config: LogConfig | None = None
    llm: LlmConfig = LlmConfig()
    experiment: Annotated[str, AfterValidator(experiment_name)] = "default"
    universe: Annotated[list[Symbol], Field(min_length=1, max_length=10_000)] | None = None
    on_failure: Literal["continue", "freeze"] = "continue"
    calendar: CalendarName = DEFAULT_CALENDAR
    auto_update_prices: bool = False


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


def load_prompt(folder: Path, path: str) -> str:
    """Read the template of a prompt in the configs folder; the default ones are there even where the folder has none.

    Raises:
        InvalidRequestError: the path leaves the folder or is no file of text.
    """
    if path in {DEFAULT_PROMPT, COSTS_PROMPT} and not (folder / path).exists():
        folder = next(shipped for shipped in SHIPPED_CONFIGS if (shipped / path).exists())
    try:
        return locate(folder, path, "configs folder").read_text(encoding="utf-8")
    except (FolderError, OSError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, FolderError) else "could not be read as text"
        raise InvalidRequestError.of("config.agent_config.prompt", f"file '{path[:200]}' {reason}") from None


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
        return _json(content)
    except ValueError as error:
        raise InvalidRequestError.of("config_path", f"config '{path}' is not JSON: {error}") from None


def _json(content: bytes) -> Any:  # noqa: ANN401
    """Return what JSON holds.

    Raises:
        ValueError: it is not JSON, too deep, or holds half of a surrogate pair, which can neither be stored nor sent.
    """
    try:
        values = json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
        json.dumps(values, default=str, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _universe(folder: Path, path: str) -> Any:  # noqa: ANN401
    try:
        return _json(locate(folder, path, "configs folder").read_bytes())
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
    sections: dict[str, _Section | None] = {
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
