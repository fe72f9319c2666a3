"""JSON that people write: what Python's reader takes beyond JSON, or what cannot go on from here, is refused."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any


def read_json(content: bytes) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """Return what JSON holds; numbers with a point or an exponent are decimals.

    Raises:
        ValueError: it is not JSON, too deep, or holds half of a surrogate pair, which can neither be stored nor sent.
    """
    try:
        values = json.loads(content, parse_float=_decimal, parse_constant=_refuse_constant)
        json.dumps(values, default=str, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return values


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        raise ValueError(f"{text[:40]} is too large or too small a number") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
