"""What a vendor of daily prices can do, and how it can fail.

MarketError
└── ProviderError             a symbol could not be had; others may
    └── ProviderClosedError   nothing more can be had now: quota spent, key refused, vendor gone
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.market.errors import MarketError
from server.market.found import Found
from storage.corporate_actions import ActionRow


class ProviderError(MarketError):
    """Prices of a symbol could not be had; the message says why and holds no key."""


class ProviderClosedError(ProviderError):
    """Nothing more can be had from the vendor now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """What a vendor has of a symbol: bars and refusals, and the corporate actions that it gives with them."""

    found: Sequence[Found]
    actions: Sequence[ActionRow] = ()


class Provider(Protocol):
    """A vendor of daily prices as they were paid, adjusted for nothing."""

    @property
    def name(self) -> str:
        """The name that imports are stored under."""

    def daily(self, symbol: str, first: str) -> Daily:
        """Return what there is of a symbol, from a date on where the vendor reaches back so far.

        More than asked for may come. Blocks for as long as the vendor's limits and answers take.

        Raises:
            ProviderError: they could not be had.
        """
