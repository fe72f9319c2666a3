import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from server.market.alpha_vantage import read_text
from server.market.found import Found, PlacedBar, Refusal
from server.market.providers.alpha_vantage import ATTEMPTS, AlphaVantage, AlphaVantageAccess
from server.market.providers.provider import ProviderClosedError, ProviderError
from server.market.providers.token_bucket import TokenBucket
from tests.unit.server.market import vendor as vendors
from tests.unit.server.market.vendor import Vendor, body, series, serving, silence, words

TODAY = datetime.now(UTC).date()
RECENT = (TODAY - timedelta(days=5)).isoformat()
LONG_AGO = "2010-01-04"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as served:
        yield served


def provider(vendor: Vendor, db: SqliteDatabase, requests_per_day: int = 25, timeout: float = 30.0) -> AlphaVantage:
    access = AlphaVantageAccess(key="SECRET", url=vendor.url, requests_per_day=requests_per_day, timeout=timeout)
    return AlphaVantage(access, db, TokenBucket(6_000_000))


def test_recent_prices_are_asked_for_compactly(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [series([RECENT])]

    (found,) = provider(vendor, db).daily("AAPL", RECENT).found

    assert isinstance(found, PlacedBar)
    assert (found.bar.symbol, found.bar.date, found.bar.volume) == ("AAPL", RECENT, 100)
    assert vendor.asked == [
        {"function": "TIME_SERIES_DAILY", "symbol": "AAPL", "outputsize": "compact", "apikey": "SECRET"}
    ]


def test_older_prices_are_asked_for_in_full_and_compactly_once_the_key_may_not(
    vendor: Vendor, db: SqliteDatabase
) -> None:
    vendor.answers = [words("Information", vendors.PREMIUM), series([RECENT])]
    alpha = provider(vendor, db)

    alpha.daily("AAPL", LONG_AGO)
    alpha.daily("MSFT", LONG_AGO)

    assert [asked["outputsize"] for asked in vendor.asked] == ["full", "compact", "compact"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (words("Information", vendors.TOO_FAST), "spreading out"),
        (words("Note", "Our standard API call frequency is 5 calls per minute and 500 calls per day."), "frequency"),
        (body(b"<html><body>502 Bad Gateway</body></html>"), "'<html><body>502 Bad Gateway</body></html>'"),
        (body(b"<html>", 503), "status 503"),
        (body(b'{"Meta Data": {"2. Symb'), "not JSON"),
        (body(b'{"Meta Data": {"2. Symb CUT'), "no whole answer came"),
        (body(b"[" * 100_000), "not JSON"),
        (body(b""), "not JSON"),
    ],
)
def test_fault_that_may_pass_is_asked_again_and_told_when_it_does_not(
    vendor: Vendor, db: SqliteDatabase, fault: vendors.Answer, told: str
) -> None:
    vendor.answers = [fault, series([RECENT]), fault]
    alpha = provider(vendor, db)

    assert len(alpha.daily("AAPL", RECENT).found) == 1
    with pytest.raises(ProviderError, match="asked 3 times for 'AAPL'") as caught:
        alpha.daily("AAPL", RECENT)

    assert told in str(caught.value)
    assert not isinstance(caught.value, ProviderClosedError)
    assert len(vendor.asked) == 2 + ATTEMPTS


def test_answer_that_does_not_come_in_time_is_given_up(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [silence]

    with pytest.raises(ProviderError, match="no whole answer came: ReadTimeout"):
        provider(vendor, db, timeout=0.2).daily("AAPL", RECENT)


def test_symbol_that_is_not_known_closes_nothing(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [words("Error Message", vendors.UNKNOWN_SYMBOL)]

    with pytest.raises(ProviderError, match="sent no prices: Invalid API call") as caught:
        provider(vendor, db).daily("NOPE", RECENT)

    assert not isinstance(caught.value, ProviderClosedError)
    assert len(vendor.asked) == 1


def test_key_that_is_refused_closes_the_vendor(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [words("Error Message", vendors.BAD_KEY)]

    with pytest.raises(ProviderClosedError, match="refused the key"):
        provider(vendor, db).daily("AAPL", RECENT)


def test_day_that_the_vendor_calls_spent_is_remembered_and_the_key_not_told(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [words("Information", vendors.DAY_SPENT)]

    with pytest.raises(ProviderClosedError, match="day's requests are used up") as caught:
        provider(vendor, db).daily("AAPL", RECENT)
    with pytest.raises(ProviderClosedError, match=r"all 25 requests .* are used up"):
        provider(vendor, db).daily("AAPL", RECENT)

    assert "SECRET" not in str(caught.value)
    assert len(vendor.asked) == 1


def test_daily_quota_is_kept_across_restarts(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [series([RECENT])]

    for _ in range(2):
        provider(vendor, db, requests_per_day=2).daily("AAPL", RECENT)
    with pytest.raises(ProviderClosedError, match="all 2 requests"):
        provider(vendor, db, requests_per_day=2).daily("AAPL", RECENT)

    assert len(vendor.asked) == 2
    assert list(db.execute_sql("SELECT * FROM provider_requests")) == [("alpha-vantage", TODAY.isoformat(), 2)]


def test_changed_columns_and_another_symbol_are_refused_not_guessed(vendor: Vendor, db: SqliteDatabase) -> None:
    vendor.answers = [
        lambda _: (200, series(["2025-10-01"])({"symbol": "AAPL"})[1].replace(b"1. open", b"1. first")),  # type: ignore[index]
        lambda _: series(["2025-10-01"])({"symbol": "MSFT"}),
    ]
    alpha = provider(vendor, db)

    (changed,) = alpha.daily("AAPL", RECENT).found
    (other,) = alpha.daily("AAPL", RECENT).found

    assert isinstance(changed, Refusal)
    assert changed.reason == "open was missing"
    assert isinstance(other, Refusal)
    assert other.reason == "answer was about MSFT"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["Meta Data", "2. Symbol", "Time Series (Daily)", "2025-10-01", "1. open", "4. close"])
                | st.text(),
                inner,
            )
        ),
    ).map(json.dumps)
    | st.text()
)
def test_whatever_is_answered_bars_or_refusals_come_out(text: str) -> None:
    found: list[Found] = list(read_text("vendor", "AAPL", text))

    assert found
    assert all(isinstance(one, PlacedBar | Refusal) for one in found)


def test_bucket_lets_as_many_go_as_it_holds_then_as_fast_as_it_fills() -> None:
    now, waits = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    bucket = TokenBucket(5, 2, clock=lambda: now[0], sleep=sleep)

    for _ in range(4):
        bucket.take()
    now[0] += 3600
    bucket.take()

    assert [wait for wait in waits if wait] == pytest.approx([12.0, 12.0])
