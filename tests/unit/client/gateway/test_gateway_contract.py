"""The gateway and the contract: every RPC has a route, every field is told, every setting and route is documented."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pydantic import TypeAdapter

from client import gateway
from client.gateway.app import ROUTERS, create_app
from client.gateway.errors import CODE_WORDS, HTTP_CODES
from client.gateway.json_form import encode, plain
from client.gateway.settings import GatewaySettings, SettingsError, as_environment, load_settings, variable
from client.gateway.upstream import SERVICE

README = (Path(gateway.__file__).parent / "README.md").read_text(encoding="utf-8")
ROUTES = [
    route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema
]
#: these answer with more than the RPC's message, or with a stream of it
OF_THEIR_OWN = {"Trigger", "StreamProgress"}
SAMPLES: dict[int, Any] = {
    FieldDescriptor.CPPTYPE_STRING: "text",
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
    FieldDescriptor.CPPTYPE_INT32: 7,
    FieldDescriptor.CPPTYPE_INT64: 7,
}


def filled(descriptor: Descriptor, enum_number: int) -> Message:
    """Build a message in which every field is set, lists have one entry, and enums have a value if there is one."""
    message: Any = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)["key"] = 7
        elif field.message_type is not None:
            part = filled(field.message_type, enum_number)
            getattr(message, field.name).append(part) if field.is_repeated else getattr(message, field.name).CopyFrom(
                part
            )
        else:
            value = SAMPLES.get(field.cpp_type, 1)
            if field.enum_type is not None:
                value = enum_number if enum_number in field.enum_type.values_by_number else 1
            getattr(message, field.name).append(value) if field.is_repeated else setattr(message, field.name, value)
    return message


RPCS = {method.name for method in SERVICE.methods}


def test_every_rpc_has_exactly_one_route() -> None:
    operations = [route.operation_id for route in ROUTES]

    assert set(operations) >= RPCS
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize("rpc", sorted(RPCS - OF_THEIR_OWN))
def test_model_of_an_answer_has_the_fields_and_words_of_the_contract(rpc: str) -> None:
    """Unknown keys are forbidden and no key may be missing, so the two are equal."""
    response = SERVICE.methods_by_name[rpc].output_type
    (model,) = (route.response_model for route in ROUTES if route.operation_id == rpc)

    for enum_number in range(1, 12):
        TypeAdapter(model).validate_python(plain(filled(response, enum_number)))


def test_numbers_that_json_lacks_are_null() -> None:
    response: Any = GetMessageClass(SERVICE.methods_by_name["GetLeaderboard"].output_type)()
    response.leaderboard.add(portfolio_value=float("nan"), curve=[float("inf"), 1.0])

    assert b'"portfolio_value":null' in encode(response)
    assert b'"curve":[null,1.0]' in encode(response)


def test_readme_lists_every_route_with_its_rpc() -> None:
    for route in ROUTES:
        (method,) = route.methods
        rpc = f"`{route.operation_id}`" if route.operation_id in RPCS else ""
        assert re.search(rf"^\| `{method} {re.escape(route.path)}` \| *{rpc} *\|", README, re.MULTILINE), route.path


def test_readme_lists_no_route_that_is_not_there() -> None:
    listed = re.findall(r"^\| `(\w+) (/[^`]*)` \|", README, re.MULTILINE)

    assert {(method, path) for route in ROUTES for method, path in [(*route.methods, route.path)]} == set(listed)


def test_readme_lists_every_code_and_word() -> None:
    for code in {*HTTP_CODES.values(), *CODE_WORDS} - {401, 499}:  # nobody is asked who they are; nobody reads a 499
        assert re.search(rf"^\|.*\b{code}\b", README, re.MULTILINE), code


def test_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    for name, field in GatewaySettings.model_fields.items():
        default = f"`{field.default}`" if field.default != "" else ""
        assert f"| `{variable(name)}` | {default} | {field.description} |" in README


def test_settings_come_from_the_environment_and_options_win() -> None:
    environment = {
        "AITRADER_SERVER": "there:1",
        "API_PORT": "9000",
        "API_CORS_ORIGINS": "https://a.example/, https://b.example",
    }

    settings = load_settings(environment, port=9001, host=None)

    assert (settings.server, settings.port, settings.host) == ("there:1", 9001, "127.0.0.1")
    assert settings.origins == ("https://a.example", "https://b.example")
    assert load_settings(as_environment(settings)) == settings


def test_wrong_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="setting 'port' is wrong"):
        load_settings({"API_PORT": "http"})


def test_openapi_tells_examples_headers_and_links() -> None:
    document = create_app(GatewaySettings()).openapi()

    trigger = document["paths"]["/simulate/trigger"]["post"]
    assert document["components"]["schemas"]["TriggerBody"]["examples"]
    assert {"X-Request-ID", "X-Request-Timeout"} <= {parameter["name"] for parameter in trigger["parameters"]}
    assert trigger["responses"]["202"]["links"]["GetStatus"]["operationId"] == "GetStatus"
    assert "422" not in str(document)
