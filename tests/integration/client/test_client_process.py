"""The command as a process: what only a real terminal command shows."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.client.fake_service import FakeService, StreamPlan
from tests.integration.client.job_story import JOB_ID, pending_status, story

COMMAND = str(Path(sys.executable).parent / "ai-trader")


def test_an_interrupt_ends_watch_quietly(target: str, service: FakeService) -> None:
    service.status, service.events = pending_status(), story()[:2]
    service.streams.extend([StreamPlan(messages=2)] * 1_000)
    environment = os.environ | {"AITRADER_SERVER": target, "GRPC_VERBOSITY": "NONE"}  # its words are not ours
    arguments = [COMMAND, "watch", JOB_ID, "--json"]

    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert '"sequence": 1' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()

    assert (process.returncode, errors) == (130, "")


def test_heavy_libraries_are_imported_only_where_they_are_used(target: str) -> None:
    code = (
        "import sys; from client.cli import main; main(['jobs', '--json'], standalone_mode=False); "
        "sys.exit(' '.join({'rich', 'plotext'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"AITRADER_SERVER": target}, capture_output=True, check=False
    )

    assert done.stderr.strip() == b""
