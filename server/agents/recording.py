"""Recorded position files: the orders that a model gave in an earlier run, read once and kept.

The format is the ancestor's `position.jsonl`: a line per action with the whole portfolio after it. Lines of splits and
dividends tell what happened to shares; the ledger does that by itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as calendar_date
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from server.agents.errors import ReplayFileError, quoted
from server.engine.orders import MAX_QUANTITY, ORDERS, Action, Order
from server.folder import FolderError, locate

#: bytes; a thousand times the largest file known, and small enough to be read at a Trigger
MAX_FILE_SIZE = 64 * 1024 * 1024

#: what a line may tell of
ACTIONS = tuple(Action)

#: orders by trading date, in the order of the file
Recording: TypeAlias = Mapping[str, tuple[Order, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAction:
    """What a line tells: an order of `amount` shares, or the shares that a corporate action brought or was paid on."""

    action: Action
    symbol: str
    amount: int

    @property
    def is_order(self) -> bool:
        """Whether it was an order, and no corporate action."""
        return self.action in ORDERS

    @property
    def order(self) -> Order | None:
        """The order that it was, if it was one."""
        if not self.is_order:
            return None
        return Order(action=self.action, symbol=self.symbol, amount=self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersion:
    """What tells one content of a file from another without reading it: its place, nanoseconds and bytes."""

    path: Path
    modified: int
    size: int


class RecordingFolder:
    """Recordings below `data_dir`, each parsed once as long as its file stays the same."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._recordings: dict[Path, tuple[FileVersion, Recording]] = {}

    def read(self, path: str) -> Recording:
        """Return the orders recorded in the file at `path`, which is relative to the folder.

        Raises:
            ReplayFileError: the path leaves the folder or is no file, or a line of the file is malformed.
        """
        version = self._locate(path)
        known = self._recordings.get(version.path)
        if known is not None and known[0] == version:
            return known[1]
        try:
            content = version.path.read_bytes()
        except OSError as error:
            raise ReplayFileError(path, f"could not be read: {error.strerror}") from None
        recording = parse_recording(path, content)
        self._recordings[version.path] = version, recording
        return recording

    def _locate(self, path: str) -> FileVersion:
        try:
            found = locate(self._data_dir, path, "data folder")
            status = found.stat()
        except (FolderError, OSError) as error:
            reason = str(error) if isinstance(error, FolderError) else "could not be read"
            raise ReplayFileError(path, reason) from None
        if status.st_size > MAX_FILE_SIZE:
            raise ReplayFileError(path, f"was larger than {MAX_FILE_SIZE} bytes")
        return FileVersion(path=found, modified=status.st_mtime_ns, size=status.st_size)


def parse_recording(path: str, content: bytes) -> Recording:
    """Return the orders of a position file by date; `path` is for the errors.

    Raises:
        ReplayFileError: a line is malformed, or there is none.
    """
    orders: dict[str, list[Order]] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            date, action = recorded_action(line_object(line))
        except ValueError as error:
            raise ReplayFileError(path, str(error), line=number) from None
        order = None if action is None else action.order
        orders.setdefault(date, []).extend([] if order is None else [order])
    if not orders:
        raise ReplayFileError(path, "was empty")
    return MappingProxyType({date: tuple(of_date) for date, of_date in orders.items()})


def line_object(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        ValueError: it is none.
    """
    return json_object(_json(line), "line")


def recorded_action(record: Mapping[str, Any]) -> tuple[str, RecordedAction | None]:
    """Return the date and the action of a line; no action for the opening line and for `no_trade`.

    Raises:
        ValueError: one of its fields is malformed.
    """
    date = _date(record.get("date"))
    if record.get("this_action") is None:
        return date, None
    told = json_object(record["this_action"], "'this_action'")
    name = told.get("action")
    if name not in ACTIONS:
        raise ValueError(f"'action' was {quoted(name)}, not one of {', '.join(ACTIONS)}")
    if name == Action.NO_TRADE:
        return date, None
    symbol, amount = _symbol(told.get("symbol")), _amount(told.get("amount"))
    return date, RecordedAction(action=Action(name), symbol=symbol, amount=amount)


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("was not JSON") from None


def json_object(value: object, name: str) -> dict[str, Any]:
    """Return a value that has to be a JSON object; `name` stands for it in the error.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{name} was not a JSON object")  # noqa: TRY004
    return value


def _date(value: object) -> str:
    if isinstance(value, str) and len(value) == len("YYYY-MM-DD"):
        try:
            return calendar_date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise ValueError(f"'date' was {quoted(value)}, not a date such as '2025-10-01'")


def _symbol(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"'symbol' was {quoted(value)}, not a symbol")
    return value


def _amount(value: object) -> int:
    """Return a number of shares; 0 and less are for the ledger to refuse."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_QUANTITY:
        raise ValueError(f"'amount' was {quoted(value)}, not a whole number of shares up to {MAX_QUANTITY}")
    return value
