"""Completion callbacks: delivered to real receivers, signed, tried again, refused where they may not go."""

import json
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from pydantic import SecretStr

from aitrader.v1 import callbacks_pb2
from aitrader.v1.callbacks_pb2 import Delivery, ListDeliveriesRequest
from tests.callback_receiver import Fault, Receiver
from tests.service import (
    DATES,
    DEADLINE,
    BackgroundLoop,
    Refusal,
    Service,
    config,
    model,
    refusal,
    scripted,
    start_service,
    wait_until,
)
from tests.standard_webhook import verify

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()

PENDING = callbacks_pb2.DELIVERY_STATUS_PENDING
DELIVERED = callbacks_pb2.DELIVERY_STATUS_DELIVERED
GIVEN_UP = callbacks_pb2.DELIVERY_STATUS_GIVEN_UP

NewService = Callable[..., Service]


def telling(new_service: NewService, *receivers: Receiver, **changed: Any) -> Service:
    """Start a service that may call the receivers, and tries again soon."""
    hosts = ",".join(f"127.0.0.1:{receiver.port}" for receiver in receivers)
    settings = {"callback_hosts": hosts, "callback_secret": SecretStr(SECRET), "callback_retry_delay": 0.01}
    return new_service(**{**settings, **changed})


def deliveries(service: Service, job_id: str) -> list[Delivery]:
    return list(service.stub.ListDeliveries(ListDeliveriesRequest(job_id=job_id), timeout=DEADLINE).deliveries)


def failed_deliveries(service: Service, job_id: str) -> list[Delivery]:
    return [found for found in deliveries(service, job_id) if found.last_error]


def ended_deliveries(service: Service, job_id: str) -> list[Delivery]:
    """Wait until no delivery of an ended job is pending."""
    service.ended(job_id)
    wait_until(lambda: all(found.status != PENDING for found in deliveries(service, job_id)), "the deliveries")
    return deliveries(service, job_id)


def test_end_of_a_job_is_told_once_signed_and_with_its_outcome(new_service: NewService) -> None:
    with Receiver() as receiver:
        service = telling(new_service, receiver)
        models = [model("m"), scripted("n", raise_on=DATES[1])]
        job_id = service.trigger(config(*models, end=DATES[1]), callback_urls=[receiver.url]).job_id
        (delivery,) = ended_deliveries(service, job_id)

    (told,) = receiver.received
    assert told.path == "/told?flow=7"
    assert verify(SECRET, told.headers, told.body)
    assert abs(int(told.headers["webhook-timestamp"]) - time.time()) < DEADLINE
    assert (told.headers["content-type"], told.headers["host"]) == ("application/json", f"127.0.0.1:{receiver.port}")
    body = json.loads(told.body)
    status = service.status(job_id)
    assert body["type"] == "job.ended"
    assert body["data"]["job_id"] == job_id
    assert (body["data"]["status"], body["data"]["experiment"]) == ("partial", "default")
    assert (body["data"]["start_date"], body["data"]["end_date"]) == (DATES[0], DATES[1])
    assert (body["data"]["completed"], body["data"]["failed"], body["data"]["total_model_days"]) == (3, 1, 4)
    assert body["data"]["last_sequence"] == status.last_sequence == delivery.sequence
    assert delivery.delivery_id == told.headers["webhook-id"]
    assert (delivery.status, delivery.attempts, delivery.last_http_status) == (DELIVERED, 1, 200)
    assert (delivery.url, delivery.last_error) == (receiver.url, "")
    assert not delivery.HasField("next_attempt_time")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((500, {}), "answered 500"),
        ((404, {}), "answered 404"),
        ((302, {"location": "http://127.0.0.1:1/elsewhere"}), "redirects are not followed"),
        ((429, {"retry-after": "0"}), "answered 429"),
        (Fault.CLOSE, "the connection broke"),
        (Fault.HANG, "no answer came within 1 seconds"),
        (Fault.DRIP, "no answer came within 1 seconds"),
    ],
    ids=str,
)
def test_what_is_not_acknowledged_is_told_again_with_the_same_id(
    new_service: NewService, reply: Any, error: str
) -> None:
    with Receiver(reply, reply) as receiver:
        slow = isinstance(reply, Fault) and reply is not Fault.CLOSE
        service = telling(new_service, receiver, callback_timeout=1.0 if slow else 30.0, callback_retry_delay=0.5)
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=[receiver.url]).job_id
        failures = list[Delivery]()
        wait_until(lambda: failures.extend(failed_deliveries(service, job_id)) or failures, "the first failure")
        (delivery,) = ended_deliveries(service, job_id)

    assert error in failures[0].last_error
    assert failures[0].HasField("next_attempt_time") == (failures[0].status == PENDING)
    assert (delivery.status, delivery.attempts) == (DELIVERED, 3)
    assert len({told.headers["webhook-id"] for told in receiver.received}) == 1
    assert len({told.body for told in receiver.received}) == 1
    assert all(verify(SECRET, told.headers, told.body) for told in receiver.received)


