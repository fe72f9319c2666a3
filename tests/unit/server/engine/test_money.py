from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.money import MAX_AMOUNT, from_micros, on_grid, percent

amounts = st.decimals(-MAX_AMOUNT + 1, MAX_AMOUNT - 1, places=6)


@settings(max_examples=200, deadline=None)
@given(amounts)
def test_amount_on_the_grid_comes_back_from_a_double_unchanged(amount: Decimal) -> None:
    stored = float(amount)

    assert on_grid(Decimal(stored)) == amount


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**62))
def test_micros_become_dollars_exactly(micros: int) -> None:
    assert from_micros(micros) * 1_000_000 == micros


@pytest.mark.parametrize("amount", [MAX_AMOUNT, -MAX_AMOUNT, Decimal("nan"), Decimal("inf")])
def test_amount_that_a_double_cannot_keep_is_refused(amount: Decimal) -> None:
    with pytest.raises(OverflowError, match="was not below"):
        on_grid(amount)


def test_percent_is_on_the_grid_and_zero_of_nothing() -> None:
    assert percent(Decimal(1), Decimal(3)) == Decimal("33.333333")
    assert percent(Decimal(1), Decimal(0)) == 0
