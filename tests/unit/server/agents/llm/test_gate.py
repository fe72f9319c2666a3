from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.agents.llm.gate import Gate, LookaheadError, is_iso_date

TODAY = "2025-10-01"


def test_what_is_shown_is_recorded_with_its_date_and_digest() -> None:
    gate = Gate(TODAY)

    text = gate.show(3, "get_price_local", "AAPL", "2025-09-30", "the bar")

    assert text == "the bar"
    [observation] = gate.observations
    assert (observation.step, observation.tool_name, observation.subject) == (3, "get_price_local", "AAPL")
    assert (observation.as_of, observation.source_date, observation.opening) == (TODAY, "2025-09-30", False)
    assert observation.digest == sha256(b"the bar").hexdigest()


def test_the_day_itself_shows_its_openings_alone() -> None:
    gate = Gate(TODAY)

    gate.show(0, "buy", "AAPL", TODAY, "open", opening=True)

    with pytest.raises(LookaheadError):
        gate.show(0, "buy", "AAPL", TODAY, "close")
    assert len(gate.observations) == 1


@pytest.mark.parametrize(
    "source_date",
    [
        "2025-10-02",
        "2026-01-01",
        "",
        "0",
        "2025-9-30",
        "2025-09-31",
        "20250930",
        "2025-W39-2",
        " 2025-09-30",
        "2025-09-30\n",
        "\u0662\u0660\u0662\u0665-\u0660\u0669-\u0663\u0660",
        "0000-01-01",
        "2025-09-30T10:00",
    ],
)
def test_a_later_or_unreadable_source_date_is_refused_without_naming_it(source_date: str) -> None:
    gate = Gate(TODAY)

    with pytest.raises(LookaheadError) as refused:
        gate.show(0, "leaky", "AAPL", source_date, "secret", opening=True)

    assert not gate.observations
    assert str(refused.value) == f"tool 'leaky' was about to show what is not known at the open of {TODAY}"


def test_what_is_withheld_is_recorded_and_bounded() -> None:
    gate = Gate(TODAY)

    gate.drop(2, "get_information", "x" * 1000 + "\ud800", "no_date")

    [dropped] = gate.dropped
    assert (dropped.step, dropped.reason, len(dropped.subject)) == (2, "no_date", 200)


def test_a_gate_needs_a_decision_date() -> None:
    with pytest.raises(ValueError, match="decision_date"):
        Gate("tomorrow")


@given(st.dates().map(str) | st.text(), st.dates().map(str), st.booleans(), st.text(st.characters()))
def test_nothing_passes_that_was_not_known(source: str, decision: str, opening: bool, text: str) -> None:  # noqa: FBT001
    gate = Gate(decision)

    try:
        gate.show(0, "tool", "subject", source, text, opening)
    except LookaheadError:
        assert not gate.observations
        assert not (is_iso_date(source) and source < decision)
    else:
        [seen] = gate.observations
        assert seen.source_date < seen.as_of or (seen.opening and seen.source_date == seen.as_of)
