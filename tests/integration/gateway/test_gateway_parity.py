"""The same question over gRPC, through the Python client and over REST has the same answer, or the same refusal."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aitrader.v1 import control_pb2
from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.service_status_pb2 import GetServiceStatusRequest
from aitrader.v1.upkeep_pb2 import GetStorageStatusRequest
from client import AiTraderError, Client
from client.gateway.errors import HTTP_CODES
from client.gateway.upstream import SERVICE
from client.words import (
    DETAIL_WORDS,
    POLICY_WORDS,
    SORT_WORDS,
    STATUS_WORDS,
    detail_value,
    policy_value,
    sort_value,
    status_values,
)
from tests.integration.gateway.event_stream import blocks
from tests.integration.gateway.gateway_server import Gateway
from tests.service import DATES, DEADLINE, Service, config, model, scripted

Fields = dict[str, Any]

#: questions asked of each RPC
QUESTIONS = 25

#: a token belongs to its request, in which a default may be written out or left out
TOKENS = ("next_page_token", "nextPageToken")

#: words that stand before the enum values of the contract
PREFIXES = tuple(
    value.removesuffix("UNSPECIFIED")
    for file in [SERVICE.file, *SERVICE.file.dependencies]
    for enum in file.enum_types_by_name.values()
    for value in enum.values_by_name
    if value.endswith("_UNSPECIFIED")
)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How one RPC is asked in the three ways: with fields of its request, some of them words."""

    #: draws the fields of a question
    draw: Callable[[Random, list[str]], Fields]
    path: str
    client: Callable[[Client, Fields], Message]
    method: str = "GET"
    #: how many questions are asked
    questions: int = QUESTIONS


def some(random: Random, **choices: Any) -> Fields:
    """Draw some of the fields, each out of its choices."""
    return {name: random.choice(values) for name, values in choices.items() if random.random() < 0.5}


DAYS = [*DATES, "2024-01-02", "2025-03-08", "2025-02-30"]
MODELS = ["buyer", "failer", "nobody"]
EXPERIMENTS = ["parity", "empty", "default"]
PAGE_SIZES = [0, 1, 3, 1000]


def job(random: Random, jobs: list[str]) -> Fields:
    return {"job_id": random.choice([*jobs, "nobody"])}


WAYS = {
    "GetStatus": Way(
        draw=lambda random, jobs: job(random, jobs) | some(random, page_size=PAGE_SIZES),
        path="/simulate/status/{job_id}",
        client=lambda client, fields: client.get_status(**fields),
    ),
    "GetResults": Way(
        draw=lambda random, jobs: some(
            random,
            date=DAYS,
            start_date=DAYS,
            end_date=DAYS,
            job_id=jobs,
            model=MODELS,
            experiment=EXPERIMENTS[:1],
            detail=DETAIL_WORDS,
            page_size=PAGE_SIZES,
        ),
        path="/results",
        client=lambda client, fields: client.get_results(**fields),
    ),
    "GetLeaderboard": Way(
        draw=lambda random, _: some(
            random,
            experiment=EXPERIMENTS,
            date=DAYS,
            curve_points=[0, 2, 500],
            sort=SORT_WORDS,
            benchmark=["UP", "NONE"],
            with_metrics=[True],
            page_size=PAGE_SIZES,
        ),
        path="/leaderboard",
        client=lambda client, fields: client.get_leaderboard(**fields),
    ),
    "GetPortfolioTimeseries": Way(
        draw=lambda random, _: (
            {"model": random.choice(MODELS)}
            | some(random, experiment=EXPERIMENTS, start_date=DAYS, end_date=DAYS, page_size=PAGE_SIZES)
        ),
        path="/portfolio/timeseries",
        client=lambda client, fields: client.get_portfolio_timeseries(**fields),
    ),
    "GetMetrics": Way(
        draw=lambda random, _: (
            {"model": random.choice(MODELS)}
            | some(random, experiment=EXPERIMENTS, start_date=DAYS, end_date=DAYS, benchmark=["UP", "NONE"])
        ),
        path="/portfolio/metrics",
        client=lambda client, fields: client.get_metrics(**fields),
    ),
    "ListJobs": Way(
        draw=lambda random, _: some(
            random, statuses=[[word] for word in STATUS_WORDS], experiment=EXPERIMENTS, page_size=PAGE_SIZES
        ),
        path="/simulate/jobs",
        client=lambda client, fields: client.list_jobs(**fields),
    ),
    "GetReasoning": Way(
        draw=lambda random, jobs: job(random, jobs) | {"date": random.choice(DAYS), "model": random.choice(MODELS)},
        path="/reasoning",
        client=lambda client, fields: client.get_reasoning(**fields),
    ),
    "AuditJob": Way(draw=job, path="/audit/{job_id}", client=lambda client, fields: client.audit(**fields)),
    "ListDeliveries": Way(
        draw=lambda random, jobs: job(random, jobs) | some(random, page_size=PAGE_SIZES),
        path="/simulate/{job_id}/deliveries",
        client=lambda client, fields: client.list_deliveries(**fields),
    ),
    "GetPriceCoverage": Way(
        draw=lambda random, _: some(random, page_size=PAGE_SIZES),
        path="/prices/coverage",
        client=lambda client, fields: client.get_price_coverage(**fields),
    ),
    "ListSchedules": Way(
        draw=lambda random, _: some(random, page_size=PAGE_SIZES),
        path="/schedules",
        client=lambda client, fields: client.list_schedules(**fields),
    ),
    "CancelJob": Way(
        draw=lambda random, jobs: job(random, jobs) | some(random, reason=["enough"]),
        path="/simulate/{job_id}/cancel",
        client=lambda client, fields: client.cancel(**fields),
        method="POST",
    ),
    "RetryJob": Way(
        draw=lambda random, jobs: (
            {"job_id": random.choice([*jobs[:2], "nobody"]), "request_id": "again"}
            | some(random, models=[["failer"], ["nobody"]])
        ),
        path="/simulate/{job_id}/retry",
        client=lambda client, fields: client.retry(**fields),
        method="POST",
    ),
    "VerifyJob": Way(
        draw=job,
        path="/simulate/{job_id}/verify",
        client=lambda client, fields: client.verify(timeout=DEADLINE, **fields),
        method="POST",
        questions=8,
    ),
    "Trigger": Way(
        draw=lambda random, _: (
            {"config_path": random.choice(["parity.json", "no.json"]), "experiment": "parity"}
            | some(random, models=[["buyer"], ["nobody"]], start_date=DAYS, end_date=DAYS[:-1], request_id=["a", "b"])
            | some(random, conflict_policy=POLICY_WORDS)
        ),
        path="/simulate/trigger",
        client=lambda client, fields: client.trigger(**fields).response,
        method="POST",
    ),
}


