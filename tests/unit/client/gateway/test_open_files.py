"""The system's limit of open files, which is raised as far as connections need."""

import resource
from collections.abc import Iterator

import pytest

from client.gateway.open_files import SPARE, allow_connections

LIMIT = resource.RLIMIT_NOFILE


@pytest.fixture
def soft() -> Iterator[int]:
    """A soft limit below the hard one, for a while."""
    before, hard = resource.getrlimit(LIMIT)
    lowered = 1000 if hard < 0 else min(1000, hard - 100)
    resource.setrlimit(LIMIT, (lowered, hard))
    yield lowered
    resource.setrlimit(LIMIT, (before, hard))


def test_soft_limit_is_raised_for_the_connections(soft: int) -> None:
    assert allow_connections(soft) == soft
    assert resource.getrlimit(LIMIT)[0] == soft + SPARE


def test_limit_that_is_high_enough_is_left_alone(soft: int) -> None:
    assert allow_connections(10) == 10
    assert resource.getrlimit(LIMIT)[0] == soft


def test_no_more_connections_are_allowed_than_the_hard_limit_has_room_for(soft: int) -> None:
    _, hard = resource.getrlimit(LIMIT)
    if hard < 0:
        pytest.skip("there is no hard limit")

    assert allow_connections(hard + 1) == hard - SPARE
