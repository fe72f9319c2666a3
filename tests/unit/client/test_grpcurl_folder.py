"""The folder of grpcurl scripts follows the contract."""

import os
import re
from pathlib import Path

import pytest

from aitrader.v1 import simulation_pb2
from client.grpcurl.protoset import PROTOSET, protoset
from tests.integration.grpcurl.script import FOLDER, file_of, required_fields

METHODS = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].methods_by_name
SCRIPTS = sorted(path for path in FOLDER.glob("*.sh") if path.name != "call.sh")


def test_protoset_is_what_make_protos_builds_of_the_stubs() -> None:
    assert PROTOSET.read_bytes() == protoset(), "run make protos"


@pytest.mark.parametrize("rpc", METHODS)
def test_every_rpc_has_a_script_that_takes_its_required_fields(rpc: str) -> None:
    assert file_of(rpc).exists()
    assert set(required_fields(rpc)) <= {field.name for field in METHODS[rpc].input_type.fields}


def test_every_script_is_of_an_rpc_or_the_daily_one() -> None:
    assert {path.name for path in SCRIPTS} == {"daily.sh", *(file_of(rpc).name for rpc in METHODS)}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_can_be_run_stops_at_errors_and_says_how_it_is_used(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert os.access(path, os.X_OK)
    assert text.startswith("#!/bin/sh\n# ")
    assert re.search(r"^set -eu$", text, re.MULTILINE)
    assert f"# usage: {path.name}" in text


def test_readme_names_every_script() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert [path.name for path in SCRIPTS if f"`{path.name}" not in readme] == []
