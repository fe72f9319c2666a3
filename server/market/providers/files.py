"""Price files as a vendor: of what lies in a file or folder, what is missing is taken."""

from pathlib import Path

from server.market.found import Found, PlacedBar, Refusal, file_name
from server.market.gathering import Gathering
from server.market.price_file import read_prices
from server.market.providers.provider import Daily, ProviderError

NAME = "files"


class Files:
    """Reads all files when it is first asked, and keeps their bars, at some 600 bytes each."""

    name = NAME

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, list[Found]] | None = None

    def daily(self, symbol: str, first: str) -> Daily:
        """Return the bars and refusals of a symbol from a date on.

        Raises:
            ProviderError: there are none.
        """
        if self._found is None:
            self._found = self._read()
        found = [one for one in self._found.get(symbol, ()) if _date(one) >= first]
        if not found:
            unread = "".join(f"; {refusal}" for refusal in self._found.get("", ())[:1])
            raise ProviderError(f"'{file_name(self._path)}' has no bar of it{unread}")
        return Daily(found=found)

    def _read(self) -> dict[str, list[Found]]:
        """Return what was found by symbol; of bars that contradict each other the first, as in an import."""
        gathering, by_symbol = Gathering(), dict[str, list[Found]]()
        for bar in gathering.bars(read_prices(self._path)):
            by_symbol.setdefault(bar.symbol, []).append(PlacedBar(file=NAME, line=None, bar=bar))
        for refusal in gathering.refused:
            by_symbol.setdefault(refusal.symbol, []).append(refusal)
        return by_symbol


def _date(found: Found) -> str:
    """Return the date of a bar; what was refused is always told."""
    return found.date or "9999" if isinstance(found, Refusal) else found.bar.date
