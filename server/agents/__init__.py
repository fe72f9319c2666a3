"""Models at work: rule strategies and replays of recorded models."""

from server.agents.errors import AgentError, ParameterError, ReplayFileError, UnknownKindError
from server.agents.registry import TraderFactory

__all__ = ["AgentError", "ParameterError", "ReplayFileError", "TraderFactory", "UnknownKindError"]
