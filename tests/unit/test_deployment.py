"""What runs the service elsewhere: the image, compose, Kubernetes and systemd, as far as files alone can tell."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from client.cli import main as client_cli
from server.__main__ import cli as server_cli
from server.settings import Settings, variable

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "configs" / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
UNIT = (DEPLOY / "ai-trader.service").read_text(encoding="utf-8")

#: instruction → what follows it, lines joined
INSTRUCTIONS = [
    tuple(line.split(None, 1)) for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and line[0] != "#"
]


def following(instruction: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def pod() -> dict[str, Any]:
    (found,) = (manifest for manifest in MANIFESTS if manifest["kind"] == "StatefulSet")
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def test_image_is_pinned_in_two_stages_and_ends_as_a_user_without_rights() -> None:
    bases = following("FROM")

    assert len(bases) == 2
    assert all(re.match(r"python:3\.\d+-slim-\w+( AS \w+)?$", base) for base in bases)
    assert following("USER") == ["10001"]
    assert "ADD" not in {name for name, _ in INSTRUCTIONS}


def test_image_installs_the_locked_packages_with_their_hashes_and_keeps_no_cache() -> None:
    installs = re.findall(r"pip install [^&]*", " ".join(following("RUN")))

    assert "--require-hashes -r requirements.lock" in installs[0]
    assert all("--no-cache-dir" in install for install in installs)
    assert all("==" in install or "--no-deps" in install or "--require-hashes" in install for install in installs)


@pytest.mark.parametrize("instruction", ["CMD", "ENTRYPOINT", "HEALTHCHECK"])
def test_image_starts_programs_without_a_shell_between(instruction: str) -> None:
    (command,) = following(instruction)

    assert re.search(r"\[\".*\"\]$", command)


def test_what_the_image_copies_is_there_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [
        source
        for copied in following("COPY")
        if "--from" not in copied
        for source in copied.split()[:-1]
        if not source.startswith("--")
    ]

    assert sources
    for source in sources:
        assert list(ROOT.glob(source)), source
        assert f"!{source.split('/')[0]}" in ignored, source


@pytest.mark.parametrize("variable_name", re.findall(r"(AITRADER_\w+)=", DOCKERFILE + UNIT))
def test_variables_are_settings(variable_name: str) -> None:
    assert variable_name in {variable(name) for name in Settings.model_fields}


def test_compose_runs_commands_that_exist_and_confines_them() -> None:
    services = COMPOSE["services"]

    assert services["server"]["command"][0] in server_cli.commands
    assert services["gateway"]["command"][0] in client_cli.commands
    assert set(COMPOSE["volumes"]) == {mount.split(":")[0] for mount in services["server"]["volumes"]}
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_compose_file_is_understood_by_docker() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")

    done = subprocess.run(
        [docker, "compose", "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
@pytest.mark.parametrize("version", ["1.29", "1.34"])
def test_manifest_is_valid(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_containers_of_the_pod_are_probed_confined_and_run_commands_that_exist() -> None:
    server, gateway = pod()["containers"]

    assert server["args"][0] in server_cli.commands
    assert gateway["args"][0] in client_cli.commands
    assert server["readinessProbe"]["grpc"]["port"] == server["ports"][0]["containerPort"]
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/health"
    assert pod()["securityContext"]["runAsNonRoot"]
    for container in (server, gateway):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert {"livenessProbe", "resources"} <= set(container)


def test_everything_gives_the_server_longer_than_its_grace_period() -> None:
    grace = Settings.model_fields["shutdown_grace"].default

    assert pod()["terminationGracePeriodSeconds"] > grace
    assert int(COMPOSE["services"]["server"]["stop_grace_period"].removesuffix("s")) > grace
    assert int(re.findall(r"TimeoutStopSec=(\d+)", UNIT)[0]) > grace


def test_unit_is_understood_by_systemd(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "ai-trader.service"
    unit.write_text(UNIT.replace("/opt/ai-trader/bin/ai-trader-server", "/bin/true"), encoding="utf-8")

    done = subprocess.run([systemd, "verify", str(unit)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
