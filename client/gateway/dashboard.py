"""The dashboard: the files of `client/dashboard`, kept in memory, and the page at `/` that loads them."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

FOLDER = Path(__file__).resolve().parent.parent / "dashboard"

#: what a browser may load; the other files are for those who read the code
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

PAGE = "index.html"

#: a browser asks whether a file is still the same, so that a new version is seen at once
CACHE = "no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is sent, plain and compressed."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """Return the file, or that the caller has it already."""
        headers = {"cache-control": CACHE, "etag": self.etag, "vary": "Accept-Encoding"}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self.content, media_type=self.media_type, headers=headers)
        return Response(self.compressed, media_type=self.media_type, headers=headers | {"content-encoding": "gzip"})


def load_assets() -> Mapping[str, Asset]:
    """Return the files of the dashboard by their path below its folder."""
    paths = (path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    return {path.relative_to(FOLDER).as_posix(): _asset(path) for path in paths}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=MEDIA_TYPES[path.suffix],
        etag=f'"{sha256(content).hexdigest()[:16]}"',
    )


def create_router() -> APIRouter:
    """Return the routes of the page and its files, read now."""
    router = APIRouter(include_in_schema=False)
    assets = load_assets()

    @router.get("/")
    async def page(request: Request) -> Response:
        """The one page; what it shows is in the address behind `#`."""
        return assets[PAGE].answer(request)

    @router.get("/dashboard/{path:path}")
    async def file(request: Request, path: str) -> Response:
        """A file of the page."""
        if path not in assets:
            raise HTTPException(404)
        return assets[path].answer(request)

    return router
