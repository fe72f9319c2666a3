"""Errors of traders, raised when one is made; what goes wrong while one trades belongs to the model-day.

AgentError (ValueError)
├── UnknownKindError
├── ParameterError
└── ReplayFileError
"""

from collections.abc import Iterable

#: characters; enough to find the place in a config, short enough for the trailers of a gRPC status
MAX_QUOTED = 200


def quoted(value: object) -> str:
    """Return a value as an error shows it: escaped, in quotes when it is text, and cut when it is long."""
    shown = repr(value[:MAX_QUOTED]) if isinstance(value, str) else repr(value)
    return shown if len(shown) <= MAX_QUOTED else f"{shown[:MAX_QUOTED]}…"


class AgentError(ValueError):
    """A trader could not be made from a model's entry in the config."""


class UnknownKindError(AgentError):
    """The `basemodel` names no kind of trader."""

    def __init__(self, basemodel: str, kinds: Iterable[str]) -> None:
        self.basemodel = basemodel
        self.kinds = tuple(kinds)
        super().__init__(f"basemodel {quoted(basemodel)} is not a known kind; known kinds: {', '.join(self.kinds)}")


class ParameterError(AgentError):
    """A parameter has a wrong value or is not known; `message` says what is wrong without naming it."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        self.message = message
        super().__init__(f"parameter {quoted(parameter)} {message}")


class ReplayFileError(AgentError):
    """A recorded position file cannot be used; `line` counts from 1, None when the file as a whole is meant."""

    def __init__(self, path: str, message: str, *, line: int | None = None) -> None:
        self.path = path
        self.line = line
        self.message = message
        place = "" if line is None else f" line {line}"
        super().__init__(f"replay file {quoted(path)}{place} {message}")
