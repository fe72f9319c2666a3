from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import SqliteDatabase

from storage.money import from_real, to_real

AMOUNTS = st.integers(-(10**15) + 1, 10**15 - 1).map(lambda micros: Decimal(micros).scaleb(-6))


@given(amount=AMOUNTS)
def test_amount_below_a_billion_reads_back_the_same(amount: Decimal) -> None:
    assert from_real(to_real(amount)) == amount


@pytest.mark.parametrize("amount", ["123456789012345.678901", "0.1234567890123456789", "1e-400", "1e400"])
def test_amount_that_would_read_back_as_another_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="without loss"):
        to_real(Decimal(amount))


def test_amounts_survive_the_database(db: SqliteDatabase) -> None:
    amounts = [Decimal(text) for text in ("71.75", "0.1", "999999999.999999", "0.000001", "-1634.64")]

    found = [db.execute_sql("SELECT ?", (to_real(amount),)).fetchone()[0] for amount in amounts]

    assert [from_real(real) for real in found] == amounts
