"""What is said of a part of the service."""

from dataclasses import dataclass
from enum import StrEnum


class ComponentStatus(StrEnum):
    """How a part is; OFF says that it is not in use."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of the service: `needed` when jobs cannot do without it."""

    name: str
    status: ComponentStatus
    message: str
    needed: bool = True
