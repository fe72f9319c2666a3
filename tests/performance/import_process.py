"""One run of `ai-trader-server import-positions …` in a process of its own, which tells what it cost.

Called by `imports.py`; prints one JSON object. The peak is the kernel's for this program alone: `ru_maxrss` would count
what the process was forked from.
"""

import json
import sys
from pathlib import Path
from time import perf_counter, process_time

from server.__main__ import cli


def main() -> None:
    """Run the command that the arguments make."""
    began, output = perf_counter(), sys.stdout
    sys.stdout = sys.stderr
    cli(["import-positions", *sys.argv[1:]], standalone_mode=False)
    sys.stdout = output
    costs = {"seconds": perf_counter() - began, "cpu_seconds": process_time(), "peak_mib": _peak_mib()}
    print(json.dumps(costs))


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) / 1024


if __name__ == "__main__":
    main()
