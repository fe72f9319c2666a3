"""Keys and endpoints of LLM models: looked up when a session begins, never stored, never logged.

A model's own entry in the config goes before the settings. The texts that sample configs hold in place of a key count
as unset.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from server.agents.llm.provider import is_native, is_unset
from server.engine.llm import McpServer
from server.jobs.config import McpServerEntry, ModelEntry, SimulationConfig, load_config
from server.jobs.errors import InvalidRequestError
from server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Endpoint and key; None where neither the config nor the settings have one."""

    base_url: str | None
    api_key: str | None = field(default=None, repr=False)


class CredentialStore:
    """Finds the credentials of a job's models, also after a restart."""

    def __init__(self, settings: Settings) -> None:
        self._configs: Path = settings.configs
        key = settings.openai_api_key
        self._base_url = settings.openai_api_base
        self._api_key = None if key is None else key.get_secret_value()
        self._read: tuple[tuple[str, int, int], SimulationConfig] | None = None

    def of_entry(self, entry: ModelEntry) -> Credentials:
        """Return the credentials of a model's entry; a native provider gets no key that is meant for another."""
        if is_native(entry.basemodel):
            return Credentials(base_url=None, api_key=_first(entry.openai_api_key))
        return Credentials(
            base_url=_first(entry.openai_base_url, self._base_url), api_key=_first(entry.openai_api_key, self._api_key)
        )

    def of_model(self, config_path: str, signature: str) -> Credentials:
        """Return the credentials of a job's model; those of the settings when its config is gone."""
        config = self._config(config_path)
        entries = [] if config is None else config.models
        entry = next((entry for entry in entries if entry.signature == signature), None)
        if entry is not None:
            return self.of_entry(entry)
        return Credentials(base_url=_first(self._base_url), api_key=_first(self._api_key))

    def of_servers(self, config_path: str, servers: Sequence[McpServer]) -> tuple[McpServer, ...]:
        """Return a job's MCP servers with address and keys; without them where the config has them no more."""
        config = self._config(config_path) if servers else None
        found = {} if config is None else {entry.name: entry for entry in config.agent_config.mcp_servers}
        return tuple(
            replace(server, url=found[server.name].url, headers=_headers(found[server.name]))
            if server.name in found
            else server
            for server in servers
        )

    def _config(self, config_path: str) -> SimulationConfig | None:
        """Return a config; None when it is gone.

        Read again when the file has changed: a date begins with a session of every model, all at once.
        """
        try:
            found = (self._configs / config_path).stat()
            stamp = config_path, found.st_mtime_ns, found.st_size
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, load_config(self._configs, config_path).config
        except (OSError, InvalidRequestError):
            return None
        return self._read[1]


def _headers(entry: McpServerEntry) -> dict[str, str]:
    token = os.environ.get(entry.token_env or "")
    return {**entry.headers, **({"Authorization": f"Bearer {token}"} if token else {})}


def _first(*texts: str | None) -> str | None:
    return next((text for text in texts if text is not None and not is_unset(text)), None)
