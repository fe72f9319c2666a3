"""What a reader finds in a price file: a bar, or the refusal of one, each with its place."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from storage.prices import BarRow

#: characters of a foreign text that a message shows
SHOWN = 40

#: what a message shows of values without a short text
KINDS = {list: "[…]", tuple: "{…}", type(None): "null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBar:
    """A good bar; `line` counts from 1, None in files that are one document."""

    file: str
    line: int | None
    bar: BarRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something in a price file that was left out; `symbol` and `date` are empty where they are not known."""

    file: str
    line: int | None = None
    symbol: str = ""
    date: str = ""
    reason: str

    @property
    def place(self) -> str:
        """The place as people write it: `prices.csv:12 AAPL 2025-10-29`."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return " ".join(part for part in (where, self.symbol, self.date) if part)

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


Found: TypeAlias = PlacedBar | Refusal


def file_name(path: Path) -> str:
    """Return a path as text that can be printed and stored, whatever bytes it is made of."""
    return printable(os.fsencode(path).decode("utf-8", "replace"))


def quoted(value: object) -> str:
    """Return a foreign value in quotes, short and printable."""
    text = str(value) if isinstance(value, str | bool) else KINDS.get(type(value), "…")
    return f"'{printable(text[:SHOWN])}{'…' if len(text) > SHOWN else ''}'"


def printable(text: str) -> str:
    """Replace what a terminal or a database could not take: control characters and halves of surrogate pairs."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
