"""GetResults: what models did and earned."""

import json
from collections.abc import Callable

import grpc
import pytest

from aitrader.v1 import portfolio_pb2
from aitrader.v1.simulation_pb2 import RESULT_DETAIL_FULL, RESULT_DETAIL_MINIMAL, GetResultsRequest, GetResultsResponse
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted

MAX_RESPONSE = 4 * 1024 * 1024


def pages(service: Service, **fields: object) -> list[GetResultsResponse]:
    request = GetResultsRequest(**fields)
    found = [service.stub.GetResults(request, timeout=DEADLINE)]
    while found[-1].next_page_token:
        request.page_token = found[-1].next_page_token
        found.append(service.stub.GetResults(request, timeout=DEADLINE))
    return found


def keys(responses: list[GetResultsResponse]) -> list[tuple[str, str]]:
    return [(day.date, day.model) for response in responses for day in response.results]


def test_day_is_valued_at_the_close_against_the_day_before(service: Service, experiment: str) -> None:
    buyer = scripted("m", {DATES[0]: [("buy", "UP", 100)]})

    service.run(config(buyer, end=DATES[1]), experiment=experiment)

    first, second = service.results(experiment=experiment)
    assert (first.cash, dict(first.positions)) == (9000, {"UP": 100})
    assert (first.daily_pnl.portfolio_value, first.daily_pnl.profit) == (10_050, 50)
    assert (second.daily_pnl.portfolio_value, second.daily_pnl.profit) == (10_150, 100)
    assert second.daily_pnl.return_pct == pytest.approx(100 / 10_050 * 100, abs=1e-6)
    assert (second.cumulative_profit, second.cumulative_return_pct) == (150, 1.5)


def test_opening_row_shows_the_overnight_gain_and_trading_changes_no_value(service: Service, experiment: str) -> None:
    orders = {DATES[0]: [("buy", "UP", 100)], DATES[1]: [("sell", "UP", 50), ("buy", "FLAT", 3)]}

    service.run(config(scripted("m", orders), end=DATES[1]), experiment=experiment)

    _, second = service.results(experiment=experiment)
    assert [row.action_id for row in second.position_history] == [0, 1, 2]
    assert {row.portfolio_value for row in second.position_history} == {10_100}
    assert {row.daily_profit for row in second.position_history} == {50}


def test_held_symbol_without_a_bar_keeps_its_last_close(service: Service, experiment: str) -> None:
    orders = {DATES[0]: [("buy", "HALT", 10)], DATES[4]: [("sell", "HALT", 10), ("buy", "HALT", 1)]}

    service.run(config(scripted("m", orders), end=DATES[4]), experiment=experiment)

    days = service.results(experiment=experiment)
    assert [day.daily_pnl.portfolio_value for day in days] == [10_000] * 5
    assert [rejection.reason for rejection in days[4].rejections] == [portfolio_pb2.REJECTION_REASON_NO_PRICE] * 2


def test_trades_fill_at_the_open(service: Service, experiment: str) -> None:
    orders = {DATES[3]: [("buy", "UP", 7), ("sell", "UP", 2)]}

    service.run(config(scripted("m", orders), end=DATES[3]), experiment=experiment)

    (day,) = service.results(experiment=experiment, date=DATES[3])
    assert [(t.id, t.action, t.symbol, t.amount, t.price, t.total) for t in day.trades] == [
        (1, portfolio_pb2.TRADE_ACTION_BUY, "UP", 7, 13, 91),
        (2, portfolio_pb2.TRADE_ACTION_SELL, "UP", 2, 13, 26),
    ]


def test_every_kind_of_rejection_is_recorded_with_its_figures(service: Service, experiment: str) -> None:
    refused = [
        ("buy", "UP", 0),
        ("buy", "UP", 1.5),
        ("buy", "UP", 10**10),
        ("buy", "NOBODY", 1),
        ("buy", "UP", 1001),
        ("sell", "UP", 1),
    ]

    service.run(config(scripted("m", {DATES[0]: refused}), end=DATES[0]), experiment=experiment)

    (day,) = service.results(experiment=experiment)
    reasons = [portfolio_pb2.RejectionReason.Name(r.reason).removeprefix("REJECTION_REASON_") for r in day.rejections]
    assert reasons == [
        "QUANTITY_NOT_POSITIVE",
        "QUANTITY_NOT_WHOLE",
        "QUANTITY_TOO_LARGE",
        "UNKNOWN_SYMBOL",
        "INSUFFICIENT_CASH",
        "INSUFFICIENT_HOLDINGS",
    ]
    assert [(r.symbol, r.amount, r.after_action_id) for r in day.rejections] == [
        (symbol, str(amount), 0) for _, symbol, amount in refused
    ]
    assert all(r.message for r in day.rejections)


def test_minimal_detail_leaves_rejections_and_history_out(service: Service, experiment: str) -> None:
    orders = {DATES[0]: [("buy", "UP", 1), ("buy", "UP", 0)]}
    service.run(config(scripted("m", orders), end=DATES[0]), experiment=experiment)

    (default,) = pages(service, experiment=experiment)[0].results
    (minimal,) = pages(service, experiment=experiment, detail=RESULT_DETAIL_MINIMAL)[0].results
    (full,) = pages(service, experiment=experiment, detail=RESULT_DETAIL_FULL)[0].results

    assert default == minimal
    assert (len(minimal.rejections), len(minimal.position_history)) == (0, 0)
    assert (len(full.rejections), len(full.position_history)) == (1, 2)
    full.ClearField("rejections")
    full.ClearField("position_history")
    assert full == minimal


