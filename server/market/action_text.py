"""Corporate actions from texts: every rule that an action of any source must meet."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from server.market.bar_text import NUMBER
from server.market.errors import BarRefusedError
from server.market.found import quoted
from storage.corporate_actions import ActionRow

#: new and old shares of a split are whole numbers up to this
MAX_SHARES = 9999

#: dollars per share; more than any share costs
MAX_DIVIDEND = Decimal(1_000_000)


def split(symbol: str, ex_date: str, ratio: Fraction) -> ActionRow:
    """Return a split of so many new shares for one old one.

    Raises:
        BarRefusedError: it is none, or not of whole numbers of at most four digits.
    """
    if ratio <= 0 or ratio == 1 or max(ratio.numerator, ratio.denominator) > MAX_SHARES:
        raise BarRefusedError(f"split {ratio} was not of whole numbers from 1 to {MAX_SHARES:,} that differ")
    new, old = ratio.numerator, ratio.denominator
    return ActionRow(symbol=symbol, ex_date=ex_date, kind="split", numerator=new, denominator=old, amount_micros=0)


def dividend(symbol: str, ex_date: str, dollars: str) -> ActionRow:
    """Return a dividend of some dollars per share.

    Raises:
        BarRefusedError: the text is no such amount.
    """
    micros = _micros(dollars)
    return ActionRow(symbol=symbol, ex_date=ex_date, kind="dividend", numerator=1, denominator=1, amount_micros=micros)


def _micros(text: str) -> int:
    try:
        dollars = Decimal(text) if NUMBER.fullmatch(text) else Decimal("NaN")
    except InvalidOperation:
        dollars = Decimal("NaN")
    if not dollars.is_finite() or not 0 < dollars < MAX_DIVIDEND or dollars != dollars.quantize(Decimal("0.000001")):
        raise BarRefusedError(f"value {quoted(text)} was not dollars per share above 0, with at most 6 decimals")
    return int(dollars * 1_000_000)
