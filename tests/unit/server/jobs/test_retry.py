import pytest

from server.engine.model_day import FailureKind
from server.jobs.retry import FINAL, MAX_DELAY, RetryPolicy

POLICY = RetryPolicy(max_retries=2, base_delay=1.0)


@pytest.mark.parametrize("kind", FailureKind)
def test_only_failures_that_may_pass_are_followed_by_another_attempt(kind: FailureKind) -> None:
    assert POLICY.allows(kind, 0) == (kind in {FailureKind.WORKER_DIED, FailureKind.STORAGE_ERROR})


def test_every_final_kind_says_why() -> None:
    assert all(reason.strip() for reason in FINAL.values())


def test_retries_end_at_the_maximum() -> None:
    assert [POLICY.allows(FailureKind.WORKER_DIED, retries) for retries in range(4)] == [True, True, False, False]
    assert not RetryPolicy(max_retries=0, base_delay=1.0).allows(FailureKind.WORKER_DIED, 0)


def test_interval_doubles_up_to_the_maximum_and_no_further() -> None:
    delays = [POLICY.delay(retries, lambda: 1.0) for retries in (0, 1, 2, 5, 6, 7, 100, 10_000)]

    assert delays == [1.0, 2.0, 4.0, 32.0, MAX_DELAY, MAX_DELAY, MAX_DELAY, MAX_DELAY]


def test_wait_is_drawn_from_the_whole_interval() -> None:
    assert [POLICY.delay(3, lambda share=share: share) for share in (0.0, 0.25, 0.999)] == [0.0, 2.0, 7.992]


def test_no_delay_is_no_delay() -> None:
    assert RetryPolicy(max_retries=9, base_delay=0.0).delay(5, lambda: 1.0) == 0.0
