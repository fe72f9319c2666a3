from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import Reader, chromium
from tests.e2e.dashboard.story import Story, told_story
from tests.integration.gateway.gateway_server import running_gateway
from tests.service import BackgroundLoop


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; while it runs no other loop can, so each module has its own."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def story(loop: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A service that has something to show, and a gateway in front of it."""
    with told_story(loop, tmp_path_factory.mktemp("story")) as told, running_gateway(told.target) as gateway:
        told.url = gateway.url
        yield told


@pytest.fixture
def reader(browser: Browser, story: Story) -> Iterator[Reader]:
    """Somebody who looks; in the end the page must not have complained."""
    looking = Reader(browser, story.url)
    yield looking
    looking.context.close()
    assert looking.faults() == []
