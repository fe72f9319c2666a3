"""Bad input of every kind: a canonical code, the field, a sentence that helps; nothing stored, never INTERNAL."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aitrader.v1 import simulation_pb2
from storage.session_record import SessionOutcome, SessionRows, store_session
from tests.service import DATES, DEADLINE, Refusal, Service, config, model, refusal, scripted

INVALID = grpc.StatusCode.INVALID_ARGUMENT

REQUESTS: Mapping[str, type[Message]] = {
    method.name: GetMessageClass(method.input_type)
    for method in simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].methods
}

#: a request of each RPC that is in order
GOOD: Mapping[str, Callable[["Stored"], dict[str, Any]]] = {
    "Trigger": lambda stored: {"config_path": stored.path},
    "GetStatus": lambda stored: {"job_id": stored.job_id},
    "StreamProgress": lambda stored: {"job_id": stored.job_id},
    "GetResults": lambda stored: {},
    "GetLeaderboard": lambda stored: {},
    "GetPortfolioTimeseries": lambda stored: {"model": "m"},
    "GetMetrics": lambda stored: {"model": "m"},
    "ListJobs": lambda stored: {},
    "GetReasoning": lambda stored: {"job_id": stored.job_id, "date": DATES[0], "model": "m"},
    "AuditJob": lambda stored: {"job_id": stored.job_id},
    "VerifyJob": lambda stored: {"job_id": stored.job_id},
    "CancelJob": lambda stored: {"job_id": stored.job_id},
    "RetryJob": lambda stored: {"job_id": stored.job_id},
    "ListDeliveries": lambda stored: {"job_id": stored.job_id},
    "GetServiceStatus": lambda stored: {},
    "GetStorageStatus": lambda stored: {},
    "GetPriceCoverage": lambda stored: {},
    "ListSchedules": lambda stored: {},
}

#: what no string field may be fooled by
EVIL = (
    "'; DROP TABLE jobs; --",
    "' OR '1'='1",
    '" OR 1=1 --',
    "%",
    "m' UNION SELECT * FROM jobs --",
    "../../etc/passwd",
    "/etc/passwd",
    "configs/../../etc/passwd",
    "..\\..\\windows",
    "file:///etc/passwd",
    "~/.ssh/id_rsa",
    "\0",
    "m\0",
    "{0.__class__}",
    "%s%n",
    "\N{RIGHT-TO-LEFT OVERRIDE}m",
    "\N{PILE OF POO}" * 40,
    "\r\nx-injected: 1",
    "A" * 100_000,
    "\N{PILE OF POO}" * 20_000,
)

#: codes that tell a caller what is wrong with the request, or that nothing is there
CALLERS_FAULT = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.FAILED_PRECONDITION,
}


class Stored:
    """A service with one job that has ended, and what is stored then."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.path = service.write_config(config(model("m"), model("n"), end=DATES[2]))
        self.job_id = service.run(self.path).job_id
        with service.db.atomic("IMMEDIATE"):
            rows = SessionRows(prompt_digest="")
            store_session(service.db, (self.job_id, DATES[0], "m", 1), SessionOutcome.SUCCEEDED, rows)
        self.contents = service.contents()

    def call(self, rpc: str) -> Callable[..., Any]:
        return getattr(self.service.stub, rpc)

    def code(self, rpc: str, request: Message) -> grpc.StatusCode:
        """Make a call and return the code that it ends with."""
        try:
            self.call(rpc)(request, timeout=DEADLINE)
        except grpc.RpcError as error:
            return error.code()  # type: ignore[attr-defined, no-any-return]
        return grpc.StatusCode.OK

    def refused(self, rpc: str, **fields: Any) -> Refusal:
        """Make a call that is to be refused and leave nothing behind."""
        refused = refusal(self.call(rpc), REQUESTS[rpc](**{**GOOD[rpc](self), **fields}))
        assert self.service.contents() == self.contents
        return refused

    def refused_config(self, content: Mapping[str, Any] | bytes | str, **fields: Any) -> Refusal:
        """Trigger a config that is to be refused."""
        return self.refused("Trigger", config_path=self.service.write_config(content), **fields)


