"""Costs through real jobs: what is configured is what cash pays, what is stored, told, verified and held to."""

from decimal import Decimal
from typing import Any

import pytest

from aitrader.v1 import portfolio_pb2, simulation_pb2
from aitrader.v1.metrics_pb2 import GetMetricsRequest
from storage.money import from_real
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted

COSTS = {
    "commission": {"per_order": 1, "per_share": 0.01, "minimum": 1.5, "maximum": 5},
    "slippage": {"basis_points": 10},
    "max_volume_share": 0.1,
}
ORDERS = {DATES[1]: [("buy", "FLAT", 30), ("buy", "UP", 130)], DATES[3]: [("sell", "FLAT", 10)]}


def run(service: Service, experiment: str, **more: Any) -> simulation_pb2.GetStatusResponse:
    settings = {"costs": COSTS} | more
    return service.run(config(scripted("trader", ORDERS), end=DATES[3], **settings), experiment=experiment)


def test_every_row_follows_from_the_stored_fills_and_their_costs(service: Service, experiment: str) -> None:
    job = run(service, experiment)

    rows = service.rows(
        "SELECT action_type, amount, price, commission, slippage, cash FROM positions WHERE job_id = ? ORDER BY id",
        job.job_id,
    )

    cash = Decimal(10_000)
    for action, amount, price, commission, _, left in rows:
        if action != "no_trade":
            cash += from_real(price) * amount * (-1 if action == "buy" else 1) - from_real(commission)
        assert from_real(left) == cash
    assert [row[:5] for row in rows if row[0] != "no_trade"] == [
        ("buy", 30, 100.1, 1.5, 3.0),
        ("buy", 100, 11.011, 2.0, 1.1),
        ("sell", 10, 99.9, 1.5, 1.0),
    ]


def test_results_and_metrics_tell_the_costs_and_the_shares_over_the_limit(service: Service, experiment: str) -> None:
    run(service, experiment)

    days = service.results(experiment=experiment, detail=simulation_pb2.RESULT_DETAIL_FULL)
    request = GetMetricsRequest(model="trader", experiment=experiment)
    metrics = service.stub.GetMetrics(request, timeout=DEADLINE).metrics

    day = days[1]
    assert [(trade.price, trade.commission, trade.slippage) for trade in day.trades] == [
        (100.1, 1.5, 3.0),
        (11.011, 2.0, 1.1),
    ]
    assert [(row.commission, row.slippage) for row in day.position_history] == [(0, 0), (1.5, 3.0), (2.0, 1.1)]
    assert day.position_history[2].portfolio_value == pytest.approx(10_000 - 1.5 - 3 - 2 - 1.1)
    (rejection,) = day.rejections
    assert (rejection.amount, rejection.reason) == ("30", portfolio_pb2.REJECTION_REASON_VOLUME_LIMIT)
    assert (metrics.commission, metrics.slippage) == (pytest.approx(5), pytest.approx(5.1))


def test_job_with_costs_is_verified(service: Service, experiment: str) -> None:
    job = run(service, experiment)

    request = simulation_pb2.VerifyJobRequest(job_id=job.job_id)
    verified = service.stub.VerifyJob(request, timeout=DEADLINE)

    assert not verified.HasField("difference")
    assert verified.model_days == 4


@pytest.mark.parametrize("other", [{}, {"slippage": {"basis_points": 11}}])
def test_other_costs_are_another_definition(service: Service, experiment: str, other: dict[str, Any]) -> None:
    run(service, experiment)
    path = service.write_config(config(scripted("trader", ORDERS), costs=other))

    error = refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=path, experiment=experiment))

    assert error.reason == "CONFIG_CHANGED"
    assert "costs" in str(error)


def test_costs_written_otherwise_are_the_same_definition(service: Service, experiment: str) -> None:
    run(service, experiment, costs={"slippage": {"basis_points": 10}})

    content = config(scripted("trader", ORDERS), costs={"commission": {}, "slippage": {"basis_points": 10.00}})
    again = service.run(content, experiment=experiment)

    assert again.progress.completed == len(DATES) - 4


def test_rule_models_leave_room_for_costs(service: Service, experiment: str) -> None:
    dear = {"commission": {"basis_points": 100}, "slippage": {"basis_points": 50}}
    content = config(model("hold", "rule/buy-and-hold"), model("equal", "rule/equal-weight"), costs=dear)

    service.run(content, experiment=experiment)

    days = service.results(experiment=experiment, detail=simulation_pb2.RESULT_DETAIL_FULL)
    assert all(any(day.trades for day in days if day.model == name) for name in ("hold", "equal"))
    assert [rejection.message for day in days for rejection in day.rejections] == []


@pytest.mark.parametrize(
    ("costs", "field"),
    [
        ({"commission": {"per_share": -1}}, "config.costs.commission.per_share"),
        ({"commission": {"minimum": 2, "maximum": 1}}, "config.costs.commission.maximum"),
        ({"slippage": {"basis_points": "5"}}, "config.costs.slippage.basis_points"),
        ({"max_volume_share": 1.5}, "config.costs.max_volume_share"),
        ({"on_volume_limit": "wait"}, "config.costs.on_volume_limit"),
    ],
)
def test_wrong_costs_are_refused_by_their_field(service: Service, costs: dict[str, Any], field: str) -> None:
    path = service.write_config(config(model("m"), costs=costs))

    error = refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=path))

    assert (error.reason, list(error.violations)) == ("INVALID_ARGUMENT", [field])
