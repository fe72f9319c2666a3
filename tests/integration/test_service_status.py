"""GetServiceStatus, and tool services in the standard health service."""

import asyncio
import shutil
import socket
from collections.abc import Callable

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from pydantic import SecretStr

from aitrader.v1 import service_status_pb2 as pb
from server.tools.open_sessions import OpenSessions
from server.tools.services import ToolService
from server.tools.tool_servers import ToolServers
from tests.service import DATES, DEADLINE, Service, free_port, small_market

HEALTHY, UNHEALTHY, OFF = pb.COMPONENT_STATUS_HEALTHY, pb.COMPONENT_STATUS_UNHEALTHY, pb.COMPONENT_STATUS_OFF
MATH = HealthCheckRequest(service="aitrader.tools.math")

#: settings of a service that looks at no port
NO_PORTS = dict.fromkeys(("math_http_port", "search_http_port", "trade_http_port", "getprice_http_port"), 0)


def ask(service: Service) -> pb.GetServiceStatusResponse:
    return service.stub.GetServiceStatus(pb.GetServiceStatusRequest(), timeout=DEADLINE)


def parts(answer: pb.GetServiceStatusResponse) -> dict[str, pb.Component]:
    return {part.name: part for part in answer.components}


def test_service_tells_its_version_and_how_each_part_is(new_service: Callable[..., Service]) -> None:
    service = new_service(**NO_PORTS)

    answer = ask(service)

    found = parts(answer)
    assert answer.status == HEALTHY, answer
    assert answer.version
    assert answer.uptime_seconds >= 0
    assert answer.start_time.seconds > 0
    assert (answer.symbols, answer.first_date, answer.last_date) == (4, DATES[0], DATES[-1])
    assert answer.free_disk_bytes <= shutil.disk_usage(service.folder).total
    assert list(found) == ["database", "market_data", "disk", "worker_pool", "math", "search", "trade", "price"]
    assert {name for name, part in found.items() if part.status == OFF} == {"math", "search", "trade", "price"}
    assert found["market_data"].message == f"4 symbols, {DATES[0]} to {DATES[-1]}"
    assert found["worker_pool"].message == "1 of 1 worker processes are alive"
    assert found["search"].message == "no key: agents have no search; not served over MCP"


def test_service_without_prices_is_unhealthy_until_some_are_imported(new_service: Callable[..., Service]) -> None:
    service = new_service(**NO_PORTS)
    service.db.execute_sql("DELETE FROM price_bars")
    service.db.execute_sql("DELETE FROM price_imports")

    without = ask(service)
    service.import_market(small_market())
    imported = ask(service)

    assert parts(without)["market_data"].status == UNHEALTHY
    assert without.status == UNHEALTHY
    assert (imported.status, imported.symbols) == (HEALTHY, 4)


def test_disk_with_less_room_than_wanted_is_unhealthy(new_service: Callable[..., Service]) -> None:
    answer = ask(new_service(**NO_PORTS, min_free_disk_mb=2**40))

    assert parts(answer)["disk"].status == UNHEALTHY
    assert answer.status == UNHEALTHY


def test_key_of_the_search_is_told_of_and_not_told(new_service: Callable[..., Service]) -> None:
    answer = ask(new_service(**NO_PORTS, jina_api_key=SecretStr("jina-0123456789")))

    assert parts(answer)["search"].message == "agents have it in process; not served over MCP"
    assert "jina-0123456789" not in str(answer)


async def test_tool_services_are_told_of_while_they_are_served(new_service: Callable[..., Service]) -> None:
    ports = {service: free_port() for service in ToolService}
    service = new_service(**dict(zip(NO_PORTS, ports.values(), strict=True)))
    with pytest.raises(grpc.RpcError) as unknown:
        await asyncio.to_thread(service.health.Check, MATH, timeout=DEADLINE)

    async with ToolServers(OpenSessions(), "127.0.0.1", ports):
        served = await asyncio.to_thread(ask, service)
        serving = await asyncio.to_thread(service.health.Check, MATH, timeout=DEADLINE)
    gone = await asyncio.to_thread(service.health.Check, MATH, timeout=DEADLINE)
    after = await asyncio.to_thread(ask, service)

    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]
    assert {parts(served)[name].status for name in ToolService} == {HEALTHY}
    assert serving.status == HealthCheckResponse.SERVING
    assert gone.status == HealthCheckResponse.NOT_SERVING
    assert {parts(after)[name].status for name in ToolService} == {OFF}


def test_stranger_at_the_port_of_a_tool_service_is_told_and_does_not_count(new_service: Callable[..., Service]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = ask(new_service(**{**NO_PORTS, "trade_http_port": silent.getsockname()[1]}))

    assert parts(answer)["trade"].status == UNHEALTHY
    assert "does not answer as it" in parts(answer)["trade"].message
    assert answer.status == HEALTHY


def test_database_that_does_not_answer_is_unhealthy(new_service: Callable[..., Service]) -> None:
    service = new_service(**NO_PORTS)
    service.db.execute_sql("ALTER TABLE price_imports RENAME TO elsewhere")

    answer = ask(service)
    service.db.execute_sql("ALTER TABLE elsewhere RENAME TO price_imports")

    assert parts(answer)["database"].status == UNHEALTHY
    assert "Traceback" not in str(answer)
