"""Store what a simulation did, and tell how it ended."""

import json

import wmill

from f.ai_trader.poll_simulation_status import FINAL
from f.ai_trader.service import Json, ServiceError, ai_trader, ask, pages

#: these go on in the flow; what a failed or cancelled job committed is stored too, but then the step fails
FINE = ("completed", "partial")


def main(service: ai_trader, job_id: str, leaderboard: list[Json] | None = None, folder: str = "") -> Json:
    """Return a summary: status, counts, the model-days that failed, the leaderboard, the file.

    With `folder` the results are written to the workspace's object storage, as a JSON line per model and date.

    Raises:
        RuntimeError: the job failed, was cancelled, or has not ended.
    """
    status = ask(service, "GET", f"/simulate/status/{job_id}", params={"page_size": 10_000})
    if status["status"] not in FINAL:
        raise RuntimeError(f"job {job_id} has not ended: it is {status['status']}")
    results = _results(service, job_id)
    summary = {
        "job_id": job_id,
        "status": status["status"],
        "completed": status["progress"]["completed"],
        "failed": status["progress"]["failed"],
        "failures": [day for day in status["progress"]["details"] if day["status"] == "failed"][:100],
        "results": len(results),
        "leaderboard": leaderboard or [],
        "file": _write(f"{folder.rstrip('/')}/{job_id}.jsonl", results) if folder else None,
    }
    if status["status"] not in FINE:
        raise RuntimeError(f"job {job_id} {status['status']}: {status['error'] or _reasons(summary['failures'])}")
    return summary


def _results(service: ai_trader, job_id: str) -> list[Json]:
    """Return what each model did on each date."""
    try:
        return list(pages(service, "/results", "results", {"job_id": job_id, "page_size": 1000}))
    except ServiceError as error:
        if error.word != "no_data":
            raise
        return []


def _write(path: str, results: list[Json]) -> str:
    lines = "".join(f"{json.dumps(result)}\n" for result in results)
    return str(wmill.write_s3_file(wmill.S3Object(s3=path), lines.encode())["s3"])


def _reasons(failures: list[Json]) -> str:
    """Return the first reasons, one of each."""
    return "; ".join(list(dict.fromkeys(str(day["error"]) for day in failures))[:3]) or "no reason was given"
