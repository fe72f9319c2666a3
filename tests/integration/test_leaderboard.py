"""GetLeaderboard: who leads."""

from collections.abc import Callable, Iterator

import grpc
import pytest

from aitrader.v1.simulation_pb2 import GetLeaderboardRequest, GetLeaderboardResponse
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted

EXPERIMENT = "race"


@pytest.fixture(scope="module")
def race(service: Service) -> Iterator[Service]:
    """Winner earns 100 a day with UP, loser loses with DOWN, three keep their cash; one of them stops early."""
    racers = [
        scripted("loser", {DATES[0]: [("buy", "DOWN", 100)]}),
        scripted("winner", {DATES[0]: [("buy", "UP", 100)]}),
        model("cash-b"),
        model("cash-a"),
        model("early"),
    ]
    path = service.write_config(config(*racers))
    service.run(path, experiment=EXPERIMENT, end_date=DATES[2])
    service.run(path, experiment=EXPERIMENT, models=["winner", "loser", "cash-a", "cash-b"])
    return service


def board(service: Service, **fields: object) -> GetLeaderboardResponse:
    request = GetLeaderboardRequest(**{"experiment": EXPERIMENT, **fields})
    return service.stub.GetLeaderboard(request, timeout=DEADLINE)


def places(response: GetLeaderboardResponse) -> list[tuple[int, str]]:
    return [(entry.rank, entry.model) for entry in response.leaderboard]


ORDER = [(1, "winner"), (2, "cash-a"), (2, "cash-b"), (2, "early"), (5, "loser")]


def test_best_comes_first_and_equal_values_share_a_rank(race: Service) -> None:
    assert places(board(race)) == ORDER


def test_entry_tells_value_gain_and_days(race: Service) -> None:
    winner, *_, loser = board(race).leaderboard

    assert (winner.portfolio_value, winner.cumulative_profit, winner.cumulative_return_pct) == (10_950, 950, 9.5)
    assert (winner.date, winner.initial_cash, winner.trading_days) == (DATES[9], 10_000, 10)
    assert (loser.portfolio_value, loser.cumulative_profit, loser.cumulative_return_pct) == (9100, -900, -9)


def test_portfolio_that_stopped_early_stands_with_its_last_day(race: Service) -> None:
    early = next(entry for entry in board(race).leaderboard if entry.model == "early")

    assert (early.date, early.trading_days) == (DATES[2], 3)


def test_ranking_as_of_a_date_knows_nothing_later(race: Service) -> None:
    response = board(race, date=DATES[0])

    assert places(response) == [(1, "winner"), (2, "cash-a"), (2, "cash-b"), (2, "early"), (2, "loser")]
    assert {(entry.date, entry.trading_days) for entry in response.leaderboard} == {(DATES[0], 1)}
    assert response.leaderboard[0].portfolio_value == 10_050


def test_ranking_as_of_a_weekend_is_that_of_friday(race: Service) -> None:
    friday, sunday = board(race, date=DATES[4]), board(race, date="2025-03-09")

    assert list(friday.leaderboard) == list(sunday.leaderboard)


def test_ranking_as_of_the_last_date_is_the_latest(race: Service) -> None:
    assert list(board(race, date=DATES[9]).leaderboard) == list(board(race).leaderboard)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("date", ["", DATES[9]])
def test_pages_add_up_to_the_whole_with_the_same_ranks(race: Service, size: int, date: str) -> None:
    found: list[tuple[int, str]] = []
    token = ""
    while True:
        page = board(race, page_size=size, page_token=token, date=date)
        found += places(page)
        token = page.next_page_token
        if not token:
            break

    assert found == ORDER


def test_token_of_another_query_is_refused(race: Service) -> None:
    token = board(race, page_size=1).next_page_token

    refused = refusal(
        race.stub.GetLeaderboard, GetLeaderboardRequest(experiment=EXPERIMENT, date=DATES[9], page_token=token)
    )

    assert "page_token" in refused.violations


def test_curve_is_thinned_and_keeps_both_ends(race: Service) -> None:
    whole = board(race, curve_points=500).leaderboard[0]
    three = board(race, curve_points=3).leaderboard[0]
    one = board(race, curve_points=1).leaderboard[0]

    assert list(whole.curve) == [10_050 + 100 * n for n in range(10)]
    assert list(whole.curve_dates) == list(DATES)
    assert len(three.curve) == len(three.curve_dates) == 3
    assert (three.curve[0], three.curve[-1]) == (10_050, 10_950)
    assert list(one.curve) == [10_950]
    assert not board(race).leaderboard[0].curve


def test_curve_as_of_a_date_ends_there(race: Service) -> None:
    winner = board(race, curve_points=500, date=DATES[2]).leaderboard[0]

    assert list(winner.curve) == [10_050, 10_150, 10_250]


@pytest.mark.parametrize("fields", [{"experiment": "empty"}, {"date": "2020-01-01"}], ids=str)
def test_ranking_of_nothing_is_not_found(race: Service, fields: dict[str, str]) -> None:
    refused = refusal(race.stub.GetLeaderboard, GetLeaderboardRequest(**{"experiment": EXPERIMENT, **fields}))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_DATA")


def test_portfolio_that_only_failed_is_not_ranked(service: Service, experiment: str) -> None:
    models = [scripted("failing", raise_on=DATES[0]), model("steady")]
    service.run(config(*models, end=DATES[0]), experiment=experiment)

    assert places(board(service, experiment=experiment)) == [(1, "steady")]


def test_ranking_with_the_most_and_longest_curves_stays_under_4_mib(new_service: Callable[..., Service]) -> None:
    service = new_service()
    service.run(config(model("m"), end=DATES[0]))
    _fill(service, portfolios=999, days=500)

    pages = [board(service, experiment="default", page_size=1000, curve_points=500)]
    while token := pages[-1].next_page_token:
        pages.append(board(service, experiment="default", page_size=1000, curve_points=500, page_token=token))

    assert max(page.ByteSize() for page in pages) < 4 * 1024 * 1024
    ranks = [entry.rank for page in pages for entry in page.leaderboard]
    assert ranks == [1] * 999 + [1000]


def _fill(service: Service, *, portfolios: int, days: int) -> None:
    """Store many portfolios with many days, which all point to one position."""
    db = service.db
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    db.execute_sql("PRAGMA foreign_keys = 0")
    with db.atomic():
        db.execute_sql(
            "INSERT INTO portfolios (experiment, model, definition, initial_cash, last_day, last_value, trading_days,"
            f" created_at) {numbers} SELECT 'default', 'm' || i ||"
            " replace(hex(zeroblob(60)), '00', char(128169)), '{{}}', 1, '2030-01-01', 100000.5, ?, '' FROM n",
            (portfolios, days),
        )
        db.execute_sql(
            f"INSERT INTO trading_days {numbers}"
            "SELECT p.id, date('2026-01-01', i || ' days'), t.job_id, t.position_id, i, 1, 100000.5, 0, 0, 0, 0"
            " FROM portfolios p, n, (SELECT * FROM trading_days LIMIT 1) t WHERE p.model != 'm' ORDER BY p.id, i",
            (days,),
        )
    db.execute_sql("PRAGMA foreign_keys = 1")