@pytest.fixture(scope="module")
def stored(service: Service) -> Stored:
    return Stored(service)


def string_fields() -> Iterator[tuple[str, FieldDescriptor]]:
    for rpc, request in REQUESTS.items():
        for field in request.DESCRIPTOR.fields:
            if field.type == FieldDescriptor.TYPE_STRING:
                yield rpc, field


def number_fields() -> Iterator[tuple[str, FieldDescriptor]]:
    for rpc, request in REQUESTS.items():
        for field in request.DESCRIPTOR.fields:
            if field.type == FieldDescriptor.TYPE_INT32:
                yield rpc, field


def is_list(rpc: str, field: str) -> bool:
    return not isinstance(getattr(REQUESTS[rpc](), field), str | int)


def cases(fields: Iterator[tuple[str, FieldDescriptor]], *names: str) -> list[Any]:
    """Return (rpc, field) of the given names, of all when none is given."""
    chosen = [(rpc, field.name) for rpc, field in fields if not names or field.name in names]
    return [pytest.param(*case, id="-".join(case)) for case in chosen]


def assert_names(refused: Refusal, field: str) -> None:
    """Assert that a refusal is INVALID_ARGUMENT, names the field and says what is wrong with it."""
    assert refused.code == INVALID, refused
    assert refused.reason == "INVALID_ARGUMENT"
    assert field in refused.violations, refused
    assert len(refused.violations[field]) > 5
    assert refused.info.metadata["field"] in refused.violations


MALFORMED_DATES = (
    "2025-02-30",
    "2025-1-1",
    "tomorrow",
    "20250303",
    "2025-W10-1",
    "2025-03-03T00:00:00",
    " 2025-03-03",
    "\N{FULLWIDTH DIGIT TWO}025-03-03",
    "0000-00-00",
    "2025-13-01",
    "-2025-03-03",
    "1" * 10_000,
    "2025-03-03\0",
    "null",
    "'",
)


@pytest.mark.parametrize(("rpc", "field"), cases(string_fields(), "date", "start_date", "end_date"))
def test_malformed_date_is_refused_by_its_field(stored: Stored, rpc: str, field: str) -> None:
    for date in MALFORMED_DATES:
        refused = stored.refused(rpc, **{field: date})

        assert_names(refused, field)
        assert "date" in refused.violations[field]


@pytest.mark.parametrize("rpc", ["Trigger", "GetResults", "GetPortfolioTimeseries"])
def test_end_before_start_is_refused(stored: Stored, rpc: str) -> None:
    refused = stored.refused(rpc, start_date=DATES[3], end_date=DATES[2])

    assert_names(refused, "end_date")
    assert DATES[3] in refused.violations["end_date"]


def test_start_after_the_end_of_the_config_is_refused(stored: Stored) -> None:
    assert_names(stored.refused("Trigger", start_date=DATES[5]), "start_date")


def test_end_before_the_start_of_the_config_is_refused(stored: Stored) -> None:
    assert_names(stored.refused("Trigger", end_date="2025-01-01"), "end_date")


def test_date_and_range_at_once_are_refused(stored: Stored) -> None:
    assert_names(stored.refused("GetResults", date=DATES[0], end_date=DATES[1]), "date")


@pytest.mark.parametrize(
    ("start", "end"), [("2020-01-01", "2020-12-31"), ("2030-01-01", "2030-12-31"), ("2025-03-08", "2025-03-09")]
)
def test_dates_without_prices_are_refused_with_the_dates_that_have_some(stored: Stored, start: str, end: str) -> None:
    refused = stored.refused("Trigger", start_date=start, end_date=end, experiment="without-prices")

    assert_names(refused, "start_date")
    assert DATES[0] in refused.violations["start_date"]
    assert DATES[-1] in refused.violations["start_date"]


def test_models_that_the_config_lacks_are_each_named(stored: Stored) -> None:
    refused = stored.refused("Trigger", models=["m", "nobody", "m'--"])

    assert_names(refused, "models[1]")
    assert_names(refused, "models[2]")
    assert "m, n" in refused.violations["models[1]"]
    assert "models[0]" not in refused.violations


