from collections.abc import AsyncIterator, Iterator

import pytest

from client import AsyncClient, Client
from client.backoff import BackoffPolicy
from tests.integration.client.fake_service import FakeService, serving
from tests.integration.client.twin import answer

#: seconds; quick, and long enough for a busy machine to open a stream anew
FAST = BackoffPolicy(initial=0.001, maximum=0.002, give_up_after=2.0)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def target(service: FakeService) -> Iterator[str]:
    with serving(service) as address:
        yield address


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
async def client(request: pytest.FixtureRequest, target: str) -> AsyncIterator[Client | AsyncClient]:
    made = request.param(target, backoff=FAST)
    yield made
    await answer(made.close())
