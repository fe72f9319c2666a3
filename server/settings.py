"""Settings of the server process: one typed object out of defaults, an optional file and the environment.

The environment wins over the file. A key that is not a setting is refused by its name, in the file as in the
environment, because a misspelt setting that is silently ignored is found only after the damage.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "AITRADER_"

#: names from before this service had a prefix of its own
OLD_NAMES = {
    "MAX_CONCURRENT_JOBS": "max_concurrent_jobs",
    "OPENAI_API_BASE": "openai_api_base",
    "OPENAI_API_KEY": "openai_api_key",
    "ALPHAADVANTAGE_API_KEY": "alphaadvantage_api_key",
    "JINA_API_KEY": "jina_api_key",
    "MATH_HTTP_PORT": "math_http_port",
    "SEARCH_HTTP_PORT": "search_http_port",
    "TRADE_HTTP_PORT": "trade_http_port",
    "GETPRICE_HTTP_PORT": "getprice_http_port",
}

#: variables with our prefix that belong to others: the client, and the path of the settings file
FOREIGN = frozenset({"AITRADER_SERVER", "AITRADER_SETTINGS"})


class SettingsError(ValueError):
    """A setting is unknown or has a wrong value."""


class Settings(BaseModel):
    """Every setting with its default, unit and meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address the server listens on")
    port: int = Field(50051, ge=0, le=65535, description="port the server listens on; 0 takes a free one")
    db: Path = Field(Path("data/jobs.db"), description="database file; made when it is not there")
    configs: Path = Field(Path("configs"), description="folder that config paths are relative to")
    data_dir: Path = Field(Path("data"), description="folder that replay paths are relative to")
    max_concurrent_jobs: int = Field(1, ge=1, le=64, description="jobs that may run at the same time")
    max_queued_jobs: int = Field(16, ge=0, le=1000, description="jobs that may wait for their turn")
    max_parallel_sessions: int = Field(16, ge=1, le=1024, description="model-days that may run at the same time")
    worker_processes: int = Field(
        0, ge=0, le=256, description="processes that compute rule strategies; 0 means one per core"
    )
    max_job_model_days: int = Field(100_000, ge=1, description="model-days that one job may have")
    heartbeat_seconds: float = Field(15.0, gt=0, le=300, description="seconds between heartbeats of a quiet stream")
    event_retention_days: int = Field(
        0, ge=0, le=36_500, description="days that progress events of ended jobs are kept; 0 keeps them for ever"
    )
    shutdown_grace: float = Field(
        10.0, ge=0, le=3600, description="seconds that running model-days get to finish when the server stops"
    )
    cancel_grace: float = Field(
        5.0, ge=0, le=3600, description="seconds that running model-days get to end when their job is given up"
    )
    llm_parallel_requests: int = Field(
        0, ge=0, description="requests to one model provider at a time; 0 means no limit"
    )
    llm_requests_per_minute: int = Field(
        0, ge=0, description="requests to one model provider a minute; 0 means no limit"
    )
    llm_tokens_per_minute: int = Field(0, ge=0, description="tokens from one model provider a minute; 0 means no limit")
    tools_host: str = Field("127.0.0.1", description="address that `tools` serves agents' tools on")
    math_http_port: int = Field(8000, ge=0, le=65535, description="port of the arithmetic tools; 0 takes a free one")
    search_http_port: int = Field(8001, ge=0, le=65535, description="port of the search tools; 0 takes a free one")
    trade_http_port: int = Field(8002, ge=0, le=65535, description="port of the trading tools; 0 takes a free one")
    getprice_http_port: int = Field(8003, ge=0, le=65535, description="port of the price tools; 0 takes a free one")
    callback_hosts: str | None = Field(
        None, description="hosts that callbacks may go to, with commas between; see server/callbacks/README.md"
    )
    callback_secret: SecretStr | None = Field(None, description="key that signs callbacks, whsec_ and base64")
    callback_timeout: float = Field(
        15.0, gt=0, le=300, description="seconds that the receiver of a callback has to answer"
    )
    callback_retry_delay: float = Field(
        5.0, gt=0, le=3600, description="seconds until a callback is tried again; each further wait is four times that"
    )
    callback_give_up_after: float = Field(
        86_400.0, ge=0, description="seconds after a job's end until its callbacks are given up"
    )
    schedules: str | None = Field(
        None, description="file in the folder of configs that says what is done when; see server/schedules/README.md"
    )
    min_free_disk_mb: int = Field(
        256, ge=0, description="mebibytes that have to be free on the disk of the database for it to be healthy"
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error")
    log_format: str = Field("console", pattern="^(console|json)$", description="console or json")
    openai_api_base: str | None = Field(None, description="endpoint of OpenAI-compatible models")
    openai_api_key: SecretStr | None = Field(None, description="key of that endpoint")
    alphaadvantage_api_key: SecretStr | None = Field(None, description="key of Alpha Vantage")
    alpha_vantage_url: str = Field(
        "https://www.alphavantage.co/query", description="address that Alpha Vantage is asked at"
    )
    alpha_vantage_requests_per_minute: int = Field(
        5, ge=1, le=100_000, description="requests to Alpha Vantage a minute; 5 is what a free key may"
    )
    alpha_vantage_requests_per_day: int = Field(
        25, ge=1, le=10_000_000, description="requests to Alpha Vantage a day (UTC); 25 is what a free key may"
    )
    price_provider: str = Field(
        "alpha-vantage",
        pattern="^(alpha-vantage|yfinance|files)$",
        description="where missing prices come from: alpha-vantage, yfinance or files",
    )
    price_files: Path = Field(
        Path("data/prices"), description="price file, or folder of them, that the provider files reads"
    )
    price_actions: bool = Field(
        default=False,
        description="whether Alpha Vantage is asked for splits and dividends, two more requests a symbol",
    )
    price_update_timeout: float = Field(
        600.0, gt=0, le=86_400, description="seconds that a job may take to download missing prices before it runs"
    )
    jina_api_key: SecretStr | None = Field(None, description="key of Jina search")


def variable(name: str) -> str:
    """Return the environment variable of a setting: its old name where it has one."""
    return next((old for old, new in OLD_NAMES.items() if new == name), PREFIX + name.upper())


def load_settings(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:  # noqa: ANN401 (typed by Settings)
    """Return the settings; `overrides` that are not None win over everything.

    Raises:
        SettingsError: the file cannot be read, or a key is unknown or has a wrong value.
    """
    values = {**_from_file(environment), **_from_environment(environment)}
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(detail) for detail in error.errors(include_url=False))) from error


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    path = environment.get("AITRADER_SETTINGS")
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"settings file '{path}' could not be read: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    values = {OLD_NAMES[key]: value for key, value in environment.items() if key in OLD_NAMES and value}
    for key, value in environment.items():
        if key.startswith(PREFIX) and key not in FOREIGN and value:
            name = key.removeprefix(PREFIX).lower()
            if name not in Settings.model_fields:
                raise SettingsError(f"environment variable '{key}' is not a setting")
            values[name] = value
    return values


def _sentence(detail: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"'{name}' is not a setting"
    return f"setting '{name}' is wrong: {detail['msg']}"
