"""A process of the pool and the socket to it. Started as a new program, never forked: the server has threads."""

import asyncio
import socket
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from server.pool.wire import pack, receive
from server.pool.worker import Setup

#: bytes; holds the record of a long session, or the outcome of a day with hundreds of fills
_BUFFER = 64 * 1024 * 1024

#: seconds that idle processes get to end by themselves
STOP_GRACE = 1.0


class PoolProcess:
    """A program that was started with a socket, and was sent its setup."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: Sequence[str], setup: Setup) -> "PoolProcess":
        """Start a program; it gets the number of its socket as its last argument."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a signal to the server's group is the server's to handle
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_BUFFER)
        writer.write(pack(setup))
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process is known to have ended."""
        return self._process.returncode is not None

    def post(self, message: object) -> None:
        """Send a message without waiting."""
        self._writer.write(pack(message))

    async def send(self, message: object) -> None:
        """Send a message.

        Raises:
            OSError: the process died.
        """
        self.post(message)
        await self._writer.drain()

    async def receive(self) -> Any:  # noqa: ANN401 (any message)
        """Return the next message.

        Raises:
            OSError, EOFError: the process died.
        """
        return await receive(self._reader)

    def close(self) -> None:
        """Close the socket, at which an idle process ends."""
        self._writer.close()

    async def stop(self, grace: float = 0.0) -> int:
        """Close the socket, kill the process if it lives after `grace` seconds, and return its exit status."""
        self.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                return await self._process.wait()
        self.kill()
        return await self._process.wait()

    def kill(self) -> None:
        """Kill the process, whatever it is doing."""
        with suppress(ProcessLookupError):
            self._process.kill()
