"""Messages as JSON: proto3 JSON with the contract's field names, fields of default value included."""

import json

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def document(message: Message) -> str:
    """Write a message as one indented JSON document."""
    return json.dumps(_plain(message), indent=2, ensure_ascii=False)


def line(message: Message) -> str:
    """Write a message as JSON on one line."""
    return json.dumps(_plain(message), ensure_ascii=False)


def _plain(message: Message) -> dict[str, object]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
