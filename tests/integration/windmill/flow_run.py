"""A small driver of flows: runs the steps of a `flow.yaml` in their order, each in a process of its own.

It knows what the flows of this repository use: scripts, while loops, early stop, retries and suspend. Waits between
retries and iterations are left out. Of JavaScript it knows paths, and their comparison with a literal.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import yaml

from tests.integration.windmill.windmill_server import WindmillServer
from tests.service import DEADLINE, ROOT

WINDMILL = ROOT / "client" / "windmill"
FOLDER = WINDMILL / "f" / "ai_trader"

PROGRAM = (
    "import importlib, json, sys\n"
    "main = importlib.import_module(sys.argv[1]).main\n"
    "print(json.dumps(main(**json.load(sys.stdin))))"
)
EXPRESSION = re.compile(r"(\w+(?:\.\w+)*)(?: === ('.*'|true|false|null))?")


class StepFailedError(Exception):
    """A step failed for good, and so did the flow."""


def run_step(windmill: WindmillServer, path: str, arguments: Mapping[str, Any], job_id: str = "") -> Any:
    """Run a script and return its result.

    Raises:
        StepFailedError: with the last line of the traceback.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path.replace("/", ".")],
        input=json.dumps(arguments),
        env={**os.environ, **windmill.environment(job_id or str(uuid4())), "PYTHONPATH": str(WINDMILL)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    if done.returncode:
        raise StepFailedError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


@dataclass(kw_only=True)
class FlowRun:
    """One run of a flow; `trail` names the steps that ran, with every attempt and iteration."""

    name: str
    flow_input: Mapping[str, Any]
    windmill: WindmillServer
    results: dict[str, Any] = field(default_factory=dict)
    trail: list[str] = field(default_factory=list)
    resumed_with: Any = None

    def run(self) -> Any:
        """Run the flow to its end and return the result of its last step.

        Raises:
            StepFailedError: a step failed.
        """
        flow = yaml.safe_load((FOLDER / f"{self.name}.flow" / "flow.yaml").read_text(encoding="utf-8"))
        defaults = {key: value.get("default") for key, value in flow["schema"]["properties"].items()}
        self.flow_input = {**defaults, **self.flow_input}
        self._run(flow["value"]["modules"])
        return self.results[self.trail[-1]]

    def _run(self, modules: list[dict[str, Any]]) -> bool:
        """Run modules; tell whether one of them said to stop."""
        for module in modules:
            value = module["value"]
            if value["type"] == "whileloopflow":
                self._loop(value["modules"])
                continue
            job_id, result = self._attempts(module)
            self.results[module["id"]] = result
            if "stop_after_if" in module and self._value(module["stop_after_if"]["expr"], result=result):
                return True
            if "suspend" in module:
                self.resumed_with = self.windmill.wait_resumed(job_id, DEADLINE)
                assert self.resumed_with is not None, "the step was not resumed"
        return False

    def _loop(self, modules: list[dict[str, Any]]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not self._run(modules):
            assert time.monotonic() < deadline, "the loop does not end"

    def _attempts(self, module: dict[str, Any]) -> tuple[str, Any]:
        """Run a step, with its retries; return the id of the job that succeeded, and its result."""
        arguments = {
            name: self._value(given["expr"]) if given["type"] == "javascript" else given["value"]
            for name, given in module["value"]["input_transforms"].items()
        }
        left = module.get("retry", {}).get("constant", {}).get("attempts", 0)
        while True:
            self.trail.append(module["id"])
            job_id = str(uuid4())
            try:
                return job_id, run_step(self.windmill, module["value"]["path"], arguments, job_id)
            except StepFailedError:
                left -= 1
                if left < 0:
                    raise

    def _value(self, expression: str, **more: Any) -> Any:
        """Evaluate an expression."""
        match = EXPRESSION.fullmatch(expression)
        assert match, expression
        value: Any = {"flow_input": self.flow_input, "results": self.results, **more}
        for name in match[1].split("."):
            value = value[name]
        if match[2] is None:
            return value
        return value == yaml.safe_load(match[2])
