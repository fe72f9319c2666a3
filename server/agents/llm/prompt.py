"""The prompt of a session: a template's text, filled in from the session and its market view alone.

A placeholder is `${name}`; a dollar sign in any other place is a dollar sign. Costs, splits and dividends that a
template has no place for are told at its end.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

from server.agents.errors import AgentError, quoted
from server.agents.llm.rules import cost_rules
from server.engine.costs import NO_COSTS
from server.engine.model_day import ModelDaySession
from server.engine.session_record import Observation

FINISH_SIGNAL = "<FINISH_SIGNAL>"

#: the name under which the prompt stands among the tools that showed something
PROMPT = "prompt"

PLACEHOLDERS = frozenset(
    {
        "date",
        "previous_date",
        "positions",
        "cash",
        "corporate_actions",
        "costs",
        "portfolio_value",
        "opening_prices",
        "tools",
        "finish_signal",
    }
)

#: what is told at the end of a prompt whose template has no place for it, where there is anything to tell
_AT_THE_END = {"costs": "Costs", "corporate_actions": "Splits and dividends"}

_PLACEHOLDER = re.compile(r"\$\{([^{}\n]*)\}")


class PromptError(AgentError):
    """A prompt template names placeholders that there are not."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        listed = ", ".join(quoted(name) for name in self.names)
        known = ", ".join(sorted(PLACEHOLDERS))
        super().__init__(f"prompt placeholder {listed} is not known; known placeholders: {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt as the model gets it, and what of the market it shows."""

    text: str
    observations: tuple[Observation, ...]


def check_template(template: str) -> None:
    """Refuse a template with placeholders that are not known.

    Raises:
        PromptError: with their names.
    """
    unknown = sorted(set(_PLACEHOLDER.findall(template)) - PLACEHOLDERS)
    if unknown:
        raise PromptError(unknown)


def template_digest(template: str) -> str:
    """Return the SHA-256 of a template as it stands in its file, before anything is filled in."""
    return sha256(template.encode("utf-8", "replace")).hexdigest()


def render(
    template: str, session: ModelDaySession, tools: Iterable[Callable[..., Any]], more: Mapping[str, str] | None = None
) -> Prompt:
    """Fill in a template for a session that has not traded yet; `more` are lines on tools that are not ours, by name.

    Raises:
        PromptError: the template has placeholders that are not known.
    """
    check_template(template)
    lines = {**{tool.__name__: _first_line(tool) for tool in tools}, **(more or {})}
    values = _values(session, lines)
    text = _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    used = set(_PLACEHOLDER.findall(template))
    for name, title in _AT_THE_END.items():
        if name not in used and _is_said(session, name):
            used.add(name)
            text = f"{text.rstrip()}\n\n# {title}\n\n{values[name]}\n"
    return Prompt(text=text, observations=tuple(_observations(session, values, used)))


def _is_said(session: ModelDaySession, name: str) -> bool:
    """Tell whether there is anything to say of costs or corporate actions."""
    return session.costs != NO_COSTS if name == "costs" else bool(session.effects)


def dollars(amount: Decimal) -> str:
    """Return an amount without trailing zeros."""
    return f"{amount.normalize():f}"


def _values(session: ModelDaySession, tools: Mapping[str, str]) -> dict[str, str]:
    dates = session.view.dates
    return {
        "date": session.date,
        "previous_date": dates[-1] if dates else "none",
        "positions": _positions(session),
        "cash": dollars(session.cash),
        "corporate_actions": _corporate_actions(session),
        "costs": cost_rules(session.costs),
        "portfolio_value": dollars(session.portfolio_value),
        "opening_prices": _opening_prices(session),
        "tools": "\n".join(f"- `{name}`: {line}" for name, line in tools.items()),
        "finish_signal": FINISH_SIGNAL,
    }


def _positions(session: ModelDaySession) -> str:
    if not session.holdings:
        return "No shares are held."
    rows = [f"- {symbol}: {held} shares, {_close(session, symbol)}" for symbol, held in session.holdings.items()]
    return "\n".join(rows)


def _close(session: ModelDaySession, symbol: str) -> str:
    dates = session.view.dates
    bar = session.view.bar(symbol, dates[-1]) if dates else None
    return "no close" if bar is None else f"closed at {dollars(bar.close)}"


def _corporate_actions(session: ModelDaySession) -> str:
    """Tell what happened to the shares that were held since the portfolio's last trading day."""
    if not session.effects:
        return "There were no splits or dividends of shares that you hold."
    rows = [f"- {effect.text} (ex-date {effect.action.ex_date})" for effect in session.effects]
    return "\n".join(
        [*rows, "Shares and cash are those of today; prices of dates before a split are as they were then."]
    )


def _opening_prices(session: ModelDaySession) -> str:
    opens = ((symbol, session.view.open(symbol)) for symbol in session.view.symbols)
    rows = [f"- {symbol}: {dollars(price)}" for symbol, price in opens if price is not None]
    return "\n".join(rows) or "None is known."


def _first_line(tool: Callable[..., Any]) -> str:
    return (tool.__doc__ or "").strip().partition("\n")[0]


def _observations(session: ModelDaySession, values: dict[str, str], used: set[str]) -> Iterable[Observation]:
    """Tell what of the market is in the text: closes of the previous date, opens of this one."""
    if "positions" in used and session.holdings and session.view.dates:
        yield _observation(session.date, "closing prices", session.view.dates[-1], values["positions"], opening=False)
    told = {"corporate_actions"} if session.effects else set()
    for name in ("portfolio_value", "opening_prices", *told):
        if name in used:
            yield _observation(session.date, name.replace("_", " "), session.date, values[name], opening=True)


def _observation(as_of: str, subject: str, source_date: str, text: str, *, opening: bool) -> Observation:
    return Observation(
        step=0,
        tool_name=PROMPT,
        subject=subject,
        as_of=as_of,
        source_date=source_date,
        opening=opening,
        digest=sha256(text.encode()).hexdigest(),
    )
