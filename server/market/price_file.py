"""Price files: which files a path stands for, and which reader a file needs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from server.market.alpha_vantage import read_document, read_lines
from server.market.csv_file import read_csv
from server.market.found import Found, Refusal, file_name
from server.market.parquet_file import read_parquet

Reader: TypeAlias = Callable[[Path], Iterator[Found]]

SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")

#: bytes read to recognise a format; a symbol's line of `merged.jsonl` over 20 years is 1 MB
HEAD = 4 * 1024 * 1024


def price_files(path: Path) -> list[Path]:
    """Return the price files of a folder, by name and without its subfolders; a file stands for itself."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def read_prices(path: Path) -> Iterator[Found]:
    """Yield the bars and refusals of a file or of all price files in a folder; whatever is in them, it never raises."""
    try:
        files = price_files(path)
    except OSError as error:
        yield Refusal(file=file_name(path), reason=f"folder could not be read: {error.strerror}")
        return
    if not files:
        yield Refusal(file=file_name(path), reason=f"folder had no {', '.join(SUFFIXES)} files")
    for file in files:
        yield from _read_file(file)


def _read_file(path: Path) -> Iterator[Found]:
    if not path.is_file():  # reading a pipe or device might never end
        yield Refusal(file=file_name(path), reason="path was not a file")
        return
    found = False
    try:
        for found_one in recognise(path)(path):
            found = True
            yield found_one
    except OSError as error:
        yield Refusal(file=file_name(path), reason=f"file could not be read: {error.strerror}")
        return
    if not found:
        yield Refusal(file=file_name(path), reason="file had no bars")


def recognise(path: Path) -> Reader:
    """Return the reader of a file: `.csv`, `.jsonl` and `.parquet` say so by their name, others by how they begin."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_csv
    if suffix == ".jsonl":
        return read_lines
    if suffix == ".parquet":
        return read_parquet
    with path.open("rb") as file:
        head = file.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    if suffix != ".json" and not head.startswith(b"{"):
        return read_csv
    first, _, rest = head.partition(b"\n")
    return read_lines if first.rstrip().endswith(b"}") and rest.strip() else read_document
