"""The scripts of client/grpcurl as a scheduler runs them."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.service import DEADLINE, ROOT, Service

FOLDER = ROOT / "client" / "grpcurl"
PROTOSET = FOLDER / "aitrader.protoset"


def file_of(rpc: str) -> Path:
    """Return the script that an RPC must have: GetStatus is get-status.sh."""
    return FOLDER / f"{re.sub(r'(?<=[a-z])(?=[A-Z])', '-', rpc).lower()}.sh"


def required_fields(rpc: str) -> list[str]:
    """Return the fields that the script of an RPC takes without a name."""
    (fields,) = re.findall(rf'^call {rpc} "(.*)" "\$@"$', file_of(rpc).read_text(encoding="utf-8"), re.MULTILINE)
    return str(fields).split()


def run_script(
    path: Path, service: Service | str, *arguments: str, settings: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a script against a service, or an address, to its end."""
    address = service if isinstance(service, str) else f"127.0.0.1:{service.port}"
    return subprocess.run(
        [str(path), *arguments],
        env={**os.environ, "AITRADER_SERVER": address, "DAILY_WAIT": "0.05", **(settings or {})},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
