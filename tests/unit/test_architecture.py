"""Who may import whom; see server/README.md."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("aitrader", "server", "storage", "client", "tests")

#: folder or module → what it may import of ours, besides itself
ALLOWED = {
    "protos": (),
    "storage": (),
    "client": ("aitrader",),
    "server/folder.py": (),
    "server/log_output.py": (),
    "server/settings.py": (),
    "server/engine": (),
    "server/agents": ("server.engine", "server.folder"),
    "server/market": (
        "server.engine",
        "server.settings",
        "storage.prices",
        "storage.corporate_actions",
        "storage.price_coverage",
        "storage.provider_requests",
        "storage.revaluations",
        "storage.money",
        "storage.database",
        "storage.errors",
    ),
    "server/tools": (
        "server.engine",
        "server.agents",
        "server.market",
        "server.settings",
        "storage.database",
        "storage.errors",
    ),
    "server/pool": ("server.engine", "server.agents", "server.market"),
    "server/jobs": (
        "server.engine",
        "server.agents",
        "server.market",
        "server.pool.protocol",
        "server.callbacks.hosts",
        "server.settings",
        "server.folder",
        "storage",
    ),
    "server/history": ("server.engine", "server.agents", "server.market", "server.jobs", "storage"),
    "server/callbacks": ("storage",),
    "server/upkeep": ("storage",),
    "server/schedules": (
        "server.jobs",
        "server.market",
        "server.settings",
        "server.folder",
        "server.upkeep.age",
        "server.upkeep.cleanup",
        "storage",
    ),
    "server/rpc": (
        "aitrader",
        "server.condition",
        "server.tools.services",
        "server.jobs",
        "server.callbacks.hosts",
        "server.schedules.schedule",
        "server.engine",
        "storage",
    ),
    "server/condition": ("server.settings", "server.tools.probe", "server.tools.services", "storage.prices"),
    "server/app.py": ("aitrader", "server", "storage"),
    "server/batch.py": ("aitrader", "server.app"),
    "server/__main__.py": ("aitrader", "server", "storage"),
}


def modules() -> list[Path]:
    found = [path for folder in ("storage", "client", "server") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if path.read_text(encoding="utf-8").strip()]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OURS}


def owner(path: Path) -> str:
    relative = path.relative_to(ROOT).as_posix()
    return max((key for key in ALLOWED if relative == key or relative.startswith(f"{key}/")), key=len, default="")


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_imports_only_what_its_folder_may(path: Path) -> None:
    folder = owner(path)

    allowed = (*ALLOWED[folder], folder.removesuffix(".py").replace("/", "."))
    strangers = {name for name in imports(path) if not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed)}

    assert not strangers


def test_client_imports_nothing_of_itself_by_its_folder_name() -> None:
    """The wheel installs the folder under another name, so only relative imports work in both."""
    assert not {
        path.name for path in (ROOT / "client").rglob("*.py") if any(n.startswith("client") for n in imports(path))
    }
