"""Start a simulation for the dates that its models still lack."""

import os
from uuid import uuid4

import wmill

from f.ai_trader.service import Json, ServiceError, ai_trader, ask


def main(
    service: ai_trader,
    config_path: str,
    experiment: str = "",
    models: list[str] | None = None,
    start_date: str = "",
    end_date: str = "",
    conflict_policy: str = "fail",
    callback: bool = False,  # noqa: FBT001, FBT002 (Windmill passes inputs by name)
) -> Json:
    """Return at once: `status` is `current`, then without a job, or the job's.

    With `callback` the end of the job is posted to the resume URL of this step.

    Raises:
        RuntimeError: another job is in the way; the step's retries ask again later.
    """
    optional = {"experiment": experiment, "models": models, "start_date": start_date, "end_date": end_date}
    body = {
        "config_path": config_path,
        "conflict_policy": conflict_policy,
        "request_id": os.environ.get("WM_JOB_ID") or str(uuid4()),
        "callback_urls": [wmill.get_resume_urls()["resume"]] if callback else [],
        **{name: value for name, value in optional.items() if value},
    }
    try:
        answer = ask(service, "POST", "/simulate/trigger", body=body)
    except ServiceError as error:
        if error.word != "conflict":
            raise
        raise RuntimeError(_in_the_way(error.details)) from error
    return {
        "status": answer["status"],
        "job_id": answer.get("job_id"),
        "experiment": answer["experiment"],
        "message": answer["message"],
        "warnings": answer["warnings"],
    }


def _in_the_way(conflict: Json) -> str:
    dates = conflict["current_date_range"]
    return f"conflict: job {conflict['current_job_id']} of {dates[0]} to {dates[-1]} is in the way"