def test_receiver_that_says_gone_is_told_no_more(new_service: NewService) -> None:
    with Receiver((410, {})) as receiver:
        service = telling(new_service, receiver)
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=[receiver.url]).job_id
        (delivery,) = ended_deliveries(service, job_id)

    assert (delivery.status, delivery.attempts, delivery.last_http_status) == (GIVEN_UP, 1, 410)


def test_delivery_is_given_up_after_the_time_that_is_set(new_service: NewService) -> None:
    with Receiver(*[(503, {})] * 100) as receiver:
        service = telling(new_service, receiver, callback_give_up_after=0.2)
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=[receiver.url]).job_id
        (delivery,) = ended_deliveries(service, job_id)

    assert (delivery.status, delivery.last_http_status) == (GIVEN_UP, 503)
    assert not delivery.HasField("next_attempt_time")


def test_receiver_that_hangs_keeps_no_other_waiting(new_service: NewService) -> None:
    with Receiver(Fault.HANG) as hanging, Receiver() as quick:
        service = telling(new_service, hanging, quick, callback_timeout=300)
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=[hanging.url, quick.url]).job_id
        service.ended(job_id)

        wait_until(lambda: quick.received, "the quick receiver")
        states = {found.url: found.status for found in deliveries(service, job_id)}

    assert states[hanging.url] == PENDING


def test_delivery_survives_a_restart(new_service: NewService) -> None:
    with Receiver(Fault.HANG) as receiver:
        service = telling(new_service, receiver, callback_timeout=300)
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=[receiver.url]).job_id
        wait_until(lambda: receiver.received, "the first attempt")

        service.restart()
        (delivery,) = ended_deliveries(service, job_id)

    assert delivery.status == DELIVERED
    assert len({told.headers["webhook-id"] for told in receiver.received}) == 1


def test_equal_trigger_adds_its_callbacks_to_the_job_that_runs(new_service: NewService, tmp_path: Path) -> None:
    with Receiver() as one, Receiver() as other:
        service = telling(new_service, one, other)
        gate = tmp_path / "gate"
        path = service.write_config(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[0]))
        first = service.trigger(path, callback_urls=[one.url])
        second = service.trigger(path, callback_urls=[other.url, one.url])
        gate.touch()
        found = ended_deliveries(service, first.job_id)

    assert first.job_id == second.job_id
    assert {delivery.url: delivery.status for delivery in found} == {one.url: DELIVERED, other.url: DELIVERED}
    assert [len(one.received), len(other.received)] == [1, 1]


def test_request_id_with_other_callbacks_stands_for_another_request(new_service: NewService) -> None:
    with Receiver() as receiver:
        service = telling(new_service, receiver)
        path = service.write_config(config(model("m"), end=DATES[0]))
        service.trigger(path, request_id="r", callback_urls=[receiver.url])

        with pytest.raises(grpc.RpcError) as caught:
            service.trigger(path, request_id="r")

    assert Refusal(caught.value).reason == "REQUEST_ID_REUSED"


