"""Server-sent events as a browser reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, kw_only=True)
class Block:
    """What stands between two empty lines."""

    id: int | None = None
    event: str = "message"
    data: str = ""
    comment: str = ""


def blocks(response: httpx.Response) -> Iterator[Block]:
    """Give the blocks of a stream as they come."""
    lines: list[str] = []
    for line in response.iter_lines():
        if line:
            lines.append(line)
        else:
            yield parse(lines)
            lines = []


def parse(lines: list[str]) -> Block:
    """Read the lines of a block."""
    fields = dict(line.split(": ", 1) if not line.startswith(":") else ("comment", line[2:]) for line in lines)
    number = fields.get("id")
    return Block(
        id=None if number is None else int(number),
        event=fields.get("event", "message"),
        data=fields.get("data", ""),
        comment=fields.get("comment", ""),
    )
