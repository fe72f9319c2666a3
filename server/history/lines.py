"""Lines of a file, one at a time and none longer than a record can be."""

from collections.abc import Iterator
from pathlib import Path

from server.history.errors import BrokenRecordError

#: bytes; the longest record known has 1,200, the longest message 60,000
MAX_LINE = 4 * 1024 * 1024


def numbered_lines(path: Path, shown: str) -> Iterator[tuple[int, bytes]]:
    """Give the lines that are not blank with their numbers, from 1.

    Raises:
        BrokenRecordError: the file cannot be read, or a line is too long.
    """
    try:
        if not path.is_file():
            raise BrokenRecordError(shown, "was not a file")
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise BrokenRecordError(shown, f"was longer than {MAX_LINE} bytes", line=number)
                if line.strip():
                    yield number, line
    except OSError as error:
        raise BrokenRecordError(shown, f"could not be read: {error.strerror}") from None
