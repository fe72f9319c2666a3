"""Bad input to the gateway: clear errors in JSON, bounded costs, nothing of the inside told."""

import json
import socket
from collections.abc import Iterator

import pytest

from client.gateway import guarded_protocol
from client.gateway.envelope import CONTENT_SECURITY_POLICY
from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.service import DEADLINE, Service


@pytest.fixture(scope="module")
def gateway(service: Service) -> Iterator[Gateway]:
    with running_gateway(f"127.0.0.1:{service.port}", cors_origins="https://friend.example") as running:
        yield running


def connected(gateway: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE)


def answered(raw: socket.socket) -> tuple[int, dict[str, str]]:
    """Read an answer until the gateway closes; give its code and body."""
    received = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return int(head.split()[1]), json.loads(body)


def sent(gateway: Gateway, data: bytes) -> tuple[int, dict[str, str]]:
    with connected(gateway) as raw:
        raw.sendall(data)
        return answered(raw)


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/simulate",
        "/results/",
        "//results",
        "/simulate/status/",
        "/simulate/status/a/b",
        "/docs/x.css",
        "/dashboard/x.js",
        "/dashboard/..%2fgateway/app.py",
    ],
)
def test_unknown_route_is_not_found(gateway: Gateway, path: str) -> None:
    response = gateway.get(f"{gateway.url}{path}")

    assert (response.status_code, response.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "HEAD", "TRACE"])
