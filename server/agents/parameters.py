"""Parameters of rule strategies: what each is called, its default and its bounds, and how a config's value is read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from server.agents.errors import ParameterError, quoted
from server.engine.model_day import Parameter

#: as exchanges write them: `BRK.B`, `^GSPC`, `RDS-A`
SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.\-]{0,15}")


class Named(Protocol):
    """A parameter, whatever its type."""

    @property
    def name(self) -> str:
        """Key in the model's entry in the config."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """A parameter that is a whole number from `lowest` to `highest`."""

    name: str
    default: int
    lowest: int
    highest: int

    def read(self, given: Mapping[str, Parameter]) -> int:
        """Return the value given or the default.

        Raises:
            ParameterError: the value is not a whole number within the bounds.
        """
        value = given.get(self.name, self.default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not self.lowest <= value <= self.highest:
            bounds = f"from {self.lowest} to {self.highest}"
            raise ParameterError(self.name, f"was {quoted(value)}, not a whole number {bounds}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Percent:
    """A parameter in percent, from `lowest` to `highest`."""

    name: str
    default: Decimal
    lowest: Decimal
    highest: Decimal

    def read(self, given: Mapping[str, Parameter]) -> Decimal:
        """Return the value given or the default.

        Raises:
            ParameterError: the value is not a number within the bounds.
        """
        value = given.get(self.name)
        if value is None:
            return self.default
        if isinstance(value, bool | str) or value != value or not self.lowest <= value <= self.highest:
            bounds = f"from {self.lowest} to {self.highest}"
            raise ParameterError(self.name, f"was {quoted(value)}, not a number of percent {bounds}")
        return Decimal(str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """A parameter that lists symbols, separated by commas; without it, None stands for every symbol."""

    name: str

    def read(self, given: Mapping[str, Parameter]) -> tuple[str, ...] | None:
        """Return the symbols given, ascending, each once.

        Raises:
            ParameterError: the value is not text, lists nothing or holds something that is no symbol.
        """
        value = given.get(self.name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ParameterError(self.name, f"was {quoted(value)}, not text such as 'AAPL,MSFT'")
        symbols = [symbol.strip() for symbol in value.split(",")]
        for symbol in symbols:
            if not SYMBOL.fullmatch(symbol):
                raise ParameterError(
                    self.name, f"lists {quoted(symbol)}, which is not a symbol; expected such as 'AAPL,MSFT'"
                )
        return tuple(sorted(set(symbols)))


def refuse_unknown(given: Mapping[str, Parameter], known: Iterable[Named]) -> None:
    """Refuse parameters that a strategy does not have.

    Raises:
        ParameterError: for the first of them by name.
    """
    names = [parameter.name for parameter in known]
    for name in sorted(given):
        if name not in names:
            raise ParameterError(name, f"is not known; known parameters: {', '.join(names) or 'none'}")
