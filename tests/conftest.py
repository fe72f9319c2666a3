"""Fixtures of the real service: one per module for tests that use experiments of their own, others on demand."""

import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.service import BackgroundLoop, Service, require_real_data, start_service

_numbers = count(1)


def pytest_configure() -> None:
    """Let no property depend on speed, and processes that tests start be interrupted, in the background too."""
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def loop() -> Iterator[BackgroundLoop]:
    """The loop that services run on."""
    background = BackgroundLoop()
    yield background
    background.close()


@pytest.fixture(scope="module")
def service(loop: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the small market, shared by the tests of a module."""
    running = start_service(loop, tmp_path_factory.mktemp("service"))
    yield running
    running.close()


@pytest.fixture
def new_service(loop: BackgroundLoop, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services of one's own; they are stopped after the test."""
    started: list[Service] = []

    def start(name: str = "service", **overrides: object) -> Service:
        started.append(start_service(loop, tmp_path / name, **overrides))
        return started[-1]

    yield start
    for running in started:
        running.close()


@pytest.fixture
def experiment() -> str:
    """An experiment that no other test uses."""
    return f"experiment-{next(_numbers)}"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real prices and positions."""
    return require_real_data()
