"""One script per RPC, each against a live service, through reflection and through the protoset."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import Parse
from google.protobuf.message_factory import GetMessageClass

from aitrader.v1 import job_pb2, simulation_pb2
from tests.e2e.process import require_tool
from tests.integration.grpcurl.script import PROTOSET, file_of, required_fields, run_script
from tests.service import DATES, Service, config, model, refusal, scripted

METHODS = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].methods_by_name

#: how the script learns what the service can do: from the service, or from the file
WAYS: Mapping[str, Mapping[str, str]] = {
    "reflection": {},
    "protoset": {"GRPCURL_PROTOSET": str(PROTOSET)},
}

#: these ask for what the job below has not: an agent, or that it still runs
REFUSED = {"GetReasoning": 69, "CancelJob": 73, "RetryJob": 73}


@pytest.fixture(scope="module")
def known(service: Service) -> Mapping[str, str]:
    """A value for every field that a script may require, of a job that has ended."""
    path = service.write_config(config(model("m", "rule/buy-and-hold")))
    job_id = service.run(path).job_id
    return {"job_id": job_id, "config_path": path, "date": DATES[0], "model": "m"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rpc", METHODS)
def test_script_prints_the_answer_as_json_of_the_contract(
    rpc: str, way: str, service: Service, known: Mapping[str, str]
) -> None:
    arguments = [known[name] for name in required_fields(rpc)]

    done = run_script(file_of(rpc), service, *arguments, settings=WAYS[way])

    assert done.returncode == REFUSED.get(rpc, 0), done.stderr
    if rpc in REFUSED:
        assert json.loads(done.stderr)["details"][0]["domain"] == "aitrader"
    else:
        Parse(documents(done.stdout)[0], GetMessageClass(METHODS[rpc].output_type)())
        assert fields_of(METHODS[rpc].output_type) <= set(json.loads(documents(done.stdout)[0]))


def test_fields_by_name_are_text_or_json(service: Service, known: Mapping[str, str]) -> None:
    asked = simulation_pb2.GetResultsRequest(
        job_id=known["job_id"], model="m", page_size=3, detail=simulation_pb2.RESULT_DETAIL_FULL
    )

    done = run_script(
        file_of("GetResults"),
        service,
        f"job_id={known['job_id']}",
        "model=m",
        "page_size:=3",
        "detail=RESULT_DETAIL_FULL",
    )

    answer = Parse(done.stdout, simulation_pb2.GetResultsResponse())
    assert answer == service.stub.GetResults(asked)
    assert len(answer.results) == 3


def test_text_goes_to_the_service_as_it_is(service: Service) -> None:
    name = """it's "a = b" \\ $HOME `id` ünd\nmehr"""

    done = run_script(file_of("GetPortfolioTimeseries"), service, name, "experiment=none")

    refused = refusal(
        service.stub.GetPortfolioTimeseries,
        simulation_pb2.GetPortfolioTimeseriesRequest(model=name, experiment="none"),
    )
    assert (done.returncode, json.loads(done.stderr)["message"]) == (64 + refused.code.value[0], refused.message)


def test_stream_is_told_to_the_end_and_resumes_after_a_position(service: Service, known: Mapping[str, str]) -> None:
    events = service.events(known["job_id"])

    whole = run_script(file_of("StreamProgress"), service, known["job_id"])
    rest = run_script(file_of("StreamProgress"), service, known["job_id"], "after_sequence:=5")

    assert told(whole.stdout) == [event.sequence for event in events]
    assert told(rest.stdout) == [event.sequence for event in events[5:]]


def test_running_job_is_cancelled(service: Service, experiment: str) -> None:
    waiting = scripted("w", wait_on=DATES[0], wait_for=str(service.folder / f"{experiment}.go"))
    job_id = service.trigger(config(waiting, experiment=experiment)).job_id

    done = run_script(file_of("CancelJob"), service, job_id, "reason=enough")

    assert done.returncode == 0, done.stderr
    assert service.ended(job_id).status == job_pb2.JOB_STATUS_CANCELLED


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "job_id is missing"),
        (["x", "stray"], '"stray" is neither FIELD=TEXT nor FIELD:=JSON'),
        (["x", "page_size:=many"], "page_size: not JSON"),
    ],
)
def test_wrong_usage_is_told_and_exits_with_2(arguments: list[str], word: str, service: Service) -> None:
    done = run_script(file_of("GetStatus"), service, *arguments)

    assert done.returncode == 2
    assert word in done.stderr
    assert "usage: get-status.sh JOB_ID" in done.stderr
    assert done.stdout == ""


def test_field_that_the_request_has_not_is_refused(service: Service) -> None:
    done = run_script(file_of("ListJobs"), service, "colour=red")

    assert done.returncode == 1
    assert "no known field named colour" in done.stderr


def test_missing_tool_is_named(service: Service, tmp_path: Path) -> None:
    for name in ("dirname", "jq", "sh"):
        (tmp_path / name).symlink_to(require_tool(name))

    done = run_script(file_of("GetStatus"), service, "x", settings={"PATH": str(tmp_path)})

    assert (done.returncode, done.stderr) == (127, "grpcurl is not installed\n")


def fields_of(kind: Descriptor) -> set[str]:
    """Return the fields that are told even when they are empty, by the names of the contract."""
    return {field.name for field in kind.fields if not field.containing_oneof}


def documents(text: str) -> list[str]:
    """Return the JSON documents that follow one another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        _, end = decoder.raw_decode(text)
        found.append(text[:end])
        text = text[end:]
    return found


def told(text: str) -> list[int]:
    """Return the sequences of the events of a stream."""
    return [event["sequence"] for document in documents(text) for event in json.loads(document)["events"]]
