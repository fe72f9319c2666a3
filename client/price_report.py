"""Price coverage as lines for people."""

from collections.abc import Iterator

from aitrader.v1.prices_pb2 import GetPriceCoverageResponse, SymbolCoverage

from .text import plain

#: dates and jumps shown of a symbol
SHOWN = 5
#: characters shown of a source, which may be the names of many files
SOURCE = 40


def coverage_lines(response: GetPriceCoverageResponse) -> list[str]:
    """Tell symbols, each with what is missing or strange."""
    return [line for symbol in response.symbols for line in _lines(symbol)] or ["no prices"]


def _lines(row: SymbolCoverage) -> Iterator[str]:
    revised = f", {row.revisions:,} revised" if row.revisions else ""
    # an earlier server does not tell it
    source = f", from {_cut(plain(row.last_import_source))}" if row.last_import_source else ""
    dates = f"{row.first_date} to {row.last_date}"
    yield f"{plain(row.symbol)}  {dates}, {row.bars:,} bars{revised}{source}"
    if row.missing_dates:
        yield f"    missing {_some(list(row.missing_dates))}"
    if row.closed_dates:
        yield f"    on days without trading {_some(list(row.closed_dates))}"
    if row.jumps:
        yield f"    jumps {_some([f'{jump.date} from {jump.before:g} to {jump.after:g}' for jump in row.jumps])}"


def _cut(source: str) -> str:
    return source if len(source) <= SOURCE else f"{source[: SOURCE - 1]}…"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
