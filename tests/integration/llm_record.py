"""Jobs of three LLM models over ten dates of real prices, recorded, and the vendor gone."""

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from tests.llm_server import LlmServer, trading_script
from tests.service import Service

KEY = "sk-live-0123456789abcdef"
MODELS = ("vendor/one", "vendor/two", "vendor/three")
SCRIPTS = {model: trading_script(seed) for seed, model in enumerate(MODELS)}

#: ten trading dates
FIRST, LAST = "2025-10-01", "2025-10-14"

#: columns that differ from run to run: ids, times, durations
ASIDE = frozenset(
    {"id", "job_id", "position_id", "portfolio_id", "attempt", "created_at", "timestamp", "duration_seconds"}
    | {"total_duration_seconds", "experiment"}
)
TABLES = (
    "trading_days",
    "positions",
    "rejections",
    "reasoning_logs",
    "tool_usage",
    "sessions",
    "observations",
    "dropped_observations",
    "recordings",
)


def settings_for(vendor: LlmServer) -> dict[str, Any]:
    """Return settings of a service that knows a vendor."""
    return {"openai_api_base": vendor.base_url, "openai_api_key": SecretStr(KEY)}


def llm_config(mode: str = "record", *, models: Sequence[str] = MODELS, **more: Any) -> dict[str, Any]:
    """Return a config of models, in an experiment named after the mode unless told otherwise."""
    entries = [
        {"signature": model.partition("/")[2], "basemodel": model, "prices": {"input": 1.25, "output": 10}}
        for model in models
    ]
    return {
        "date_range": {"init_date": FIRST, "end_date": LAST},
        "models": entries,
        "agent_config": {"initial_cash": 10_000.0, "max_retries": 6, "base_delay": 0.01},
        "llm": {"mode": mode},
        "experiment": mode,
        **more,
    }


def rows_of(service: Service, job_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a job left in every table of results, what differs from run to run aside."""
    found = {}
    for table in TABLES:
        columns = [name for _, name, *_ in service.rows(f"PRAGMA table_info({table})") if name not in ASIDE]
        order = ", ".join([*(name for name in ("date", "model") if name in columns), *columns])
        found[table] = service.rows(
            f"SELECT {', '.join(columns)} FROM {table} WHERE job_id = ? ORDER BY {order}", job_id
        )
    found["holdings"] = service.rows(
        "SELECT p.date, p.model, p.action_id, h.symbol, h.quantity FROM holdings h JOIN positions p"
        " ON p.id = h.position_id WHERE p.job_id = ? ORDER BY 1, 2, 3, 4",
        job_id,
    )
    return found
