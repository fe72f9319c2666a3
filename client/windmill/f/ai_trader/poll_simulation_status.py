"""Ask once how far a simulation is."""

from f.ai_trader.service import Json, ai_trader, ask

#: after these nothing of a job changes
FINAL = ("completed", "partial", "failed", "cancelled")


def main(service: ai_trader, job_id: str) -> Json:
    """Return the status and counts of a job; `ended` says that no more will come."""
    status = ask(service, "GET", f"/simulate/status/{job_id}", params={"page_size": 1})
    progress = status["progress"]
    return {
        "job_id": job_id,
        "status": status["status"],
        "ended": status["status"] in FINAL,
        "completed": progress["completed"],
        "failed": progress["failed"],
        "total_model_days": progress["total_model_days"],
        "current": progress["current"],
    }
