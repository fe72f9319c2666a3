from datetime import UTC, datetime

import pytest

from server.market.calendar import DEFAULT_CALENDAR, Calendar, load_calendar
from server.market.errors import UnknownCalendarError

TODAY = datetime.now(UTC).date()

SHORT = Calendar(name="X", days=("2025-07-02", "2025-07-03", "2025-07-07"))


@pytest.fixture(scope="module")
def new_york() -> Calendar:
    return load_calendar(DEFAULT_CALENDAR, TODAY)


def test_days_between_two_dates_include_both() -> None:
    assert SHORT.between("2025-07-03", "2025-07-07") == ("2025-07-03", "2025-07-07")
    assert SHORT.between("2025-07-04", "2025-07-06") == ()


@pytest.mark.parametrize(
    ("day", "after"),
    [("2025-07-01", None), ("2025-07-03", "2025-07-07"), ("2025-07-05", "2025-07-07"), ("2025-07-07", None)],
)
def test_day_after_a_date_is_told_within_what_is_known(day: str, after: str | None) -> None:
    assert SHORT.after(day) == after


@pytest.mark.parametrize("holiday", ["2025-12-25", "2025-11-27", "2025-01-09", "2026-04-03", "2001-09-12"])
def test_new_york_keeps_its_holidays_and_days_of_mourning(new_york: Calendar, holiday: str) -> None:
    assert new_york.between(holiday, holiday) == ()


def test_new_york_trades_from_thirty_years_ago_to_a_year_ahead(new_york: Calendar) -> None:
    assert new_york.after("2025-10-31") == "2025-11-03"
    assert new_york.between("2025-10-06", "2025-10-10") == tuple(f"2025-10-{day:02}" for day in range(6, 11))
    assert new_york.knows("1990-01-02")
    assert new_york.after(TODAY.isoformat())


def test_exchange_that_is_known_from_later_on_has_its_days() -> None:
    calendar = load_calendar("XSHG", TODAY)

    assert calendar.between("2025-10-01", "2025-10-09") == ("2025-10-09",)


def test_name_that_is_no_calendar_is_refused() -> None:
    with pytest.raises(UnknownCalendarError, match="'NOPE' is not a calendar"):
        load_calendar("NOPE", TODAY)
