"""The contract: the committed stubs are those of the .proto files, and the conventions are kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from aitrader.v1 import (
    callbacks_pb2,
    control_pb2,
    errors_pb2,
    job_pb2,
    metrics_pb2,
    portfolio_pb2,
    prices_pb2,
    progress_pb2,
    replay_pb2,
    schedule_pb2,
    service_status_pb2,
    simulation_pb2,
    upkeep_pb2,
)

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
STUBS = {
    "aitrader/v1/control.proto": control_pb2,
    "aitrader/v1/callbacks.proto": callbacks_pb2,
    "aitrader/v1/errors.proto": errors_pb2,
    "aitrader/v1/job.proto": job_pb2,
    "aitrader/v1/metrics.proto": metrics_pb2,
    "aitrader/v1/portfolio.proto": portfolio_pb2,
    "aitrader/v1/prices.proto": prices_pb2,
    "aitrader/v1/progress.proto": progress_pb2,
    "aitrader/v1/schedule.proto": schedule_pb2,
    "aitrader/v1/service_status.proto": service_status_pb2,
    "aitrader/v1/replay.proto": replay_pb2,
    "aitrader/v1/simulation.proto": simulation_pb2,
    "aitrader/v1/upkeep.proto": upkeep_pb2,
}
UNSIGNED = {
    FieldDescriptorProto.TYPE_UINT32,
    FieldDescriptorProto.TYPE_UINT64,
    FieldDescriptorProto.TYPE_FIXED32,
    FieldDescriptorProto.TYPE_FIXED64,
}


def without_json_names(message: DescriptorProto) -> None:
    """Clear what only the compiler writes down."""
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        without_json_names(nested)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptorProto]:
    out = tmp_path_factory.mktemp("protos") / "descriptors"
    include = Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTOS}", f"-I{include}", "--include_source_info", f"--descriptor_set_out={out}"]
    assert protoc.main([*arguments, *STUBS]) == 0
    return {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}


def test_every_proto_file_has_its_stub_checked() -> None:
    assert {path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto")} == set(STUBS)


@pytest.mark.parametrize("name", STUBS)
def test_stub_is_generated_from_its_proto_file(name: str, compiled: dict[str, FileDescriptorProto]) -> None:
    committed = FileDescriptorProto()
    STUBS[name].DESCRIPTOR.CopyToProto(committed)
    fresh = FileDescriptorProto()
    fresh.CopyFrom(compiled[name])
    fresh.ClearField("source_code_info")

    for message in fresh.message_type:
        without_json_names(message)

    assert committed == fresh


def fields(compiled: dict[str, FileDescriptorProto]) -> Iterator[tuple[str, FieldDescriptorProto, str]]:
    for file in compiled.values():
        comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        for i, message in enumerate(file.message_type):
            for j, field in enumerate(message.field):
                yield f"{message.name}.{field.name}", field, comments.get((4, i, 2, j), "").strip()


def test_every_field_says_whether_it_is_required_optional_or_output(compiled: dict[str, FileDescriptorProto]) -> None:
    wrong = [
        name
        for name, _, comment in fields(compiled)
        if not comment.startswith(
            ("Required.", "Optional.") if re.search(r"Request\.", name) else ("Output only.", "Required.", "Optional.")
        )
    ]

    assert wrong == []


def test_no_field_is_unsigned(compiled: dict[str, FileDescriptorProto]) -> None:
    assert [name for name, field, _ in fields(compiled) if field.type in UNSIGNED] == []


def test_every_rpc_has_a_request_and_a_response_of_its_own_name() -> None:
    for method in simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].methods:
        assert (method.input_type.name, method.output_type.name) == (f"{method.name}Request", f"{method.name}Response")


def test_every_error_reason_shows_an_example_of_its_metadata(compiled: dict[str, FileDescriptorProto]) -> None:
    file = compiled["aitrader/v1/errors.proto"]
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}

    for i, value in enumerate(file.enum_type[0].value):
        if value.number:
            assert "Example of metadata:" in comments[5, 0, 2, i].replace("\n", ""), value.name
