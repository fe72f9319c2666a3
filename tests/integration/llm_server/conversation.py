"""A client as small as can be: bodies, requests, and a session that answers a script's calls."""

import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx

from tests.llm_server import LlmServer

DATE = "2025-10-02"
TOOLS = ("get_positions", "get_price_local", "buy", "sell", "finish")
ERROR = "Fix the errors and try again."
#: steps after which a session has gone wrong
MOST_STEPS = 40

#: shared, since a TLS context takes longer to make than a session takes
PLAIN = ssl.create_default_context()


def body(model: str, *, date: str = DATE, **more: Any) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in TOOLS]
    messages = [{"role": "system", "content": f"Today is {date}."}, {"role": "user", "content": "Trade."}]
    return {"model": model, "messages": messages, "tools": tools} | more


def ask(server: LlmServer, sent: dict[str, Any], **options: Any) -> httpx.Response:
    return httpx.post(f"{server.base_url}/chat/completions", json=sent, verify=PLAIN, **options)


def events(text: str) -> list[dict[str, Any]]:
    """Read the events of a stream, without the last one."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


class Session:
    """Runs a conversation to its end; keeps the tool calls that were good, repeats what failed."""

    def __init__(self, server: LlmServer, model: str, *, date: str = DATE, positions: str = '{"CASH": 100.0}') -> None:
        self.server, self.sent, self.positions = server, body(model, date=date), positions
        self.run: list[tuple[str, dict[str, Any]]] = []
        self.client = httpx.Client(trust_env=False, verify=PLAIN)

    def finish(self) -> list[tuple[str, dict[str, Any]]]:
        """Go on until there are no calls; returns the calls that were run."""
        with self.client:
            for _ in range(MOST_STEPS):
                message = self._ask()
                if message is not None and not self._answer(message):
                    return self.run
        raise AssertionError("the session did not end")

    def _ask(self) -> dict[str, Any] | None:
        try:
            answer = self.client.post(f"{self.server.base_url}/chat/completions", json=self.sent)
            choice = answer.raise_for_status().json()["choices"][0]
        except (httpx.HTTPError, ValueError, IndexError):
            return None
        message = choice["message"]
        whole = choice["finish_reason"] != "length" and (message["content"] or message.get("tool_calls"))
        return message if whole else None

    def _answer(self, message: dict[str, Any]) -> bool:
        calls = message.get("tool_calls", [])
        answers = [
            {"role": "tool", "tool_call_id": call["id"], "content": self._call(**call["function"])} for call in calls
        ]
        self.sent["messages"] += [message, *answers]
        return bool(calls)

    def _call(self, name: str, arguments: str) -> str:
        tools: dict[str, Callable[[], str]] = {"get_positions": lambda: self.positions}
        try:
            given = json.loads(arguments)
        except ValueError:
            return ERROR
        if name not in TOOLS or not isinstance(given, dict) or isinstance(given.get("amount"), str):
            return ERROR
        self.run.append((name, given))
        return tools.get(name, lambda: '{"ok": true}')()

    @property
    def orders(self) -> list[tuple[str, dict[str, Any]]]:
        return [call for call in self.run if call[0] in {"buy", "sell"}]
