"""Jobs with budgets: agents stop when they are used up, and the job says so."""

from collections.abc import Callable
from typing import Any

import grpc
from pydantic import SecretStr

from aitrader.v1 import job_pb2, simulation_pb2
from tests.llm_server import ANY_MODEL, Fault, FaultKind, Faults, LlmServer, ToolCall, always, no_faults, probing
from tests.service import DATES, Service, config, model, refusal, wait_until

KEY = "sk-live-0123456789abcdef"

#: a session is five requests
SCRIPT = probing([ToolCall("add", {"a": number, "b": 1}) for number in range(4)])
PRICES = {"input": 1, "output": 2}

NewService = Callable[..., Service]


def serve(new_service: NewService, vendor: LlmServer, **settings: object) -> Service:
    return new_service(openai_api_base=vendor.base_url, openai_api_key=SecretStr(KEY), **settings)


def played(latency: float = 0.0, faults: Faults = no_faults) -> LlmServer:
    return LlmServer({ANY_MODEL: SCRIPT}, key=KEY, latency=latency, faults=faults)


def agents(*names: str, budget: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [model(name, f"vendor/{name}") | {"prices": PRICES} for name in names]
    agent = {"initial_cash": 10_000.0, "max_retries": 1, "base_delay": 0.01, **more.pop("agent", {})}
    return config(*entries, *more.pop("others", ()), budget=budget, **more) | {"agent_config": agent}


def billed(vendor: LlmServer, name: str = "") -> list[int]:
    """Tokens of each request that the vendor charged for."""
    sent = [one for one in vendor.delivered if one.status == 200 and one.model.endswith(name)]
    return [one.prompt_tokens + one.completion_tokens for one in sent]


def states(status: simulation_pb2.GetStatusResponse, name: str) -> list[str]:
    days = [day for day in status.progress.details if day.model == name]
    return [job_pb2.ModelDayStatus.Name(day.status).removeprefix("MODEL_DAY_STATUS_") for day in days]


def test_a_job_that_uses_up_its_budget_ends_partial_and_says_why(new_service: NewService) -> None:
    with played() as vendor:
        service = serve(new_service, vendor)
        whole = service.run(agents("a", "b", budget={}, end=DATES[0]), experiment="whole")
        limit = 2 * (whole.spending.input_tokens + whole.spending.output_tokens)
        before = len(vendor.delivered)
        status = service.run(agents("a", "b", budget={"job": {"max_tokens": limit}}, others=[model("rule")]))
        requests = billed(vendor)[before:]

    spending = status.spending
    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert status.error.startswith(f"budget: the job has used up its max_tokens of {limit}, with ")
    assert status.error.endswith(f"{status.progress.skipped} model-day(s) were skipped")
    assert limit <= spending.input_tokens + spending.output_tokens <= limit + 2 * max(requests)
    assert spending.input_tokens + spending.output_tokens == sum(requests)
    assert (spending.requests, status.budget.job.max_tokens) == (len(requests), limit)
    for name in ("a", "b"):
        told = states(status, name)
        assert told == sorted(told)
        assert set(told) == {"COMPLETED", "SKIPPED"}
    assert set(states(status, "rule")) == {"COMPLETED"}
    skipped = [event for event in service.events(status.job_id) if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_SKIPPED]
    assert len(skipped) == status.progress.skipped
    assert all(event.error.startswith("budget: ") for event in skipped)


def test_a_model_that_uses_up_its_budget_stops_no_other(new_service: NewService) -> None:
    with played() as vendor:
        service = serve(new_service, vendor)
        content = agents("a", budget={"model": {"max_usd": 0.01}}, end=DATES[3])
        content["models"].append(model("b", "vendor/b") | {"prices": {"input": 0.001, "output": 0.001}})
        status = service.run(content)

    assert states(status, "a")[-1] == "SKIPPED"
    assert states(status, "b") == ["COMPLETED"] * 4
    assert "budget: model 'a' has used up its max_usd of 0.01" in status.error
    assert status.budget.model.max_usd == 0.01
    assert not status.budget.job.HasField("max_usd")
    (stopped,) = service.rows("SELECT COUNT(*) FROM sessions WHERE model = 'a' AND stop_reason = 'max_usd'")
    assert stopped == (1,)


def test_failed_attempts_count_and_so_does_what_came_before_a_restart(new_service: NewService) -> None:
    """Each session's third request fails for good, so nothing completes and everything costs."""

    def third_fails(_number: int, request: Any) -> Fault | None:
        return Fault(FaultKind.SERVER_ERROR) if request.step == 2 and request.date > DATES[0] else None

    with played(0.01, third_fails) as vendor:
        service = serve(new_service, vendor)
        first = service.run(agents("a", budget={}, end=DATES[0]), experiment="one")
        limit = 3 * (first.spending.input_tokens + first.spending.output_tokens) // 2
        before = len(billed(vendor))
        job_id = service.trigger(agents("a", budget={"job": {"max_tokens": limit}})).job_id
        wait_until(lambda: service.status(job_id).spending.sessions >= 2, "the second session's end")
        service.restart()
        status = service.ended(job_id)
        requests = billed(vendor)[before:]

    told = service.rows("SELECT SUM(input_tokens + output_tokens) FROM sessions WHERE job_id = ?", job_id)[0][0]
    assert states(status, "a")[:2] == ["COMPLETED", "FAILED"]
    assert states(status, "a")[-1] == "SKIPPED"
    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert limit <= told <= limit + max(requests)


def test_a_job_with_nothing_to_spend_fails_without_a_request(new_service: NewService) -> None:
    with played() as vendor:
        status = serve(new_service, vendor).run(agents("a", budget={"job": {"max_usd": 0}}))

        assert not vendor.requests
    assert status.status == job_pb2.JOB_STATUS_FAILED
    assert set(states(status, "a")) == {"SKIPPED"}
    assert not status.HasField("spending")


def test_a_limit_in_dollars_needs_a_price(new_service: NewService) -> None:
    with played() as vendor:
        service = serve(new_service, vendor)
        unpriced = config(model("a", "vendor/nobody-knows"), model("b", "openai/gpt-5"))
        paths = [service.write_config(unpriced | {"budget": {name: {"max_usd": 1}}}) for name in ("job", "model")] + [
            service.write_config(unpriced | {"agent_config": {"max_usd": 1}})
        ]
        refused = [refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=path)) for path in paths]

    assert {one.code for one in refused} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert [list(one.violations) for one in refused] == [["config.models[0].prices"]] * 3
    assert "the price of 'vendor/nobody-knows' is not known" in refused[0].message


