"""The image without a Docker engine: a wheel of the files it copies, installed as the Dockerfile does, and run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.e2e.process import BIN, ROOT, clean_environment

#: seconds; installs what the lock file names
PATIENCE = 300

ENTRYPOINT = ROOT / "configs" / "deploy" / "entrypoint.sh"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def done(*command: str | Path, folder: Path, bin_: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command without anything of this checkout in its environment."""
    environment = {key: value for key, value in clean_environment().items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    if bin_ is not None:
        environment["PATH"] = f"{bin_}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the image has: `venv`, `configs`, and no checkout."""
    folder = tmp_path_factory.mktemp("image")
    (copied,) = re.findall(r"^COPY (pyproject.*) \./$", DOCKERFILE, re.MULTILINE)
    for name in copied.split():
        shutil.copy(ROOT / name, folder)
    for name in re.findall(r"^COPY (\S+) \1$", DOCKERFILE, re.MULTILINE):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    uv, python = BIN / "uv", folder / "venv" / "bin" / "python"
    install = (uv, "pip", "install", "--quiet", "--python", python)
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"),
        (*install, "--require-hashes", "-r", ROOT / "requirements.lock"),
        (BIN / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"),
    ):
        assert (made := done(*command, folder=folder)).returncode == 0, made.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    assert (made := done(*install, "--no-deps", wheel, folder=folder)).returncode == 0, made.stderr
    return folder


def test_image_runs_a_batch_and_knows_its_entry_points(image: Path, tmp_path: Path) -> None:
    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return done(ENTRYPOINT, *arguments, folder=tmp_path, bin_=image / "venv" / "bin")

    database = ("--db", tmp_path / "jobs.db")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert run("--version").stdout.strip().endswith(version)
    assert "Serve the REST routes" in run("gateway", "--help").stdout
    run("prices", "generate", tmp_path / "prices.csv", "--symbols", "4", "--days", "10", "--seed", "1")
    assert run("prices", "import", tmp_path / "prices.csv", *database).returncode == 0

    first = run("batch", "demo.json", *database, "--configs", ROOT / "configs")
    again = run("batch", "demo.json", *database, "--configs", ROOT / "configs")
    wrong = run("batch", "none.json", *database, "--configs", ROOT / "configs")

    assert first.returncode == 0, first.stderr
    assert "60/60 job_ended" in first.stdout
    assert (again.returncode, len(again.stdout.splitlines())) == (0, 1)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "none.json" in wrong.stderr.splitlines()[-1]
