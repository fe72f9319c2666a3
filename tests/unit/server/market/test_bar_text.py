from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.market.bar_text import parse_bar, parse_date, parse_symbol
from server.market.errors import BarRefusedError
from storage.prices import BarRow

GOOD = {"open": "10", "high": "12", "low": "9", "close": "11", "volume": "100"}

NUMBERS = st.text(alphabet="0123456789.+-eE_ ,nNaAiIfF\x00\u0661", max_size=12)


def test_a_good_bar_is_parsed_exactly() -> None:
    bar = parse_bar("AAPL", "2025-10-01", {**GOOD, "close": "11.654321", "volume": "0"})

    assert bar.close == Decimal("11.654321")
    assert bar.volume == 0


def test_a_bar_with_only_an_open_is_accepted_without_the_rest() -> None:
    bar = parse_bar("AAPL", "2025-10-01", {"open": "10", "high": "", "low": None, "volume": "5"})

    assert bar == BarRow(symbol="AAPL", date="2025-10-01", open=Decimal(10))


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("10.0000005", "10"),
        ("10.0000015", "10.000002"),
        ("10.00000050001", "10.000001"),
        ("1.1e1", "11"),
        ("+10", "10"),
    ],
)
def test_prices_are_rounded_half_even_to_the_grid(text: str, price: str) -> None:
    bar = parse_bar("AAPL", "2025-10-01", {**GOOD, "open": text})

    assert bar.open == Decimal(price)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"open": ""}, "open was missing"),
        ({"high": ""}, "high was missing"),
        ({"close": None, "volume": ""}, "close, volume were missing"),
        ({"open": "0"}, "open '0' was not above 0"),
        ({"close": "-11"}, "close '-11' was not above 0"),
        ({"open": "0.0000004"}, "open '0.0000004' was below 0.000001"),
        ({"high": "1000000"}, "high '1000000' was not below 1,000,000"),
        ({"high": "999999.9999999"}, "high '999999.9999999' was not below 1,000,000"),
        ({"high": "1e999999999"}, "high '1e999999999' was not below 1,000,000"),
        ({"high": "1e99999999999999999999"}, "high '1e99999999999999999999' was not a number"),
        ({"low": "1e-999999999"}, "low '1e-999999999' was below 0.000001"),
        ({"open": "NaN"}, "open 'NaN' was not finite"),
        ({"open": "-Infinity"}, "open '-Infinity' was not finite"),
        ({"open": "ten"}, "open 'ten' was not a number"),
        ({"open": "1_0"}, "open '1_0' was not a number"),
        ({"open": "\u0661\u0660"}, "open '\u0661\u0660' was not a number"),
        ({"open": "10,5"}, "open '10,5' was not a number"),
        ({"open": "1" * 100}, f"open '{'1' * 40}…' was not a number"),
        ({"open": True}, "open 'True' was not a number"),
        ({"open": []}, "open '[…]' was not a number"),
        ({"high": "8"}, "high 8 was below low 9"),
        ({"open": "12.5"}, "open 12.5 was above high 12"),
        ({"open": "8"}, "open 8 was below low 9"),
        ({"close": "100"}, "close 100 was above high 12"),
        ({"close": "8"}, "close 8 was below low 9"),
        ({"volume": "-1"}, "volume '-1' was below 0"),
        ({"volume": "1.5"}, "volume '1.5' was not a whole number"),
        ({"volume": "1e16"}, "volume '1e16' was above 1,000,000,000,000,000"),
        ({"volume": "many"}, "volume 'many' was not a number"),
    ],
)
def test_a_bar_that_breaks_a_rule_is_refused_with_the_reason(values: dict[str, object], reason: str) -> None:
    with pytest.raises(BarRefusedError) as refusal:
        parse_bar("AAPL", "2025-10-01", {**GOOD, **values})

    assert str(refusal.value) == reason


@pytest.mark.parametrize("text", ["AAPL", "BRK.B", "^GSPC", "EURUSD=X", "BF-B", "A" * 20, "0700.HK"])
def test_symbols_of_every_kind_are_accepted(text: str) -> None:
    assert parse_symbol(text) == text


def test_symbols_are_put_in_upper_case() -> None:
    assert parse_symbol("brk.b") == "BRK.B"


@pytest.mark.parametrize("text", ["", "A" * 21, "A B", "straße", "A\x00", "AAPL\n", "../etc", "A'; DROP"])
def test_other_symbols_are_refused(text: str) -> None:
    with pytest.raises(BarRefusedError, match="was not 1 to 20 of"):
        parse_symbol(text)


@pytest.mark.parametrize(
    "text", ["", "20251001", "2025-10-1", "2025-10-01 ", "2025-10-01\n", "01/10/2025", "2025-W40-1"]
)
def test_dates_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(BarRefusedError, match="was not written as YYYY-MM-DD"):
        parse_date(text)


@pytest.mark.parametrize("text", ["2025-02-29", "2025-13-01", "0000-01-01"])
def test_dates_that_are_not_in_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(BarRefusedError, match="was not in the calendar"):
        parse_date(text)


@settings(deadline=None)
@given(values=st.dictionaries(st.sampled_from(sorted(GOOD)), NUMBERS | st.floats().map(str) | st.none()))
def test_any_values_make_a_consistent_bar_or_a_refusal(values: dict[str, object]) -> None:
    try:
        bar = parse_bar("AAPL", "2025-10-01", values)
    except BarRefusedError:
        return

    assert bar.open > 0
    assert bar.high is None or bar.low is None or bar.low <= bar.open <= bar.high
