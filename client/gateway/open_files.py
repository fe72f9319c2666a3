"""The system's limit of open files: a connection beyond it is cut by the system, without the words of a refusal."""

import logging
import math
import sys

logger = logging.getLogger("uvicorn.error")

#: files besides connections: libraries, logs, the way to the server
SPARE = 64


def allow_connections(connections: int) -> int:
    """Raise the process' soft limit as far as so many connections need and the hard limit allows.

    Returns how many connections fit: at most those asked for, and at least one.
    """
    if sys.platform == "win32":
        return connections  # has no such limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _room(soft) < connections + SPARE:
        soft = int(min(connections + SPARE, _room(hard)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    fitting = max(1, int(min(connections, _room(soft) - SPARE)))
    if fitting < connections:
        logger.warning("the system allows %d open files: %d connections, not %d", soft, fitting, connections)
    return fitting


def _room(limit: int) -> float:
    return math.inf if limit < 0 else limit  # -1 is the system's word for none
