"""Coverage as people read it and as scripts parse it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from storage.price_coverage import PriceJump, SymbolCoverage

#: jumps that people are shown; the rest is counted
JUMPS_SHOWN = 10


def coverage_table(rows: Sequence[SymbolCoverage]) -> Table:
    """Return a table with one symbol a row."""
    table = Table("symbol", "first", "last")
    for column in ("bars", "gaps", "closed", "jumps", "revised"):
        table.add_column(column, justify="right")
    for row in rows:
        counts = (row.bars, len(row.missing), len(row.closed), len(row.jumps), row.revisions)
        table.add_row(row.symbol, row.first, row.last, *(f"{count:,}" for count in counts))
    return table


def coverage_lines(rows: Sequence[SymbolCoverage]) -> Iterator[str]:
    """Yield the jumps, the first few of them, and the sums."""
    yield from jump_lines([jump for row in rows for jump in row.jumps])
    bars, gaps = sum(row.bars for row in rows), sum(len(row.missing) for row in rows)
    first, last = min(row.first for row in rows), max(row.last for row in rows)
    yield f"{len(rows):,} symbols, {bars:,} bars, {first} to {last}, {gaps:,} gaps"


def jump_lines(jumps: Sequence[PriceJump]) -> Iterator[str]:
    """Yield jumps for people, the first few of them."""
    for jump in jumps[:JUMPS_SHOWN]:
        yield f"jump {jump.symbol} {jump.date}: from {jump.before:g} to {jump.after:g}"
    if len(jumps) > JUMPS_SHOWN:
        yield f"… and {len(jumps) - JUMPS_SHOWN:,} more jumps"


def coverage_json(rows: Sequence[SymbolCoverage]) -> dict[str, Any]:
    """Return coverage as values that JSON can hold."""
    return {"symbols": [asdict(row) | {"jumps": jumps_json(row.jumps)} for row in rows]}


def jumps_json(jumps: Sequence[PriceJump]) -> list[dict[str, Any]]:
    """Return jumps as values that JSON can hold."""
    return [asdict(jump) for jump in jumps]
