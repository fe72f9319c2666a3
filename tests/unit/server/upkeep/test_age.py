from datetime import UTC, datetime, timedelta

import pytest

from server.upkeep.age import moment_before

NOW = datetime(2025, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90d", NOW - timedelta(days=90)),
        (" 12W ", NOW - timedelta(weeks=12)),
        ("36h", NOW - timedelta(hours=36)),
        ("0h", NOW),
        ("2025-08-01", datetime(2025, 8, 1, tzinfo=UTC)),
    ],
)
def test_age_or_date_stands_for_a_moment(text: str, moment: datetime) -> None:
    assert moment_before(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "90", "-3d", "1.5d", "90 days", "soon", "2025-02-30", "20250801", "999999w"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no age such as 90d, 12w or 36h, and no date"):
        moment_before(text, NOW)


def test_future_is_refused() -> None:
    with pytest.raises(ValueError, match="'2025-11-22' is in the future"):
        moment_before("2025-11-22", NOW)
