"""CSV files of corporate actions, and the commands that import and list them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from server.market.action_file import read_actions
from server.market.command import prices
from storage.corporate_actions import ActionRow
from tests.unit.wounds import wounded

HEADER = "symbol,ex_date,kind,value\n"
GOOD = HEADER + "ORLY,2025-06-10,split,15:1\naapl,2025-08-11,Dividend,0.26\n"


def run(folder: Path, *arguments: object) -> Result:
    environment = {"AITRADER_DB": str(folder / "jobs.db")}
    return CliRunner().invoke(prices, ["actions", *map(str, arguments)], env=environment)


def written(folder: Path, text: str) -> Path:
    path = folder / "a.csv"
    path.write_text(text)
    return path


def test_splits_and_dividends_are_read(tmp_path: Path) -> None:
    split, dividend = read_actions(written(tmp_path, GOOD))

    assert isinstance(split, ActionRow)
    assert isinstance(dividend, ActionRow)
    assert (split.symbol, split.ex_date, split.kind, split.numerator, split.denominator) == (
        "ORLY",
        "2025-06-10",
        "split",
        15,
        1,
    )
    assert (dividend.symbol, dividend.kind, dividend.amount_micros) == ("AAPL", "dividend", 260_000)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A,2025-06-31,split,2:1", "date"),
        ("a b,2025-06-10,split,2:1", "symbol"),
        ("A,2025-06-10,merger,2:1", "kind 'merger' was neither split nor dividend"),
        ("A,2025-06-10,split,15", "value '15' was not a ratio of new to old shares such as 15:1"),
        ("A,2025-06-10,split,0:1", "value '0:1' was not a ratio"),
        ("A,2025-06-10,split,3:3", "value '3:3' was not a ratio"),
        ("A,2025-06-10,dividend,-1", "value '-1' was not dollars per share above 0"),
        ("A,2025-06-10,dividend,NaN", "value 'NaN' was not dollars"),
        ("A,2025-06-10,dividend,1_0", "value '1_0' was not dollars"),
        ("A,2025-06-10,dividend,0.0000001", "with at most 6 decimals"),
        ("A,2025-06-10,dividend", "line had 3 cells, the header 4"),
        ("ORLY,2025-06-10,split,14:1", "the same action came earlier with another value"),
    ],
)
def test_one_bad_line_refuses_the_file_by_its_number(tmp_path: Path, line: str, reason: str) -> None:
    result = run(tmp_path, "import", written(tmp_path, f"{GOOD}{line}\n"))

    assert result.exit_code == 1
    assert "a.csv:4: " in result.stdout
    assert reason in result.stdout
    assert "nothing was imported" in result.stderr
    assert not (tmp_path / "jobs.db").exists()


def test_importing_again_changes_nothing_and_another_value_is_refused(tmp_path: Path) -> None:
    first = run(tmp_path, "import", written(tmp_path, GOOD))
    again = run(tmp_path, "import", written(tmp_path, GOOD))
    other = run(tmp_path, "import", written(tmp_path, GOOD.replace("15:1", "14:1") + "B,2025-01-02,split,2:1\n"))
    listed = run(tmp_path, "list", "--json")

    assert (first.stdout, again.stdout) == ("2 added, 0 unchanged\n", "0 added, 2 unchanged\n")
    assert other.exit_code == 1
    assert "ORLY 2025-06-10 split 14:1: another value is stored" in other.stdout
    assert [row["symbol"] for row in json.loads(listed.stdout)["actions"]] == ["ORLY", "AAPL"]


def test_list_is_a_table_for_people(tmp_path: Path) -> None:
    run(tmp_path, "import", written(tmp_path, GOOD))

    text = run(tmp_path, "list").stdout

    assert "split 15:1" in text
    assert "dividend 0.26" in text


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300) | st.text(max_size=200).map(lambda text: (HEADER + text).encode()) | wounded(GOOD.encode())
)
def test_no_content_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)

    for found in read_actions(path):
        assert isinstance(found, ActionRow) or found.line is not None
        assert str(found).isprintable()