@pytest.fixture(scope="module")
def jobs(service: Service) -> list[str]:
    """Jobs of two models; all that may be asked of `parity.json` has been run, so a trigger starts nothing."""
    buyer = scripted("buyer", {DATES[0]: [("buy", "UP", 10), ("sell", "DOWN", 1)], DATES[3]: [("sell", "UP", 4)]})
    content = config(buyer, model("failer", "rule/buy-and-hold"))
    (service.configs / "parity.json").write_text(json.dumps(content), encoding="utf-8")
    failing = config(scripted("failer", raise_on=DATES[1]), end=DATES[2])
    never = str(service.folder / "never")
    stuck = service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=never)), experiment="stopped").job_id
    service.stub.CancelJob(control_pb2.CancelJobRequest(job_id=stuck, reason="it hangs"), timeout=DEADLINE)
    failed = service.run(failing, experiment="failing").job_id
    service.stub.RetryJob(control_pb2.RetryJobRequest(job_id=failed, request_id="again"), timeout=DEADLINE)
    return [
        service.run("parity.json", experiment="parity").job_id,
        service.ended(failed).job_id,
        service.ended(stuck).job_id,
    ]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[Client]:
    with Client(f"127.0.0.1:{service.port}", timeout=DEADLINE) as made:
        yield made


def over_grpc(service: Service, rpc: str, fields: Fields) -> Message | tuple[grpc.StatusCode, str]:
    known = dict(fields)
    if "detail" in known:
        known["detail"] = detail_value(known["detail"])
    if "sort" in known:
        known["sort"] = sort_value(known["sort"])
    if "conflict_policy" in known:
        known["conflict_policy"] = policy_value(known["conflict_policy"])
    if "statuses" in known:
        known["statuses"] = status_values(known["statuses"])
    request = GetMessageClass(SERVICE.methods_by_name[rpc].input_type)
    try:
        answer: Message = getattr(service.stub, rpc)(request(**known), timeout=DEADLINE)
    except grpc.RpcError as error:
        return error.code(), error.details()  # type: ignore[attr-defined]  # every RpcError of a call is a Call
    return answer


def through_client(client: Client, way: Way, fields: Fields) -> Message | tuple[grpc.StatusCode, str]:
    try:
        return way.client(client, dict(fields))
    except AiTraderError as error:
        return error.code, error.message


def over_rest(gateway: Gateway, way: Way, fields: Fields) -> tuple[int, Any]:
    query = {"status" if name == "statuses" else name: value for name, value in fields.items()}
    path = way.path.format(job_id=query.pop("job_id")) if "{job_id}" in way.path else way.path
    response = gateway.post(path, query) if way.method == "POST" else gateway.get(path, **query)
    return response.status_code, response.json()


def facts(value: Any) -> Counter[str]:
    """Count the facts of an answer, whatever their names and places: numbers, words, times, keys of maps."""
    return Counter(chain.from_iterable(_facts(value)))


def _facts(value: Any) -> Iterator[list[str]]:
    match value:
        case dict():
            for key, entry in value.items():
                if key not in TOKENS:
                    yield from _facts(entry)
        case list():
            for entry in value:
                yield from _facts(entry)
        case str() if value:
            word = next((value.removeprefix(prefix).lower() for prefix in PREFIXES if value.startswith(prefix)), value)
            yield [] if word == "unspecified" else [word]
        case bool() | int() | float():
            yield [repr(float(value))]


