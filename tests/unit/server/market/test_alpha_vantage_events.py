"""Splits and dividends of Alpha Vantage, asked for with the prices."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from server.market.alpha_vantage_events import Event, read_events
from server.market.errors import BarRefusedError
from server.market.price_update import UpdateReport, find_lacks, update_prices
from server.market.providers.alpha_vantage import AlphaVantage, AlphaVantageAccess
from server.market.providers.token_bucket import TokenBucket
from storage.corporate_actions import find_actions
from tests.unit.server.market.vendor import Answer, Vendor, series, serving
from tests.unit.wounds import wounded_json

DAYS = ("2025-06-09", "2025-06-10", "2025-06-11")

SPLIT = {"effective_date": "2025-06-10", "split_factor": "15.0000"}
DIVIDEND = {
    "ex_dividend_date": "2025-06-11",
    "declaration_date": "2025-05-01",
    "record_date": "2025-06-11",
    "payment_date": "None",
    "amount": "0.26",
}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as served:
        yield served


def by_function(**events: Sequence[Mapping[str, object]]) -> Answer:
    """Answer with prices, and with these events where they are asked for."""

    def answer(question: dict[str, str]) -> tuple[int, bytes] | None:
        if question["function"] == "TIME_SERIES_DAILY":
            return series(DAYS)(question)
        document = {"symbol": question["symbol"], "data": list(events[question["function"]])}
        return 200, json.dumps(document).encode()

    return answer


def updated(db: SqliteDatabase, vendor: Vendor, *, actions: bool = True) -> UpdateReport:
    access = AlphaVantageAccess(key="SECRET", url=vendor.url)
    provider = AlphaVantage(access, db, TokenBucket(6_000_000), actions=actions)
    return update_prices(db, provider, find_lacks(db, ["ORLY"], DAYS), lambda: datetime.now(UTC))


def test_actions_of_the_dates_are_stored_with_the_bars(db: SqliteDatabase, vendor: Vendor) -> None:
    earlier = SPLIT | {"effective_date": "1999-05-27"}
    vendor.answers = [by_function(SPLITS=[SPLIT, earlier], DIVIDENDS=[DIVIDEND])]

    report = updated(db, vendor)

    assert report.counts == "1 symbols asked for, 3 bars added, 0 changed, 2 corporate actions"
    stored = {(row.ex_date, row.kind): (row.numerator, row.amount_micros, row.source) for row in find_actions(db)}
    assert stored == {
        ("2025-06-10", "split"): (15, 0, "alpha-vantage"),
        ("2025-06-11", "dividend"): (1, 260_000, "alpha-vantage"),
    }
    assert [asked["function"] for asked in vendor.asked] == ["TIME_SERIES_DAILY", "SPLITS", "DIVIDENDS"]


def test_actions_are_asked_for_only_where_they_are_wanted(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [by_function()]

    updated(db, vendor, actions=False)

    assert [asked["function"] for asked in vendor.asked] == ["TIME_SERIES_DAILY"]


def test_bars_whose_actions_cannot_be_had_are_not_stored(db: SqliteDatabase, vendor: Vendor) -> None:
    vendor.answers = [by_function(SPLITS=[{"effective_date": "2025-06-10", "factor": "15"}], DIVIDENDS=[])]

    (not_had,) = updated(db, vendor).not_had

    assert not_had.reason == "SPLITS of 'ORLY' could not be read: data[0]: split_factor 'null' was not a text"
    assert list(db.execute_sql("SELECT count(*) FROM price_bars")) == [(0,)]


@pytest.mark.parametrize(
    ("event", "row", "told"),
    [
        (Event.SPLIT, SPLIT | {"split_factor": "many"}, "split_factor 'many' was not a ratio"),
        (Event.SPLIT, SPLIT | {"split_factor": "1e999999999"}, "was not a ratio"),
        (Event.SPLIT, SPLIT | {"split_factor": "1.00001"}, "was not of whole numbers"),
        (Event.SPLIT, SPLIT | {"effective_date": "tomorrow"}, "date 'tomorrow' was not written as"),
        (Event.DIVIDEND, DIVIDEND | {"amount": "-1"}, "was not dollars per share"),
        (Event.DIVIDEND, DIVIDEND | {"amount": ["1"]}, "amount"),
    ],
)
def test_event_of_another_form_is_refused(event: Event, row: Mapping[str, object], told: str) -> None:
    with pytest.raises(BarRefusedError, match=told):
        read_events("ORLY", event, json.dumps({"symbol": "ORLY", "data": [row]}))


def test_document_about_another_symbol_is_refused_and_announcements_are_left_out() -> None:
    announced = DIVIDEND | {"ex_dividend_date": "None"}

    assert read_events("ORLY", Event.DIVIDEND, json.dumps({"symbol": "ORLY", "data": [announced]})) == []
    with pytest.raises(BarRefusedError, match="answer was about 'IBM'"):
        read_events("ORLY", Event.DIVIDEND, json.dumps({"symbol": "IBM", "data": [DIVIDEND]}))


_VALUES = st.none() | st.text(max_size=12) | st.floats() | st.integers()


@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from([*SPLIT, *DIVIDEND]), _VALUES) | st.just({**SPLIT, **DIVIDEND}), max_size=3
    ),
    event=st.sampled_from(Event),
)
def test_whatever_is_answered_actions_come_out_or_one_kind_of_error(
    rows: list[dict[str, object]], event: Event
) -> None:
    try:
        actions = read_events("ORLY", event, json.dumps({"symbol": "ORLY", "data": rows}))
    except BarRefusedError:
        return
    assert all(action.symbol == "ORLY" for action in actions)


@settings(max_examples=100)
@given(
    text=wounded_json({"symbol": "ORLY", "data": [SPLIT | DIVIDEND, SPLIT | DIVIDEND]}), event=st.sampled_from(Event)
)
@example(text='{"symbol": "ORLY", "data": [{}]}', event=Event.SPLIT)
def test_what_is_wrong_with_an_event_is_told_with_its_place(text: str, event: Event) -> None:
    try:
        json.loads(text)
        read_events("ORLY", event, text)
    except BarRefusedError as error:
        told = str(error)
    except (ValueError, RecursionError):  # not JSON: such a body comes no further than the provider
        return
    else:
        return

    assert told.startswith(("data[", "document had no list", "answer was about"))
    assert told.isprintable()
