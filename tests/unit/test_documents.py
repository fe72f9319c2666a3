"""Documents cannot rot: what exists is documented, and what is documented exists."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from aitrader.v1 import errors_pb2, simulation_pb2
from client.cli import main as client_cli
from server.__main__ import cli as server_cli
from server.settings import Settings, variable

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f" `{field.default}`"
        assert f"| `{variable(name)}` |{default} | {field.description} |" in README


def test_serve_help_lists_every_setting() -> None:
    help_text = server_cli.commands["serve"].get_help(click.Context(server_cli.commands["serve"]))

    assert [name for name in Settings.model_fields if variable(name) not in help_text] == []


def test_readme_names_every_rpc() -> None:
    methods = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].methods

    assert [method.name for method in methods if f"| `{method.name}` |" not in README] == []


def test_readme_and_client_readme_name_every_error_reason() -> None:
    client_readme = (ROOT / "client" / "README.md").read_text(encoding="utf-8")

    for name in errors_pb2.ErrorReason.keys()[1:]:
        reason = name.removeprefix("ERROR_REASON_")
        assert f"| `{reason}` |" in README
        assert f"| {reason} |" in client_readme


def test_client_readme_names_every_command() -> None:
    client_readme = (ROOT / "client" / "README.md").read_text(encoding="utf-8")

    assert [name for name in client_cli.commands if f"ai-trader {name}" not in client_readme] == []


def test_readme_names_every_command_of_upkeep() -> None:
    group = server_cli.commands["db"]
    assert isinstance(group, click.Group)

    assert [name for name in group.commands if f"| `ai-trader-server db {name}" not in README] == []


def test_every_make_target_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)

    assert [target for target in phony.split() if not re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE)] == []
    assert len(makefile.splitlines()) <= 100


def test_every_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]

    unexplained = [name for name in wanted if not re.search(rf'"{re.escape(name)}",\s+# \w', text)]

    assert unexplained == []


READMES = [path for path in sorted(ROOT.glob("**/README.md")) if ".venv" not in path.parts]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_links_lead_to_files_that_are_there(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


LISTS = [path for path in READMES if re.search(r"^\| (file|module) \|", path.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.parent.name)
def test_readme_that_lists_its_files_lists_each_and_no_other(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cells = " ".join(re.findall(r"^\|(.*?)\|", text, re.MULTILINE))
    files = {file.name for file in path.parent.iterdir() if file.suffix in {".py", ".js"} and file.stem != "__init__"}

    assert files - set(re.findall(r"`([\w-]+\.\w+)`", text)) == set()
    assert {name for name in re.findall(r"`([\w-]+\.(?:py|js))`", cells) if not (path.parent / name).exists()} == set()
