"""Figures and names as the terminal shows them."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp


def plain(text: str) -> str:
    """Replace whatever could steer the terminal, line ends included, by spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def money(value: float) -> str:
    return f"{value:,.2f}"


def signed(value: float) -> str:
    return f"{value:+,.2f}"


def percent(value: float) -> str:
    return f"{value:+.2f} %"


def duration(seconds: float) -> str:
    """Write seconds as `7.3 s`, `4:05` or `1:02:03`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(time: Timestamp) -> str:
    """Write a time to the second, in UTC."""
    return f"{time.ToDatetime():%Y-%m-%d %H:%M:%S}Z"


def date_span(dates: list[str]) -> str:
    """Write the first and last of some dates and their number."""
    if not dates:
        return "no dates"
    count = "1 date" if len(dates) == 1 else f"{len(dates)} dates"
    return f"{dates[0]} to {dates[-1]} ({count})"


def share_list(holdings: Mapping[str, int]) -> str:
    """Write holdings as `10 AAPL, 3 MSFT`."""
    return ", ".join(f"{amount} {plain(symbol)}" for symbol, amount in sorted(holdings.items()))


def size(count: float) -> str:
    """Write bytes as `7 B`, `1.5 KiB` or `3.2 GiB`."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} TiB"
