"""What can go wrong with files of recorded runs.

HistoryError (Exception)
├── RunFolderError        the folder, or a model asked for, has no recorded run
├── BrokenRecordError     a line does not follow from the one before
├── NotExpressibleError   a portfolio cannot be told in the files of earlier versions
└── OtherHistoryError     the portfolio there is has another history than the file
"""

from server.agents.errors import quoted


class HistoryError(Exception):
    """Recorded runs could not be read or stored."""


class RunFolderError(HistoryError):
    """There is no recorded run where one was asked for."""


class BrokenRecordError(HistoryError):
    """A line cannot be used; `file` is as it is shown, `line` counts from 1, None when the file as a whole is meant."""

    def __init__(self, file: str, message: str, *, line: int | None = None) -> None:
        place = "" if line is None else f" line {line}"
        super().__init__(f"{file}{place}: {message}")
        self.file = file
        self.line = line
        self.message = message


class NotExpressibleError(HistoryError):
    """A portfolio cannot be told in a position file."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"the portfolio of {quoted(model)} cannot be written as a position file: {reason}")


class OtherHistoryError(HistoryError):
    """The experiment has a portfolio of this model that the file does not go on from."""

    def __init__(self, experiment: str, model: str, difference: str) -> None:
        super().__init__(
            f"the portfolio of {quoted(model)} in experiment '{experiment}' {difference}; "
            "import into another experiment with --experiment"
        )