def test_filters_add_up(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("a"), model("b")))
    first = service.run(path, experiment=experiment, end_date=DATES[1])
    second = service.run(path, experiment=experiment, end_date=DATES[3])

    def found(**fields: object) -> list[tuple[str, str]]:
        return keys(pages(service, **{"experiment": experiment, **fields}))

    assert found() == [(date, name) for date in DATES[:4] for name in "ab"]
    assert found(date=DATES[2]) == [(DATES[2], "a"), (DATES[2], "b")]
    assert found(model="b", start_date=DATES[1], end_date=DATES[2]) == [(DATES[1], "b"), (DATES[2], "b")]
    assert found(job_id=second.job_id, model="a") == [(DATES[2], "a"), (DATES[3], "a")]
    assert found(job_id=first.job_id, start_date=DATES[1]) == [(DATES[1], "a"), (DATES[1], "b")]
    assert found(start_date=DATES[3]) == [(DATES[3], "a"), (DATES[3], "b")]


def test_experiment_of_a_job_need_not_be_named(service: Service, experiment: str) -> None:
    status = service.run(config(model("m"), end=DATES[0]), experiment=experiment)

    assert [day.experiment for day in service.results(job_id=status.job_id)] == [experiment]


@pytest.mark.parametrize(
    "fields",
    [{"date": "2020-01-01"}, {"model": "nobody"}, {"experiment": "nothing-here"}, {"start_date": "2030-01-01"}],
    ids=str,
)
def test_query_without_results_is_not_found_with_what_was_asked(
    service: Service, experiment: str, fields: dict[str, str]
) -> None:
    service.run(config(model("m"), end=DATES[0]), experiment=experiment)

    refused = refusal(service.stub.GetResults, GetResultsRequest(**{"experiment": experiment, **fields}))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_DATA")
    assert refused.info.metadata["experiment"] == fields.get("experiment", experiment)


@pytest.mark.parametrize("size", [1, 3, 7, 1000, 2**31 - 1])
def test_pages_of_any_size_add_up_to_the_whole(service: Service, experiment: str, size: int) -> None:
    service.run(config(model("a"), model("b"), model("c"), end=DATES[4]), experiment=experiment)

    found = pages(service, experiment=experiment, page_size=size)

    assert keys(found) == [(date, name) for date in DATES[:5] for name in "abc"]
    assert all(len(page.results) <= size for page in found)
    assert all(page.results for page in found)


def test_token_of_another_query_is_refused(service: Service, experiment: str) -> None:
    service.run(config(model("a"), model("b"), end=DATES[1]), experiment=experiment)
    token = pages(service, experiment=experiment, page_size=1)[0].next_page_token

    for other in ({"model": "a"}, {"detail": RESULT_DETAIL_FULL}, {"start_date": DATES[0]}):
        request = GetResultsRequest(**{"experiment": experiment, "page_token": token, **other})
        refused = refusal(service.stub.GetResults, request)

        assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
        assert list(refused.violations) == ["page_token"]


def test_model_with_the_longest_signature_can_be_paged(service: Service, experiment: str) -> None:
    names = [f"{n}" + "\N{PILE OF POO}" * 127 for n in range(3)]
    service.run(config(*map(model, names), end=DATES[0]), experiment=experiment)

    assert keys(pages(service, experiment=experiment, page_size=1)) == [(DATES[0], name) for name in names]


def test_full_results_of_a_large_job_stay_under_4_mib(new_service: Callable[..., Service]) -> None:
    service = new_service()
    orders = {date: [("buy", "UP", 1)] * 2 for date in DATES}
    service.run(config(scripted("m", orders)))
    _diversify(service, symbols=6000)

    found = pages(service, page_size=1000, detail=RESULT_DETAIL_FULL)

    assert keys(found) == [(date, "m") for date in DATES]
    assert max(page.ByteSize() for page in found) < MAX_RESPONSE
    assert len(found) > 1
    assert all(len(row.holdings) > 6000 for page in found for day in page.results for row in day.position_history[1:])


def _diversify(service: Service, *, symbols: int) -> None:
    """Add a great many holdings with long symbols to every stored position."""
    service.db.execute_sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO holdings (position_id, symbol, quantity)"
        " SELECT p.id, 'A-RATHER-LONG-' || n.i, 1000000 FROM positions p, n",
        (symbols,),
    )


def test_day_of_a_great_many_rejections_stays_under_4_mib(service: Service, experiment: str) -> None:
    line = {"date": DATES[0], "id": 1, "this_action": {"action": "buy", "symbol": "S" * 90, "amount": 1}}
    (service.data / "many.jsonl").write_text(f"{json.dumps(line)}\n" * 5_000)
    service.run(config(model("m", "replay/many.jsonl"), end=DATES[0]), experiment=experiment)

    (page,) = pages(service, experiment=experiment, detail=RESULT_DETAIL_FULL)

    assert page.ByteSize() < MAX_RESPONSE
    assert page.results[0].rejections


def test_day_of_more_orders_than_a_day_may_have_fails(service: Service, experiment: str) -> None:
    line = {"date": DATES[0], "id": 1, "this_action": {"action": "buy", "symbol": "UP", "amount": 0}}
    (service.data / "endless.jsonl").write_text(f"{json.dumps(line)}\n" * 5_001)

    status = service.run(config(model("m", "replay/endless.jsonl"), end=DATES[0]), experiment=experiment)

    (day,) = status.progress.details
    assert day.error == "trader_error: TooManyOrdersError: more than 5000 orders on one day"
