"""Configs with damage at any place: a config comes out, or an error that names a field of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.jobs.config import load_config
from server.jobs.errors import InvalidRequestError, Violation
from tests.unit.wounds import wounded, wounded_json

#: every section and key there is
WHOLE: dict[str, Any] = {
    "agent_type": "BaseAgent",
    "date_range": {"init_date": "2025-10-01", "end_date": "2025-10-02"},
    "experiment": "e",
    "universe": ["AAPL"],
    "on_failure": "freeze",
    "calendar": "XNYS",
    "auto_update_prices": False,
    "models": [
        {
            "basemodel": "rule/hold-cash",
            "signature": "m",
            "name": "n",
            "enabled": True,
            "openai_base_url": "http://127.0.0.1/v1",
            "openai_api_key": "sk-secret",
            "parameters": {"window": 1},
            "prices": {"input": 1, "output": 1.5, "cache_read": 1, "cache_write": 2},
        }
    ],
    "agent_config": {
        "max_steps": 3,
        "max_retries": 3,
        "base_delay": 1.0,
        "initial_cash": 10000.0,
        "request_timeout": 60.0,
        "session_timeout": 3.0,
        "model_day_timeout": 3.0,
        "job_timeout": 4.0,
        "max_tokens": 5,
        "max_usd": 5,
        "prompt": "p.md",
        "model_summary": False,
        "mcp_servers": [
            {"name": "a", "url": "http://x", "token_env": "MCP_A", "headers": {"a": "b"}, "tools": ["x"], "dated": True}
        ],
    },
    "budget": {"job": {"max_tokens": 1, "max_usd": 1}, "model": {}},
    "costs": {
        "commission": {"per_share": 1, "per_order": 1, "basis_points": 1, "minimum": 1, "maximum": 2},
        "slippage": {"basis_points": 1, "volume_share": 1},
        "max_volume_share": 0.5,
        "on_volume_limit": "partial",
    },
    "log_config": {"log_path": "data/x", "write": True},
    "llm": {"mode": "live"},
}

fuzzing = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)


def loads_or_names_a_field(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    try:
        loaded = load_config(folder, "config.json")
    except InvalidRequestError as error:
        told: Sequence[Violation] = error.violations
    else:
        stored = [loaded.config.model_dump(), loaded.unknown_keys]
        assert json.dumps(stored, ensure_ascii=False, default=str, allow_nan=False).encode()
        return

    assert told
    for violation in told:
        assert violation.field.split(".")[0] in {"config", "config_path"}
        assert f"{violation.field}: {violation.description}".encode()


@fuzzing
@given(content=wounded_json(WHOLE))
@example(content='{"zz": 1e99999999999999999999}')
@example(content=json.dumps(WHOLE).replace('{"window": 1}', '{"window": 1e400}'))
def test_anything_at_any_place(tmp_path: Path, content: str) -> None:
    loads_or_names_a_field(tmp_path, content.encode())


@fuzzing
@given(content=wounded(json.dumps(WHOLE).encode()) | st.binary(max_size=40))
def test_any_damage_and_any_bytes(tmp_path: Path, content: bytes) -> None:
    loads_or_names_a_field(tmp_path, content)


def test_number_beyond_all_bounds_is_refused_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"date_range": 1e99999999999999999999}')

    with pytest.raises(InvalidRequestError, match="is not JSON: 1e99999999999999999999 is too large or too small"):
        load_config(tmp_path, "config.json")
