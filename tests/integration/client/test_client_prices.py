"""Which prices there are, on the command line."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from aitrader.v1.prices_pb2 import PriceJump, SymbolCoverage
from client.cli import main
from tests.integration.client.fake_service import FakeService

Command = Callable[..., Result]


@pytest.fixture
def command(target: str) -> Command:
    return lambda *arguments: CliRunner().invoke(main, ["--server", target, *arguments], catch_exceptions=False)


def test_prices_are_told_with_what_is_missing_or_strange(command: Command, service: FakeService) -> None:
    service.prices.symbols.extend(
        [
            SymbolCoverage(symbol="A", first_date="2025-10-01", last_date="2025-10-10", bars=8, revisions=2),
            SymbolCoverage(
                symbol="B",
                first_date="2025-10-01",
                last_date="2025-10-10",
                bars=1000,
                missing_dates=[f"2025-10-0{day}" for day in range(1, 8)],
                closed_dates=["2025-10-04"],
                jumps=[PriceJump(date="2025-10-02", before=1348.1, after=90)],
            ),
        ]
    )

    assert command("prices").stdout.splitlines() == [
        "A  2025-10-01 to 2025-10-10, 8 bars, 2 revised",
        "B  2025-10-01 to 2025-10-10, 1,000 bars",
        "    missing 2025-10-01, 2025-10-02, 2025-10-03, 2025-10-04, 2025-10-05 and 2 more",
        "    on days without trading 2025-10-04",
        "    jumps 2025-10-02 from 1348.1 to 90",
    ]


def test_no_prices_are_told_as_such(command: Command) -> None:
    assert command("prices").stdout == "no prices\n"
