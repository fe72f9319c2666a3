"""Sessions with the server that plays a model vendor."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from server.agents.llm.trader import LlmTrader
from server.engine.llm import LlmSpec
from server.engine.model_day import ModelDayOutcome, ModelDayResult, run_session_day
from server.engine.session_record import Role, SessionRecord
from tests.llm_server import LlmServer, Reply, ToolCall
from tests.unit.server.engine.model_day_chain import model_day_task
from tests.unit.server.engine.synthetic_market import Quotes, written_market

DATES = ("2025-10-01", "2025-10-02", "2025-10-03")
KEY = "sk-secret-0123456789"
TEMPLATE = (Path(__file__).parents[3] / "configs" / "prompts" / "trader-v1.md").read_text(encoding="utf-8")

#: open and close of each date
QUOTES: Quotes = {
    "AAPL": [(100.0, 101.0), (102.0, 103.0), (104.0, 105.0)],
    "MSFT": [(200.0, 201.0), (202.0, 203.0), (204.0, 205.0)],
}

FINISH = Reply("Done. <FINISH_SIGNAL>")


def buy(symbol: str, amount: object) -> ToolCall:
    return ToolCall("buy", {"symbol": symbol, "amount": amount})


def calls(*made: ToolCall, content: str | None = None) -> Reply:
    return Reply(content, made)


def spec_for(server: LlmServer, **changes: Any) -> LlmSpec:
    spec = LlmSpec(
        basemodel="openai/gpt-5",
        prompt=TEMPLATE,
        base_url=server.base_url,
        api_key=KEY,
        base_delay=0.01,
        request_timeout=5.0,
        session_timeout=10.0,
    )
    return replace(spec, **changes)


async def run(
    server: LlmServer,
    *,
    date: str = DATES[1],
    cash: Decimal = Decimal(1000),
    holdings: Mapping[str, int] | None = None,
    trader: Mapping[str, Any] | None = None,
    **changes: Any,
) -> ModelDayOutcome:
    """Run a model-day with the server's model."""
    prices = written_market(DATES, QUOTES)
    made = LlmTrader(spec_for(server, **changes), **(trader or {}))
    return await run_session_day(model_day_task(date, cash=cash, holdings=holdings, initial_cash=cash), prices, made)


async def run_well(server: LlmServer, **options: Any) -> tuple[ModelDayResult, SessionRecord]:
    """Run a model-day that has to work."""
    outcome = await run(server, **options)
    assert isinstance(outcome, ModelDayResult), outcome
    assert outcome.record is not None
    return outcome, outcome.record


def trades(result: ModelDayResult) -> list[tuple[str, str | None, int | None]]:
    return [(row.action.value, row.symbol, row.amount) for row in result.positions[1:]]


def answers(record: SessionRecord) -> list[str]:
    return [step.content or "" for step in record.steps if step.role is Role.TOOL]
