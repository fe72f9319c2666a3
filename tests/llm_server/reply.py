"""What a script says: an answer before it is put on the wire."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool; arguments given as a text go out as they are."""

    name: str
    arguments: dict[str, Any] | str

    @property
    def encoded(self) -> str:
        """The arguments as the text that the wire carries."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    refusal: str | None = None

    @property
    def reason(self) -> str:
        """The finish reason that goes out."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    @property
    def text(self) -> str:
        """All that counts as output."""
        calls = [call.name + call.encoded for call in self.tool_calls]
        return "".join([self.content or "", self.refusal or "", *calls])
