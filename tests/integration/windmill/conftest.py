from collections.abc import Iterator

import pytest

from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.integration.windmill.windmill_server import WindmillServer
from tests.service import BackgroundLoop, Service, start_service


@pytest.fixture(scope="module")
def windmill() -> Iterator[WindmillServer]:
    """A Windmill of the module."""
    with WindmillServer() as running:
        yield running


@pytest.fixture(scope="module")
def service(
    loop: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory, windmill: WindmillServer
) -> Iterator[Service]:
    """A service that may call this Windmill back."""
    running = start_service(
        loop,
        tmp_path_factory.mktemp("service"),
        callback_hosts=windmill.host,
        callback_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    yield running
    running.close()


@pytest.fixture(scope="module")
def gateway(service: Service) -> Iterator[Gateway]:
    """A gateway in front of the service."""
    with running_gateway(f"127.0.0.1:{service.port}") as running:
        yield running
