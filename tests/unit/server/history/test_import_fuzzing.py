"""Whatever a file holds: no crash, nothing half imported, and a message that names the place."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.history.run_import import RunStatus
from tests.unit.server.history.run_files import RUN, contents, import_runs, make_market, rows, write_log, write_run

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

PATHS = (
    ("date",),
    ("id",),
    ("this_action",),
    ("this_action", "action"),
    ("this_action", "symbol"),
    ("this_action", "amount"),
    ("this_action", "price"),
    ("positions",),
    ("positions", "UP"),
    ("positions", "CASH"),
)

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_market(tmp_path)
    return tmp_path


def assert_whole_or_nothing(folder: Path) -> None:
    """Import, and check that what is there is what was told."""
    database = folder / "jobs.db"
    before = contents(database)

    result = import_runs(folder, "--json")

    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    (report,) = json.loads(result.stdout.splitlines()[0])["models"]
    if report["status"] == RunStatus.REFUSED:
        assert re.match(r"agent_data/m/\S+?( line \d+)?: ", report["problem"])
        after = contents(database)
        assert {name: after[name] for name in before} == before
    else:
        wanted = [(report["days"], "completed")] if report["days"] else []
        assert rows(database, "SELECT total_model_days, status FROM jobs") == wanted
        assert rows(database, "SELECT COUNT(*) FROM trading_days") == [(report["days"],)]
    rows(database, "DELETE FROM jobs RETURNING 1")
    rows(database, "DELETE FROM portfolios RETURNING 1")


@few
@given(content=st.binary(max_size=300))
def test_any_bytes_as_a_position_file(folder: Path, content: bytes) -> None:
    write_run(folder, [content])

    assert_whole_or_nothing(folder)


@few
@given(place=st.integers(0, len(RUN) - 1), path=st.sampled_from(PATHS), value=VALUES)
def test_any_value_in_any_field(folder: Path, place: int, path: tuple[str, ...], value: object) -> None:
    records = json.loads(json.dumps(RUN))
    target = records[place]
    for name in path[:-1]:
        target = target.setdefault(name, {})
    target[path[-1]] = value
    write_run(folder, records)

    assert_whole_or_nothing(folder)


@few
@given(cut=st.integers(0, 700))
def test_file_cut_anywhere(folder: Path, cut: int) -> None:
    path = write_run(folder)
    path.write_bytes(path.read_bytes()[:cut])

    assert_whole_or_nothing(folder)


@few
@given(order=st.permutations(range(len(RUN))), repeats=st.integers(0, 2))
def test_lines_in_any_order(folder: Path, order: list[int], repeats: int) -> None:
    write_run(folder, [RUN[i] for i in (*order, *order[:repeats])])

    assert_whole_or_nothing(folder)


@few
@given(content=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps({"new_messages": value}).encode()))
def test_any_bytes_as_a_log(folder: Path, content: bytes) -> None:
    write_run(folder)
    write_log(folder, "2025-03-04").write_bytes(content)

    assert_whole_or_nothing(folder)
