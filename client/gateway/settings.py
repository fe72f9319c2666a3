"""Settings of the gateway: one typed object out of the environment."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..channel import DEFAULT_TARGET, TARGET_VARIABLE

PREFIX = "API_"


class SettingsError(ValueError):
    """A setting has a wrong value."""


class GatewaySettings(BaseModel):
    """Every setting with its default, unit and meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str = Field(DEFAULT_TARGET, min_length=1, description="address of the server that is asked")
    host: str = Field("127.0.0.1", description="address the gateway listens on")
    port: int = Field(8080, ge=0, le=65535, description="port the gateway listens on; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="processes that share the port; the limits below hold for each")
    max_streams: int = Field(1000, ge=1, description="event streams that may be open; more are answered with 503")
    max_connections: int = Field(4096, ge=2, description="connections that may be open; more are answered with 503")
    cors_origins: str = Field("", description="origins whose pages may call, separated by commas; `*` is any")

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that may call from a browser, besides the gateway's own pages."""
        return tuple(origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip())


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return TARGET_VARIABLE if name == "server" else PREFIX + name.upper()


def load_settings(environment: Mapping[str, str] = os.environ, **overrides: Any) -> GatewaySettings:  # noqa: ANN401 - typed by the settings
    """Return the settings; `overrides` that are not None win over the environment. Raises SettingsError."""
    values: dict[str, Any] = {
        name: environment[variable(name)] for name in GatewaySettings.model_fields if environment.get(variable(name))
    }
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return GatewaySettings(**values)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(detail) for detail in error.errors(include_url=False))) from error


def as_environment(settings: GatewaySettings) -> dict[str, str]:
    """Return the settings as variables, for the processes that share the port."""
    return {variable(name): str(value) for name, value in settings.model_dump().items()}


def _sentence(detail: Mapping[str, Any]) -> str:
    return f"setting '{'.'.join(str(part) for part in detail['loc'])}' is wrong: {detail['msg']}"
