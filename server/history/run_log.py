"""Logs of recorded runs: what a model was told and said on a date, as an agent's session is stored."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from server.agents.errors import quoted
from server.agents.recording import json_object, line_object
from server.engine.text import storable
from server.history.errors import BrokenRecordError
from server.history.lines import numbered_lines
from server.history.run_folder import RecordedRun
from storage.session_record import SessionRows, StepRecord

ROLES = ("user", "assistant", "tool")


def logged_session(run: RecordedRun, date: str) -> SessionRows | None:
    """Return the messages of a date; None where there is no log.

    A message without a time gets the beginning of its date; what the session cost is not known.

    Raises:
        BrokenRecordError: the log is malformed.
    """
    if date not in run.logged_dates:
        return None
    path = run.log(date)
    steps: list[StepRecord] = []
    for number, line in numbered_lines(path, run.shown(path)):
        try:
            for message in _messages(run.model, line):
                steps.append(_step(len(steps) + 1, date, message))
        except ValueError as error:
            raise BrokenRecordError(run.shown(path), str(error), line=number) from None
    return SessionRows(prompt_digest="", steps=tuple(steps)) if steps else None


def _messages(model: str, line: bytes) -> Iterator[dict[str, Any]]:
    values = line_object(line)
    if values.get("signature", model) != model:
        raise ValueError(f"'signature' was {quoted(values['signature'])}, not {quoted(model)}")
    messages = values.get("new_messages")
    for message in messages if isinstance(messages, list) else [messages]:
        yield values | json_object(message, "a message of 'new_messages'")


def _step(number: int, date: str, message: dict[str, Any]) -> StepRecord:
    role, tool = message.get("role"), message.get("tool_name") or message.get("name")
    if role not in ROLES:
        raise ValueError(f"'role' was {quoted(role)}, not one of {', '.join(ROLES)}")
    return StepRecord(
        number=number,
        time=_time(message.get("timestamp"), date),
        role=role,
        content=_text(message.get("content")),
        tool_name=_text(tool),
        tool_call_id=_text(message.get("tool_call_id")),
        arguments=_text(message.get("arguments")),
    )


def _text(content: object) -> str | None:
    if content is None:
        return None
    return storable(content if isinstance(content, str) else json.dumps(content))


def _time(value: object, date: str) -> datetime:
    if value is None:
        return datetime.fromisoformat(date).replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"'timestamp' was {quoted(value)}, not a time") from None
