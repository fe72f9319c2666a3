"""The fake service of the client's unit tests, for its processes."""

from tests.unit.client.conftest import service, target

__all__ = ["service", "target"]
