"""How money is stored: as a real that reads back as the same decimal.

A double holds 15 significant digits, so an amount below 1e9 on the grid of 1e-6 comes back unchanged through the
shortest text of the double. What would not is refused instead of stored wrongly.
"""

from decimal import Decimal
from typing import Any

from peewee import FloatField


def to_real(amount: Decimal) -> float:
    """Return the real that stands for an amount.

    Raises:
        ValueError: the real would read back as another amount.
    """
    if not amount:
        return 0.0
    real = float(amount)
    if from_real(real) != amount:
        raise ValueError(f"amount {amount} cannot be stored without loss")
    return real


def from_real(real: float) -> Decimal:
    """Return the amount that a stored real stands for."""
    return Decimal(repr(real))


class MoneyField(FloatField):  # type: ignore[misc, unused-ignore]
    """A column of exact amounts."""

    def db_value(self, value: Any) -> Any:  # noqa: ANN401 (Peewee's own signature)
        return to_real(value) if isinstance(value, Decimal) else value

    def python_value(self, value: Any) -> Any:  # noqa: ANN401
        return None if value is None else from_real(float(value))
