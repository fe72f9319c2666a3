from decimal import Decimal

import pytest

from server.agents.errors import ParameterError
from server.agents.parameters import Percent, Symbols, WholeNumber, refuse_unknown
from server.engine.model_day import Parameter

TOP = WholeNumber(name="top", default=5, lowest=1, highest=10)
DRIFT = Percent(name="drift_pct", default=Decimal(25), lowest=Decimal(0), highest=Decimal(50))
SYMBOLS = Symbols(name="symbols")


@pytest.mark.parametrize(("given", "value"), [({}, 5), ({"top": 1}, 1), ({"top": 10}, 10), ({"top": 3.0}, 3)])
def test_whole_number_is_read_or_its_default_taken(given: dict[str, Parameter], value: int) -> None:
    assert TOP.read(given) == value


@pytest.mark.parametrize("value", [0, 11, -1, 1.5, True, "5", float("nan"), float("inf"), 10**400])
def test_whole_number_out_of_bounds_or_of_another_type_is_refused_by_name(value: Parameter) -> None:
    with pytest.raises(ParameterError, match=r"parameter 'top' was .*, not a whole number from 1 to 10") as caught:
        TOP.read({"top": value})

    assert caught.value.parameter == "top"
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("given", "value"), [({}, "25"), ({"drift_pct": 0}, "0"), ({"drift_pct": 0.1}, "0.1"), ({"drift_pct": 50}, "50")]
)
def test_percent_is_read_as_written_or_its_default_taken(given: dict[str, Parameter], value: str) -> None:
    assert DRIFT.read(given) == Decimal(value)


@pytest.mark.parametrize("value", [-0.1, 50.1, True, "5", float("nan"), float("inf"), 10**400])
def test_percent_out_of_bounds_or_of_another_type_is_refused_by_name(value: Parameter) -> None:
    with pytest.raises(ParameterError, match=r"parameter 'drift_pct' was .*, not a number of percent from 0 to 50"):
        DRIFT.read({"drift_pct": value})


def test_symbols_are_read_ascending_and_once_each() -> None:
    assert SYMBOLS.read({"symbols": "MSFT, AAPL,MSFT,BRK.B"}) == ("AAPL", "BRK.B", "MSFT")
    assert SYMBOLS.read({}) is None


@pytest.mark.parametrize("value", ["", "AAPL,", "aapl", "A B", "../x", 5, True, "A" * 1_000_000])
def test_symbols_that_are_none_are_refused_by_name(value: Parameter) -> None:
    with pytest.raises(ParameterError, match="parameter 'symbols' ") as caught:
        SYMBOLS.read({"symbols": value})

    assert len(str(caught.value)) < 400


def test_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError) as caught:
        refuse_unknown({"top": 1, "topp": 2}, (TOP, DRIFT))

    assert str(caught.value) == "parameter 'topp' is not known; known parameters: top, drift_pct"
    assert caught.value.parameter == "topp"
