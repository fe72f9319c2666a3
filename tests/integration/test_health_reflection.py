"""The standard services beside ours: health and reflection."""

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from aitrader.v1 import simulation_pb2
from tests.service import DATES, DEADLINE, Service, config, scripted, wait_until

NAME = "aitrader.v1.SimulationService"


@pytest.mark.parametrize("name", ["", NAME])
def test_running_service_is_serving(service: Service, name: str) -> None:
    answer = service.health.Check(HealthCheckRequest(service=name), timeout=DEADLINE)

    assert answer.status == HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(service: Service) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        service.health.Check(HealthCheckRequest(service="nobody"), timeout=DEADLINE)

    assert caught.value.code() == grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]


def test_stopping_service_says_that_it_does_not_serve_any_more(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(shutdown_grace=60.0)
    gate = tmp_path / "gate"
    service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[0]))
    wait_until((tmp_path / "gate.reached").exists, "the first day")
    watch = service.health.Watch(HealthCheckRequest(service=NAME), timeout=DEADLINE)
    assert next(watch).status == HealthCheckResponse.SERVING

    stopping = service.begin_stop()

    assert next(watch).status == HealthCheckResponse.NOT_SERVING
    watch.cancel()
    gate.touch()
    stopping.result(DEADLINE)
    service.start()


def _reflect(service: Service, **request: str) -> list[bytes | str]:
    (answer,) = ServerReflectionStub(service.channel).ServerReflectionInfo(
        iter([ServerReflectionRequest(**request)]), timeout=DEADLINE
    )
    if answer.HasField("list_services_response"):
        return [found.name for found in answer.list_services_response.service]
    return list(answer.file_descriptor_response.file_descriptor_proto)


def test_reflection_lists_every_service(service: Service) -> None:
    assert set(_reflect(service, list_services="")) == {
        NAME,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_reflection_tells_the_contract(service: Service) -> None:
    files = [FileDescriptorProto.FromString(file) for file in _reflect(service, file_containing_symbol=NAME)]  # type: ignore[arg-type]

    methods = {method.name for file in files for found in file.service for method in found.method}
    ours = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"]
    assert methods == {method.name for method in ours.methods}
