import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitrader.v1.simulation_pb2 import GetLeaderboardRequest, GetResultsRequest
from server.jobs.errors import InvalidRequestError
from server.rpc.paging import MAX_TOKEN, fitting, make_token, read_token

REQUEST = GetResultsRequest(model="m", page_size=5)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=128)


def with_token(token: str, **changed: object) -> GetResultsRequest:
    request = GetResultsRequest()
    request.CopyFrom(REQUEST)
    request.MergeFrom(GetResultsRequest(page_token=token, **changed))
    return request


def test_request_without_a_token_is_the_first_page() -> None:
    assert read_token(REQUEST, (str, str)) is None


@given(date=TEXT, model=TEXT)
def test_token_gives_its_position_back(date: str, model: str) -> None:
    token = make_token(REQUEST, (date, model))

    assert read_token(with_token(token), (str, str)) == (date, model)


@given(value=st.floats(allow_nan=False, allow_infinity=False), rank=st.integers(0, 2**31))
def test_numbers_in_a_position_come_back_the_same(value: float, rank: int) -> None:
    request = GetLeaderboardRequest()
    request.page_token = make_token(request, (value, "m", rank))

    assert read_token(request, (float, str, int)) == (value, "m", rank)


def test_token_of_the_longest_names_is_not_too_long() -> None:
    token = make_token(REQUEST, ("2025-03-03", "\N{PILE OF POO}" * 128))

    assert len(token) <= MAX_TOKEN
    assert read_token(with_token(token), (str, str)) == ("2025-03-03", "\N{PILE OF POO}" * 128)


def test_token_is_plain_text_for_urls() -> None:
    token = make_token(REQUEST, ("2025-03-03", "?/+= é"))

    assert token.isascii()
    assert all(char.isalnum() or char in "-_" for char in token)


def test_page_size_may_change_between_pages() -> None:
    token = make_token(REQUEST, ("d", "m"))

    assert read_token(with_token(token, page_size=99), (str, str)) == ("d", "m")


@pytest.mark.parametrize(
    "changed", [{"model": "n"}, {"date": "2025-03-03"}, {"experiment": "e"}, {"detail": 2}], ids=str
)
def test_token_of_another_query_is_refused(changed: dict[str, object]) -> None:
    token = make_token(REQUEST, ("d", "m"))

    with pytest.raises(InvalidRequestError, match="page_token"):
        read_token(with_token(token, **changed), (str, str))


def test_token_of_another_rpc_is_refused() -> None:
    token = make_token(GetResultsRequest(), ("d",))

    with pytest.raises(InvalidRequestError):
        read_token(GetLeaderboardRequest(page_token=token), (float, str, int, int))


def test_token_with_another_position_is_refused() -> None:
    token = make_token(REQUEST, ("d", "m"))
    digest, *_ = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    forged = urlsafe_b64encode(json.dumps([digest, "d", "n"]).encode()).decode()

    with pytest.raises(InvalidRequestError):
        read_token(with_token(forged), (str, str))


@given(token=st.one_of(st.text(min_size=1), st.binary(min_size=1).map(lambda raw: urlsafe_b64encode(raw).decode())))
def test_any_other_text_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_token(with_token(token.encode(errors="replace").decode()), (str, str))


def test_response_takes_what_it_has_room_for_and_one_in_any_case() -> None:
    small, large, huge = (GetResultsRequest(model="x" * size) for size in (10, 1_500_000, 5_000_000))

    assert fitting([]) == []
    assert fitting([small] * 3) == [small] * 3
    assert fitting([large] * 3) == [large] * 2
    assert fitting([huge, small]) == [huge]
