"""The design of earlier versions, to compare with: FastAPI whose handler opens the SQLite file, reads and answers.

Its answer has the fields that ours had then. Run as `python -m tests.performance.ancestor --db FILE`.
"""

import argparse
import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from tests.performance.process import READY

PRAGMAS = ("PRAGMA foreign_keys = ON",)


class Detail(BaseModel):
    date: str
    model: str
    status: str
    duration_seconds: float | None
    error: str | None


class Progress(BaseModel):
    total_model_days: int
    completed: int
    failed: int
    pending: int
    details: list[Detail]


class Status(BaseModel):
    job_id: str
    status: str
    date_range: list[str]
    models: list[str]
    progress: Progress
    created_at: str
    started_at: str | None
    completed_at: str | None
    error: str | None


def connected(database: Path) -> sqlite3.Connection:
    """Open the file, as every question did."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(pragma)
    return connection


def create_app(database: Path) -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.get("/simulate/status/{job_id}", response_model=Status)
    async def get_status(job_id: str) -> Status:
        with closing(connected(database)) as connection:
            job = connection.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if job is None:
            raise HTTPException(404, "there is no such job")
        with closing(connected(database)) as connection:
            rows = connection.execute("SELECT * FROM job_details WHERE job_id = ? ORDER BY date, model", (job_id,))
            return status(job, rows.fetchall())

    return app


def status(job: sqlite3.Row, rows: list[sqlite3.Row]) -> Status:
    """Return the answer."""
    details = [Detail(**{name: row[name] for name in Detail.model_fields}) for row in rows]
    counts = {word: sum(detail.status == word for detail in details) for word in ("completed", "failed", "pending")}
    plain: dict[str, Any] = {
        name: job[name] for name in Status.model_fields if name not in ("date_range", "models", "progress")
    }
    return Status(
        date_range=json.loads(job["date_range"]),
        models=json.loads(job["models"]),
        progress=Progress(total_model_days=len(details), details=details, **counts),
        **plain,
    )


def main() -> None:
    """Serve on a free port until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--db", type=Path, required=True)
    app = create_app(parser.parse_known_args()[0].db)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"{READY}127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listener])


if __name__ == "__main__":
    main()
