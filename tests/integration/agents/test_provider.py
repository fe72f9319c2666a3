"""Where models are asked."""

import httpx2
import pytest
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from server.agents.llm.completions import LeanCompletions
from server.agents.llm.provider import Endpoint, ProviderError, endpoint, is_unset, open_model
from server.engine.llm import LlmSpec
from tests.llm_server import LlmServer, finish_at_once

ROUTER = "https://openrouter.ai/api/v1"


def spec(basemodel: str, base_url: str | None = None, api_key: str | None = "sk-real-key") -> LlmSpec:
    return LlmSpec(basemodel=basemodel, prompt="", base_url=base_url, api_key=api_key)


@pytest.mark.parametrize(
    ("basemodel", "base_url", "name"),
    [
        ("openai/gpt-5", None, "gpt-5"),
        ("openai/gpt-5", "https://api.openai.com/v1", "gpt-5"),
        ("gpt-5", "", "gpt-5"),
        ("openai:gpt-5", "your_openai_base_url", "gpt-5"),
        ("openai/gpt-5", ROUTER, "openai/gpt-5"),
        ("anthropic/claude-3.7-sonnet", ROUTER, "anthropic/claude-3.7-sonnet"),
        ("deepseek/deepseek-chat-v3.1:free", ROUTER, "deepseek/deepseek-chat-v3.1:free"),
    ],
)
def test_name_that_the_endpoint_gets(basemodel: str, base_url: str | None, name: str) -> None:
    assert endpoint(spec(basemodel, base_url)).name == name


@pytest.mark.parametrize(
    "text", [None, "", "  ", "your_openai_api_key", "YOUR_KEY", "sk-xxx", "sk-xxxxxxxx", "<key>", "${OPENAI_API_KEY}"]
)
def test_placeholders_count_as_unset(text: str | None) -> None:
    assert is_unset(text)


@pytest.mark.parametrize("text", ["sk-proj-abc", "gsk_1", "http://localhost:8000/v1"])
def test_real_settings_do_not(text: str) -> None:
    assert not is_unset(text)


def test_openai_without_a_key_is_refused() -> None:
    with pytest.raises(ProviderError, match="'openai/gpt-5' needs openai_api_key or OPENAI_API_KEY"):
        endpoint(spec("openai/gpt-5", None, "your_openai_api_key"))


def test_endpoint_of_ones_own_needs_no_key() -> None:
    assert endpoint(spec("local/llama", "http://localhost:1/v1/", None)) == Endpoint(
        "compatible", "local/llama", "http://localhost:1/v1", None
    )


@pytest.mark.parametrize("url", ["ftp://x/v1", "localhost", "http://"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ProviderError, match="was not an http or https address"):
        endpoint(spec("openai/gpt-5", url))


def test_native_provider_without_its_extra_says_what_to_install() -> None:
    with pytest.raises(ProviderError, match=r"pip install 'pydantic-ai-slim\[anthropic\]'"):
        endpoint(spec("anthropic:claude-sonnet-4-5"))


async def test_unknown_native_provider_is_refused_without_its_key() -> None:
    where = endpoint(spec("nobody:model"))

    with pytest.raises(ProviderError, match="provider 'nobody' cannot be used") as raised:
        async with open_model(where):
            pass
    assert "sk-real-key" not in str(raised.value)


async def test_client_of_an_endpoint_does_not_retry_by_itself() -> None:
    async with httpx2.AsyncClient() as client, open_model(endpoint(spec("openai/gpt-5", ROUTER)), client) as model:
        assert isinstance(model, OpenAIChatModel)
        assert model.client.max_retries == 0
        assert str(model.client.base_url) == f"{ROUTER}/"
    assert client.is_closed


async def test_request_is_the_one_that_the_sdk_would_send() -> None:
    messages = [ModelRequest(parts=[UserPromptPart("Trade.")])]
    tools = ModelRequestParameters(function_tools=[ToolDefinition(name="finish", description="End.")])
    settings = ModelSettings(request_timeout=5.0, temperature=0.5)

    with LlmServer({"*": finish_at_once}, key="sk-real-key") as server:
        async with open_model(endpoint(spec("openai/gpt-4o", server.base_url))) as model:
            assert isinstance(model, OpenAIChatModel)
            assert isinstance(model.client.chat.completions, LeanCompletions)
            lean = await model.request(messages, settings, tools)
            del vars(model.client.chat)["completions"]
            full = await model.request(messages, settings, tools)
        ours, theirs = server.requests

    assert ours == {name: value for name, value in theirs.items() if name != "stream"} | {"stream": False}
    assert lean.parts == full.parts


async def test_tools_are_adapted_to_the_vendor_once_for_all_sessions() -> None:
    where = Endpoint("compatible", "any", "http://localhost", None)
    async with open_model(where) as one, open_model(where) as other:
        adapted = one.customize_request_parameters(ModelRequestParameters(function_tools=[tool("buy")]))
        same = other.customize_request_parameters(ModelRequestParameters(function_tools=[tool("buy")]))
        different = other.customize_request_parameters(ModelRequestParameters(function_tools=[tool("sell")]))

    assert same is adapted
    assert [definition.name for definition in different.function_tools] == ["sell"]


def tool(name: str) -> ToolDefinition:
    return ToolDefinition(name=name, description="A tool.", parameters_json_schema={"type": "object"})
