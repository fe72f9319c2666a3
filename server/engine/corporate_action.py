"""Corporate actions: splits and dividends, and what they do to shares that are held.

An action belongs to its ex-date: whoever held the shares at the close before gets it. It is known from the open of that
date on.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from server.engine.money import rounded


class ActionKind(StrEnum):
    """What a company does; the values are those of `corporate_actions.kind` and of `positions.action_type`."""

    SPLIT = "split"
    DIVIDEND = "dividend"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """A split, `numerator` new shares for `denominator` old ones, or a dividend of `amount` dollars per share."""

    symbol: str
    ex_date: str
    kind: ActionKind
    numerator: int = 1
    denominator: int = 1
    amount: Decimal = Decimal(0)

    @property
    def order(self) -> tuple[str, bool, str]:
        """Where it comes among others: by date, and splits first, as a dividend of the day is per new share."""
        return self.ex_date, self.kind is ActionKind.DIVIDEND, self.symbol

    def adjusted(self, price: Decimal) -> Decimal:
        """Return what a price from before is worth per share afterwards, for a split."""
        return rounded(price * self.denominator / self.numerator)

    def effect(self, held: int, mark: Decimal) -> "ActionEffect":
        """Return what the action does to some shares, each worth `mark` dollars after it.

        Whole new shares are held on; the fraction that is left over is paid in cash, at that price, on the grid.
        """
        if self.kind is ActionKind.DIVIDEND:
            return ActionEffect(action=self, held=held, shares=held, price=self.amount, cash=self.amount * held)
        shares, rest = divmod(held * self.numerator, self.denominator)
        cash = rounded(mark * rest / self.denominator)
        return ActionEffect(action=self, held=held, shares=shares, price=mark, cash=cash)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEffect:
    """What an action did: `held` shares became `shares`, and cash grew; `price` is per share, dollars."""

    action: CorporateAction
    held: int
    shares: int
    price: Decimal
    cash: Decimal

    @property
    def shares_told(self) -> int:
        """What a position row tells: shares that came, or went, by a split; shares that a dividend was paid on."""
        return self.held if self.action.kind is ActionKind.DIVIDEND else self.shares - self.held

    @property
    def text(self) -> str:
        """The same as a sentence."""
        done, cash = self.action, f"{self.cash.normalize():f}"
        if done.kind is ActionKind.DIVIDEND:
            per_share = f"{self.price.normalize():f}"
            return (
                f"{done.symbol} paid a dividend of {per_share} dollars a share: {cash} dollars for {self.held} shares"
            )
        lieu = f", and {cash} dollars for the fraction" if self.cash else ""
        return (
            f"{done.symbol} was split {done.numerator} for {done.denominator}: "
            f"{self.held} shares became {self.shares}{lieu}"
        )
