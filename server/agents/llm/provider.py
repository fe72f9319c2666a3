"""From a `basemodel` to a model that can be asked. The libraries of providers are imported with the first one.

`vendor/name` (or a bare name, or `openai:name`) goes to the OpenAI-compatible endpoint of `base_url`, which is OpenAI's
own when there is none. OpenAI's own gets the name without `openai/`; any other gets the whole of it, which is what
routers such as OpenRouter list. `vendor:name` is a native provider of pydantic-ai, whose key is `api_key` or its own
environment variable, and which does not look at `base_url`.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from server.agents.errors import AgentError, quoted
from server.engine.llm import LlmMode, LlmSpec

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

OPENAI_URL = "https://api.openai.com/v1"
OPENAI = "openai"

#: the provider of a replay, which is asked nothing
RECORD = "record"

#: what the SDK sends where an endpoint wants no key
NO_KEY = "no-key"

#: beginnings of the texts that sample configs have in place of a key or an address
_PLACEHOLDER_STARTS = ("your", "<", "sk-xxx", "xxx", "...", "none", "null", "changeme", "${")

#: native providers → the module that their extra brings; others are tried and may fail later
_EXTRAS = {
    "anthropic": "anthropic",
    "bedrock": "boto3",
    "cohere": "cohere",
    "google": "google.genai",
    "groq": "groq",
    "mistral": "mistralai",
    "xai": "xai_sdk",
}


class ProviderError(AgentError):
    """The provider of a model cannot be used as its entry in the config says."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked: `url` is None for a native provider."""

    provider: str
    name: str
    url: str | None
    key: str | None


def is_unset(text: str | None) -> bool:
    """Tell whether a setting is missing, empty, or the placeholder of a sample config."""
    return text is None or not text.strip() or text.strip().lower().startswith(_PLACEHOLDER_STARTS)


def is_native(basemodel: str) -> bool:
    """Tell whether a model is asked through a native provider, and not through an OpenAI-compatible endpoint."""
    head, colon, _ = basemodel.partition(":")
    return bool(colon) and "/" not in head and head != OPENAI


def endpoint(spec: LlmSpec) -> Endpoint:
    """Return where a model is asked.

    Raises:
        ProviderError: the name is empty, a key or an extra is missing, or the address is none.
    """
    if find_spec("pydantic_ai") is None:
        raise ProviderError("agents need the extra 'llm' of this package, which is not installed")
    if spec.mode is LlmMode.REPLAY:
        return Endpoint(RECORD, spec.basemodel, None, None)
    head, colon, rest = spec.basemodel.partition(":")
    key = None if is_unset(spec.api_key) else (spec.api_key or "").strip()
    if is_native(spec.basemodel):
        return _native(head, rest, key)
    return _compatible(rest if colon and head == OPENAI else spec.basemodel, spec.base_url, key)


@asynccontextmanager
async def open_model(where: Endpoint, http_client: "httpx2.AsyncClient | None" = None) -> "AsyncIterator[Model]":
    """Open a model; a client that is handed in is shared and stays open.

    Raises:
        ProviderError: a native provider cannot be made.
    """
    if where.url is None:
        async with _native_model(where) as model:
            yield model
    elif http_client is not None:
        yield _compatible_model(where, http_client)
    else:
        async with new_http_client() as client:
            yield _compatible_model(where, client)


def new_http_client() -> "httpx2.AsyncClient":
    """Return a client for any number of sessions on one event loop.

    It follows no redirects, which would take the key along.
    """
    import httpx2
    from pydantic_ai._http import DEFAULT_HTTP_LIMITS

    return httpx2.AsyncClient(verify=ssl_context(), limits=DEFAULT_HTTP_LIMITS, follow_redirects=False)


def warm_up() -> None:
    """Make a model that nobody asks: the first one loads prices and the rest of the libraries, half a second."""
    _compatible_model(Endpoint("compatible", "none", "http://localhost", None), new_http_client())


@cache
def ssl_context() -> ssl.SSLContext:
    """Return the context of all clients; make the context once: reading the certificates takes 20 ms."""
    import httpx2

    return httpx2.create_ssl_context()


def _compatible(basemodel: str, base_url: str | None, key: str | None) -> Endpoint:
    url = OPENAI_URL if is_unset(base_url) else (base_url or "").strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ProviderError("openai_base_url was not an http or https address")
    is_openai = parts.hostname == urlsplit(OPENAI_URL).hostname
    if is_openai and key is None:
        raise ProviderError(f"basemodel {quoted(basemodel)} needs openai_api_key or OPENAI_API_KEY")
    name = basemodel.removeprefix(f"{OPENAI}/") if is_openai else basemodel
    if not name.strip("/ "):
        raise ProviderError(f"basemodel {quoted(basemodel)} names no model")
    return Endpoint(OPENAI if is_openai else "compatible", name, url, key)


def _native(provider: str, name: str, key: str | None) -> Endpoint:
    if not provider or not name:
        raise ProviderError(f"basemodel {quoted(f'{provider}:{name}')} is not provider:model")
    extra = _EXTRAS.get(provider)
    if extra is not None and not _installed(extra):
        raise ProviderError(f"provider {quoted(provider)} needs pip install 'pydantic-ai-slim[{provider}]'")
    return Endpoint(provider, name, None, key)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _compatible_model(where: Endpoint, http_client: "httpx2.AsyncClient") -> "Model":
    from openai import AsyncOpenAI
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    from server.agents.llm.completions import LeanCompletions, LeanModel

    client = AsyncOpenAI(base_url=where.url, api_key=where.key or NO_KEY, http_client=http_client, max_retries=0)
    vars(client.chat)["completions"] = LeanCompletions(client)
    if where.provider == OPENAI:
        return LeanModel(where.name, provider=OpenAIProvider(openai_client=client))
    return LeanModel(where.name, provider=OpenAICompatibleProvider(where.provider, openai_client=client))


def _native_model(where: Endpoint) -> "Model":
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import Provider, infer_provider_class

    def make(name: str) -> Provider[Any]:
        kind: Any = infer_provider_class(name)
        made: Provider[Any] = kind(api_key=where.key) if where.key else kind()
        return made

    try:
        return infer_model(f"{where.provider}:{where.name}", make)
    except (ImportError, TypeError, ValueError, UserError) as error:
        raise ProviderError(f"provider {quoted(where.provider)} cannot be used: {type(error).__name__}") from None
