"""Trigger: what is planned, what is left out and why, what is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import job_pb2
from aitrader.v1.simulation_pb2 import (
    TRIGGER_OUTCOME_ACCEPTED,
    TRIGGER_OUTCOME_EXISTING,
    TRIGGER_OUTCOME_UP_TO_DATE,
    TriggerRequest,
)
from tests.service import DATES, DEADLINE, NEXT_TRADING_DAY, Service, bar, config, model, refusal, scripted


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that waiting traders wait for."""
    return tmp_path / "gate"


def waiting(signature: str, gate: Path, date: str = DATES[0]) -> dict[str, object]:
    return scripted(signature, wait_on=date, wait_for=str(gate))


def test_accepted_job_is_told_in_full(service: Service, experiment: str) -> None:
    answer = service.trigger(config(model("m"), model("n"), end=DATES[2]), experiment=experiment)

    assert answer.outcome == TRIGGER_OUTCOME_ACCEPTED
    assert answer.status == job_pb2.JOB_STATUS_PENDING
    assert (answer.experiment, list(answer.models), list(answer.date_range)) == (experiment, ["m", "n"], [*DATES[:3]])
    assert answer.total_model_days == 6
    assert answer.created_time.seconds > 0
    assert answer.message
    assert not answer.warnings


@pytest.mark.parametrize("prefix", ["", "configs/", "./", "./configs/"])
def test_config_path_may_have_the_old_prefix(service: Service, experiment: str, prefix: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[0]))

    status = service.run(f"{prefix}{path}", experiment=experiment)

    assert status.config_path == path


def test_config_in_a_subfolder_is_found(service: Service, experiment: str) -> None:
    (service.configs / "daily").mkdir()
    path = service.write_config(config(model("m"), end=DATES[0]))
    (service.configs / path).rename(service.configs / "daily" / path)

    assert service.run(f"configs/daily/{path}", experiment=experiment).config_path == f"daily/{path}"


def test_experiment_of_the_request_goes_before_that_of_the_config(service: Service, experiment: str) -> None:
    own = config(model("m"), end=DATES[0], experiment=f"{experiment}-config")

    assert service.run(own).experiment == f"{experiment}-config"
    assert service.run(own, experiment=experiment).experiment == experiment


def test_dates_of_the_request_go_before_those_of_the_config(service: Service, experiment: str) -> None:
    answer = service.trigger(
        config(model("m"), end=DATES[1]), experiment=experiment, start_date=DATES[2], end_date=DATES[4]
    )

    assert list(answer.date_range) == [*DATES[2:5]]


def test_config_without_an_end_runs_to_the_last_date_with_prices(service: Service, experiment: str) -> None:
    answer = service.trigger(config(model("m"), start=DATES[5], end=None), experiment=experiment)

    assert list(answer.date_range) == [*DATES[5:]]


def test_models_of_the_request_run_even_when_they_are_disabled(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("on"), model("off") | {"enabled": False}, end=DATES[0]))

    enabled = service.trigger(path, experiment=experiment)
    chosen = service.trigger(path, experiment=f"{experiment}-2", models=["off"])

    assert list(enabled.models) == ["on"]
    assert list(chosen.models) == ["off"]


def test_model_named_twice_runs_once(service: Service, experiment: str) -> None:
    answer = service.trigger(config(model("m"), end=DATES[0]), experiment=experiment, models=["m", "m"])

    assert answer.total_model_days == 1


def test_catch_up_runs_only_what_each_model_lacks(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("ahead"), model("behind"), end=None))
    service.run(path, experiment=experiment, models=["ahead"], end_date=DATES[6])
    service.run(path, experiment=experiment, models=["behind"], end_date=DATES[2])

    answer = service.trigger(path, experiment=experiment)

    service.ended(answer.job_id)
    done = service.rows("SELECT model, date FROM job_details WHERE job_id = ? ORDER BY model, date", answer.job_id)
    assert done == [*(("ahead", date) for date in DATES[7:]), *(("behind", date) for date in DATES[3:])]
    assert any("'ahead': 7 date(s) left out, done already" in warning for warning in answer.warnings)
    assert any("'behind': 3 date(s) left out" in warning for warning in answer.warnings)


def test_everything_done_is_up_to_date_and_makes_no_job(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), model("n")))
    service.run(path, experiment=experiment)

    answer = service.trigger(path, experiment=experiment)

    assert answer.outcome == TRIGGER_OUTCOME_UP_TO_DATE
    assert (answer.job_id, answer.status, answer.total_model_days) == ("", job_pb2.JOB_STATUS_UNSPECIFIED, 0)
    assert answer.last_simulation_date == DATES[-1]
    assert answer.next_trading_day == NEXT_TRADING_DAY
    assert DATES[-1] in answer.message
    assert service.rows("SELECT COUNT(*) FROM jobs WHERE experiment = ?", experiment) == [(1,)]


