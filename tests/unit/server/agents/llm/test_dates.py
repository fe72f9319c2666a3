from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.agents.llm.dates import latest_date, read_date

FETCHED = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-10-01", "2025-10-01"),
        ("  2025-10-01 ", "2025-10-01"),
        ("2025-10-01T12:00:00Z", "2025-10-01"),
        ("2025-10-01T12:00:00.000Z", "2025-10-01"),
        ("2025-10-01 12:00:00 UTC", "2025-10-01"),
        ("2025-10-01T23:30:00-08:00", "2025-10-02"),
        ("2025-10-01T03:00:00+0900", "2025-10-01"),
        ("Wed, 01 Oct 2025 12:00:00 GMT", "2025-10-01"),
        ("Wed, 01 Oct 2025 23:00:00 -0400", "2025-10-02"),
        ("Oct 1, 2025", "2025-10-01"),
        ("October 1st, 2025", "2025-10-01"),
        ("Wednesday, October 1, 2025", "2025-10-01"),
        ("1 Oct 2025", "2025-10-01"),
        ("Sept. 3, 2025", "2025-09-03"),
    ],
)
def test_written_dates_are_read(text: str, day: str) -> None:
    assert read_date(text, FETCHED) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("just now", "2026-03-10"),
        ("Today", "2026-03-10"),
        ("2 hours ago", "2026-03-10"),
        ("4 hours ago", "2026-03-09"),
        ("an hour ago", "2026-03-10"),
        ("90 minutes ago", "2026-03-10"),
        ("Yesterday", "2026-03-09"),
        ("3 days ago", "2026-03-07"),
        ("2 weeks ago", "2026-02-24"),
        ("1 month ago", "2026-02-10"),
        ("a year ago", "2025-03-10"),
    ],
)
def test_relative_dates_count_from_the_time_of_the_request(text: str, day: str) -> None:
    assert read_date(text, FETCHED) == date.fromisoformat(day)


def test_the_clocks_own_zone_does_not_matter() -> None:
    abroad = FETCHED.astimezone(timezone(timedelta(hours=-10)))

    assert read_date("today", abroad) == date(2026, 3, 10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "03/04/2025",
        "2025-02-30",
        "Feb 30, 2025",
        "2025-1-1",
        "20251001",
        "2025-W40-1",
        "Oct 2025",
        "2025",
        "Oct 1",
        "99999 days ago",
        "9999 years ago",
        "-3 days ago",
        "in 3 days",
        "tomorrow",
        "\u0662\u0660\u0662\u0665-\u0661\u0660-\u0660\u0661",
        "\u0663 days ago",
        "Oct 1, 2025 - Oct 5, 2025",
        "2025-10-01 or 2025-10-02",
        "2025-10-01T25:00:00Z",
        "1759276800",
        "0000-01-01",
        "9999-12-31T23:59:59-23:59",
        "Oct 1, 2025" + " " * 9 + "x" * 90,
        "Updated Oct 1, 2025",
    ],
)
def test_what_is_ambiguous_or_no_date_is_not_read(text: str) -> None:
    assert read_date(text, FETCHED) is None


def test_several_dates_count_as_the_latest_and_all_have_to_be_readable() -> None:
    assert latest_date(["Oct 1, 2025", "2025-10-03", "2025-09-01"], FETCHED) == date(2025, 10, 3)
    assert latest_date(["Oct 1, 2025", "whenever"], FETCHED) is None
    assert latest_date([], FETCHED) is None


@given(st.text(max_size=70) | st.from_regex(r"[0-9]{1,5} (day|week|month|year)s? ago", fullmatch=True))
def test_no_text_raises(text: str) -> None:
    assert read_date(text, FETCHED) is None or isinstance(read_date(text, FETCHED), date)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_a_moment_is_never_dated_earlier_than_it_was(moment: datetime, offset: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))

    for text in (there.isoformat(), there.strftime("%a, %d %b %Y %H:%M:%S %z")):
        day = read_date(text, FETCHED)
        assert day is not None
        assert day >= max(there.date(), there.astimezone(UTC).date())
