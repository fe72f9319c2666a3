"""The Windmill folder is whole: scripts have metadata and locks, flows keep to OpenFlow, documents name everything."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.integration.windmill.flow_run import FOLDER, WINDMILL

SCRIPTS = sorted(FOLDER.glob("*.py"))
STEPS = [path for path in SCRIPTS if path.name != "service.py"]
FLOWS = sorted(FOLDER.glob("*.flow/flow.yaml"))
OPENFLOW = Path(__file__).resolve().parents[2] / "integration" / "windmill" / "openflow.json"

#: what a script may import besides the standard library
FOREIGN = {"httpx", "wmill"}
#: types of Windmill's forms by those of Python
TYPES = {"str": "string", "bool": "boolean", "int": "integer", "list": "array", "ai_trader": "object"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def metadata(script: Path) -> Any:
    return read(script.with_suffix(".script.yaml"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_has_metadata_and_a_lock_of_what_it_imports(script: Path) -> None:
    lock = script.with_suffix(".script.lock")
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    locked = {line.split("==")[0] for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line}

    assert metadata(script)["lock"] == f"!inline f/ai_trader/{lock.name}"
    assert imported & FOREIGN <= locked
    assert "httpx" in locked


@pytest.mark.parametrize("script", STEPS, ids=lambda path: path.stem)
def test_schema_of_a_script_is_that_of_its_main(script: Path) -> None:
    schema = metadata(script)["schema"]
    (main,) = [
        node
        for node in ast.parse(script.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    ]
    arguments = main.args.args
    required = arguments[: len(arguments) - len(main.args.defaults)]

    assert schema["order"] == list(schema["properties"]) == [argument.arg for argument in arguments]
    assert schema["required"] == [argument.arg for argument in required]
    for argument in arguments:
        assert argument.annotation is not None
        kind = ast.unparse(argument.annotation).split("[")[0]
        assert schema["properties"][argument.arg]["type"] == TYPES[kind]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda path: path.parent.stem)
def test_flow_keeps_to_the_published_schema(flow: Path) -> None:
    document = json.loads(OPENFLOW.read_text(encoding="utf-8"))

    validator = Draft7Validator({"$ref": "#/components/schemas/OpenFlow", "components": document["components"]})

    assert [error.message for error in validator.iter_errors(read(flow))] == []


@pytest.mark.parametrize("flow", FLOWS, ids=lambda path: path.parent.stem)
def test_steps_of_a_flow_name_scripts_and_arguments_that_are_there(flow: Path) -> None:
    for module in modules(read(flow)["value"]["modules"]):
        schema = metadata(WINDMILL / f"{module['value']['path']}.py")["schema"]
        given = set(module["value"]["input_transforms"])

        assert set(schema["required"]) <= given <= set(schema["properties"])


def modules(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps, those inside of loops included."""
    return [step for module in found for step in modules(module["value"].get("modules", [])) or [module]]


def test_schedule_is_of_weekdays_at_six_and_off() -> None:
    schedule = read(FOLDER / "daily_simulation.schedule.yaml")
    flow = read(WINDMILL / f"{schedule['script_path']}.flow" / "flow.yaml")

    assert (schedule["schedule"], schedule["enabled"], schedule["is_flow"]) == ("0 0 6 * * 1-5", False, True)
    assert set(flow["schema"]["required"]) <= set(schedule["args"]) <= set(flow["schema"]["properties"])


def test_resource_is_of_our_type_and_its_key_is_a_secret_that_is_not_here() -> None:
    resource = read(FOLDER / "service.resource.yaml")
    kind = read(WINDMILL / f"{resource['resource_type']}.resource-type.yaml")
    variable = read(FOLDER / "api_key.variable.yaml")

    assert set(resource["value"]) == set(kind["schema"]["properties"])
    assert resource["value"]["api_key"] == "$var:f/ai_trader/api_key"
    assert (variable["is_secret"], variable["value"]) == (True, "")


def test_dashboard_calls_what_is_there() -> None:
    app = FOLDER / "dashboard.raw_app"
    page = (app / "App.tsx").read_text(encoding="utf-8")

    for runnable in (app / "backend").glob("*.yaml"):
        called = read(runnable)
        suffix = ".py" if called["type"] == "script" else ".flow"
        assert (WINDMILL / f"{called['path']}{suffix}").exists()
        assert f"backend.{runnable.stem}(" in page


def test_readme_names_every_script_and_flow() -> None:
    readme = (WINDMILL / "README.md").read_text(encoding="utf-8")

    names = [*(path.stem for path in STEPS), *(flow.parent.stem for flow in FLOWS)]
    assert [name for name in names if f"`{name}`" not in readme] == []
