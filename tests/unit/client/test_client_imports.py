"""The client is also a wheel: of ours it may import itself, by relative names, and the contract."""

import ast
from pathlib import Path

import client

OURS = {"server", "storage", "client", "tests"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).split(".")[0])
    return names


def test_the_client_imports_none_of_our_packages_by_name() -> None:
    for path in Path(client.__file__).parent.glob("*.py"):
        assert not imported(path) & OURS, path.name
