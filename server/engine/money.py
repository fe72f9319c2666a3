"""Exact money: the one place that says how amounts are rounded and how they become integers.

Amounts are `Decimal` dollars on a grid of 1e-6 (a *micro*). Price columns hold the same amounts as 64-bit integers of
micros, so that no figure ever passes through a binary float on its way from a price file to a ledger.
"""

from decimal import Context, Decimal

#: dollars; the documented grid of every stored amount and percent
MICRO = Decimal("0.000001")

#: micros in a dollar
MICROS = 1_000_000

#: dollars; below this a double gives back every amount on the grid unchanged (15 significant digits)
MAX_AMOUNT = Decimal("1e9")

HUNDRED = Decimal(100)

#: more digits than any amount has; made once, as a context of its own per call takes longer than the rounding
WIDE = Context(prec=40)


def on_grid(amount: Decimal) -> Decimal:
    """Round an amount to the grid of 1e-6, half to even.

    Raises:
        OverflowError: the amount is not finite or not below `MAX_AMOUNT`, where a double would lose digits.
    """
    if not amount.is_finite() or abs(amount) >= MAX_AMOUNT:
        raise OverflowError(f"amount {amount} was not below {MAX_AMOUNT:,} dollars")
    return rounded(amount)


def rounded(amount: Decimal) -> Decimal:
    """Round a finite amount of any size to the grid of 1e-6, half to even."""
    return amount.quantize(MICRO, context=WIDE)


def from_micros(micros: int) -> Decimal:
    """Return the dollars that a price column's integer stands for."""
    return Decimal(int(micros)).scaleb(-6)


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """Return `part` over `whole` in percent, on the grid; 0 when `whole` is 0."""
    if not whole:
        return Decimal(0)
    return (part * HUNDRED / whole).quantize(MICRO)
