from dataclasses import replace
from datetime import date
from pathlib import Path

from server.market.found import PlacedBar
from server.market.price_file import read_prices
from server.market.synthetic import SyntheticMarket, write_csv

MARKET = SyntheticMarket(symbols=7, days=60, seed=5, start=date(2025, 8, 2))


def written(path: Path, market: SyntheticMarket) -> bytes:
    write_csv(market, path)
    return path.read_bytes()


def test_the_same_seed_makes_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", MARKET)

    assert written(tmp_path / "b.csv", MARKET) == first
    assert written(tmp_path / "c.csv", replace(MARKET, seed=6)) != first


def test_every_made_up_bar_is_good_and_has_whole_cents(tmp_path: Path) -> None:
    write_csv(MARKET, tmp_path / "new" / "a.csv")

    found = list(read_prices(tmp_path / "new" / "a.csv"))

    bars = [one.bar for one in found if isinstance(one, PlacedBar)]
    assert len(bars) == len(found) == 7 * 60
    assert {bar.symbol for bar in bars} == {f"SYN00{number}" for number in range(1, 8)}
    assert all(bar.open == round(bar.open, 2) and bar.close == round(bar.close or 0, 2) for bar in bars)
    assert all(bar.volume for bar in bars)


def test_the_made_up_dates_are_weekdays_from_the_start(tmp_path: Path) -> None:
    write_csv(replace(MARKET, symbols=1, days=6), tmp_path / "a.csv")

    dates = [one.bar.date for one in read_prices(tmp_path / "a.csv") if isinstance(one, PlacedBar)]

    assert dates == [*(f"2025-08-0{day}" for day in range(4, 9)), "2025-08-11"]


def test_prices_stay_in_their_bounds_over_a_very_long_time(tmp_path: Path) -> None:
    write_csv(SyntheticMarket(symbols=2, days=8_000, seed=1, start=date(1990, 1, 1)), tmp_path / "a.csv")

    assert all(isinstance(one, PlacedBar) for one in read_prices(tmp_path / "a.csv"))
