from typing import Any

import pytest

from server.agents.llm.dated import MAX_DEPTH, UNREADABLE, dates_in, parts


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([1, {"a": 2}], [1, {"a": 2}]),
        ({"result": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
        ({"one": ["x"], "two": ["y"], "total": 2}, ["x", "y"]),
        ({"date": "2025-01-01", "tags": ["x"]}, [{"date": "2025-01-01", "tags": ["x"]}]),
        ({"a": 1}, [{"a": 1}]),
        ({"hits": []}, [{"hits": []}]),
        ("text", ["text"]),
        ([], []),
        (None, [None]),
    ],
)
def test_an_answer_consists_of_the_elements_of_its_lists(content: Any, expected: list[Any]) -> None:
    assert parts(content) == expected


@pytest.mark.parametrize(
    ("part", "dates"),
    [
        ({"date": "2025-01-01", "title": "x"}, ["2025-01-01"]),
        ({"publishedAt": "2 days ago", "updated_at": ""}, ["2 days ago"]),
        ({"TIMESTAMP": 1759449600}, ["1759449600"]),
        ({"meta": {"as-of": {"day": "Jan 1, 2025"}}}, ["Jan 1, 2025"]),
        ({"note": " 2025-01-01 close"}, [" 2025-01-01 close"]),
        ({"2025-01-01": {"close": 1}}, ["2025-01-01"]),
        ({"dates": ["2025-01-01", "2025-01-02"]}, ["2025-01-01", "2025-01-02"]),
        ({"date": ["Jan 1, 2025", "Jan 2, 2025"]}, ["Jan 1, 2025", "Jan 2, 2025"]),
        ({"close": 1, "title": "of 2025-01-01"}, []),
        ("text", []),
        (7, []),
    ],
)
def test_whatever_is_named_or_looks_like_a_date_counts(part: Any, dates: list[str]) -> None:
    assert dates_in(part) == dates


def test_what_is_nested_too_deeply_has_a_date_that_nobody_can_read() -> None:
    part: Any = "2025-01-01"
    for _ in range(MAX_DEPTH):
        part = [part]

    assert dates_in(part) == [UNREADABLE]
