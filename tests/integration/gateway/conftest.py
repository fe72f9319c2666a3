from collections.abc import Iterator

import pytest

from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.service import Service


@pytest.fixture(scope="module")
def gateway(service: Service) -> Iterator[Gateway]:
    """A gateway in front of the module's service."""
    with running_gateway(f"127.0.0.1:{service.port}") as running:
        yield running
