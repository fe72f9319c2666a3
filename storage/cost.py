"""How costs are stored: as the text of a decimal.

A token costs fractions of a micro-dollar, so costs are off the grid of `money.py`. The text loses no digit, and SQLite
still adds it up as a number where a script asks for a sum.
"""

from decimal import Decimal
from typing import Any

from peewee import TextField


def cost_text(cost: Decimal) -> str:
    """Return the text that stands for a cost, without an exponent.

    Raises:
        ValueError: it is negative or no number.
    """
    if not cost.is_finite() or cost < 0:
        raise ValueError(f"cost {cost} is not an amount")
    return f"{cost:f}"


class CostField(TextField):  # type: ignore[misc, unused-ignore]
    """A column of costs in dollars."""

    def db_value(self, value: Any) -> Any:  # noqa: ANN401 (Peewee's own signature)
        return cost_text(value) if isinstance(value, Decimal) else value

    def python_value(self, value: Any) -> Any:  # noqa: ANN401
        return None if value is None else Decimal(value)
