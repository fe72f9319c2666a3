"""What differs between a request and the nearest recorded one, in words that name the place."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from server.agents.llm.tape import Part

#: how the names of messages after the prompt begin
MESSAGE = "message "
#: differences told
MAX_TOLD = 3
#: characters of a text shown on each side
SHOWN = 140
#: characters shown before the first one that differs
BEFORE = 40


def difference(parts: Sequence[Part], recorded: Sequence[tuple[str, str]], blobs: Mapping[str, bytes]) -> str:
    """Say which parts differ; texts are compared where they were kept."""
    told = list(islice(_changes(parts, recorded, blobs), MAX_TOLD))
    return "; ".join(told) if told else "the recorded session ended before it"


def _changes(parts: Sequence[Part], recorded: Sequence[tuple[str, str]], blobs: Mapping[str, bytes]) -> Iterator[str]:
    """Tell what changed; that a conversation is longer or shorter than the recorded one is no change."""
    before, names = dict(recorded), {part.name for part in parts}
    for part in parts:
        old = before.get(part.name)
        if old is not None and old != part.digest:
            yield f"{part.name} was changed{_texts(blobs.get(old), part.text)}"
        elif old is None and not part.name.startswith(MESSAGE):
            yield f"{part.name} is new"
    yield from (f"{name} is gone" for name in before if name not in names and not name.startswith(MESSAGE))


def _texts(compressed: bytes | None, now: str) -> str:
    """Show the first line that differs, around the place where it does."""
    if compressed is None:
        return ""
    old = zlib.decompress(compressed).decode("utf-8", "replace")
    lines = zip_longest(old.splitlines(), now.splitlines(), fillvalue="")
    for one, other in lines:
        if one != other:
            return f": recorded {_around(one, other)}, now {_around(other, one)}"
    return ""


def _around(text: str, other: str) -> str:
    place = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, place - BEFORE) if len(text) > SHOWN else 0
    return repr(text[start : start + SHOWN])
