"""How the service is, as lines for people."""

from collections.abc import Iterator

from aitrader.v1.service_status_pb2 import ComponentStatus, GetServiceStatusResponse

from .text import plain


def service_lines(response: GetServiceStatusResponse) -> Iterator[str]:
    """Tell how the service is, the verdict first."""
    hours, seconds = divmod(int(response.uptime_seconds), 3600)
    up = f"{hours}:{seconds // 60:02}:{seconds % 60:02}"
    yield f"{_word(response.status)}: version {plain(response.version)}, up {up}"
    for part in response.components:
        yield f"  {plain(part.name)}: {_word(part.status)}, {plain(part.message)}"


def _word(status: ComponentStatus.ValueType) -> str:
    return ComponentStatus.Name(status).removeprefix("COMPONENT_STATUS_").lower()
