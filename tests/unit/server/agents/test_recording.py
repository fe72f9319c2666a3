import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.agents.errors import ReplayFileError
from server.agents.recording import MAX_FILE_SIZE, RecordingFolder, parse_recording
from server.engine.orders import Action, Order

OPENING = '{"date": "2025-10-01", "id": 0, "positions": {"AAPL": 0, "CASH": 10000.0}}'


def line(action: str = "buy", symbol: str = "AAPL", amount: object = 1, date: str = "2025-10-02") -> str:
    return json.dumps({"date": date, "id": 1, "this_action": {"action": action, "symbol": symbol, "amount": amount}})


def content(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def test_orders_of_a_date_keep_the_order_of_the_file() -> None:
    lines = [OPENING, line("buy", "MSFT", 2), line("sell", "AAPL", 3), line("buy", "AAPL", 4, "2025-10-03")]

    recording = parse_recording("p", content(*lines))

    assert recording["2025-10-02"] == (
        Order(action=Action.BUY, symbol="MSFT", amount=2),
        Order(action=Action.SELL, symbol="AAPL", amount=3),
    )
    assert recording["2025-10-03"] == (Order(action=Action.BUY, symbol="AAPL", amount=4),)


def test_opening_line_and_no_trade_are_no_orders() -> None:
    recording = parse_recording("p", content(OPENING, line("no_trade", "", 0)))

    assert recording == {"2025-10-01": (), "2025-10-02": ()}


def test_amount_of_zero_is_an_order() -> None:
    recording = parse_recording("p", content(line(amount=0)))

    assert recording["2025-10-02"][0].amount == 0


def test_blank_lines_are_passed_over() -> None:
    recording = parse_recording("p", content("", line(), "  ", ""))

    assert len(recording["2025-10-02"]) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", "was not JSON"),
        ("[" * 100_000, "was not JSON"),
        ("\udcff", "was not JSON"),
        ("[]", "line was not a JSON object"),
        ('{"date": "2025-13-01"}', "'date' was '2025-13-01', not a date"),
        ('{"date": 5}', "'date' was 5, not a date"),
        ("{}", "'date' was None, not a date"),
        ('{"date": "2025-10-02", "this_action": "buy"}', "'this_action' was not a JSON object"),
        (line("short"), "'action' was 'short', not one of buy, sell, no_trade"),
        (line(symbol=""), "'symbol' was '', not a symbol"),
        (line(amount=1.5), "'amount' was 1.5, not a whole number of shares"),
        (line(amount="3"), "'amount' was '3', not a whole number of shares"),
        (line(amount=True), "'amount' was True, not a whole number of shares"),
        (line(amount=None), "'amount' was None, not a whole number of shares"),
        (line(amount=float("nan")), "'amount' was nan, not a whole number of shares"),
        (line(amount=10**12), "'amount' was 1000000000000, not a whole number of shares"),
    ],
)
def test_malformed_line_is_named_with_its_file_and_number(bad: str, message: str) -> None:
    lines = f"{OPENING}\n\n{bad}\n".encode(errors="surrogateescape")

    with pytest.raises(ReplayFileError) as caught:
        parse_recording("some/position.jsonl", lines)

    assert str(caught.value).startswith(f"replay file 'some/position.jsonl' line 3 {message}")
    assert (caught.value.path, caught.value.line) == ("some/position.jsonl", 3)


def test_long_values_are_cut_in_errors() -> None:
    with pytest.raises(ReplayFileError) as caught:
        parse_recording("p", content(line("x" * 1_000_000)))

    assert len(str(caught.value)) < 400


def test_empty_file_is_refused() -> None:
    with pytest.raises(ReplayFileError, match="replay file 'p' was empty"):
        parse_recording("p", b"\n \n")


def folder_with(tmp_path: Path, files: Mapping[str, str]) -> RecordingFolder:
    for name, text in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return RecordingFolder(tmp_path / "data")


def test_file_is_parsed_again_only_when_it_changed(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"a/p.jsonl": line()})

    first, second = folder.read("a/p.jsonl"), folder.read("./a/p.jsonl")
    folder_with(tmp_path, {"a/p.jsonl": line(amount=25)})
    third = folder.read("a/p.jsonl")

    assert first is second
    assert third["2025-10-02"][0].amount == 25


def test_change_of_time_alone_is_seen(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"p": line()})
    first = folder.read("p")

    os.utime(tmp_path / "data" / "p", (1, 1))

    assert folder.read("p") is not first


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../outside", "a/../../outside", "a/../p"])
def test_path_that_could_leave_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    folder = folder_with(tmp_path, {"p": line(), "a/q": line(), "../outside": line()})

    with pytest.raises(ReplayFileError, match="was not a path inside the data folder"):
        folder.read(path)


def test_symbolic_links_may_stay_inside_but_not_lead_out(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"p": line(), "../outside/p": line()})
    (tmp_path / "data" / "inside").symlink_to("p")
    (tmp_path / "data" / "file").symlink_to(tmp_path / "outside" / "p")
    (tmp_path / "data" / "folder").symlink_to(tmp_path / "outside")

    assert folder.read("inside") == folder.read("p")
    for path in ("file", "folder/p"):
        with pytest.raises(ReplayFileError, match="was not a path inside the data folder"):
            folder.read(path)


def test_data_folder_may_itself_be_a_symbolic_link(tmp_path: Path) -> None:
    folder_with(tmp_path, {"p": line()})
    (tmp_path / "link").symlink_to(tmp_path / "data")

    assert "2025-10-02" in RecordingFolder(tmp_path / "link").read("p")


@pytest.mark.parametrize("path", ["nothing", "p/q", "nul\0", "\ud800", "n" * 5000])
def test_path_to_nothing_is_refused(tmp_path: Path, path: str) -> None:
    folder = folder_with(tmp_path, {"p": line()})

    with pytest.raises(ReplayFileError, match="was not found in the data folder") as caught:
        folder.read(path)

    assert str(caught.value).encode()
    assert str(tmp_path) not in str(caught.value)


def test_folder_is_not_a_file(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"a/p": line()})

    with pytest.raises(ReplayFileError, match="replay file 'a' was not a file"):
        folder.read("a")


def test_pipe_is_not_waited_on(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"p": line()})
    os.mkfifo(tmp_path / "data" / "pipe")

    with pytest.raises(ReplayFileError, match="was not a file"):
        folder.read("pipe")


def test_file_that_changes_into_a_folder_between_two_reads_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"p": line()})
    folder.read("p")

    (tmp_path / "data" / "p").unlink()
    (tmp_path / "data" / "p").mkdir()

    with pytest.raises(ReplayFileError, match="was not a file"):
        folder.read("p")


def test_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"p": line()})
    os.truncate(tmp_path / "data" / "p", MAX_FILE_SIZE + 1)

    with pytest.raises(ReplayFileError, match="was larger than"):
        folder.read("p")