def test_empty_and_too_many_models_are_refused(stored: Stored) -> None:
    assert_names(stored.refused("Trigger", models=["m", ""]), "models[1]")
    assert_names(stored.refused("Trigger", models=["m"] * 1001), "models")


def test_many_wrong_fields_at_once_are_all_named(stored: Stored) -> None:
    refused = stored.refused("Trigger", config_path="", start_date="x", end_date="y", experiment="a b", models=[""])

    assert set(refused.violations) == {"config_path", "start_date", "end_date", "experiment", "models[0]"}


@pytest.mark.parametrize("unit", ["x", "\N{PILE OF POO}", "é"])
def test_more_and_longer_violations_than_trailers_hold_are_cut(stored: Stored, unit: str) -> None:
    refused = stored.refused("Trigger", models=[f"{i}{unit * 500}" for i in range(1000)])

    assert_names(refused, "models[0]")


@pytest.mark.parametrize(
    ("cash", "why"),
    [*((cash, "") for cash in (0, -1, -0.0, 1e300, 100_000_000.01, "1000", True, None, [])), (0.0000001, "decimals")],
)
def test_initial_cash_that_is_no_amount_is_refused(stored: Stored, cash: object, why: str) -> None:
    refused = stored.refused_config(config(model("m"), cash=cash))

    assert_names(refused, "config.agent_config.initial_cash")
    assert why in refused.violations["config.agent_config.initial_cash"]


@pytest.mark.parametrize(
    ("place", "number"),
    [
        *product(["initial_cash", "base_delay", "max_steps", "max_retries"], ["1e999999", "-1e999999", "1" * 4000]),
        *product(["initial_cash", "max_steps", "max_retries"], ["1e-999999", "0.1" + "0" * 5000 + "1"]),
    ],
    ids=lambda value: value[:12],
)
def test_numbers_beyond_measure_are_refused(stored: Stored, place: str, number: str) -> None:
    text = json.dumps(config(model("m")) | {"agent_config": {place: "HERE"}}).replace('"HERE"', number)

    assert_names(stored.refused_config(text), f"config.agent_config.{place}")


@pytest.mark.parametrize("number", ["1e999999", "-1e999999", "1" * 4000, "NaN", "Infinity", "-Infinity"])
def test_parameters_beyond_measure_are_refused(stored: Stored, number: str) -> None:
    text = json.dumps(config(model("m", "rule/random", seed="HERE"))).replace('"HERE"', number)

    refused = stored.refused_config(text)

    assert refused.code == INVALID
    assert set(refused.violations) <= {"config.models[0].parameters.seed", "config_path"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" * 5000])
def test_cash_that_json_does_not_know_is_refused(stored: Stored, number: str) -> None:
    text = json.dumps(config(model("m"), cash="HERE")).replace('"HERE"', number)

    assert_names(stored.refused_config(text), "config_path")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"{",
        b'{"a": 1,}',
        b"\xff\xfe\xff",
        b"\x80abc",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\0" * 10,
        b'{"a": "' + b"\xed\xa0\x80\xff" + b'"}',
        b'{"models": [}',
        b"x" * (1_048_576 + 1),
    ],
    ids=range(12),
)
def test_config_that_is_not_json_is_refused(stored: Stored, content: bytes) -> None:
    assert_names(stored.refused_config(content), "config_path")


@pytest.mark.parametrize("content", [b"[]", b"null", b'"text"', b"1", b"true", b"[[[[1]]]]"])
def test_config_that_is_no_object_is_refused(stored: Stored, content: bytes) -> None:
    assert_names(stored.refused_config(content), "config")


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


