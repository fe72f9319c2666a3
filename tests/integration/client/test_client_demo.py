import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from client import demo


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "client.demo"]
    environment = {"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_demo_runs_the_main_job_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run_demo(tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "480 model-days: 480 completed" in done.stdout
    assert "▅▅▅" in done.stdout
    assert "the server stopped cleanly" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("server", "line"),
    [
        ("#!/bin/sh\necho 'no disk' >&2; exit 7\n", "error: the demo stopped: ai-trader-server: no disk\n"),
        ("#!/bin/sh\nexit 7\n", "error: the demo stopped: ai-trader-server: exited with status 7\n"),
        (
            "#!/bin/sh\n[ $1 = serve ] && echo 'port is taken' >&2\nexit 0\n",
            "error: the demo stopped: the server did not start: port is taken\n",
        ),
    ],
)
def test_demo_tells_a_failure_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], server: str, line: str
) -> None:
    fake = tmp_path / "ai-trader-server"
    fake.write_text(server)
    fake.chmod(0o755)
    monkeypatch.setattr(demo, "BIN", tmp_path)

    assert demo.main() == 1
    assert capfd.readouterr().err == line


def test_demo_without_the_commands_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "BIN", tmp_path)

    assert demo.main() == 1
    assert (
        capfd.readouterr().err == f"error: the demo stopped: the command '{tmp_path}/ai-trader-server' was not found\n"
    )


def test_demo_ends_a_server_that_does_not_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stubborn = tmp_path / "ai-trader-server"
    stubborn.write_text(
        f"#!{sys.executable}\nimport signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if sys.argv[1] == 'serve':\n    print('listening on 127.0.0.1:1', flush=True)\n    signal.pause()\n"
    )
    stubborn.chmod(0o755)
    shutil.copy("/bin/true", tmp_path / "ai-trader")
    monkeypatch.setattr(demo, "BIN", tmp_path)
    monkeypatch.setattr(demo, "STOP_TIMEOUT", 0.3)

    assert demo.main() == 1
    assert "the server did not stop within" in capfd.readouterr().err
