"""Measures the speed of the service and prints one JSON document; progress goes to standard error.

Run by `make bench` as `python -m tests.performance.bench [--only NAME …] [--seconds S] [--json FILE]`.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

from tests.performance import (
    backtest,
    dashboard,
    gateway,
    imports,
    load,
    million_rows,
    open_streams,
    price_tables,
    reads,
    sessions,
    starting,
    streams,
    triggers,
    upkeep,
)
from tests.performance.figure import Figure
from tests.performance.workbench import Workbench

GROUPS: Mapping[str, Callable[[Workbench], Sequence[Figure]]] = MappingProxyType(
    {
        "start": starting.measure,
        "prices": price_tables.measure,
        "reads": reads.measure,
        "trigger": triggers.measure,
        "backtest": backtest.measure,
        "sessions": sessions.measure,
        "stream": streams.measure,
        "rows": million_rows.measure,
        "gateway": gateway.measure,
        "import": imports.measure,
        "upkeep": upkeep.measure,
        "dashboard": dashboard.measure,
        "load": load.measure,
        "open-streams": open_streams.measure,
    }
)

PACKAGES = ("grpcio", "protobuf", "numpy", "peewee")


def main() -> None:
    """Measure what is asked for; the exit status is 0 whether or not targets are met."""
    given = _arguments()
    started = monotonic()
    with tempfile.TemporaryDirectory(prefix="aitrader-bench-") as folder:
        bench = Workbench(Path(folder), given.seconds)
        figures = list(_figures(bench, given.only or list(GROUPS)))
        document = {
            "machine": machine(),
            "prices": bench.prices_source,
            "seconds": round(monotonic() - started, 1),
            "figures": figures,
        }
    text = json.dumps(document, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Return the facts of the machine that figures depend on."""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        **{package: version(package) for package in PACKAGES},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.performance.bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="NAME", help=f"of: {', '.join(GROUPS)}")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a measuring window (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the document to a file as well")
    return parser.parse_args()


def _figures(bench: Workbench, groups: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Measure group by group; one that breaks is told of and stops no other."""
    for group in groups:
        _say(f"{group} …")
        started = monotonic()
        try:
            figures = GROUPS[group](bench)
        except Exception as error:  # the loop's edge: what else was measured is worth having
            traceback.print_exc()
            yield {"name": group, "error": f"{type(error).__name__}: {error}", "met": None}
            continue
        for figure in figures:
            _say(_line(figure))
            yield figure.as_json()
        _say(f"  ({monotonic() - started:.0f} s)")


def _line(figure: Figure) -> str:
    told = {True: "met", False: "MISSED", None: ""}[figure.met]
    return f"  {figure.name:45} {figure.value:10.4g} {figure.unit:8} {figure.target or '':10} {told}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
