"""Accepting a large job, and what other callers notice of it."""

from statistics import median
from time import monotonic, sleep

from tests.performance import call
from tests.performance.client import Client, client
from tests.performance.figure import Figure, at_most, plain, rounded, spread
from tests.performance.process import ServerProcess
from tests.performance.workbench import SIX, Workbench, rule

MODELS, DATES = 15, 100

ROUNDS = 6

#: seconds between probes
EVERY = 0.002

#: seconds of quiet before a trigger, and of probes after it
QUIET, AFTER = 0.5, 0.7

Sample = tuple[float, float]


def measure(bench: Workbench) -> list[Figure]:
    """Measure triggers of 1,500 model-days."""
    six = bench.config("sixty.json", SIX, 10)
    large = bench.config("large.json", [rule(f"cash-{number}", "hold-cash") for number in range(MODELS)], DATES)
    triggers, before, during = list[float](), list[float](), list[float]()
    with bench.serve(bench.database("triggers")) as server, client() as caller, client() as prober:
        job = caller.ask("run_job", address=server.address, config=six, experiment="sixty")
        for number in range(ROUNDS):
            answer, samples = _round(server, caller, prober, large, f"large-{number}", job["job_id"])
            triggers.append(answer["milliseconds"])
            before += [ms for start, ms in samples if start + ms / 1000 < answer["started"]]
            during += [ms for start, ms in samples if start < answer["ended"] and start + ms / 1000 > answer["started"]]
            caller.ask("follow", address=server.address, job_id=answer["job_id"])
    return _figures(triggers, before, during)


def _round(
    server: ServerProcess, caller: Client, prober: Client, config: str, experiment: str, job_id: str
) -> tuple[dict[str, float], list[Sample]]:
    """Trigger a job while a caller of its own asks for the status of a finished one."""
    calls = [{"name": "status", "call": call.status(job_id).as_json(), "every": EVERY}]
    prober.begin("probe", address=server.address, calls=calls, seconds=QUIET + AFTER)
    began = monotonic()
    sleep(QUIET - (monotonic() - began))
    answer = caller.ask("trigger", address=server.address, config=config, experiment=experiment)
    if answer["model_days"] != MODELS * DATES:
        raise RuntimeError(f"the job had {answer['model_days']} model-days")
    return answer, [(start, ms) for start, ms in prober.answer()["status"]]


def _figures(triggers: list[float], before: list[float], during: list[float]) -> list[Figure]:
    how = f"{MODELS} models x {DATES} dates, a new experiment each, each after the end of the one before; "
    status = f"GetStatus of a finished job of 60 model-days every {EVERY * 1000:g} ms by another process, "
    return [
        at_most(
            "trigger_1500_model_days_ms",
            median(triggers),
            200.0,
            "ms",
            f"{how}median of {ROUNDS}",
            all=[rounded(value) for value in triggers],
        ),
        plain(
            "status_p99_ms_during_trigger",
            spread(during)["p99"],
            "ms",
            f"{status}while a Trigger is answered",
            **spread(during),
        ),
        plain("status_p99_ms_before_trigger", spread(before)["p99"], "ms", f"{status}just before", **spread(before)),
    ]
