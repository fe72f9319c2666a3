"""Rates taken in turns in one run: what disturbs the machine disturbs both sides of a ratio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.performance.call import Call
from tests.performance.client import Client
from tests.performance.process import ServerProcess

CALLERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A call to a server."""

    server: ServerProcess
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rounds of calls a second of one side, and the server's processor time for each call."""

    per_second: Sequence[float]
    server_us_per_call: float

    @property
    def median(self) -> float:
        """The median round."""
        return median(self.per_second)


def rates(client: Client, sides: Mapping[str, Side], *, rounds: int, seconds: float) -> dict[str, Rates]:
    """Measure all sides by turns."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    spent: dict[str, float] = dict.fromkeys(sides, 0.0)
    calls: dict[str, int] = dict.fromkeys(sides, 0)
    for number in range(rounds):
        order = list(sides) if number % 2 else list(reversed(list(sides)))
        for name in order:
            side = sides[name]
            before = side.server.cpu_seconds
            answer = client.ask(
                "rate", address=side.server.address, call=side.call.as_json(), callers=CALLERS, seconds=seconds
            )
            spent[name] += side.server.cpu_seconds - before
            calls[name] += answer["calls"]
            found[name].append(answer["per_second"])
    return {name: Rates(per_second=found[name], server_us_per_call=1e6 * spent[name] / calls[name]) for name in sides}


def ratio(of: Rates, to: Rates) -> float:
    """Return the median of the rounds' ratios."""
    return median(one / other for one, other in zip(of.per_second, to.per_second, strict=True))
