"""Schemathesis: whatever OpenAPI allows or forbids, the gateway answers as OpenAPI says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from client.gateway.app import create_app
from client.gateway.settings import GatewaySettings
from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.service import Service, config, model

#: what OpenAPI cannot say: that a token is one of ours, that a file is there, that one date is not after another
UNSAID = [positive_data_acceptance]

BOUNDED = settings(
    max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

OPERATIONS = sorted(
    operation["operationId"]
    for path in create_app(GatewaySettings()).openapi()["paths"].values()
    for operation in path.values()
)


@pytest.fixture(scope="module")
def gateway(service: Service) -> Iterator[Gateway]:
    """A gateway in front of a service that has the config and the experiment of the document's examples."""
    (service.configs / "demo.json").write_text(json.dumps(config(model("m"))), encoding="utf-8")
    service.run("demo.json", experiment="demo")
    with running_gateway(f"127.0.0.1:{service.port}") as running:
        yield running


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")


def patient(case: Any) -> None:
    """Leave the server time: a deadline of no time at all is allowed, and rightly answered with 504."""
    case.headers = {**(case.headers or {}), "X-Request-Timeout": "60"}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_answer_is_as_the_document_says(document: Any, operation_id: str, mode: GenerationMode) -> None:
    operation = document.find_operation_by_id(operation_id)

    @BOUNDED
    @given(case=operation.as_strategy(mode))
    def answered(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE:
            patient(case)
        case.call_and_validate(excluded_checks=UNSAID)

    answered()


def test_answers_lead_to_questions_that_are_answered(document: BaseSchema) -> None:
    class Walk(document.as_state_machine()):  # type: ignore[misc]  # a class that is made at run time
        def before_call(self, case: Any) -> None:
            patient(case)

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            case.validate_response(response, excluded_checks=UNSAID)

    Walk.run(settings=settings(BOUNDED, stateful_step_count=4))
