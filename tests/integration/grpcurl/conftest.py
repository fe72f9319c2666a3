import pytest

from tests.e2e.process import require_tool


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """What the scripts need; without it the tests are skipped, or fail where everything must run."""
    for name in ("grpcurl", "jq"):
        require_tool(name)
