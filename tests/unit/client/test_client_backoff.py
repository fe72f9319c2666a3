import pytest

from client.backoff import Backoff, BackoffPolicy

POLICY = BackoffPolicy(initial=1.0, maximum=5.0, multiplier=2.0, give_up_after=60.0)


class Clock:
    """Time that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_delays_double_up_to_the_maximum() -> None:
    backoff = Backoff(policy=POLICY, jitter=lambda: 1.0)

    assert [backoff.next_delay() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_takes_away_at_most_half() -> None:
    backoff = Backoff(policy=POLICY, jitter=lambda: 0.0)

    assert [backoff.next_delay() for _ in range(3)] == [0.5, 1.0, 2.0]


def test_delays_end_the_stated_time_after_the_first_failure() -> None:
    clock = Clock()
    backoff = Backoff(policy=POLICY, jitter=lambda: 1.0, clock=clock)
    backoff.next_delay()

    clock.now += 59.0
    last = backoff.next_delay()
    clock.now += 1.0

    assert last == 1.0
    assert backoff.next_delay() is None


def test_reset_begins_anew() -> None:
    clock = Clock()
    backoff = Backoff(policy=POLICY, jitter=lambda: 1.0, clock=clock)
    for _ in range(4):
        backoff.next_delay()
    clock.now += 1000.0

    backoff.reset()

    assert backoff.next_delay() == 1.0


def test_jitter_is_random_by_default() -> None:
    delays = {Backoff(policy=POLICY).next_delay() for _ in range(20)}

    assert len(delays) > 1
    assert all(delay == pytest.approx(0.75, abs=0.25) for delay in delays)
