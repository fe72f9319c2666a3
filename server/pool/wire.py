"""Messages between the server and its worker processes: a length, then a pickle.

Pickle is fit here because both ends are this program, on a socket pair that nobody else holds.
"""

import pickle  # nosec B403
import struct
from asyncio import StreamReader
from typing import Any, BinaryIO

_LENGTH = struct.Struct("!I")


def pack(message: object) -> bytes:
    """Return a message as bytes."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


async def receive(reader: StreamReader) -> Any:  # noqa: ANN401 (any message)
    """Return the next message.

    Raises:
        asyncio.IncompleteReadError: the other end is gone.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301  # nosec B301


def read(stream: BinaryIO) -> Any:  # noqa: ANN401
    """Return the next message of a blocking stream.

    Raises:
        EOFError: the other end is gone.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    return pickle.loads(stream.read(_LENGTH.unpack(head)[0]))  # noqa: S301  # nosec B301
