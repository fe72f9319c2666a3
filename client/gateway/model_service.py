"""The answer about the service itself, as OpenAPI tells it."""

from .models import Answer, Condition, Date, Part, Time


class Component(Part):
    name: str | None


class ServiceStatus(Answer):
    version: str | None
    status: Condition | None
    components: list[Component]
    start_at: Time | None
    uptime_seconds: float
    symbols: int
    first_date: Date | None
    last_date: Date | None
    free_disk_bytes: int
