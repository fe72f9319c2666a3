"""How long answers take."""

import random
from collections.abc import Callable

from .chat_request import ChatRequest


def varied(low: float, high: float, seed: int) -> Callable[[ChatRequest], float]:
    """Wait between `low` and `high` seconds, the same for the same request."""
    return lambda request: random.Random(f"{seed} {request.digest}").uniform(low, high)