def test_new_prices_make_a_new_job(new_service: Callable[..., Service]) -> None:
    service = new_service()
    path = service.write_config(config(model("m"), end=None))
    service.run(path)
    service.import_market([bar("UP", "2025-03-17", 20, 21)])

    answer = service.trigger(path)

    assert list(answer.date_range) == ["2025-03-17"]


def test_service_without_prices_says_so(new_service: Callable[..., Service]) -> None:
    service = new_service()
    service.db.execute_sql("DELETE FROM price_bars")
    service.db.execute_sql("INSERT INTO price_imports VALUES (99, '', '', 0, 0, 0)")

    refused = refusal(service.stub.Trigger, TriggerRequest(config_path=service.write_config(config(model("m")))))

    assert "no prices were imported yet" in refused.violations["start_date"]


def test_warnings_say_which_dates_and_symbols_have_no_prices(service: Service, experiment: str) -> None:
    wide = config(model("m"), start="2025-02-03", end="2025-04-30", universe=["UP", "GONE"])

    answer = service.trigger(wide, experiment=experiment)

    told = "\n".join(answer.warnings)
    assert f"prices begin on {DATES[0]}" in told
    assert f"prices end on {DATES[-1]}" in told
    assert "GONE" in told
    assert list(answer.date_range) == [*DATES]
    assert list(service.status(answer.job_id).warnings) == list(answer.warnings)


def test_weekdays_without_prices_are_warned_of(new_service: Callable[..., Service]) -> None:
    service = new_service()
    service.import_market([bar("UP", "2025-03-20", 20, 21)])

    answer = service.trigger(config(model("m"), end="2025-03-20"))

    assert any("2025-03-17, 2025-03-18, 2025-03-19" in warning for warning in answer.warnings)


def test_dates_passed_over_are_warned_of(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m")))
    service.run(path, experiment=experiment, end_date=DATES[0])

    answer = service.trigger(path, experiment=experiment, start_date=DATES[3])

    assert any("2 trading date(s) between" in warning for warning in answer.warnings)


def test_unknown_keys_of_the_config_are_warned_of_with_their_path(service: Service, experiment: str) -> None:
    content = config(model("m") | {"colour": "red"}, end=DATES[0], comment="mine")
    content["agent_config"]["mood"] = 1

    answer = service.trigger(content, experiment=experiment)

    told = "\n".join(answer.warnings)
    assert all(key in told for key in ("'comment'", "'models[0].colour'", "'agent_config.mood'"))


def test_universe_limits_what_is_traded(service: Service, experiment: str) -> None:
    (service.configs / "universe.json").write_text('["UP"]')
    narrow = config(model("m", "rule/buy-and-hold"), end=DATES[1], universe="universe.json")

    service.run(narrow, experiment=experiment)

    (*_, last) = service.results(experiment=experiment)
    assert set(last.positions) == {"UP"}


def test_same_job_triggered_while_it_runs_is_the_existing_one(service: Service, experiment: str, gate: Path) -> None:
    path = service.write_config(config(waiting("m", gate)))
    first = service.trigger(path, experiment=experiment)

    again = service.trigger(f"configs/{path}", experiment=experiment)

    gate.touch()
    assert (again.outcome, again.job_id) == (TRIGGER_OUTCOME_EXISTING, first.job_id)
    assert again.total_model_days == first.total_model_days
    service.ended(first.job_id)


def test_other_job_on_the_same_portfolio_is_a_conflict(service: Service, experiment: str, gate: Path) -> None:
    content = config(waiting("m", gate), model("n"), end=DATES[4])
    path = service.write_config(content)
    running = service.trigger(path, experiment=experiment, models=["m"])

    refused = refusal(service.stub.Trigger, TriggerRequest(config_path=path, experiment=experiment))

    gate.touch()
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "JOB_CONFLICT")
    assert refused.info.metadata["current_job_id"] == running.job_id
    assert refused.info.metadata["current_start_date"] == DATES[0]
    assert refused.info.metadata["current_end_date"] == DATES[4]
    assert "'m'" in refused.message
    service.ended(running.job_id)


def test_jobs_on_different_portfolios_run_at_the_same_time(new_service: Callable[..., Service], gate: Path) -> None:
    service = new_service(worker_processes=2, max_concurrent_jobs=2)
    path = service.write_config(config(waiting("m", gate), model("n")))
    first = service.trigger(path, models=["m"])

    second = service.run(path, models=["n"])

    assert second.status == job_pb2.JOB_STATUS_COMPLETED
    assert service.status(first.job_id).status in {job_pb2.JOB_STATUS_PENDING, job_pb2.JOB_STATUS_RUNNING}
    gate.touch()
    service.ended(first.job_id)


