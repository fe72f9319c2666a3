"""Trigger with replace_existing: dates are run again, and what is replaced counts nowhere but is found."""

from typing import Any

import grpc

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.simulation_pb2 import GetLeaderboardRequest, GetPortfolioTimeseriesRequest, TriggerRequest
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted

#: one share every day, and the same twice
ONE = {date: [("buy", "UP", 1)] for date in DATES}
TWO = {date: [("buy", "UP", 2)] for date in DATES}


def test_done_days_are_left_alone_and_counted_without_it(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), experiment=experiment))
    service.ended(service.trigger(path, end_date=DATES[3]).job_id)

    more = service.trigger(path, end_date=DATES[5])
    service.ended(more.job_id)
    none = service.trigger(path, end_date=DATES[2])

    assert (more.total_model_days, more.done_model_days) == (2, 4)
    assert (none.outcome, none.done_model_days) == (simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE, 3)


def test_dates_asked_for_and_all_later_days_are_run_again(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", ONE), experiment=experiment))
    old = service.run(path).job_id
    before = service.results(job_id=old)

    answer = service.trigger(path, start_date=DATES[4], end_date=DATES[5], replace_existing=True)
    status = service.ended(answer.job_id)

    assert answer.total_model_days == 6
    assert list(answer.warnings) == [
        f"'m': 2 date(s) done already are run again, from {DATES[4]} to {DATES[5]}",
        f"'m': 4 later trading day(s) up to {DATES[9]} are run again as well, as a portfolio is a chain",
    ]
    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    current = service.results(experiment=experiment)
    assert [day.job_id for day in current] == [old] * 4 + [answer.job_id] * 6
    assert [day.date for day in service.results(job_id=answer.job_id)] == list(DATES[4:])
    kept = service.results(job_id=old)
    assert [day.superseded_by_job_id for day in kept] == [""] * 4 + [answer.job_id] * 6
    for day in kept:
        day.ClearField("superseded_by_job_id")
        day.ClearField("superseded_time")
    assert kept == before
    assert service.status(old).progress.completed == 10


def test_replaced_days_count_nowhere(service: Service, experiment: str) -> None:
    service.run(config(scripted("m", ONE), experiment=experiment))
    two = config(scripted("m", TWO), experiment=experiment)
    service.run(config(scripted("m", TWO), experiment=f"{experiment}-fresh"))

    service.run(two, replace_existing=True)

    def told(name: str) -> list[Any]:
        board = service.stub.GetLeaderboard(GetLeaderboardRequest(experiment=name, curve_points=50), timeout=DEADLINE)
        dated = service.stub.GetLeaderboard(GetLeaderboardRequest(experiment=name, date=DATES[4]), timeout=DEADLINE)
        request = GetPortfolioTimeseriesRequest(model="m", experiment=name)
        series = service.stub.GetPortfolioTimeseries(request, timeout=DEADLINE)
        days = service.results(experiment=name)
        for day in days:
            day.ClearField("job_id")
            day.ClearField("experiment")
        return [list(board.leaderboard), list(dated.leaderboard), list(series.timeseries), days]

    assert told(experiment) == told(f"{experiment}-fresh")


def test_definition_may_change_only_from_the_first_day_on(service: Service, experiment: str) -> None:
    service.run(config(scripted("m", ONE), experiment=experiment))
    path = service.write_config(config(scripted("m", TWO), experiment=experiment, cash=5000.0))

    request = TriggerRequest(config_path=path, start_date=DATES[1], replace_existing=True)
    later, without = (
        refusal(service.stub.Trigger, request),
        refusal(service.stub.Trigger, TriggerRequest(config_path=path)),
    )
    whole = service.run(path, replace_existing=True)

    assert (later.reason, without.reason) == ("CONFIG_CHANGED", "CONFIG_CHANGED")
    assert whole.status == job_pb2.JOB_STATUS_COMPLETED
    assert service.results(experiment=experiment)[0].positions["UP"] == 2
    assert service.rows("SELECT initial_cash FROM portfolios WHERE experiment = ?", experiment) == [(5000.0,)]


def test_definition_stays_when_nothing_of_the_replacement_is_committed(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", ONE), experiment=experiment))
    service.run(path)
    before = service.results(experiment=experiment)

    failed = service.run(
        config(scripted("m", TWO, raise_on=",".join(DATES)), experiment=experiment), replace_existing=True
    )

    assert failed.status == job_pb2.JOB_STATUS_FAILED
    assert service.results(experiment=experiment) == before
    assert service.trigger(path).outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE


def test_dates_that_were_passed_over_are_named_and_can_be_run_by_replacing(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", ONE), experiment=experiment))
    service.ended(service.trigger(path, end_date=DATES[1]).job_id)
    service.ended(service.trigger(path, start_date=DATES[4], end_date=DATES[5]).job_id)

    left = service.trigger(path, end_date=DATES[6])
    service.ended(left.job_id)
    whole = service.trigger(path, start_date=DATES[2], end_date=DATES[3], replace_existing=True)
    service.ended(whole.job_id)

    assert any(
        f"2 date(s) before the last trading day {DATES[5]} were passed over" in told and "replace_existing" in told
        for told in left.warnings
    )
    assert whole.total_model_days == 5
    assert [day.date for day in service.results(experiment=experiment)] == list(DATES[:7])


def test_replaced_job_pages_its_results_like_any_other(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", ONE), experiment=experiment))
    old = service.run(path).job_id
    service.run(path, start_date=DATES[3], replace_existing=True)

    pages = service.results(job_id=old, page_size=2, detail=simulation_pb2.RESULT_DETAIL_MINIMAL)

    assert [day.date for day in pages] == list(DATES)
    assert [day.positions["UP"] for day in pages] == list(range(1, 11))


def test_unknown_policy_is_refused(service: Service) -> None:
    wrong = refusal(service.stub.Trigger, TriggerRequest(config_path="x.json", conflict_policy=9))  # type: ignore[arg-type]

    assert (wrong.code, list(wrong.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["conflict_policy"])
