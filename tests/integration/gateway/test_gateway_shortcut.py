"""The short way of a polled status answers as the route does, which a question with a query still takes."""

import gzip
from collections.abc import Iterator

import grpc
import httpx
import pytest

from aitrader.v1 import simulation_pb2 as pb
from tests.integration.client.fake_service import FakeService, failure, serving
from tests.integration.gateway.gateway_server import Gateway, running_gateway

#: a parameter with its default value
ROUTE = "?page_size=0"

#: what differs from answer to answer
OWN = {"date", "x-request-id"}


@pytest.fixture
def fake() -> FakeService:
    status = pb.GetStatusResponse(job_id="j", config_path="c.json")
    for number in range(40):
        status.progress.details.add(date="2025-03-03", model=f"m-{number}")
    return FakeService(status=status, page_size=100)


@pytest.fixture
def gateway(fake: FakeService) -> Iterator[Gateway]:
    with serving(fake) as target, running_gateway(target, cors_origins="https://friend.example") as running:
        yield running


def both(gateway: Gateway, path: str, **headers: str) -> list[httpx.Response]:
    """Ask both ways."""
    found = {"Accept-Encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return [gateway.http.get(f"{path}{query}", headers=found) for query in ("", ROUTE)]


def told(response: httpx.Response) -> object:
    headers = {name: value for name, value in response.headers.items() if name not in OWN}
    return response.status_code, headers, response.content


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/simulate/status/j", {}, 200),
        ("/simulate/status/j", {"Accept_Encoding": "gzip"}, 200),
        ("/simulate/status/j", {"Origin": "https://friend.example"}, 200),
        ("/simulate/status/j", {"X_Request_Timeout": "soon"}, 400),
        (f"/simulate/status/{'j' * 129}", {}, 400),
        ("/simulate/status/", {}, 404),
        ("/simulate/status/j/k", {}, 404),
        ("/simulate/status/%C3%A4%20%00", {}, 200),
    ],
)
def test_both_ways_answer_the_same(gateway: Gateway, path: str, headers: dict[str, str], status: int) -> None:
    short, route = both(gateway, path, **headers)

    assert told(short) == told(route)
    assert short.status_code == status


def test_both_ways_ask_for_the_same_job(gateway: Gateway, fake: FakeService) -> None:
    both(gateway, "/simulate/status/%C3%A4%20%2B")

    assert [request.job_id for request in fake.requests] == ["ä +"] * 2


def test_errors_of_the_server_are_told_the_same(gateway: Gateway, fake: FakeService) -> None:
    fake.failures += [failure(grpc.StatusCode.UNAVAILABLE, "DRAINING", retry_after_seconds="7")] * 2

    short, route = both(gateway, "/simulate/status/j")

    assert told(short) == told(route)
    assert (short.status_code, short.headers["retry-after"]) == (503, "7")


def test_other_methods_of_the_path_are_not_allowed(gateway: Gateway) -> None:
    assert gateway.post("/simulate/status/j").status_code == 405


def test_large_answer_is_compressed_for_who_wants_it(gateway: Gateway) -> None:
    plain = gateway.http.get("/simulate/status/j", headers={"Accept-Encoding": "identity"})
    with gateway.http.stream("GET", "/simulate/status/j", headers={"Accept-Encoding": "gzip"}) as response:
        sent = b"".join(response.iter_raw())

    assert response.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["vary"]
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(sent) == plain.content
    assert len(sent) * 2 < len(plain.content)
