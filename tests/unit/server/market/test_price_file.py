"""Every reader, through the one door that an import uses."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.market import alpha_vantage, csv_file, price_file
from server.market.found import PlacedBar, Refusal
from server.market.price_file import read_prices, recognise
from storage.prices import BarRow

HEADER = "symbol,date,open,high,low,close,volume\n"
VALUES = {"1. open": "10", "2. high": "12", "3. low": "9", "4. close": "11", "5. volume": "100"}
DOCUMENT = {"Meta Data": {"2. Symbol": "AAPL"}, "Time Series (Daily)": {"2025-10-01": VALUES}}
MERGED = json.dumps(DOCUMENT).replace("1. open", "1. buy price").replace("4. close", "4. sell price")

#: every example writes its file anew, so that one folder does for all
fuzzing = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def bars(path: Path) -> list[BarRow]:
    return [found.bar for found in read_prices(path) if isinstance(found, PlacedBar)]


def refusals(path: Path) -> list[str]:
    return [
        str(found).removeprefix(f"{path.parent}{os.sep}") for found in read_prices(path) if isinstance(found, Refusal)
    ]


def good_bar() -> BarRow:
    ten, twelve, nine, eleven = map(Decimal, (10, 12, 9, 11))
    return BarRow(symbol="AAPL", date="2025-10-01", open=ten, high=twelve, low=nine, close=eleven, volume=100)


def test_csv_columns_may_come_in_any_order_with_others_between(tmp_path: Path) -> None:
    text = '\ufeffVolume,close,"Low",adjusted,HIGH, open ,date,symbol\r\n100,11,9,1,12,10,2025-10-01,aapl\r\n'
    path = write(tmp_path / "a.csv", text)

    assert bars(path) == [good_bar()]
    assert refusals(path) == []


def test_csv_bar_with_only_an_open_is_accepted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER + "AAPL,2025-10-01,10,,,,\n")

    assert bars(path) == [BarRow(symbol="AAPL", date="2025-10-01", open=Decimal(10))]


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (b"AAPL,2025-10-01,10,12,9,11", "a.csv:3: line had 6 cells, the header 7"),
        (b"AAPL,2025-10-01,10,12,9,11,5,6", "a.csv:3: line had 8 cells, the header 7"),
        (b"AAPL,2025-10-01,-10,12,9,11,5", "a.csv:3 AAPL 2025-10-01: open '-10' was not above 0"),
        (b"AAPL,2025-10-01,10,8,9,11,5", "a.csv:3 AAPL 2025-10-01: high 8 was below low 9"),
        (b"AAPL,2025-02-30,10,12,9,11,5", "a.csv:3 AAPL: date '2025-02-30' was not in the calendar"),
        (b"A APL,2025-10-01,10,12,9,11,5", "a.csv:3: symbol 'A APL' was not 1 to 20 of A-Z 0-9 . - ^ ="),
        (b"A\x00,2025-10-01,10,12,9,11,5", "a.csv:3: symbol 'A\ufffd' was not 1 to 20 of A-Z 0-9 . - ^ ="),
        (b'"AAPL,2025-10-01,10,12,9,11,5', "a.csv:3: line was not CSV: unexpected end of data"),
        (b"\xff\xfe,2025-10-01,10,12,9,11,5", "a.csv:3: line was not UTF-8: invalid start byte"),
        (b"A" * 200_000, "a.csv:3: line was longer than 65,536 bytes"),
    ],
)
def test_a_bad_csv_line_is_refused_with_its_place_and_stops_no_other(tmp_path: Path, line: bytes, refusal: str) -> None:
    good = b"AAPL,2025-10-01,10,12,9,11,100\n"
    path = write(tmp_path / "a.csv", HEADER.encode() + good + line + b"\n\n" + good)

    assert refusals(path) == [refusal]
    assert bars(path) == [good_bar(), good_bar()]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "a.csv: file had no bars"),
        (HEADER, "a.csv: file had no bars"),
        ("\n\nsymbol,date,open\nA,B,C\n", "a.csv:3: header lacked high, low, close, volume"),
        ("open," + HEADER, "a.csv:1: header repeated open"),
        ('"symbol', "a.csv:1: line was not CSV: unexpected end of data"),
    ],
)
def test_a_csv_file_without_a_usable_header_or_bars_is_refused(tmp_path: Path, text: str, refusal: str) -> None:
    assert refusals(write(tmp_path / "a.csv", text)) == [refusal]


def test_merged_and_alpha_vantage_names_give_the_same_bar(tmp_path: Path) -> None:
    lines = write(tmp_path / "merged.jsonl", MERGED + "\n\n" + json.dumps(DOCUMENT))
    document = write(tmp_path / "AAPL.json", json.dumps(DOCUMENT, indent=1))

    assert bars(lines) == [good_bar(), good_bar()]
    assert bars(document) == [good_bar()]


def test_json_numbers_never_pass_through_a_float(tmp_path: Path) -> None:
    text = json.dumps(DOCUMENT).replace('"10"', "10.000000499999999999").replace('"100"', "100")

    (bar,) = bars(write(tmp_path / "a.json", text))

    assert bar == good_bar()


def test_the_adjusted_series_gives_its_raw_prices(tmp_path: Path) -> None:
    values = dict(VALUES)
    values["5. adjusted close"] = "5.5"
    values["6. volume"] = values.pop("5. volume")
    document = {**DOCUMENT, "Time Series (Daily)": {"2025-10-01": values}}

    assert bars(write(tmp_path / "a.json", json.dumps(document))) == [good_bar()]


@pytest.mark.parametrize("answer", ["Error Message", "Note", "Information"])
def test_an_answer_of_alpha_vantage_without_prices_is_refused_with_its_text(tmp_path: Path, answer: str) -> None:
    path = write(tmp_path / "a.json", json.dumps({answer: "standard API rate limit\nis 25 a day"}))

    assert refusals(path) == ["a.json: Alpha Vantage sent no prices: standard API rate limit\ufffdis 25 a day"]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (b"{", "text was not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"[" * 200_000, "text was not JSON of any use: nested too deeply"),
        (b'{"a":' * 200_000, "text was not JSON of any use: nested too deeply"),
        (b"[]", "document was not a JSON object"),
        (b"NaN", "document was not a JSON object"),
        (b"1" * 10_000, "document was not a JSON object"),
        (b'{"a": 1, "a": 2}', "document repeated a name"),
        (b"{}", '"Meta Data" was not a JSON object'),
        (b'{"Meta Data": {}}', '"Meta Data" had no "2. Symbol"'),
        (b'{"Meta Data": {"2. Symbol": []}}', '"Meta Data" had no "2. Symbol"'),
        (b'{"Meta Data": {"2. Symbol": "\\ud800"}}', "symbol '\ufffd' was not 1 to 20 of A-Z 0-9 . - ^ ="),
        (b'{"Meta Data": {"2. Symbol": "A"}}', 'document had no "Time Series (Daily)"'),
        (b'{"Meta Data": {"2. Symbol": "A"}, "Time Series (Daily)": 1}', '"Time Series (Daily)" was not a JSON object'),
        (b'{"Meta Data": {"2. Symbol": "A"}, "Time Series (Daily)": {}}', '"Time Series (Daily)" was empty'),
    ],
)
def test_a_line_that_is_no_document_is_refused_with_its_place_and_stops_no_other(
    tmp_path: Path, text: bytes, refusal: str
) -> None:
    path = write(tmp_path / "a.jsonl", MERGED.encode() + b"\n" + text + b"\n" + MERGED.encode())

    (refused,) = refusals(path)

    assert refused.removeprefix("a.jsonl:2").lstrip(" A:") == refusal.lstrip(" A:")
    assert refused.startswith("a.jsonl:2")
    assert bars(path) == [good_bar(), good_bar()]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('"2025-10-01": 5', "a.json AAPL 2025-10-01: values '5' were not a JSON object"),
        ('"2025-10-01": [[]]', "a.json AAPL 2025-10-01: values '[…]' were not a JSON object"),
        ('"2025-10-01": {}', "a.json AAPL 2025-10-01: open was missing"),
        ('"2025-10-01": {"1. open": NaN}', "a.json AAPL 2025-10-01: open 'NaN' was not finite"),
        ('"2025-10-01": {"1. open": {"a": 1}}', "a.json AAPL 2025-10-01: open '{…}' was not a number"),
        ('"2025-10-01": {"1. open": 1, "1. open": 2}', "a.json AAPL 2025-10-01: open was given twice"),
        ('"Oct 1": {}', "a.json AAPL Oct 1: date 'Oct 1' was not written as YYYY-MM-DD"),
    ],
)
def test_a_bad_date_of_a_document_is_refused_with_its_place(tmp_path: Path, text: str, refusal: str) -> None:
    document = '{"Meta Data": {"2. Symbol": "AAPL"}, "Time Series (Daily)": {%s, "2025-10-02": {"1. open": 3}}}'
    path = write(tmp_path / "a.json", document % text)

    assert refusals(path) == [refusal]
    assert [bar.date for bar in bars(path)] == ["2025-10-02"]


def test_a_date_that_a_document_gives_twice_is_read_twice(tmp_path: Path) -> None:
    text = json.dumps(DOCUMENT).replace('"2025-10-01":', '"2025-10-01": {"1. open": 3}, "2025-10-01":')

    assert [bar.open for bar in bars(write(tmp_path / "a.json", text))] == [3, 10]


def test_a_document_that_is_not_utf_8_or_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.json", b'{"\xff": 1}')
    assert refusals(path) == ["a.json: file was not UTF-8: invalid start byte"]

    monkeypatch.setattr(alpha_vantage, "LONGEST_DOCUMENT", 5)
    assert refusals(path) == ["a.json: file was longer than 5 bytes"]


@pytest.mark.parametrize(
    ("name", "text", "reader"),
    [
        ("a.CSV", MERGED, csv_file.read_csv),
        ("a.jsonl", HEADER, alpha_vantage.read_lines),
        ("a.json", MERGED, alpha_vantage.read_document),
        ("a.json", MERGED + "\n" + MERGED, alpha_vantage.read_lines),
        ("a.json", json.dumps(DOCUMENT, indent=1), alpha_vantage.read_document),
        ("a.json", HEADER, alpha_vantage.read_document),
        ("prices", "\ufeff" + HEADER, csv_file.read_csv),
        ("prices.txt", "\ufeff \n" + MERGED + "\n" + MERGED, alpha_vantage.read_lines),
        ("prices.txt", json.dumps(DOCUMENT, indent=1), alpha_vantage.read_document),
    ],
)
def test_the_format_is_recognised_by_suffix_and_content(
    tmp_path: Path, name: str, text: str, reader: price_file.Reader
) -> None:
    assert recognise(write(tmp_path / name, text)) is reader


def test_a_folder_stands_for_its_price_files_by_name(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", HEADER + "B,2025-10-01,1,,,,\n")
    write(tmp_path / "a.JSONL", MERGED)
    write(tmp_path / "notes.txt", "not prices")
    (tmp_path / "c.csv").mkdir()

    assert [bar.symbol for bar in bars(tmp_path)] == ["AAPL", "B"]


def test_a_folder_without_price_files_is_refused(tmp_path: Path) -> None:
    assert [str(found) for found in read_prices(tmp_path)] == [
        f"{tmp_path}: folder had no .csv, .json, .jsonl, .parquet files"
    ]


def test_what_is_no_file_or_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    secret = write(tmp_path / "secret.csv", HEADER)

    def refuse(_path: Path) -> price_file.Reader:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(price_file, "recognise", refuse)

    assert refusals(tmp_path / "pipe.csv") == ["pipe.csv: path was not a file"]
    assert refusals(secret) == ["secret.csv: file could not be read: Permission denied"]


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(price_file, "price_files", refuse)

    assert [str(found) for found in read_prices(tmp_path)] == [
        f"{tmp_path}: folder could not be read: Permission denied"
    ]


def test_a_file_name_of_odd_bytes_can_be_printed(tmp_path: Path) -> None:
    path = write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")), "")

    assert refusals(path) == ["\ufffd.csv: file had no bars"]


@fuzzing
@given(name=st.sampled_from(["a.csv", "a.json", "a.jsonl", "a"]), content=st.binary(max_size=400))
def test_random_bytes_are_refused_and_never_raise(tmp_path: Path, name: str, content: bytes) -> None:
    found = list(read_prices(write(tmp_path / name, content)))

    assert found
    assert all(isinstance(one, Refusal) for one in found)
    assert all(str(one).isprintable() for one in found)


@fuzzing
@given(
    source=st.sampled_from(
        [
            ("a.csv", HEADER + "AAPL,2025-10-01,10,12,9,11,100\nMSFT,2025-10-02,10.5,12,9,11,100\n"),
            ("a.json", json.dumps(DOCUMENT, indent=1)),
            ("a.jsonl", MERGED + "\n" + MERGED.replace("AAPL", "MSFT")),
        ]
    ),
    at=st.integers(0, 500),
    cut=st.integers(0, 40),
    put=st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b"{", b"}", b"\x00", b"-", b"9", b",", b"\xff"]),
)
def test_good_files_with_a_wound_give_valid_bars_or_refusals(
    tmp_path: Path, source: tuple[str, str], at: int, cut: int, put: bytes
) -> None:
    content = source[1].encode()
    path = write(tmp_path / source[0], content[:at] + put + content[at + cut :])

    found = list(read_prices(path))

    assert found
    for one in found:
        if isinstance(one, PlacedBar) and one.bar.high is not None and one.bar.low is not None:
            assert 0 < one.bar.low <= one.bar.open <= one.bar.high
