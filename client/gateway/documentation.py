"""OpenAPI and the page that shows it: one plain page without a script, so that nothing is loaded from elsewhere."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from .asking import MAX_TIMEOUT

router = APIRouter(include_in_schema=False)

STYLE = """:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
code { font-family: ui-monospace, monospace }
h2 code { font-size: 1rem }
"""

#: headers that every operation takes
HEADERS: tuple[dict[str, Any], ...] = (
    {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": "The caller's id of this request; it is in the answer and in the server's log.",
        "schema": {"type": "string"},
    },
    {
        "name": "X-Request-Timeout",
        "in": "header",
        "required": False,
        "description": f"Seconds after which the caller gives up, up to {MAX_TIMEOUT:.0f}.",
        "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TIMEOUT},
    },
)


def install(app: FastAPI) -> None:
    """Add the headers of all operations to the OpenAPI document."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            for operations in original()["paths"].values():
                for operation in operations.values():
                    operation.setdefault("parameters", []).extend(HEADERS)
                    operation["responses"].pop("422", None)  # a wrong field is answered with 400
        return original()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's way of extending it


@router.get("/docs/style.css")
async def style() -> Response:
    """The look of the page."""
    return Response(STYLE, media_type="text/css")


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Every route with its parameters and answers."""
    document = request.app.openapi()
    operations = [
        _section(method, path, operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    ]
    title = escape(document["info"]["title"])
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><link rel="stylesheet" href="/docs/style.css"><main><h1>{title}</h1>'
        f"<p>{escape(document['info']['description'])} The whole description, with examples, is "
        f'<a href="/openapi.json">openapi.json</a>.</p>{"".join(operations)}</main></html>'
    )


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        _row(found["name"], found["in"], found.get("description", "")) for found in operation.get("parameters", ())
    )
    answers = "".join(_row(code, "", found["description"]) for code, found in operation["responses"].items())
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{parameters}"
        f"<tr><th>answer</th><th></th><th></th></tr>{answers}</table></section>"
    )


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
