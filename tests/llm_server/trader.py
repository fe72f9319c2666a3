"""A trader whose choices are a hash of its seed and the date.

It knows what it has done from the answers of the tools alone, so a call that failed is made again
and the same orders come out whatever went wrong in between.
"""

import hashlib
import json
import re
from collections.abc import Sequence

from .chat_request import ChatRequest, ToolResult
from .reply import Reply, ToolCall
from .scripts import FINISH_SIGNAL, Script

SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "COST", "NFLX", "AMD")
#: symbols looked at in a day
LOOKED_AT = 3
#: shares in an order, at most
MOST_SHARES = 4
#: times that a call is made before the trader goes on without it
MOST_TRIES = 5
#: what a tool's answer says when the call was never run; a rejected order is an answer
NOT_RUN = re.compile(
    r"fix the errors|unknown[ _]tool|malformed|not valid json|invalid[ _](json|argument)|validation error|bad_argument"
    r"|quantity_not_whole",
    re.IGNORECASE,
)


def trading_script(seed: int, *, symbols: Sequence[str] = SYMBOLS, finish: str | None = None) -> Script:
    """Trade a few shares a day; `finish` is "signal", "tool" or, by default, whichever the hash says.

    A request that offers no tools is answered with a sentence and no signal.
    """

    def script(request: ChatRequest) -> Reply:
        if not request.tools:
            return Reply("I looked at a few prices and traded a few shares.")
        plan = [call for call in _plan(request, seed, symbols, finish) if call.name in request.tool_names]
        position = _position(plan, request.tool_results)
        if position == len(plan):
            return Reply(f"I traded as planned on {request.date}. {FINISH_SIGNAL}")
        return Reply(_sentence(plan[position]), (plan[position],))

    return script


def _plan(request: ChatRequest, seed: int, symbols: Sequence[str], finish: str | None) -> list[ToolCall]:
    order = sorted(symbols, key=lambda symbol: _hash(seed, request.date, symbol))
    looked_at = order[: min(LOOKED_AT, len(order))]
    plan = [ToolCall("get_positions", {})]
    plan += [ToolCall("get_price_local", {"symbol": symbol, "date": request.date}) for symbol in looked_at]
    plan += _orders(request, seed, looked_at, _held(request.tool_results, symbols))
    by_tool = finish == "tool" or (finish is None and _hash(seed, request.date, "finish") % 2 == 1)
    return [*plan, ToolCall("finish", {})] if by_tool else plan


def _orders(request: ChatRequest, seed: int, looked_at: Sequence[str], held: set[str]) -> list[ToolCall]:
    selling = [symbol for symbol in sorted(held) if _hash(seed, request.date, "sell", symbol) % 3 == 0][:1]
    buying = [symbol for symbol in looked_at if symbol not in selling][: 1 + _hash(seed, request.date) % 2]
    orders = [ToolCall("sell", {"symbol": symbol, "amount": 1}) for symbol in selling]
    for symbol in buying:
        amount = 1 + _hash(seed, request.date, "buy", symbol) % MOST_SHARES
        orders.append(ToolCall("buy", {"symbol": symbol, "amount": amount}))
    return orders


def _position(plan: Sequence[ToolCall], results: Sequence[ToolResult]) -> int:
    position = tries = 0
    for result in results:
        if position == len(plan) or not _is_of(plan[position], result):
            continue
        tries += 1
        if not NOT_RUN.search(result.content) or tries == MOST_TRIES:
            position, tries = position + 1, 0
    return position


def _is_of(call: ToolCall, result: ToolResult) -> bool:
    given = _arguments(result.arguments)
    return result.name == call.name and (given is None or given == _arguments(call.encoded))


def _arguments(text: str) -> dict[str, str] | None:
    """Read arguments leniently, all values as text; None for what is no object."""
    try:
        value = json.loads(text or "{}")
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return {name: str(entry) for name, entry in value.items()} if isinstance(value, dict) else None


def _held(results: Sequence[ToolResult], symbols: Sequence[str]) -> set[str]:
    """The symbols of which the first good answer of get_positions names a share or more."""
    answers = [result.content for result in results if result.name == "get_positions"]
    good = next((answer for answer in answers if not NOT_RUN.search(answer)), "")
    return {symbol for symbol in symbols if _shares(good, symbol) >= 1}


def _shares(answer: str, symbol: str) -> float:
    """The first number shortly after the symbol, in whatever form the answer has."""
    found = re.search(rf"\b{re.escape(symbol)}\b[^\d-]{{1,30}}(\d+(?:\.\d+)?)", answer)
    return float(found.group(1)) if found else 0.0


def _sentence(call: ToolCall) -> str:
    return f"Next I call {call.name}."


def _hash(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8])