def as_facts(message: Message) -> Counter[str]:
    """Count the facts of a message; 64-bit numbers, which JSON writes as text, are numbers."""
    return facts(_with_numbers(MessageToDict(message, always_print_fields_with_no_presence=True), message))


def _with_numbers(content: Any, message: Any) -> Any:
    for field in message.DESCRIPTOR.fields:
        value = content.get(field.json_name)
        if field.cpp_type == field.CPPTYPE_INT64 and value is not None:
            content[field.json_name] = int(value)
        elif isinstance(value, list):
            for entry, part in zip(value, getattr(message, field.name), strict=True):
                if isinstance(entry, dict):
                    _with_numbers(entry, part)
        elif field.message_type is not None and not field.is_repeated and isinstance(value, dict):
            _with_numbers(value, getattr(message, field.name))
    return content


#: RPCs without fields, whose answers move on from one question to the next; each has a test of its own
ALONE = ("GetServiceStatus", "GetStorageStatus")


def test_every_unary_rpc_is_asked() -> None:
    assert {*WAYS, *ALONE} == {method.name for method in SERVICE.methods if not method.server_streaming}


@pytest.mark.parametrize("rpc", WAYS)
def test_same_question_has_the_same_answer_in_every_way(
    rpc: str, service: Service, client: Client, gateway: Gateway, jobs: list[str]
) -> None:
    random, way = Random(rpc), WAYS[rpc]
    codes = set()
    for _ in range(way.questions):
        fields = way.draw(random, jobs)

        direct = over_grpc(service, rpc, fields)
        called = through_client(client, way, fields)
        code, body = over_rest(gateway, way, fields)

        codes.add(code)
        assert called == direct, fields
        if isinstance(direct, tuple):
            assert (code, body["message"]) == (HTTP_CODES[direct[0]], direct[1]), fields
        elif rpc == "Trigger":
            assert triggered(direct) == triggered_by_rest(body), fields
        else:
            assert facts(body) - extra(rpc, body) == as_facts(direct), fields
    # jobs, prices and schedules can always be listed; of all else the sample holds answers and refusals
    assert len(codes) > 1 or rpc in {"ListJobs", "GetPriceCoverage", "ListSchedules"}


def extra(rpc: str, body: Any) -> Counter[str]:
    """Count what REST tells twice for its users: the date of all results."""
    return facts(body["date"]) if rpc == "GetResults" and body["date"] else Counter()


def triggered(response: Any) -> tuple[str, ...]:
    if response.outcome == pb.TRIGGER_OUTCOME_UP_TO_DATE:
        return ("current", response.message, response.last_simulation_date, response.next_trading_day, *response.models)
    return (response.job_id, response.message, *response.date_range, *response.models)


def triggered_by_rest(body: Any) -> tuple[str, ...]:
    if body["status"] == "current":
        return ("current", body["message"], body["last_simulation_date"], body["next_trading_day"], *body["models"])
    return (body["job_id"], body["message"], *body["date_range"], *body["models"])


def test_service_is_told_the_same_in_every_way(service: Service, client: Client, gateway: Gateway) -> None:
    direct = service.stub.GetServiceStatus(GetServiceStatusRequest(), timeout=DEADLINE)
    called = client.service_status()
    body = gateway.get("/service/status").json()

    for answer in (direct, called):  # these have moved on by the next question
        answer.uptime_seconds = answer.free_disk_bytes = 0
        next(part for part in answer.components if part.name == "disk").message = ""
    body |= {"uptime_seconds": 0, "free_disk_bytes": 0}
    next(part for part in body["components"] if part["name"] == "disk")["message"] = None
    assert called == direct
    assert facts(body) == as_facts(direct)


def test_storage_is_told_the_same_in_every_way(service: Service, client: Client, gateway: Gateway) -> None:
    direct = service.stub.GetStorageStatus(GetStorageStatusRequest(), timeout=DEADLINE)
    called = client.storage_status()
    body = gateway.get("/storage").json()

    sizes = ("database_bytes", "wal_bytes", "unused_bytes", "free_disk_bytes")
    for answer in (direct, called):  # counted anew after some seconds
        for name in (*sizes, "counted_time"):
            answer.ClearField(name)
    body |= dict.fromkeys(sizes, 0) | {"counted_at": None}
    assert called == direct
    assert facts(body) == as_facts(direct)


def test_events_are_the_same_in_every_way(
    service: Service, client: Client, gateway: Gateway, jobs: list[str], tmp_path: Path
) -> None:
    for job_id in jobs:
        direct = service.events(job_id)
        called = list(client.watch(job_id))
        with gateway.http.stream("GET", f"/simulate/progress/{job_id}") as response:
            told = [json.loads(block.data) for block in blocks(response) if block.event == "message" and block.data]

        assert called == direct
        assert [facts(event) for event in told] == [as_facts(event) for event in direct]