def test_unknown_keys_and_wrong_limits_of_a_budget_are_told(new_service: NewService) -> None:
    service = new_service()
    wrong = config(model("m"), budget={"job": {"max_tokens": 0}, "model": {"max_usd": -1}})
    odd = config(model("m"), budget={"max_tokens": 5, "job": {"max_eur": 5}})

    refused = refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=service.write_config(wrong)))
    warnings = service.trigger(odd).warnings

    assert set(refused.violations) == {"config.budget.job.max_tokens", "config.budget.model.max_usd"}
    assert [warning.split("'")[1] for warning in warnings] == ["budget.max_tokens", "budget.job.max_eur"]


def test_answers_that_tell_no_tokens_use_up_the_budget(new_service: NewService) -> None:
    with played(faults=always(Fault(FaultKind.NO_USAGE))) as vendor:
        service = serve(new_service, vendor)
        dollars = service.run(agents("a", budget={"job": {"max_usd": 1}}, end=DATES[2]), experiment="dollars")
        asked = len(vendor.requests)
        tokens = service.run(agents("a", budget={"job": {"max_tokens": 10**6}}, end=DATES[2]), experiment="tokens")

    assert states(dollars, "a") == ["COMPLETED", "SKIPPED", "SKIPPED"]
    assert "max_usd of 1, with an unknown amount" in dollars.error
    assert (asked, dollars.spending.unpriced_sessions) == (1, 1)
    assert states(tokens, "a") == ["COMPLETED"] * 3
    assert len(vendor.requests) == asked + 3
