import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.errors import InvalidRequestError
from server.rpc.fields import MAX_NAME, Fields


def violations(fields: Fields) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        fields.check()
    return {violation.field: violation.description for violation in caught.value.violations}


def test_fields_in_order_raise_nothing_and_come_back() -> None:
    fields = Fields()

    assert fields.required("a", "x") == "x"
    assert fields.name("b", "") is None
    assert fields.names("c", ["x", "y", "x"], 3) == ("x", "y")
    assert fields.date("d", "2025-03-03") == "2025-03-03"
    assert fields.date_range("2025-03-03", "2025-03-03") == ("2025-03-03", "2025-03-03")
    assert fields.experiment("e", "a.b_c-9") == "a.b_c-9"
    assert fields.bounded("f", 5, 0, 5) == 5
    fields.check()


def test_every_wrong_field_is_reported_at_once() -> None:
    fields = Fields()

    fields.required("a", "")
    fields.name("b", "x" * (MAX_NAME + 1))
    fields.names("c", ["ok", "", "n\0"], 9)
    fields.date_range("2025-03-04", "2025-03-03")
    fields.experiment("e", ".x")
    fields.bounded("f", 6, 0, 5)
    fields.page_size(-1, 10, 20)

    assert list(violations(fields)) == ["a", "b", "c[1]", "c[2]", "end_date", "e", "f", "page_size"]


def test_long_value_is_not_repeated_in_its_violation() -> None:
    fields = Fields()

    fields.date("d", "x" * 10_000)
    fields.experiment("e", "x" * 10_000)
    fields.name("n", "x" * 10_000)

    assert max(map(len, violations(fields).values())) < 200


@given(size=st.integers(0, 2**31 - 1))
def test_page_size_is_the_default_for_0_and_capped(size: int) -> None:
    assert Fields().page_size(size, 10, 20) == min(size or 10, 20)


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 65, "-\n"])
def test_name_of_an_experiment_is_plain(name: str) -> None:
    fields = Fields()

    fields.experiment("experiment", name)

    if name:
        assert "experiment" in violations(fields)
    else:
        fields.check()
