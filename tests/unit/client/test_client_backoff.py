import pytest

from client.backoff import Backoff, BackoffPolicy

POLICY = BackoffPolicy(initial=1.0, maximum=5.0, multiplier=2.0, attempts=4)


def test_delays_double_up_to_the_maximum_and_end() -> None:
    backoff = Backoff(policy=POLICY, jitter=lambda: 1.0)

    assert [backoff.next_delay() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, None]


def test_jitter_takes_away_at_most_half() -> None:
    backoff = Backoff(policy=POLICY, jitter=lambda: 0.0)

    assert [backoff.next_delay() for _ in range(3)] == [0.5, 1.0, 2.0]


def test_reset_begins_anew() -> None:
    backoff = Backoff(policy=POLICY, jitter=lambda: 1.0)
    for _ in range(4):
        backoff.next_delay()

    backoff.reset()

    assert backoff.next_delay() == 1.0


def test_jitter_is_random_by_default() -> None:
    delays = {Backoff(policy=POLICY).next_delay() for _ in range(20)}

    assert len(delays) > 1
    assert all(delay == pytest.approx(0.75, abs=0.25) for delay in delays)
