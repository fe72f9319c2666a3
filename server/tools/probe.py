"""Whether a tool service answers on its port, asked from outside as any client would."""

import asyncio
import json
from enum import StrEnum

from server.tools.services import HEALTH_PATH, ToolService

#: seconds; a service on the same machine answers in a thousandth
TIMEOUT = 1.0

#: bytes read of an answer
MAX_ANSWER = 4096


class Probe(StrEnum):
    """What was found on a port."""

    ANSWERS = "answers"
    NOBODY = "nobody"
    STRANGER = "stranger"


async def probe(service: ToolService, host: str, port: int) -> Probe:
    """Ask who is on a port."""
    request = f"GET {HEALTH_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request.encode())
                answer = await _read(reader)
            finally:
                writer.close()
    except TimeoutError:
        return Probe.STRANGER
    except OSError:
        return Probe.NOBODY
    return Probe.ANSWERS if json.dumps({"service": service.value}, separators=(",", ":")) in answer else Probe.STRANGER


async def _read(reader: asyncio.StreamReader) -> str:
    answer = b""
    while len(answer) < MAX_ANSWER and (chunk := await reader.read(MAX_ANSWER)):
        answer += chunk
    return answer.decode("utf-8", "replace")