WRONG_TYPES: list[tuple[str, Any]] = [
    ("date_range", None),
    ("date_range", []),
    ("date_range", "2025-03-03"),
    ("date_range.init_date", {"init_date": 20250303}),
    ("date_range.init_date", {}),
    ("date_range.init_date", {"init_date": "2025-02-30"}),
    ("date_range.end_date", {"init_date": DATES[0], "end_date": "2025-02-30"}),
    ("date_range.end_date", {"init_date": DATES[0], "end_date": "2025-01-01"}),
    ("models", None),
    ("models", {}),
    ("models", []),
    ("models", "m"),
    ("models[0]", ["m"]),
    ("models[0]", [None]),
    ("models[0].signature", [{"basemodel": "rule/hold-cash"}]),
    ("models[0].basemodel", [{"signature": "m"}]),
    ("models[0].signature", [model("m") | {"signature": 7}]),
    ("models[0].signature", [model("")]),
    ("models[0].signature", [model("../m")]),
    ("models[0].signature", [model(".hidden")]),
    ("models[0].signature", [model("m\0")]),
    ("models[0].signature", [model("m" * 129)]),
    ("models[0].basemodel", [model("m", "")]),
    ("models[0].basemodel", [model("m", "rule/unknown")]),
    ("models[0].basemodel", [model("m", "replay/../../etc/passwd")]),
    ("models[0].basemodel", [model("m", "replay//etc/passwd")]),
    ("models[0].basemodel", [model("m", "replay/")]),
    ("models[0].basemodel", [model("m", "replay/nothing.jsonl")]),
    ("models[0].basemodel", [model("m", "replay/\0")]),
    ("models[0].basemodel", [model("m", "replay/" + "a" * 500)]),
    ("models[0].enabled", [model("m") | {"enabled": "yes"}]),
    ("models[0].name", [model("m") | {"name": ["m"]}]),
    ("models[0].parameters", [model("m") | {"parameters": []}]),
    ("models[0].parameters", [model("m") | {"parameters": "seed=1"}]),
    ("models[0].parameters.seed", [model("m", "rule/random", seed=-1)]),
    ("models[0].parameters.seed", [model("m", "rule/random", seed="1")]),
    ("models[0].parameters.seed", [model("m", "rule/random", seed=1.5)]),
    ("models[0].parameters.speed", [model("m", "rule/random", speed=1)]),
    ("models[0].parameters.x", [model("m", x=1)]),
    ("models[1].signature", [model("m"), model("m")]),
    ("models", [model(f"m{n}") for n in range(1001)]),
    ("models", [model(f"m{n}") | {"enabled": False} for n in range(2)]),
    ("agent_config", []),
    ("agent_config", "x"),
    ("agent_config.max_steps", {"max_steps": "30"}),
    ("agent_config.max_steps", {"max_steps": 0}),
    ("agent_config.max_steps", {"max_steps": 1.5}),
    ("agent_config.max_retries", {"max_retries": -1}),
    ("agent_config.base_delay", {"base_delay": -1.0}),
    ("agent_config.base_delay", {"base_delay": "1"}),
    ("log_config", "x"),
    ("experiment", "a b"),
    ("experiment", ".hidden"),
    ("experiment", "../up"),
    ("experiment", ""),
    ("experiment", 7),
    ("universe", 7),
    ("universe", []),
    ("universe", "../universe.json"),
    ("universe", "/etc/passwd"),
    ("universe", "nothing.json"),
    ("universe", "u\0"),
    ("universe[0]", [7]),
    ("universe[0]", ["not a symbol"]),
    ("universe[0]", ["'; DROP TABLE jobs; --"]),
    ("agent_type", 7),
]


@pytest.mark.parametrize(("field", "value"), WRONG_TYPES, ids=range(len(WRONG_TYPES)))
def test_config_with_a_wrong_field_is_refused_by_its_path(stored: Stored, field: str, value: Any) -> None:
    key = field.split(".")[0].split("[")[0]

    refused = stored.refused_config(config(model("m")) | {key: value})

    assert_names(refused, f"config.{field}")


@pytest.mark.parametrize("key", ["name", "signature", "basemodel", "un\ud800known"])
def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(stored: Stored, key: str) -> None:
    assert_names(stored.refused_config(config(model("m") | {key: "m\udc00"})), "config_path")


def test_parameter_that_is_no_scalar_is_refused(stored: Stored) -> None:
    for value in (None, [], {}, [1], _nested(20)):
        refused = stored.refused_config(config(model("m") | {"parameters": {"seed": value}}))

        assert_names(refused, "config.models[0].parameters.seed")


def test_config_without_models_or_dates_is_refused(stored: Stored) -> None:
    refused = stored.refused_config({})

    assert set(refused.violations) == {"config.date_range", "config.models"}


