"""The sections of a config file, and the file as a whole."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from server.jobs.config.agent_config import AgentConfig
from server.jobs.config.section import Section
from server.jobs.config.values import (
    BasisPoints,
    CalendarName,
    DateText,
    Dollars,
    Impact,
    LogPath,
    ParameterValue,
    Signature,
    Symbol,
    TokenCount,
    VolumeShare,
    experiment_name,
)
from server.market.calendar import DEFAULT_CALENDAR


class DateRange(Section):
    """First and last date; no last date means up to the last one with prices."""

    init_date: DateText
    end_date: DateText | None = None


class PriceEntry(Section):
    """Dollars per million tokens of a model that the maintained list does not know, or knows otherwise."""

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None


class ModelEntry(Section):
    """One model: `basemodel` chooses its kind, `signature` names it everywhere, `parameters` set a rule."""

    signature: Signature
    basemodel: Annotated[str, Field(min_length=1, max_length=512)]
    name: str | None = None
    enabled: bool = True
    openai_base_url: str | None = Field(None, repr=False)
    openai_api_key: str | None = Field(None, repr=False)
    parameters: dict[str, ParameterValue] = Field(default_factory=dict)
    prices: PriceEntry | None = None


class LimitsConfig(Section):
    """What sessions may use up together, in tokens and dollars."""

    max_tokens: TokenCount | None = None
    max_usd: Dollars | None = None


class BudgetConfig(Section):
    """Limits of a whole job, and of each of its models in the job."""

    job: LimitsConfig = LimitsConfig()
    model: LimitsConfig = LimitsConfig()


class CommissionConfig(Section):
    """Dollars per share and per order, basis points of what changes hands, and bounds in dollars per order."""

    per_share: Dollars = Decimal(0)
    per_order: Dollars = Decimal(0)
    basis_points: BasisPoints = Decimal(0)
    minimum: Dollars = Decimal(0)
    maximum: Dollars | None = None


class SlippageConfig(Section):
    """Basis points of the open, and what an order of a whole day's volume adds, as a share of the open."""

    basis_points: BasisPoints = Decimal(0)
    volume_share: Impact = Decimal(0)


class CostsConfig(Section):
    """What trading costs, and the share of an average day's volume that orders of a day may take of a symbol."""

    commission: CommissionConfig = CommissionConfig()
    slippage: SlippageConfig = SlippageConfig()
    max_volume_share: VolumeShare | None = None
    on_volume_limit: Literal["partial", "reject"] = "partial"


class LogConfig(Section):
    """Where earlier versions wrote their files; `write` has them written there, inside the data folder."""

    log_path: LogPath | None = None
    write: bool = False


class LlmConfig(Section):
    """Whether exchanges of agents with vendors are recorded, or answered from the record alone."""

    mode: Literal["live", "record", "replay"] = "record"


class SimulationConfig(Section):
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