def test_job_beyond_the_limit_is_a_conflict(new_service: Callable[..., Service], gate: Path) -> None:
    service = new_service(max_concurrent_jobs=1)
    first = service.trigger(config(waiting("m", gate)), experiment="first")
    other = TriggerRequest(config_path=service.write_config(config(model("m"))), experiment="second")

    refused = refusal(service.stub.Trigger, other)

    gate.touch()
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "JOB_CONFLICT")
    assert refused.info.metadata["current_job_id"] == first.job_id
    service.ended(first.job_id)
    assert service.stub.Trigger(other, timeout=DEADLINE).outcome == TRIGGER_OUTCOME_ACCEPTED


def test_same_request_id_returns_the_first_job_while_it_runs_and_after(
    service: Service, experiment: str, gate: Path
) -> None:
    path = service.write_config(config(waiting("m", gate)))
    fields = {"experiment": experiment, "request_id": f"id-{experiment}"}
    first = service.trigger(path, **fields)

    during = service.trigger(path, **fields)
    gate.touch()
    service.ended(first.job_id)
    after = service.trigger(path, **fields)

    assert {first.job_id} == {during.job_id, after.job_id}
    assert during.outcome == after.outcome == TRIGGER_OUTCOME_EXISTING
    assert after.status == job_pb2.JOB_STATUS_COMPLETED


def test_same_request_id_with_other_content_already_exists(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[0]))
    key = f"id-{experiment}"
    first = service.run(path, experiment=experiment, request_id=key)

    for other in ({"end_date": DATES[5]}, {"models": ["m"]}, {"experiment": f"{experiment}-other"}):
        request = TriggerRequest(**{"config_path": path, "experiment": experiment, "request_id": key, **other})
        refused = refusal(service.stub.Trigger, request)

        assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
        assert dict(refused.info.metadata) == {"request_id": key, "job_id": first.job_id}


def test_request_id_of_an_answer_without_a_job_stays_free(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[0]))
    service.run(path, experiment=experiment)
    key = f"id-{experiment}"
    assert service.trigger(path, experiment=experiment, request_id=key).outcome == TRIGGER_OUTCOME_UP_TO_DATE

    answer = service.trigger(path, experiment=experiment, request_id=key, end_date=DATES[1])

    assert answer.outcome == TRIGGER_OUTCOME_ACCEPTED


def test_concurrent_triggers_with_one_request_id_make_one_job(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[1]))
    fields = {"experiment": experiment, "request_id": f"id-{experiment}"}

    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda _: service.trigger(path, **fields), range(20)))

    assert len({answer.job_id for answer in answers}) == 1
    assert [answer.outcome for answer in answers].count(TRIGGER_OUTCOME_ACCEPTED) == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (config(model("m", "rule/hold-cash"), cash=20_000), "initial_cash"),
        (config(model("m", "rule/momentum")), "basemodel"),
        (config(model("m", "rule/random", seed=2)), "parameters"),
    ],
    ids=["cash", "kind", "parameters"],
)
def test_portfolio_goes_on_with_the_definition_it_began_with(
    service: Service, experiment: str, changed: dict[str, object], told: str
) -> None:
    service.run(config(model("m", "rule/hold-cash")), experiment=experiment, end_date=DATES[0])

    refused = refusal(
        service.stub.Trigger, TriggerRequest(config_path=service.write_config(changed), experiment=experiment)
    )

    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CONFIG_CHANGED")
    assert refused.info.metadata["experiment"] == experiment
    assert refused.info.metadata["model"] == "m"
    assert told in refused.info.metadata["changed"].split(",")


def test_same_cash_written_otherwise_is_no_change(service: Service, experiment: str) -> None:
    service.run(config(model("m"), cash=10_000), experiment=experiment, end_date=DATES[0])

    status = service.run(config(model("m"), cash=10_000.00), experiment=experiment, end_date=DATES[1])

    assert status.status == job_pb2.JOB_STATUS_COMPLETED


def test_ancestor_config_of_an_agent_without_a_key_is_refused_with_what_to_set(service: Service) -> None:
    ancestors = {
        "agent_type": "BaseAgent",
        "date_range": {"init_date": "2025-10-01", "end_date": "2025-10-21"},
        "models": [{"name": "gpt-5", "basemodel": "openai/gpt-5", "signature": "gpt-5", "enabled": True}],
        "agent_config": {"max_steps": 30, "max_retries": 3, "base_delay": 1.0, "initial_cash": 10000.0},
        "log_config": {"log_path": "./data/agent_data"},
    }

    refused = refusal(service.stub.Trigger, TriggerRequest(config_path=service.write_config(ancestors)))

    assert list(refused.violations) == ["config.models[0].basemodel"]
    assert "OPENAI_API_KEY" in refused.violations["config.models[0].basemodel"]


def test_caller_who_goes_away_does_not_undo_the_job(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[1]))
    request = TriggerRequest(config_path=path, experiment=experiment, request_id=f"id-{experiment}")

    call = service.stub.Trigger.future(request, timeout=DEADLINE)
    call.cancel()

    answer = service.stub.Trigger(request, timeout=DEADLINE)
    assert service.ended(answer.job_id).progress.completed == 2
