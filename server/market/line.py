"""Lines of a text file, each decoded by itself, so that a bad one spoils no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from server.market.found import Refusal, file_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that is not blank, without its end; `number` counts from 1."""

    number: int
    text: str


def lines(path: Path, longest: int) -> Iterator[Line | Refusal]:
    """Yield the lines of a UTF-8 file that are not blank; a refusal for each over `longest` bytes or not UTF-8."""
    name = file_name(path)
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(longest + 1):
            number += 1
            if len(raw) > longest and not raw.endswith(b"\n"):
                _skip_line(file, longest)
                yield Refusal(file=name, line=number, reason=f"line was longer than {longest:,} bytes")
            elif raw.strip():
                yield _decoded(name, number, raw)


def _skip_line(file: BinaryIO, step: int) -> None:
    while (rest := file.readline(step)) and not rest.endswith(b"\n"):
        pass


def _decoded(name: str, number: int, raw: bytes) -> Line | Refusal:
    try:
        # the mark that some spreadsheets put at a file's beginning
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Refusal(file=name, line=number, reason=f"line was not UTF-8: {error.reason}")
    return Line(number=number, text=text.rstrip("\r\n"))
