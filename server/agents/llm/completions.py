"""The SDK's chat completions without its walk over the types of every message, and a model that adapts its tools once.

The SDK looks at each field of each message for names to translate, of which a chat has none; over a session that
was two thirds of all processor time. The request goes by the SDK's documented way for paths of one's own.
"""

from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI, NotGiven, Omit
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat import ChatCompletion
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel

#: arguments of the SDK that are no part of the body → what they are called among the options of a request
_OPTIONS = {"extra_headers": "headers", "extra_query": "params", "extra_body": "extra_json", "timeout": "timeout"}


#: by what adapts to a vendor, the last parameters and what became of them
_ADAPTED: dict[object, tuple[ModelRequestParameters, ModelRequestParameters]] = {}


class LeanCompletions(AsyncCompletions):
    """Sends a request as it is; answers come whole, not as a stream."""

    def __init__(self, client: AsyncOpenAI) -> None:
        super().__init__(client)
        self._openai = client

    async def create(self, **arguments: object) -> ChatCompletion:  # type: ignore[override]
        """Ask for the completion of a chat."""
        given = {name: value for name, value in arguments.items() if not isinstance(value, NotGiven | Omit)}
        options: Any = {_OPTIONS[name]: given.pop(name) for name in _OPTIONS.keys() & given.keys()}
        return await self._openai.post("/chat/completions", cast_to=ChatCompletion, body=given, options=_set(options))


class LeanModel(OpenAIChatModel):
    """Adapts tools to its vendor when they are first seen, and not with each request of each session."""

    def customize_request_parameters(self, model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        """Return the parameters as the vendor takes them."""
        vendor = self.profile.get("json_schema_transformer")
        known = _ADAPTED.get(vendor)
        if known is None or known[0] != model_request_parameters:
            customized = super().customize_request_parameters(model_request_parameters)
            known = _ADAPTED[vendor] = model_request_parameters, customized
        return known[1]


def _set(options: Mapping[str, object]) -> Any:  # noqa: ANN401 (the SDK's type lists every option)
    return {name: value for name, value in options.items() if value is not None}
