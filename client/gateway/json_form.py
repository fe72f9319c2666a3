"""Messages of the contract as the JSON of the REST answers.

One rule for all fields, so that a field added to the contract is in the answers at once: enums become lower-case
words, `..._time` becomes `..._at` in ISO 8601 UTC, what is empty or unset becomes null, lists and maps stay. `SHAPES`
holds the messages whose form users know from earlier versions.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from pydantic_core import to_json

Plain = dict[str, Any]
Value = Callable[[Any], Any]
Field = tuple[str, str, Value]

TIMESTAMP = "google.protobuf.Timestamp"


def encode(message: Message) -> bytes:
    """Return a message as JSON."""
    return to_bytes(plain(message))


def to_bytes(content: object) -> bytes:
    """Return plain values as JSON; numbers that JSON lacks become null."""
    return to_json(content, inf_nan_mode="null")


def plain(message: Message) -> Plain:
    """Return a message as plain values."""
    descriptor = message.DESCRIPTOR
    content = {key: value(getattr(message, name)) for name, key, value in _always(descriptor)}
    for name, key, value in _optional(descriptor):
        content[key] = value(getattr(message, name)) if message.HasField(name) else None
    shape = SHAPES.get(descriptor.full_name)
    return content if shape is None else shape(content)


@cache
def _always(descriptor: Descriptor) -> tuple[Field, ...]:
    return tuple(_field(field) for field in descriptor.fields if not field.has_presence)


@cache
def _optional(descriptor: Descriptor) -> tuple[Field, ...]:
    return tuple(_field(field) for field in descriptor.fields if field.has_presence)


def _field(field: FieldDescriptor) -> Field:
    return field.name, _key(field), _many(field) if field.is_repeated else _one(field)


def _key(field: FieldDescriptor) -> str:
    is_time = field.message_type is not None and field.message_type.full_name == TIMESTAMP
    return f"{field.name.removesuffix('_time')}_at" if is_time and field.name.endswith("_time") else field.name


def _many(field: FieldDescriptor) -> Value:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        one = _one(field.message_type.fields_by_name["value"])
        return lambda entries: {key: one(entries[key]) for key in sorted(entries)}
    if field.message_type is None and field.enum_type is None:
        return list
    one = _one(field)
    return lambda entries: [one(entry) for entry in entries]


def _one(field: FieldDescriptor) -> Value:
    if field.enum_type is not None:
        return _words(field.enum_type).get
    if field.message_type is not None:
        return moment if field.message_type.full_name == TIMESTAMP else plain
    if field.type == FieldDescriptor.TYPE_STRING:
        return lambda text: text or None
    return lambda value: value


def _words(enum: EnumDescriptor) -> Mapping[int, str]:
    """Return the words of an enum's values: their names in lower case without the prefix they share."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values if value.number}


def moment(time: Any) -> str:  # noqa: ANN401 - a Timestamp, which mypy knows under another name
    """Return a timestamp in ISO 8601."""
    return str(time.ToJsonString())


def _day(content: Plain) -> Plain:
    """Cash stands among the positions; what only `detail=full` tells is left out of a minimal day."""
    content["positions"]["CASH"] = content.pop("cash")
    content["cumulative_pnl"] = {
        "profit": content.pop("cumulative_profit"),
        "return_pct": content.pop("cumulative_return_pct"),
    }
    content["ai_reasoning"] = content.pop("reasoning")
    if not content["position_history"]:  # a full day has its opening row at least
        for key in ("rejections", "position_history", "ai_reasoning"):
            del content[key]
    return content


def _reasoning(content: Plain) -> Plain:
    """The calls of each tool by its name."""
    tools = content["tool_usage"]
    content["tool_usage"] = {tool["tool_name"]: tool["call_count"] for tool in tools}
    content["tool_seconds"] = {tool["tool_name"]: tool["total_duration_seconds"] for tool in tools}
    return content


def _days(content: Plain) -> Plain:
    """`date` is that of all results, null when they are of several."""
    return {"date": _only(day["date"] for day in content["results"]), **content}


def _only(values: Iterable[str]) -> str | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


#: message → what makes of its plain values the form that users know
SHAPES: Mapping[str, Callable[[Plain], Plain]] = {
    "aitrader.v1.DayResult": _day,
    "aitrader.v1.AiReasoning": _reasoning,
    "aitrader.v1.GetResultsResponse": _days,
}
