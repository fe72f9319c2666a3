"""What went wrong in earlier versions of this service, one test each, through the RPCs and the database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from aitrader.v1 import job_pb2, portfolio_pb2, simulation_pb2
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from tests.service import DATES, DEADLINE, Service, bar, config, model, scripted, wait_until

FRIDAY, MONDAY = DATES[4], DATES[5]


def day_of(service: Service, experiment: str, signature: str, date: str) -> portfolio_pb2.DayResult:
    (day,) = service.results(experiment=experiment, model=signature, date=date)
    return day


def test_cash_is_carried_over_to_the_next_day(service: Service, experiment: str) -> None:
    spender = scripted("m", {DATES[0]: [("buy", "FLAT", 60)]})

    service.run(config(spender, end=DATES[2]), experiment=experiment)

    assert [day.cash for day in service.results(experiment=experiment)] == [4000, 4000, 4000]
    assert [day.position_history[0].cash for day in service.results(experiment=experiment)] == [10_000, 4000, 4000]


def test_positions_outlive_a_weekend(service: Service, experiment: str) -> None:
    buyer = scripted("m", {FRIDAY: [("buy", "UP", 100)]})

    service.run(config(buyer, end=MONDAY), experiment=experiment)

    monday = day_of(service, experiment, "m", MONDAY)
    assert dict(monday.position_history[0].holdings) == {"UP": 100}
    assert dict(monday.positions) == {"UP": 100}
    assert monday.daily_pnl.portfolio_value == 10_000 - 100 * 14 + 100 * 15.5


def test_positions_outlive_a_weekend_between_two_jobs(service: Service, experiment: str) -> None:
    buyer = scripted("m", {FRIDAY: [("buy", "UP", 100)]})
    service.run(config(buyer), experiment=experiment, end_date=FRIDAY)

    service.run(config(buyer), experiment=experiment, end_date=MONDAY)

    assert dict(day_of(service, experiment, "m", MONDAY).positions) == {"UP": 100}


def test_positions_outlive_a_holiday(new_service: Callable[..., Service]) -> None:
    service = new_service()
    after_a_week_off = "2025-03-24"
    service.import_market([bar("UP", after_a_week_off, 20, 21)])

    service.run(config(scripted("m", {DATES[-1]: [("buy", "UP", 10)]}), start=DATES[-1], end=after_a_week_off))

    day = day_of(service, "default", "m", after_a_week_off)
    assert dict(day.positions) == {"UP": 10}
    assert day.cash == 10_000 - 190


def test_proceeds_of_a_sale_buy_on_the_same_day(service: Service, experiment: str) -> None:
    orders = {DATES[0]: [("buy", "FLAT", 100)], DATES[1]: [("sell", "FLAT", 100), ("buy", "DOWN", 200)]}

    service.run(config(scripted("m", orders), end=DATES[1]), experiment=experiment)

    day = day_of(service, experiment, "m", DATES[1])
    assert dict(day.positions) == {"DOWN": 200}
    assert day.cash == 10_000 - 200 * 49
    assert not day.rejections


def test_orders_are_checked_against_the_cash_at_hand_and_not_the_initial_cash(
    service: Service, experiment: str
) -> None:
    orders = {DATES[0]: [("buy", "FLAT", 90)], DATES[1]: [("buy", "FLAT", 50)]}

    service.run(config(scripted("m", orders), end=DATES[1]), experiment=experiment)

    day = day_of(service, experiment, "m", DATES[1])
    assert [rejection.reason for rejection in day.rejections] == [portfolio_pb2.REJECTION_REASON_INSUFFICIENT_CASH]
    assert (day.cash, dict(day.positions)) == (1000, {"FLAT": 90})


def test_a_gain_can_be_spent_beyond_the_initial_cash(service: Service, experiment: str) -> None:
    orders = {DATES[0]: [("buy", "UP", 1000)], DATES[9]: [("sell", "UP", 1000), ("buy", "FLAT", 190)]}

    service.run(config(scripted("m", orders)), experiment=experiment)

    day = day_of(service, experiment, "m", DATES[9])
    assert (day.cash, dict(day.positions)) == (0, {"FLAT": 190})


def test_orders_sent_at_once_share_the_cash(service: Service, experiment: str) -> None:
    at_once = [("buy", "FLAT", 60), ("buy", "FLAT", 60), ("buy", "FLAT", 40), ("buy", "FLAT", 1)]

    service.run(config(scripted("m", {DATES[0]: at_once}), end=DATES[0]), experiment=experiment)

    day = day_of(service, experiment, "m", DATES[0])
    assert [trade.amount for trade in day.trades] == [60, 40]
    assert [(r.amount, r.after_action_id) for r in day.rejections] == [("60", 1), ("1", 2)]
    assert (day.cash, dict(day.positions)) == (0, {"FLAT": 100})


def test_a_later_job_starts_from_the_last_day_and_not_from_the_initial_cash(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", {DATES[0]: [("buy", "FLAT", 60)]})))
    service.run(path, experiment=experiment, end_date=DATES[0])

    service.run(path, experiment=experiment, end_date=DATES[1])

    opening = day_of(service, experiment, "m", DATES[1]).position_history[0]
    assert (opening.cash, dict(opening.holdings)) == (4000, {"FLAT": 60})


def test_no_job_reads_the_book_of_another_experiment(service: Service, experiment: str) -> None:
    other = f"{experiment}-other"
    service.run(config(scripted("m", {DATES[0]: [("buy", "FLAT", 60)]}), end=DATES[0]), experiment=other)

    service.run(config(scripted("m", {DATES[1]: [("buy", "FLAT", 10)]}), end=DATES[1]), experiment=experiment)

    days = service.results(experiment=experiment)
    assert [(day.cash, dict(day.positions)) for day in days] == [(10_000, {}), (9000, {"FLAT": 10})]
    (untouched,) = service.results(experiment=other)
    assert (untouched.cash, dict(untouched.positions)) == (4000, {"FLAT": 60})


def test_no_model_reads_the_book_of_another_job_of_its_experiment(service: Service, experiment: str) -> None:
    service.run(config(scripted("first", {DATES[0]: [("buy", "FLAT", 60)]}), end=DATES[0]), experiment=experiment)

    service.run(config(scripted("second"), end=DATES[0]), experiment=experiment)

    assert day_of(service, experiment, "second", DATES[0]).cash == 10_000


def test_the_configured_initial_cash_is_the_one_a_portfolio_begins_with(service: Service, experiment: str) -> None:
    rich = config(scripted("m", {DATES[0]: [("buy", "FLAT", 1000)]}), cash=123_456.78, end=DATES[0])

    service.run(rich, experiment=experiment)

    day = day_of(service, experiment, "m", DATES[0])
    assert (day.position_history[0].cash, day.cash) == (123_456.78, 23_456.78)
    assert day.cumulative_profit == 0


def test_a_quantity_of_zero_or_less_mints_no_cash(service: Service, experiment: str) -> None:
    minting = [("buy", "FLAT", -5), ("buy", "FLAT", 0), ("sell", "FLAT", -5), ("sell", "FLAT", 0), ("buy", "FLAT", 0.5)]

    service.run(config(scripted("m", {DATES[0]: minting}), end=DATES[0]), experiment=experiment)

    day = day_of(service, experiment, "m", DATES[0])
    assert (day.cash, dict(day.positions), len(day.trades)) == (10_000, {}, 0)
    not_positive = portfolio_pb2.REJECTION_REASON_QUANTITY_NOT_POSITIVE
    assert [rejection.reason for rejection in day.rejections] == [
        *[not_positive] * 4,
        portfolio_pb2.REJECTION_REASON_QUANTITY_NOT_WHOLE,
    ]


def test_a_failed_day_leaves_nothing_and_the_next_day_goes_on_from_the_last_good_state(
    service: Service, experiment: str
) -> None:
    orders = {DATES[0]: [("buy", "FLAT", 60)], DATES[1]: [("sell", "FLAT", 60)], DATES[2]: [("buy", "FLAT", 10)]}

    status = service.run(config(scripted("m", orders, raise_on=DATES[1]), end=DATES[2]), experiment=experiment)

    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert service.rows("SELECT * FROM positions WHERE job_id = ? AND date = ?", status.job_id, DATES[1]) == []
    days = service.results(experiment=experiment)
    assert [(day.date, day.cash, dict(day.positions)) for day in days] == [
        (DATES[0], 4000, {"FLAT": 60}),
        (DATES[2], 3000, {"FLAT": 70}),
    ]


def test_a_date_asked_for_again_has_one_row(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", {DATES[0]: [("buy", "FLAT", 1)]}), end=DATES[1]))
    service.run(path, experiment=experiment)

    again = service.trigger(path, experiment=experiment, start_date=DATES[0], end_date=DATES[0])
    service.run(path, experiment=experiment, end_date=DATES[2])

    assert again.outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE
    counted = service.rows(
        "SELECT date, COUNT(*) FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id"
        " WHERE p.experiment = ? GROUP BY date",
        experiment,
    )
    assert counted == [(date, 1) for date in DATES[:3]]
    assert [day.cash for day in service.results(experiment=experiment)] == [9900, 9900, 9900]


def test_no_day_of_a_finished_job_is_pending(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", raise_on=DATES[6]), model("steady"), start="2025-02-20"))
    service.run(path, experiment=experiment, end_date=DATES[3], models=["m"])

    status = service.run(path, experiment=experiment, end_date="2025-03-31")

    progress = status.progress
    assert (progress.pending, progress.running) == (0, 0)
    assert progress.completed + progress.failed + progress.skipped == progress.total_model_days == 16
    assert progress.failed == 1
    assert status.warnings


def test_concurrent_triggers_of_different_jobs_on_one_portfolio_make_one_job(service: Service, experiment: str) -> None:
    paths = [service.write_config(config(model("m"), start=DATES[i % 5])) for i in range(16)]

    with ThreadPoolExecutor(16) as callers:
        outcomes = list(callers.map(lambda path: _outcome(service, path, experiment), paths))

    accepted = [outcome for outcome in outcomes if outcome == "TRIGGER_OUTCOME_ACCEPTED"]
    assert len(accepted) == 1
    assert set(outcomes) <= {"TRIGGER_OUTCOME_ACCEPTED", "ABORTED", "TRIGGER_OUTCOME_UP_TO_DATE"}
    assert service.rows("SELECT COUNT(*) FROM jobs WHERE experiment = ?", experiment) == [(1,)]


def _outcome(service: Service, path: str, experiment: str) -> str:
    try:
        return simulation_pb2.TriggerOutcome.Name(service.trigger(path, experiment=experiment).outcome)
    except grpc.RpcError as error:
        return str(error.code().name)  # type: ignore[attr-defined]


def test_a_hundred_identical_triggers_at_once_make_one_job(service: Service, experiment: str, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    path = service.write_config(config(scripted("m", wait_on=DATES[0], wait_for=str(go_on))))

    with ThreadPoolExecutor(100) as callers:
        answers = list(callers.map(lambda _: service.trigger(path, experiment=experiment), range(100)))

    go_on.touch()
    outcomes = [answer.outcome for answer in answers]
    assert outcomes.count(simulation_pb2.TRIGGER_OUTCOME_ACCEPTED) == 1
    assert outcomes.count(simulation_pb2.TRIGGER_OUTCOME_EXISTING) == 99
    assert len({answer.job_id for answer in answers}) == 1
    assert service.rows("SELECT COUNT(*) FROM jobs WHERE experiment = ?", experiment) == [(1,)]
    assert service.ended(answers[0].job_id).progress.completed == 10


def test_an_unfinished_job_does_not_block_later_ones_after_a_restart(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(max_concurrent_jobs=1)
    go_on = tmp_path / "go-on"
    waiting = config(scripted("m", wait_on=DATES[2], wait_for=str(go_on)))
    unfinished = service.trigger(waiting, end_date=DATES[4]).job_id
    wait_until(go_on.with_name("go-on.reached").exists, "the third day")

    service.restart()

    go_on.touch()
    assert service.ended(unfinished).status == job_pb2.JOB_STATUS_COMPLETED
    assert service.run(waiting).status == job_pb2.JOB_STATUS_COMPLETED


def test_no_model_day_is_done_twice(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(worker_processes=2)
    go_on = tmp_path / "go-on"
    orders = {date: [("buy", "FLAT", 1)] for date in DATES}
    waiting = scripted("m", orders, wait_on=DATES[2], wait_for=str(go_on))
    job_id = service.trigger(
        config(waiting, scripted("n", orders, die_on=DATES[1], once=str(tmp_path / "died")))
    ).job_id
    wait_until(go_on.with_name("go-on.reached").exists, "the third day")
    service.restart()
    go_on.touch()

    service.ended(job_id)

    completed = [
        (event.date, event.model)
        for event in service.events(job_id)
        if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED
    ]
    assert sorted(completed) == sorted({(date, signature) for date in DATES for signature in ("m", "n")})
    assert [day.cash for day in service.results(model="m")] == [10_000 - 100 * n for n in range(1, 11)]
    assert [day.cash for day in service.results(model="n")] == [10_000 - 100 * n for n in range(1, 11)]


def test_sessions_in_parallel_do_not_see_each_other(new_service: Callable[..., Service]) -> None:
    service = new_service(worker_processes=2)
    models = [scripted(f"m{n}", {date: [("buy", "FLAT", n)] for date in DATES}) for n in range(1, 9)]

    service.run(config(*models))

    for n in range(1, 9):
        days = service.results(model=f"m{n}")
        assert [(day.cash, dict(day.positions)) for day in days] == [
            (10_000 - 100 * n * days_traded, {"FLAT": n * days_traded}) for days_traded in range(1, 11)
        ]


def test_a_day_shows_the_holdings_after_its_last_action(service: Service, experiment: str) -> None:
    several = [("buy", "FLAT", 10), ("buy", "UP", 5), ("sell", "FLAT", 4), ("buy", "DOWN", 1)]

    service.run(config(scripted("m", {DATES[0]: several}), end=DATES[0]), experiment=experiment)

    day = day_of(service, experiment, "m", DATES[0])
    minimal = service.results(experiment=experiment, detail=simulation_pb2.RESULT_DETAIL_MINIMAL)
    assert dict(day.positions) == dict(minimal[0].positions) == {"DOWN": 1, "FLAT": 6, "UP": 5}
    assert [dict(row.holdings) for row in day.position_history] == [
        {},
        {"FLAT": 10},
        {"FLAT": 10, "UP": 5},
        {"FLAT": 6, "UP": 5},
        {"FLAT": 6, "UP": 5, "DOWN": 1},
    ]
    assert day.cash == 10_000 - 600 - 50 - 50


def test_triggers_over_many_connections_make_one_job(service: Service, experiment: str, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    path = service.write_config(config(scripted("m", wait_on=DATES[0], wait_for=str(go_on))))
    request = simulation_pb2.TriggerRequest(config_path=path, experiment=experiment)
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(f"127.0.0.1:{service.port}", options=options) for _ in range(10)]

    calls = [SimulationServiceStub(channel).Trigger.future(request, timeout=DEADLINE) for channel in channels]
    answers = {call.result().job_id for call in calls}

    go_on.touch()
    for channel in channels:
        channel.close()
    assert len(answers) == 1