def test_unknown_kind_is_refused_with_the_known_ones(stored: Stored) -> None:
    refused = stored.refused_config(config(model("m", "rule/none")))

    assert "rule/momentum" in refused.violations["config.models[0].basemodel"]
    assert "replay/" in refused.violations["config.models[0].basemodel"]


def test_universe_file_that_is_deeply_nested_is_refused(stored: Stored) -> None:
    (stored.service.configs / "deep.json").write_text("[" * 100_000)

    refused = stored.refused_config(config(model("m"), universe="deep.json"))

    assert_names(refused, "config.universe")


def test_universe_file_that_is_no_list_of_symbols_is_refused(stored: Stored) -> None:
    (stored.service.configs / "object.json").write_text('{"AAPL": 1}')

    refused = stored.refused_config(config(model("m"), universe="object.json"))

    assert_names(refused, "config.universe")


@pytest.mark.parametrize("key", ["a\0b", "x" * 50_000, "\N{PILE OF POO}" * 1000, "'; DROP TABLE jobs; --"])
def test_unknown_keys_of_any_kind_are_only_warned_of(stored: Stored, key: str) -> None:
    content = config(model("m"), end=DATES[2]) | {key: 1}

    answer = stored.service.trigger(content)

    assert answer.outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE
    assert stored.service.contents() == stored.contents
    assert any("is not known" in warning for warning in answer.warnings)


@pytest.mark.parametrize("key", ["a\0b", "x" * 50_000, "\N{PILE OF POO}" * 1000])
def test_unknown_parameters_of_any_kind_are_refused(stored: Stored, key: str) -> None:
    refused = stored.refused_config(config(model("m", "rule/random", **{key: 1})))

    assert refused.code == INVALID
    assert refused.reason == "INVALID_ARGUMENT"
    assert all(field.startswith("config.models[0].parameters") for field in refused.violations)


def test_no_refusal_shows_a_key_of_the_config(stored: Stored) -> None:
    secret = "sk-do-not-show"
    entry = model("m") | {"openai_api_key": secret, "enabled": "yes"}

    refused = stored.refused_config(config(entry) | {"experiment": 1})
    wrong_type = stored.refused_config(config(model("m") | {"openai_api_key": [secret]}))

    assert secret not in repr(refused)
    assert secret not in repr(wrong_type)


@pytest.mark.parametrize(
    "path",
    [
        "../outside.json",
        "sub/../../outside.json",
        "configs/../../outside.json",
        "nothing.json",
        ".",
        "",
        "configs/",
        "sub",
        "/etc/passwd",
        "configs//etc/passwd",
        "link.json",
        "linked/outside.json",
        "loop.json",
        "a\0b",
        "\0",
        "a" * 300,
        "a/" * 200,
        "C:\\config.json",
        "\N{PILE OF POO}",
        "~root/.bashrc",
        "$HOME/x",
        "-",
    ],
)
def test_config_path_that_is_no_file_in_the_folder_is_refused(stored: Stored, path: str) -> None:
    folder = stored.service.configs
    outside = folder.parent / "outside.json"
    outside.write_text(json.dumps(config(model("m"))))
    (folder / "sub").mkdir(exist_ok=True)
    for name, target in (("link.json", outside), ("linked", folder.parent), ("loop.json", folder / "loop.json")):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)

    refused = stored.refused("Trigger", config_path=path)

    assert_names(refused, "config_path")


def test_absolute_path_of_a_good_config_is_refused(stored: Stored) -> None:
    assert_names(stored.refused("Trigger", config_path=str(stored.service.configs / stored.path)), "config_path")


def test_link_inside_the_folder_is_followed(stored: Stored) -> None:
    link = stored.service.configs / "inside.json"
    link.symlink_to(stored.service.configs / stored.path)

    answer = stored.service.trigger("configs/inside.json")

    assert answer.outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE


@pytest.mark.parametrize(("rpc", "field"), cases(number_fields()))
@pytest.mark.parametrize("number", [-1, -(2**31)])
def test_negative_number_is_refused_by_its_field(stored: Stored, rpc: str, field: str, number: int) -> None:
    assert_names(stored.refused(rpc, **{field: number}), field)


