"""The dashboard: static files of `client/dashboard`, and the page at `/` that loads them."""

from os import PathLike, stat_result
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parent.parent / "dashboard"

#: a browser asks whether a file is still the same, so that a new version is seen at once
CACHE = "no-cache"

router = APIRouter(include_in_schema=False)


class DashboardFiles(StaticFiles):
    """The files, with how long browsers may keep them."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = CACHE
        return response


@router.get("/")
async def page() -> FileResponse:
    """The one page; what it shows is in the address behind `#`."""
    return FileResponse(FOLDER / "index.html", headers={"cache-control": CACHE})


def install(app: FastAPI) -> None:
    """Serve the files."""
    app.mount("/dashboard", DashboardFiles(directory=FOLDER), name="dashboard")
