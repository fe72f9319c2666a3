import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.market.command import prices
from storage.database import open_database

HEADER = "symbol,date,open,high,low,close,volume\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "A,2025-10-01,2,2,1,2,5\nA,2025-10-03,2,2,1,2,5\nB,2025-10-02,2,2,1,2,5\nbad\n")
    return path


def run(tmp_path: Path, *arguments: object) -> Result:
    environment = {"AITRADER_DB": str(tmp_path / "jobs.db")}
    return CliRunner().invoke(prices, [str(argument) for argument in arguments], env=environment)


def test_import_prints_the_report(tmp_path: Path, csv: Path) -> None:
    result = run(tmp_path, "import", csv)

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "3 bars of 2 symbols on 3 dates, 2025-10-01 to 2025-10-03",
        "3 added, 0 changed, 0 unchanged, 1 refused",
        f"refused {csv}:5: line had 1 cells, the header 7",
    ]


def test_import_prints_the_report_as_one_json_document(tmp_path: Path, csv: Path) -> None:
    result = run(tmp_path, "import", csv, "--json", "--db", tmp_path / "other.db")

    assert json.loads(result.stdout)["added"] == 3
    assert not (tmp_path / "jobs.db").exists()


def test_import_shows_every_refusal_when_asked(tmp_path: Path, csv: Path) -> None:
    csv.write_text(csv.read_text() + "bad\n" * 30)

    assert run(tmp_path, "import", csv).stdout.splitlines()[-1] == "… and 11 more"
    assert len(run(tmp_path, "import", csv, "--verbose").stdout.splitlines()) == 2 + 31


def test_import_of_nothing_good_fails_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"Note": "too many calls"}')

    result = run(tmp_path, "import", path)

    assert result.exit_code == 1
    assert f"refused {path}: Alpha Vantage sent no prices: too many calls" in result.stdout
    assert result.stderr == "Error: no bar could be read\n"


def test_import_of_a_missing_path_imports_nothing(tmp_path: Path, csv: Path) -> None:
    result = run(tmp_path, "import", csv, tmp_path / "nowhere.csv")

    assert result.exit_code == 1
    assert result.output == f"Error: path '{tmp_path / 'nowhere.csv'}' was not found\n"
    assert not (tmp_path / "jobs.db").exists()


def test_a_file_that_is_no_database_is_named_in_one_line(tmp_path: Path, csv: Path) -> None:
    (tmp_path / "jobs.db").write_text("these are not the pages of a database, whatever the name says" * 20)

    result = run(tmp_path, "import", csv)

    assert result.exit_code == 1
    assert "is not a database of this service" in result.output


def test_coverage_prints_a_table_and_a_summary(tmp_path: Path, csv: Path) -> None:
    run(tmp_path, "import", csv)

    lines = run(tmp_path, "coverage").output.splitlines()

    assert lines[-1] == "2 symbols, 3 bars, 2025-10-01 to 2025-10-03, 1 gaps"
    assert any({"A", "2025-10-01", "2025-10-03", "2", "1"} <= set(line.split()) for line in lines)


def test_coverage_names_the_missing_dates_in_json(tmp_path: Path, csv: Path) -> None:
    run(tmp_path, "import", csv)

    symbols = json.loads(run(tmp_path, "coverage", "--json").output)["symbols"]

    assert symbols[0].pop("imported_at").startswith("20")
    assert symbols[0] == {
        "symbol": "A",
        "first": "2025-10-01",
        "last": "2025-10-03",
        "bars": 2,
        "missing": ["2025-10-02"],
        "closed": [],
        "jumps": [],
        "revisions": 0,
        "source": str(csv),
    }


def test_coverage_without_prices_says_so(tmp_path: Path) -> None:
    open_database(tmp_path / "jobs.db").close()

    assert run(tmp_path, "coverage").output == "no prices\n"


def test_coverage_of_a_missing_database_makes_none(tmp_path: Path) -> None:
    result = run(tmp_path, "coverage")

    assert result.exit_code == 1
    assert result.output == f"Error: database '{tmp_path / 'jobs.db'}' was not found\n"
    assert not (tmp_path / "jobs.db").exists()


def test_generated_prices_can_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "synthetic.csv"

    made = run(tmp_path, "generate", path, "--symbols", 3, "--days", 5, "--seed", 2, "--start", "2025-01-01")
    result = run(tmp_path, "import", path)

    assert made.output == f"3 symbols, 5 dates: {path}\n"
    assert result.output.splitlines()[0] == "15 bars of 3 symbols on 5 dates, 2025-01-01 to 2025-01-07"


def test_generate_says_why_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = run(tmp_path, "generate", tmp_path / "file" / "a.csv")

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: '{tmp_path / 'file' / 'a.csv'}' could not be written")


def test_a_database_that_another_process_writes_to_is_reported_as_busy(
    tmp_path: Path, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(tmp_path / "jobs.db").close()
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT", 0.01)
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    result = run(tmp_path, "import", csv)

    other.close()
    assert result.exit_code == 1
    assert result.output == "Error: prices could not be imported: database is locked\n"


def test_prices_that_jump_are_kept_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "A,2025-10-01,1,2,1,1,5\nA,2025-10-02,9,9,9,9,5\n")

    told = run(tmp_path, "import", path).output

    assert "2 added" in told
    assert "jump A 2025-10-02: from 1 to 9" in told
    assert "jump A 2025-10-02: from 1 to 9" in run(tmp_path, "coverage").output
    assert json.loads(run(tmp_path, "coverage", "--json").output)["symbols"][0]["jumps"] == [
        {"symbol": "A", "date": "2025-10-02", "before": 1.0, "after": 9.0}
    ]


def test_coverage_of_a_calendar_that_is_none_is_refused(tmp_path: Path, csv: Path) -> None:
    run(tmp_path, "import", csv)

    result = run(tmp_path, "coverage", "--calendar", "NOPE")

    assert result.exit_code == 2
    assert "'NOPE' is not a calendar of exchange_calendars" in result.output
