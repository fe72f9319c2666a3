import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import client

SOURCE = Path(client.__file__).parent

#: the editable install must not help: isolated, and without the paths that .pth files add
PROBE = """
import sys
sys.path[:] = [path for path in sys.path if 'site-packages' in path or 'lib' in path]
sys.path.insert(0, sys.argv[1])
import aitrader_client, aitrader_client.cli, aitrader_client.presentation, aitrader.v1.simulation_pb2
assert aitrader_client.__file__.startswith(sys.argv[1]), aitrader_client.__file__
assert sys.modules['aitrader'].__file__.startswith(sys.argv[1])
assert not {'client', 'server', 'storage'} & set(sys.modules)
with aitrader_client.Client('127.0.0.1:1') as made:
    print(made.target, len(aitrader_client.__all__))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("aitrader_client-*.whl"))


def test_wheel_holds_the_client_under_its_own_name_and_the_contract(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    top_level = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top_level == {"aitrader_client", "aitrader"}
    assert {"aitrader_client/py.typed", "aitrader/py.typed", "aitrader/v1/simulation_pb2.pyi"} <= set(names)
    assert "aitrader_client/demo.py" not in names


def test_wheel_declares_the_command_and_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = message_from_string(archive.read(info).decode())
        scripts = archive.read(info.replace("METADATA", "entry_points.txt")).decode()

    assert "ai-trader = aitrader_client.cli:main" in scripts
    needs = {need.split(">")[0] for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need}
    assert needs == {"click", "grpcio", "grpcio-status", "plotext", "protobuf", "rich"}


def test_wheel_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)

    done = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("127.0.0.1:1 ")