@pytest.fixture(scope="module")
def wary(loop: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that calls any public host, with names of this machine looked up for real."""
    running = start_service(
        loop,
        tmp_path_factory.mktemp("wary"),
        callback_hosts="*",
        callback_secret=SecretStr(SECRET),
        callback_retry_delay=0.01,
        callback_give_up_after=0.0,
    )
    yield running
    running.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://user@example.com/",
        "https://169.254.169.254/",
    ],
)
def test_callback_that_may_not_go_there_is_refused_by_its_place(wary: Service, url: str) -> None:
    path = wary.write_config(config(model("m"), end=DATES[0]))

    with pytest.raises(grpc.RpcError) as caught:
        wary.trigger(path, callback_urls=["https://example.com/", url])

    refused = Refusal(caught.value)
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert set(refused.violations) == {"callback_urls[1]"}


def test_name_that_leads_to_this_machine_is_not_called(wary: Service, experiment: str) -> None:
    with Receiver() as receiver:
        url = f"https://localhost:{receiver.port}/"
        job_id = wary.trigger(config(model("m"), end=DATES[0]), experiment=experiment, callback_urls=[url]).job_id
        (delivery,) = ended_deliveries(wary, job_id)

    assert delivery.status == GIVEN_UP
    assert "is not public" in delivery.last_error
    assert receiver.received == []


def test_name_that_does_not_exist_is_a_failure(wary: Service, experiment: str) -> None:
    url = "https://nobody.invalid/"
    job_id = wary.trigger(config(model("m"), end=DATES[0]), experiment=experiment, callback_urls=[url]).job_id

    (delivery,) = ended_deliveries(wary, job_id)

    assert delivery.last_error == "the name 'nobody.invalid' was not found"


def tls_context(issuer: trustme.CA, name: str) -> ssl.SSLContext:
    """Return the TLS of a server whose certificate is for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name).configure_cert(context)
    return context


def test_certificate_must_be_valid_for_the_name_and_its_issuer_can_be_added(
    new_service: NewService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, strange = trustme.CA(), trustme.CA()
    own.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    contexts = tls_context(own, "localhost"), tls_context(own, "other.test"), tls_context(strange, "localhost")
    with Receiver(tls=contexts[0]) as good, Receiver(tls=contexts[1]) as other, Receiver(tls=contexts[2]) as unknown:
        receivers = [good, other, unknown]
        hosts = ",".join(f"localhost:{receiver.port}" for receiver in receivers)
        service = telling(new_service, callback_hosts=hosts, callback_give_up_after=0.0)
        urls = [f"https://localhost:{receiver.port}/" for receiver in receivers]
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=urls).job_id
        found = {delivery.url: delivery for delivery in ended_deliveries(service, job_id)}

    assert [found[url].status for url in urls] == [DELIVERED, GIVEN_UP, GIVEN_UP]
    assert [len(receiver.received) for receiver in receivers] == [1, 0, 0]
    assert verify(SECRET, good.received[0].headers, good.received[0].body)
    assert found[urls[1]].last_error.startswith("its certificate is not valid: Hostname mismatch")
    assert found[urls[2]].last_error.startswith("its certificate is not valid: ")
    assert "issuer" in found[urls[2]].last_error


def test_too_many_callbacks_are_refused(wary: Service) -> None:
    urls = [f"https://example.com/{number}" for number in range(6)]
    path = wary.write_config(config(model("m"), end=DATES[0]))

    with pytest.raises(grpc.RpcError) as caught:
        wary.trigger(path, callback_urls=urls)

    assert set(Refusal(caught.value).violations) == {"callback_urls"}


def test_without_a_secret_callbacks_are_refused(service: Service) -> None:
    path = service.write_config(config(model("m"), end=DATES[0]))

    with pytest.raises(grpc.RpcError) as caught:
        service.trigger(path, callback_urls=["https://example.com/"])

    assert "AITRADER_CALLBACK_SECRET" in Refusal(caught.value).violations["callback_urls"]


def test_job_without_callbacks_has_no_deliveries(service: Service, experiment: str) -> None:
    job_id = service.run(config(model("m"), end=DATES[0]), experiment=experiment).job_id

    assert deliveries(service, job_id) == []


def test_deliveries_of_an_unknown_job_are_not_found(service: Service) -> None:
    refused = refusal(service.stub.ListDeliveries, ListDeliveriesRequest(job_id="nobody"))

    assert refused.reason == "JOB_NOT_FOUND"


def test_deliveries_are_paged(new_service: NewService) -> None:
    with Receiver() as receiver:
        service = telling(new_service, receiver)
        urls = [f"{receiver.url}&n={number}" for number in range(5)]
        job_id = service.trigger(config(model("m"), end=DATES[0]), callback_urls=urls).job_id
        service.ended(job_id)
        request, found = ListDeliveriesRequest(job_id=job_id, page_size=2), list[str]()
        while True:
            page = service.stub.ListDeliveries(request, timeout=DEADLINE)
            found += [delivery.url for delivery in page.deliveries]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token

    assert found == urls
