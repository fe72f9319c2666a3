"""Jina's search and reader against a server that plays them, over real HTTP."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse, Response

from server.agents.llm.recorded_search import RecordedSearch
from server.agents.llm.replay_tape import ReplayTape
from server.agents.llm.search import MAX_BODY, MAX_TEXT, Article, JinaSearch, SearchError
from server.agents.llm.tape import NotRecordedError, RecordingTape
from server.agents.llm.toolbox import Toolbox
from tests.integration.agents.fake_jina import KEY, FakeJina, result, serving
from tests.unit.server.agents.llm.test_toolbox import session_on


@pytest.fixture(scope="module")
def served() -> Iterator[FakeJina]:
    with serving() as fake:
        yield fake


@pytest.fixture
def jina(served: FakeJina) -> FakeJina:
    served.reset()
    return served


async def only(jina: FakeJina) -> Article:
    [found] = await jina.client().find("chips")
    return found


async def test_results_come_with_their_dates_and_the_text_of_the_reader(jina: FakeJina) -> None:
    jina.results = [result("a", date="Oct 1, 2025"), result("b", date="4 hours ago", content="Content b")]
    jina.pages = {"https://news.test/a": {"title": "Read a", "content": "Everything about a"}}

    first, second = await jina.client().find("chips & dips?")

    assert first == Article(
        title="Read a",
        url="https://news.test/a",
        text="Everything about a",
        date="2025-10-01",
        date_text="Oct 1, 2025",
    )
    assert (second.title, second.text, second.date) == ("Title b", "Content b", "2026-03-10")


async def test_requests_carry_the_key_and_the_query_as_it_is(jina: FakeJina) -> None:
    jina.results = [result("a?page=2#part")]
    jina.pages = {"https://news.test/a?page=2": {"content": "page two"}}

    [found] = await jina.client().find("chips & dips?")

    search, read = jina.requests
    assert search.query_params["q"] == "chips & dips?"
    for request in (search, read):
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["accept"] == "application/json"
    assert found.text == "page two"


async def test_only_the_first_results_are_read_and_ten_are_kept(jina: FakeJina) -> None:
    jina.results = [result(str(number)) for number in range(15)]

    found = await jina.client().find("chips")

    assert [one.title for one in found] == [f"Title {number}" for number in range(10)]
    assert len(jina.requests) == 1 + 3


@pytest.mark.parametrize(
    ("search", "page", "date"),
    [
        ({}, {}, None),
        ({"date": "2025-10-01"}, {}, "2025-10-01"),
        ({"publishedTime": "2025-10-01T10:00:00Z"}, {}, "2025-10-01"),
        ({}, {"publishedTime": "Wed, 01 Oct 2025 12:00:00 GMT"}, "2025-10-01"),
        ({"date": "2025-09-01"}, {"publishedTime": "2025-10-01"}, "2025-10-01"),
        ({"date": "2025-09-01"}, {"metadata": {"article:modified_time": "2025-10-03T00:00:00Z"}}, "2025-10-03"),
        ({"date": "2025-09-01"}, {"publishedTime": "who knows"}, None),
        ({"date": 1759276800}, {}, None),
        ({"date": {"year": 2025}}, {}, None),
        ({"date": "yesterday"}, {}, "2026-03-09"),
        ({"date": "3 days ago"}, {}, "2026-03-07"),
        ({"date": "01/10/2025"}, {}, None),
    ],
)
async def test_the_latest_of_all_dates_counts(
    jina: FakeJina, search: dict[str, Any], page: dict[str, Any], date: str | None
) -> None:
    jina.results, jina.pages = [result("a", **search)], {"https://news.test/a": {"content": "text", **page}}

    found = await only(jina)

    assert found.date == date
    assert bool(found.date_text) == bool(search or page)


async def test_a_relative_date_is_not_resolved_against_the_simulated_day(jina: FakeJina) -> None:
    jina.results = [result("a", date="4 hours ago"), result("b", date="2025-09-30"), result("c"), result("d", date="?")]
    toolbox = Toolbox(session_on("2025-10-01"), search=jina.client())

    answer = await toolbox.get_information("chips")

    assert [one["title"] for one in answer["articles"]] == ["Title b"]
    assert [(one.subject, one.reason) for one in toolbox.gate.dropped] == [
        ("https://news.test/a", "not_before_decision"),
        ("https://news.test/c", "no_date"),
        ("https://news.test/d", "unreadable_date"),
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "the search vendor refused the key"),
        (402, "the search vendor's credit is used up"),
        (403, "the search vendor refused the key"),
        (429, "the search vendor is busy; try again later"),
        (500, "the search vendor failed with status 500"),
        (503, "the search vendor failed with status 503"),
        (404, "the search vendor failed with status 404"),
    ],
)
async def test_a_status_of_the_vendor_is_a_clear_answer(jina: FakeJina, status: int, message: str) -> None:
    jina.fault = Response(f"your key {KEY} is no good", status_code=status)
    toolbox = Toolbox(session_on(), search=jina.client())

    assert await toolbox.get_information("chips") == {"error": "search_failed", "message": message}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"<html>{KEY}</html>", "something that is not JSON"),
        ("", "something that is not JSON"),
        ('{"data": [', "something that is not JSON"),
        (b"\xff\xfe", "something that is not JSON"),
        ("[" * 100_000, "something that is not JSON"),
        ("[]", "without results"),
        ("null", "without results"),
        ('{"data": null}', "without results"),
        ('{"data": {"title": "one"}}', "without results"),
        (" " * (MAX_BODY + 1), "too long"),
    ],
)
async def test_a_body_of_another_kind_is_a_clear_error(jina: FakeJina, body: str | bytes, message: str) -> None:
    jina.fault = Response(body)

    with pytest.raises(SearchError, match=message) as refused:
        await jina.client().find("chips")

    assert KEY not in str(refused.value)


async def test_nothing_found_is_no_error(jina: FakeJina) -> None:
    jina.fault = JSONResponse({"code": 422, "message": "No search results available"}, status_code=422)

    assert await jina.client().find("chips") == []


async def test_a_vendor_that_is_slow_is_given_up(jina: FakeJina) -> None:
    jina.delay = 0.5

    with pytest.raises(SearchError, match="did not answer in time"):
        await jina.client(timeout=0.05).find("chips")


async def test_a_vendor_that_is_not_there_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = JinaSearch(KEY, base_search_url=f"http://127.0.0.1:{closed.getsockname()[1]}/")

        with pytest.raises(SearchError, match="could not be reached"):
            await nowhere.find("chips")


async def test_a_redirect_is_not_followed_with_the_key(jina: FakeJina) -> None:
    jina.fault = Response(status_code=302, headers={"Location": f"{jina.url}/read/elsewhere"})

    async with httpx2.AsyncClient(follow_redirects=True) as client:
        with pytest.raises(SearchError, match="status 302"):
            await jina.client(client=client).find("chips")

    assert len(jina.requests) == 1


async def test_a_page_that_cannot_be_read_leaves_what_the_search_said(jina: FakeJina) -> None:
    jina.results = [result("a", date="2025-09-30"), result("b", content="Content b"), result("c")]
    jina.pages = {
        "https://news.test/a": Response(status_code=500),
        "https://news.test/b": Response("<html>"),
        "https://news.test/c": ["not", "a", "page"],
    }

    found = await jina.client().find("chips")

    assert [one.text for one in found] == ["About a", "Content b", "About c"]
    assert found[0].date == "2025-09-30"


async def test_odd_results_are_passed_over_and_odd_fields_are_empty(jina: FakeJina) -> None:
    jina.fault = Response(
        json.dumps(
            {
                "data": [
                    None,
                    "text",
                    {},
                    {"url": 5},
                    {"url": "file:///etc/passwd"},
                    {"url": "http://[bad"},
                    {"url": "https://news.test/\ud800", "title": 5, "content": ["x"], "metadata": 3},
                ]
            }
        )
    )

    found = await only(jina)

    assert (found.title, found.text, found.date) == ("", "", None)


async def test_texts_are_bounded_and_without_the_key(jina: FakeJina) -> None:
    jina.results = [result(f"a{KEY}", date=KEY)]
    jina.pages = {f"https://news.test/a{KEY}": {"title": KEY, "content": f"seen {KEY} " + "x" * 50_000}}

    found = await only(jina)

    assert KEY not in repr(found)
    assert found.text.startswith("seen [removed] x")
    assert len(found.text) == MAX_TEXT


async def test_a_client_that_is_given_is_used_and_left_open(jina: FakeJina) -> None:
    async with httpx2.AsyncClient() as client:
        search = jina.client(client=client)

        await search.find("chips")
        await search.find("dips")

        assert not client.is_closed


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(ValueError, match="search key was not printable ASCII") as refused:
        JinaSearch(key)

    assert not key or key not in str(refused.value)


def test_the_key_is_not_in_the_representation() -> None:
    assert KEY not in repr(JinaSearch(KEY))


async def test_recorded_search_is_found_again_without_the_vendor(jina: FakeJina) -> None:
    jina.results = [result("a", date="4 hours ago", content=f"seen {KEY}"), result("b", date="Oct 1, 2025")]
    jina.pages = {"https://news.test/b": {"content": "Everything about b"}}
    tape = RecordingTape("vendor/model", [KEY])

    first = await RecordedSearch(tape, jina.client()).find("chips")
    jina.reset()
    again = await RecordedSearch(replay_of(tape), None).find("chips")

    assert again == first
    assert [found.date for found in again] == ["2026-03-10", "2025-10-01"]
    assert jina.requests == []
    assert KEY not in repr(tape.recording)
    with pytest.raises(NotRecordedError, match="query was changed: recorded 'chips', now 'dips'"):
        await RecordedSearch(replay_of(tape), None).find("dips")


async def test_search_that_failed_fails_again(jina: FakeJina) -> None:
    jina.fault = Response(status_code=429)
    tape = RecordingTape("vendor/model", [KEY])

    with pytest.raises(SearchError, match="is busy"):
        await RecordedSearch(tape, jina.client()).find("chips")
    with pytest.raises(SearchError, match="is busy"):
        await RecordedSearch(replay_of(tape), None).find("chips")


def replay_of(tape: RecordingTape) -> ReplayTape:
    assert tape.recording is not None
    return ReplayTape("vendor/model", [tape.recording])