@pytest.mark.parametrize(("rpc", "field"), cases(number_fields(), "page_size"))
def test_huge_page_size_is_capped(stored: Stored, rpc: str, field: str) -> None:
    request = REQUESTS[rpc](**GOOD[rpc](stored), **{field: 2**31 - 1})

    stored.call(rpc)(request, timeout=DEADLINE)


def test_too_many_curve_points_are_refused(stored: Stored) -> None:
    assert_names(stored.refused("GetLeaderboard", curve_points=2**31 - 1), "curve_points")


@pytest.mark.parametrize("number", [99, -1, 2**31 - 1])
def test_number_that_is_no_enum_value_is_refused(stored: Stored, number: int) -> None:
    assert_names(stored.refused("GetResults", detail=number), "detail")
    assert_names(stored.refused("ListJobs", statuses=[1, number]), "statuses")


def _token(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


TOKENS = [
    "x",
    "====",
    "é",
    "\0",
    "A" * 100_000,
    "'; DROP TABLE jobs; --",
    "../..",
    _token(),
    _token("abcdef123456", "2025-03-03", "m"),
    _token(["x"] * 10),
    base64.urlsafe_b64encode(b"[" * 1500).decode(),
    base64.urlsafe_b64encode(b"\xff\xff").decode(),
    base64.urlsafe_b64encode(b"null").decode(),
    base64.urlsafe_b64encode(b"1").decode(),
    base64.urlsafe_b64encode(b'{"a": 1}').decode(),
    base64.urlsafe_b64encode(b'"abc"').decode(),
    base64.urlsafe_b64encode(b"9" * 1500).decode(),
]


@pytest.mark.parametrize(("rpc", "field"), cases(string_fields(), "page_token"))
def test_token_that_is_none_of_ours_is_refused(stored: Stored, rpc: str, field: str) -> None:
    for token in TOKENS:
        assert_names(stored.refused(rpc, **{field: token}), field)


#: positions that no list of ours has
POSITIONS: list[Any] = ["\ud800", 10**30, -1, 1e308, None, True, [], {}, "'; DROP TABLE jobs; --"]


@pytest.mark.parametrize("rpc", ["GetStatus", "GetResults", "GetLeaderboard", "GetPortfolioTimeseries"])
def test_token_whose_position_was_changed_is_refused(stored: Stored, rpc: str) -> None:
    fields = GOOD[rpc](stored) | {"page_size": 1}
    page = stored.call(rpc)(REQUESTS[rpc](**fields), timeout=DEADLINE)
    genuine = json.loads(base64.urlsafe_b64decode(page.next_page_token + "=="))

    for place, position in product(range(1, len(genuine)), POSITIONS):
        forged = [position if i == place else part for i, part in enumerate(genuine)]
        assert_names(stored.refused(rpc, **fields, page_token=_token(*forged)), "page_token")


@pytest.mark.parametrize(
    "job_id", ["00000000-0000-4000-8000-000000000000", "1", "nobody", "%", "' OR 1=1 --", "\N{PILE OF POO}"]
)
@pytest.mark.parametrize("rpc", ["GetStatus", "StreamProgress", "GetResults", "GetReasoning", "AuditJob"])
def test_unknown_job_id_is_not_found(stored: Stored, rpc: str, job_id: str) -> None:
    refused = stored.refused(rpc, job_id=job_id)

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
    assert refused.info.metadata["job_id"] == job_id


def test_unknown_job_id_is_not_found_whatever_the_experiment(stored: Stored) -> None:
    refused = stored.refused("GetResults", job_id="nobody", experiment="default")

    assert refused.reason == "JOB_NOT_FOUND"


@pytest.mark.parametrize("rpc", ["GetStatus", "StreamProgress", "GetReasoning", "AuditJob"])
def test_missing_job_id_is_refused(stored: Stored, rpc: str) -> None:
    assert_names(stored.refused(rpc, job_id=""), "job_id")


def test_missing_model_is_refused(stored: Stored) -> None:
    assert_names(stored.refused("GetPortfolioTimeseries", model=""), "model")


@pytest.mark.parametrize(("rpc", "field"), cases(string_fields()))
def test_no_text_in_any_field_does_harm(stored: Stored, rpc: str, field: str) -> None:
    for evil in EVIL:
        request = REQUESTS[rpc](**{**GOOD[rpc](stored), field: [evil] if is_list(rpc, field) else evil})

        if rpc == "Trigger" and field == "request_id" and not ("\0" in evil or len(evil) > 128):
            answer = stored.call(rpc)(request, timeout=DEADLINE)
            assert answer.outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE
        else:
            refused = refusal(stored.call(rpc), request)
            assert refused.code in CALLERS_FAULT, refused
            assert refused.message
            assert refused.code != INVALID or field in {name.split("[")[0] for name in refused.violations}
    assert stored.service.contents() == stored.contents


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data())
def test_no_request_whatever_is_an_internal_error(stored: Stored, data: st.DataObject) -> None:
    rpc = data.draw(st.sampled_from(sorted(set(REQUESTS) - {"StreamProgress"})))
    values: dict[str, Any] = {}
    for field in REQUESTS[rpc].DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            value: st.SearchStrategy[Any] = st.one_of(st.just(""), st.text(max_size=40), st.sampled_from(["m", *DATES]))
        else:
            value = st.integers(-(2**31), 2**31 - 1) if field.type == FieldDescriptor.TYPE_INT32 else st.integers(0, 9)
        values[field.name] = data.draw(st.lists(value, max_size=3) if is_list(rpc, field.name) else value)

    code = stored.code(rpc, REQUESTS[rpc](**values))

    assert code in {grpc.StatusCode.OK, *CALLERS_FAULT}
    assert stored.service.contents() == stored.contents


