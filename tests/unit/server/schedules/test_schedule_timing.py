from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.schedules.timing import Timing, check_cron, parse_zone

NEW_YORK = parse_zone("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_expression_is_read_in_its_zone() -> None:
    timing = Timing("30 18 * * MON-FRI", NEW_YORK)

    assert timing.next(utc("2026-01-02 12:00")) == utc("2026-01-02 23:30")
    assert timing.next(utc("2026-01-02 23:30")) == utc("2026-01-05 23:30")
    assert timing.last(utc("2026-01-05 23:29:59")) == utc("2026-01-02 23:30")
    assert timing.last(utc("2026-07-06 22:30")) == utc("2026-07-06 22:30")


def test_time_of_an_hour_that_is_left_out_comes_right_after_it() -> None:
    timing = Timing("30 2 * * *", NEW_YORK)  # 2026-03-08 goes from 01:59 EST to 03:00 EDT

    assert timing.next(utc("2026-03-08 00:00")) == utc("2026-03-08 07:00")
    assert timing.last(utc("2026-03-08 07:10")) == utc("2026-03-08 07:00")
    assert timing.next(utc("2026-03-08 07:00")) == utc("2026-03-09 06:30")


@pytest.mark.parametrize("now", ["2026-11-01 05:30", "2026-11-01 06:10", "2026-11-01 06:30", "2026-11-01 12:00"])
def test_time_of_an_hour_that_is_repeated_comes_at_its_first_pass_alone(now: str) -> None:
    timing = Timing("30 1 * * *", NEW_YORK)  # 2026-11-01 goes from 01:59 EDT to 01:00 EST

    assert timing.last(utc("2026-11-01 05:30")) == utc("2026-11-01 05:30")
    assert timing.next(utc(now)) == utc("2026-11-02 06:30")


def test_interval_stays_one_of_real_time_in_an_hour_that_is_repeated() -> None:
    timing = Timing("*/30 * * * *", NEW_YORK)

    assert timing.next(utc("2026-11-01 05:30")) == utc("2026-11-01 06:00")
    assert timing.last(utc("2026-11-01 06:29")) == utc("2026-11-01 06:00")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["30 1 * * *", "0 */4 * * *", "15 2 * * SUN", "*/20 1-3 * * *", "0 3 L * *"]),
    st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_last_and_next_lie_around_now(cron: str, zone: str, now: datetime) -> None:
    timing = Timing(cron, parse_zone(zone))
    last, following = timing.last(now), timing.next(now)

    assert last is not None
    assert following is not None
    assert last <= now < following
    assert timing.next(last - timedelta(seconds=1)) == last
    assert timing.last(following) == following


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "* * * * * *", "60 * * * *", "0 25 * * *", "a b c d e", "0 0 * * MON#6"]
)
def test_what_is_no_expression_of_five_fields_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="is no cron expression of 5 fields"):
        check_cron(expression)


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "* * */20 * 1L"])
def test_expression_that_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"never comes|bad day-of-month"):
        check_cron(expression)


@pytest.mark.parametrize("name", ["", "Nowhere", "America", "../../etc/passwd", "/etc/localtime", "a\0b"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        parse_zone(name)
