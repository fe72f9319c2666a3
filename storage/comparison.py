"""Two databases compared: what a job left in one and what the same model-days left in another, row by row.

Ids, times and durations are left aside. Events are progress and no results, and may be gone; counts of jobs and last
values of portfolios follow from the rows that are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

from peewee import SqliteDatabase

#: characters shown of a value, and of these before the first one that differs
SHOWN = 300
BEFORE = 60

#: model-day and row: date, model, what names the row among those of its model-day
RowKey: TypeAlias = tuple[str, str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTable:
    """How the rows of a table are read: `row` names a row within its model-day."""

    name: str
    row: str
    columns: tuple[str, ...]
    source: str

    def rows(self, db: SqliteDatabase, job_id: str) -> Iterator[tuple[Any, ...]]:
        """Give date, model, row and columns of what the completed model-days of a job left, in order."""
        columns = ", ".join(self.columns)
        sql = f"SELECT d.date, d.model, {self.row} AS place, {columns} {self.source} ORDER BY 1, 2, 3"
        return iter(db.execute_sql(sql, (job_id,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that differs; `column` is `row` where one side lacks the row."""

    table: str
    date: str
    model: str
    row: str
    column: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableResult:
    """Rows of a table on both sides, and the first difference."""

    table: str
    recorded_rows: int
    replayed_rows: int
    difference: Difference | None


_VALUES = ("daily_profit", "daily_return_pct", "cumulative_profit", "cumulative_return_pct")


def _of_model_day(table: str, *, attempt: bool = False) -> str:
    """Return the source of rows of completed model-days; of sessions, those of the attempt that was committed."""
    join = "ON t.job_id = d.job_id AND t.date = d.date AND t.model = d.model"
    join += " AND t.attempt = d.attempt" if attempt else ""
    return f"FROM job_details d JOIN {table} t {join} WHERE d.job_id = ? AND d.status = 'completed'"


_NUMBERED = "ROW_NUMBER() OVER (PARTITION BY d.date, d.model ORDER BY t.id)"

TABLES = (
    ComparedTable(
        name="positions",
        row="t.action_id",
        columns=(
            "t.action_type",
            "t.symbol",
            "t.amount",
            "t.price",
            "t.commission",
            "t.slippage",
            "t.cash",
            "t.portfolio_value",
            *_VALUES,
        ),
        source=_of_model_day("positions"),
    ),
    ComparedTable(
        name="holdings",
        row="t.action_id || ' ' || h.symbol",
        columns=("h.quantity",),
        source=_of_model_day("positions").replace(" WHERE", " JOIN holdings h ON h.position_id = t.id WHERE"),
    ),
    ComparedTable(
        name="rejections",
        row=_NUMBERED,
        columns=("t.after_action_id", "t.action_type", "t.symbol", "t.amount", "t.reason", "t.message"),
        source=_of_model_day("rejections"),
    ),
    ComparedTable(
        name="trading_days",
        row="''",
        columns=("t.day_number", "t.cash", "t.portfolio_value", *_VALUES),
        source="FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id"
        " JOIN job_details d ON d.job_id = t.job_id AND d.date = t.date AND d.model = p.model WHERE t.job_id = ?",
    ),
    ComparedTable(
        name="reasoning_logs",
        row="t.step_number",
        columns=("t.role", "t.content", "t.tool_name", "t.tool_call_id", "t.arguments"),
        source=_of_model_day("reasoning_logs", attempt=True),
    ),
    ComparedTable(
        name="tool_usage",
        row="t.tool_name",
        columns=("t.call_count",),
        source=_of_model_day("tool_usage", attempt=True),
    ),
    ComparedTable(
        name="sessions",
        row="''",
        columns=(
            "t.outcome",
            "t.prompt_digest",
            "t.stop_reason",
            "t.requests",
            "t.input_tokens",
            "t.output_tokens",
            "t.cache_read_tokens",
            "t.cache_write_tokens",
            "t.reasoning_tokens",
            "t.cost_usd",
            "t.summary",
            "t.steps",
        ),
        source=_of_model_day("sessions", attempt=True),
    ),
    ComparedTable(
        name="observations",
        row=_NUMBERED,
        columns=("t.step", "t.tool_name", "t.subject", "t.as_of", "t.source_date", "t.opening", "t.digest"),
        source=_of_model_day("observations", attempt=True),
    ),
    ComparedTable(
        name="dropped_observations",
        row=_NUMBERED,
        columns=("t.step", "t.tool_name", "t.subject", "t.reason"),
        source=_of_model_day("dropped_observations", attempt=True),
    ),
    ComparedTable(
        name="recordings",
        row="t.number",
        columns=("t.basemodel", "t.vendor", "t.digest", "t.shared", "t.parts", "t.answer"),
        source=_of_model_day("recordings", attempt=True),
    ),
)


def compare_table(table: ComparedTable, recorded: Any, replayed: Any) -> TableResult:  # noqa: ANN401 (two iterators)
    """Compare two sides row by row."""
    counts, first = [0, 0], None
    for old, new in zip_longest(recorded, replayed):
        counts = [counts[0] + (old is not None), counts[1] + (new is not None)]
        if first is None and old != new:
            first = _difference(table, old, new)
    return TableResult(table=table.name, recorded_rows=counts[0], replayed_rows=counts[1], difference=first)


def compare_job(
    recorded: tuple[SqliteDatabase, str], replayed: tuple[SqliteDatabase, str], tables: Sequence[ComparedTable] = TABLES
) -> list[TableResult]:
    """Compare what two jobs, each a database and a job id, left in every table."""
    return [compare_table(table, table.rows(*recorded), table.rows(*replayed)) for table in tables]


def _difference(table: ComparedTable, old: tuple[Any, ...] | None, new: tuple[Any, ...] | None) -> Difference:
    if old is None or new is None or old[:3] != new[:3]:
        return _missing(table, old, new)
    place = next(i for i in range(3, len(old)) if old[i] != new[i])
    column = table.columns[place - 3].partition(".")[2] or table.columns[place - 3]
    return _told(table, old, column, *_shown(old[place], new[place]))


def _missing(table: ComparedTable, old: tuple[Any, ...] | None, new: tuple[Any, ...] | None) -> Difference:
    """Tell of the earlier one of two rows that do not belong together."""
    if new is None or (old is not None and old[:3] < new[:3]):
        return _told(table, old or (), "row", _text(old), "")
    return _told(table, new, "row", "", _text(new))


def _told(table: ComparedTable, row: tuple[Any, ...], column: str, recorded: str, replayed: str) -> Difference:
    date, model, name = row[:3]
    return Difference(
        table=table.name, date=date, model=model, row=str(name), column=column, recorded=recorded, replayed=replayed
    )


def _shown(old: object, new: object) -> tuple[str, str]:
    """Return two values as text; of long ones what is near their first difference."""
    texts = [str(value) if value is not None else "null" for value in (old, new)]
    place = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(0, place - BEFORE) if max(map(len, texts)) > SHOWN else 0
    return texts[0][start : start + SHOWN], texts[1][start : start + SHOWN]


def _text(row: tuple[Any, ...] | None) -> str:
    return ", ".join(str(value) for value in (row or ())[3:])[:SHOWN]