def test_request_just_under_4_mib_is_answered(stored: Stored) -> None:
    request = simulation_pb2.TriggerRequest(config_path="x" * (4 * 1024 * 1024 - 5))
    assert request.ByteSize() == 4 * 1024 * 1024

    refused = refusal(stored.service.stub.Trigger, request)

    assert_names(refused, "config_path")


def test_request_over_4_mib_is_refused_and_the_connection_lives(stored: Stored) -> None:
    request = simulation_pb2.TriggerRequest(config_path="x" * (4 * 1024 * 1024 - 4))

    with pytest.raises(grpc.RpcError) as caught:
        stored.service.stub.Trigger(request, timeout=DEADLINE)

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
    assert stored.service.status(stored.job_id).job_id == stored.job_id
    assert stored.service.contents() == stored.contents


@pytest.mark.parametrize(
    ("rpc", "fields"),
    [
        ("Trigger", {"models": ["m"] * 1_000_000}),
        ("ListJobs", {"statuses": [3] * 4_000_000}),
        ("ListJobs", {"statuses": [3, 4] * 1_000_000}),
        ("GetResults", {"model": "x" * 4_000_000}),
        ("GetResults", {"page_token": "x" * 4_000_000}),
        ("GetStatus", {"job_id": "\N{PILE OF POO}" * 1_000_000}),
    ],
    ids=["models", "statuses", "two statuses", "model", "token", "job id"],
)
def test_fields_of_4_mib_are_answered(stored: Stored, rpc: str, fields: dict[str, Any]) -> None:
    request = REQUESTS[rpc](**{**GOOD[rpc](stored), **fields})

    code = stored.code(rpc, request)

    assert code in {grpc.StatusCode.OK, *CALLERS_FAULT}
    assert stored.service.contents() == stored.contents


def test_bytes_that_are_no_message_do_not_stop_the_service(stored: Stored) -> None:
    call = stored.service.channel.unary_unary("/aitrader.v1.SimulationService/GetStatus")

    with pytest.raises(grpc.RpcError):
        call(b"\xff" * 100, timeout=DEADLINE)

    assert stored.service.status(stored.job_id).job_id == stored.job_id


def test_method_that_is_not_there_is_unimplemented(stored: Stored) -> None:
    call = stored.service.channel.unary_unary("/aitrader.v1.SimulationService/DropTables")

    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=DEADLINE)

    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["x" * 200, "", "a b;c=d", "'; DROP TABLE jobs; --"])