def test_unknown_method_is_told_which_are_known(gateway: Gateway, method: str) -> None:
    response = gateway.http.request(method, "/results")

    assert (response.status_code, response.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "job_id",
    [
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        "a%00b",
        "%ff%fe",
        "%F0%9F%A6%86",
        "'; DROP TABLE jobs; --",
        "x" * 200,
        "%0d%0aX: y",
    ],
)
def test_job_id_of_any_form_is_refused_or_not_found(gateway: Gateway, job_id: str) -> None:
    for route in ("status", "progress"):
        response = gateway.get(f"/simulate/{route}/{job_id}")

        assert response.status_code in (400, 404)
        assert set(response.json()) == {"error", "message", "details"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"null", "body"),
        (b"[" * 100_000, "body"),
        (b"{}", "config_path"),
        (b'{"config_path": 7}', "config_path"),
        (b'{"config_path": ""}', "config_path"),
        (b'{"config_path": "\\ud800"}', "config_path"),
        (b'{"config_path": "c.json", "models": "m"}', "models"),
        (b'{"config_path": "c.json", "models": [null]}', "models.0"),
        (b'{"config_path": "c.json", "start_date": "2025-02-30"}', "start_date"),
        (b'{"config_path": "c.json", "experiment": "../up"}', "experiment"),
        (b'{"config_path": "c.json", "shell": "rm"}', "shell"),
        (b'{"config_path": "../../etc/passwd"}', "config_path"),
    ],
)
def test_wrong_body_is_refused_with_the_field_named(gateway: Gateway, body: bytes, field: str) -> None:
    response = gateway.http.post("/simulate/trigger", content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert field in response.json()["details"]["fields"], response.json()


def test_body_of_another_type_is_refused(gateway: Gateway) -> None:
    """A form of a foreign page can be sent without asking; JSON cannot."""
    response = gateway.http.post("/simulate/trigger", content=b'{"config_path": "demo.json"}')

    assert (response.status_code, response.json()["error"]) == (400, "invalid_argument")


@pytest.mark.parametrize("declared", [True, False])
def test_large_body_is_refused(gateway: Gateway, *, declared: bool) -> None:
    body = b'{"config_path": "' + b"x" * 2_000_000 + b'"}'

    response = gateway.http.post(
        "/simulate/trigger",
        content=body if declared else iter([body]),
        headers={"content-type": "application/json"},
    )

    assert (response.status_code, response.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    "query",
    [
        "date=2025-02-30",
        "page_size=-1",
        "page_size=9999999999",
        "page_token=x",
        "detail=all",
        "modle=m",
        "date=a&date=b",
    ],
)
def test_wrong_query_is_refused(gateway: Gateway, query: str) -> None:
    response = gateway.http.get(f"/results?{query}")

    assert response.status_code == 400, response.text
    assert response.json()["details"]["fields"]


def test_header_flood_is_refused(gateway: Gateway) -> None:
    many = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 100) for number in range(1000))

    assert sent(gateway, b"GET /results HTTP/1.1\r\nhost: x\r\n" + many + b"\r\n")[0] == 431
    assert sent(gateway, b"GET /results HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 100_000)[0] == 431
    assert sent(gateway, b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\n\r\n")[0] == 431


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\nhello\r\n"]
)
def test_what_is_not_http_is_refused(gateway: Gateway, data: bytes) -> None:
    assert sent(gateway, data) == (400, {"error": "invalid_request", "message": "this is not HTTP/1.1", "details": {}})


@pytest.mark.parametrize("beginning", [b"", b"GET /results HT", b"GET /results HTTP/1.1\r\nhost: x\r\n"])
def test_request_that_does_not_come_to_its_end_is_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(guarded_protocol, "REQUEST_SECONDS", 0.05)

    code, body = sent(gateway, beginning)

    assert (code, body["error"]) == (408, "request_timeout")


def test_body_that_does_not_come_to_its_end_is_cut(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "REQUEST_SECONDS", 0.05)
    head = (
        b"POST /simulate/trigger HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    )

    with connected(gateway) as raw:
        raw.sendall(head + b'{"config')
        try:
            rest = raw.recv(1)
        except ConnectionResetError:
            rest = b""

    assert rest == b""


def test_too_many_connections_are_refused(service: Service) -> None:
    with running_gateway(f"127.0.0.1:{service.port}", max_connections=3) as small:
        first, second = small.http, connected(small)
        assert first.get("/health").status_code == 200
        with second, connected(small) as third:
            code, body = answered(third)
            assert (code, body["message"]) == (503, "too many connections are open")
            assert first.get("/health").status_code == 200


def test_every_answer_is_safe_for_browsers(gateway: Gateway) -> None:
    for path in ("/health", "/docs", "/openapi.json", "/nope", "/results?date=x"):
        headers = gateway.get(path).headers

        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_page_of_a_foreign_origin_may_not_start_a_job(gateway: Gateway) -> None:
    response = gateway.http.post(
        "/simulate/trigger", json={"config_path": "demo.json"}, headers={"origin": "https://evil.example"}
    )

    assert (response.status_code, response.json()["error"]) == (403, "forbidden")


@pytest.mark.parametrize("own", [True, False])
def test_own_pages_and_named_origins_may_start_a_job(gateway: Gateway, *, own: bool) -> None:
    origin = gateway.url if own else "https://friend.example"

    response = gateway.http.post("/simulate/trigger", json={"config_path": "no.json"}, headers={"origin": origin})

    assert response.status_code == 400
    assert response.headers.get("access-control-allow-origin") == (None if own else "https://friend.example")


def test_cors_is_off_by_default(service: Service) -> None:
    with running_gateway(f"127.0.0.1:{service.port}") as gateway:
        response = gateway.http.get("/health", headers={"origin": "https://friend.example"})

    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/simulate/jobs", "/simulate/status/x"])
def test_unforeseen_error_tells_an_id_and_nothing_else(service: Service, path: str) -> None:
    with running_gateway(f"127.0.0.1:{service.port}") as broken:
        broken.app.state.upstream = None
        response = broken.get(path)

    body = response.json()
    assert (response.status_code, body["error"], body["message"]) == (500, "internal", "internal error")
    assert len(body["details"]["error_id"]) == 8
    assert "Traceback" not in response.text
    assert response.headers["content-security-policy"]
