"""Damage to files that are in order, for properties of what reads them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from hypothesis import strategies as st

Place: TypeAlias = tuple[str | int, ...]

#: what stands for a value that is to be put in
GAP = "@@@"

#: JSON as it may be found in a file, or what looks like it
ODD_JSON = (
    *("null", "true", "0", "-1", "1.5", "1e6", "1e400", "1e-400", "1e99999999999999999999", "9" * 400, "9" * 5000),
    *("NaN", "-Infinity", '""', '"x"', '"2025-10-01"', '"\\u0000"', '"\\ud800"', '"\\u202e"', f'"{"x" * 2000}"'),
    *("[]", "[[]]", "{}", '{"a": 1}', '{"\\ud800": 1}', "[" * 3000 + "]" * 3000),
)

ODD_BYTES = (b'"', b"'", b"\n", b"\r", b"\x00", b"\xff", b",", b"{", b"[", b"}", b"=", b"-", b"9", b"e9")


def wounded(content: bytes) -> st.SearchStrategy[bytes]:
    """Return content of which a few bytes at one place were lost, and others put there."""

    def hurt(at: int, lost: int, put: bytes) -> bytes:
        return content[:at] + put + content[at + lost :]

    junk = st.sampled_from(ODD_BYTES) | st.binary(max_size=8)
    return st.builds(hurt, st.integers(0, len(content)), st.integers(0, 40) | st.just(len(content)), junk)


def wounded_json(document: object) -> st.SearchStrategy[str]:
    """Return the text of a document in which something odd stands for the value at one place, or for all of it."""

    def hurt(place: Place, odd: str) -> str:
        return json.dumps(_with_gap(document, place)).replace(f'"{GAP}"', odd)

    return st.builds(hurt, st.sampled_from(list(_places(document))), st.sampled_from(ODD_JSON))


def _places(document: object) -> Iterator[Place]:
    yield ()
    for key, value in _items(document):
        yield from ((key, *rest) for rest in _places(value))


def _items(document: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(document, Mapping):
        yield from document.items()
    elif isinstance(document, Sequence) and not isinstance(document, str):
        yield from enumerate(document)


def _with_gap(document: object, place: Place) -> object:
    if not place:
        return GAP
    changed = {key: _with_gap(value, place[1:]) if key == place[0] else value for key, value in _items(document)}
    return changed if isinstance(document, Mapping) else list(changed.values())