def test_request_id_of_a_caller_comes_back_cut(stored: Stored, value: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stored.service.stub.GetStatus(
            simulation_pb2.GetStatusRequest(job_id="x"), metadata=[("x-request-id", value)], timeout=DEADLINE
        )

    trailers = dict(caught.value.trailing_metadata())  # type: ignore[attr-defined]
    assert trailers["x-request-id"] == value[:128]


def test_metadata_beyond_the_limit_is_refused_and_the_service_lives(stored: Stored) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stored.service.stub.GetStatus(
            simulation_pb2.GetStatusRequest(job_id=stored.job_id), metadata=[("x", "y" * 100_000)], timeout=DEADLINE
        )

    assert caught.value.code() != grpc.StatusCode.INTERNAL  # type: ignore[attr-defined]
    assert stored.service.status(stored.job_id).job_id == stored.job_id


def _record(action: dict[str, Any], date: str = DATES[0]) -> str:
    return json.dumps({"date": date, "id": 1, "this_action": action, "positions": {"CASH": 1}})


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "{}",
        '{"date": "2025-02-30"}',
        _record({"action": "steal", "symbol": "UP", "amount": 1}),
        _record({"action": "buy", "symbol": 7, "amount": 1}),
        _record({"action": "buy", "symbol": "UP", "amount": "1"}),
        _record({"action": "buy", "symbol": "UP", "amount": 1e300}),
        '{"date": "2025-03-03", "this_action": []}',
        '{"date": "2025-03-03", "this_action": {"action": "buy", "symbol": "UP", "amount": NaN}}',
    ],
)
def test_recording_with_a_bad_line_is_refused_with_its_number(stored: Stored, line: str) -> None:
    good = _record({"action": "buy", "symbol": "UP", "amount": 1})
    (stored.service.data / "bad.jsonl").write_text(f"{good}\n{line}\n")

    refused = stored.refused_config(config(model("m", "replay/bad.jsonl")))

    assert_names(refused, "config.models[0].basemodel")
    assert "2" in refused.violations["config.models[0].basemodel"]


def test_recording_that_is_a_link_out_of_the_data_folder_is_refused(stored: Stored, tmp_path: Path) -> None:
    outside = tmp_path / "position.jsonl"
    outside.write_text(_record({"action": "buy", "symbol": "UP", "amount": 1}))
    (stored.service.data / "link.jsonl").symlink_to(outside)

    refused = stored.refused_config(config(model("m", "replay/link.jsonl")))

    assert_names(refused, "config.models[0].basemodel")


def test_job_larger_than_the_limit_is_refused(new_service: Callable[..., Service]) -> None:
    service = new_service(max_job_model_days=19)
    before = service.contents()

    refused = refusal(
        service.stub.Trigger,
        simulation_pb2.TriggerRequest(config_path=service.write_config(config(model("m"), model("n")))),
    )

    assert_names(refused, "end_date")
    assert "20" in refused.violations["end_date"]
    assert service.contents() == before


@pytest.mark.parametrize(
    "symbol", ["\ud800", "UP\0", "'; DROP TABLE jobs; --", "\N{PILE OF POO}", "X" * 500_000, ""], ids=range(6)
)
def test_orders_of_any_symbol_are_rejected_and_told(service: Service, experiment: str, symbol: str) -> None:
    orders = {DATES[0]: [("buy", symbol, 1), ("buy", "UP", 1)]}

    status = service.run(config(scripted("m", orders), end=DATES[0]), experiment=experiment)

    (day,) = service.results(experiment=experiment)
    assert status.progress.completed == 1
    assert len(day.rejections) == 1
    assert dict(day.positions) == {"UP": 1}


@pytest.mark.parametrize(
    "message", ["\ud800", "a\0b", "\N{PILE OF POO}" * 40_000, "'; DROP TABLE jobs; --"], ids=range(4)
)
def test_errors_of_any_text_fail_their_model_day_alone(service: Service, experiment: str, message: str) -> None:
    failing = scripted("m", raise_on=DATES[0], message=json.dumps(message))

    status = service.run(config(failing, model("n"), end=DATES[1]), experiment=experiment)

    assert (status.progress.completed, status.progress.failed, status.error) == (3, 1, "")
    assert "RuntimeError" in next(day.error for day in status.progress.details if day.error)
