"""Users of the gateway as Locust plays them: people and pages that look at jobs, days, rankings and curves.

What there is to look at they read from the gateway's list of jobs. Run by `load.py`, or by hand, in front of any
gateway with a job of thirty dates, as `locust -f tests/performance/locustfile.py --host http://127.0.0.1:8080`.
"""

import random
from typing import Any

from locust import FastHttpUser, between, task

#: jobs whose status is polled: the newest
JOBS = 25

#: dates of a series
WINDOW = 30


class Reader(FastHttpUser):
    """Looks at one thing, reads it for a moment, looks at the next."""

    #: seconds between an answer and the next question
    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        """Look for the jobs, and for those that are long enough for a series."""
        jobs = self.client.get(f"/simulate/jobs?page_size={JOBS}", name="jobs").json()["jobs"]
        self._jobs: list[dict[str, Any]] = jobs
        self._long = [job for job in jobs if len(job["date_range"]) >= WINDOW]

    @task(4)
    def status(self) -> None:
        """Poll a job."""
        self.client.get(f"/simulate/status/{random.choice(self._jobs)['job_id']}", name="status")

    @task(2)
    def results(self) -> None:
        """Look at a day of all models, every other time in full."""
        job, detail = random.choice(self._long), random.choice(("minimal", "full"))
        query = f"experiment={job['experiment']}&date={random.choice(job['date_range'])}&detail={detail}"
        self.client.get(f"/results?{query}", name="results")

    @task(2)
    def leaderboard(self) -> None:
        """Look at the ranking, every other time as of a date."""
        job = random.choice(self._long)
        as_of = random.choice(("", f"&date={random.choice(job['date_range'])}"))
        self.client.get(f"/leaderboard?experiment={job['experiment']}{as_of}", name="leaderboard")

    @task(2)
    def series(self) -> None:
        """Look at thirty days of a model."""
        job = random.choice(self._long)
        dates, model = job["date_range"], random.choice(job["models"])
        start = random.randrange(len(dates) - WINDOW + 1)
        window = f"start_date={dates[start]}&end_date={dates[start + WINDOW - 1]}"
        self.client.get(f"/portfolio/timeseries?experiment={job['experiment']}&model={model}&{window}", name="series")
