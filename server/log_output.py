"""Where the server's log lines go."""

from contextlib import suppress
from typing import TextIO


class LogOutput:
    """A logger of structlog that writes to a stream.

    What the stream does not take, because its disk is full or nobody reads it any more, is lost: no job fails because
    somebody wanted to say something about it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, message: str) -> None:
        """Write a line."""
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            self._stream.write(f"{message}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg
