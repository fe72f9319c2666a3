"""How the scripts of this folder ask the service: HTTP and JSON, through its REST gateway."""

from collections.abc import Iterator
from typing import Any, TypedDict

import httpx

Json = dict[str, Any]

#: seconds; the gateway answers a trigger within 30, anything else within 15
TIMEOUT = 60.0


class ai_trader(TypedDict, total=False):  # noqa: N801 (Windmill reads the resource type off this name)
    """The resource: where the gateway is, and the key that a proxy in front of it asks for."""

    base_url: str
    api_key: str


class ServiceError(Exception):
    """The service refused; `word` is the gateway's, such as `conflict`, and `details` its body."""

    def __init__(self, status: int, details: Json) -> None:
        self.word: str = details.get("error", f"http_{status}")
        self.details = details
        super().__init__(f"{self.word}: {details.get('message', f'status {status}')}")


def ask(service: ai_trader, method: str, path: str, *, params: Json | None = None, body: Json | None = None) -> Json:
    """Ask the gateway and return what it answers; parameters without a value are left out.

    Raises:
        ServiceError: it refused.
        httpx.HTTPError: it was not reached.
    """
    key = service.get("api_key")
    response = httpx.request(
        method,
        f"{service['base_url'].rstrip('/')}{path}",
        params={name: value for name, value in (params or {}).items() if value not in (None, "")},
        json=body,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=TIMEOUT,
    )
    if response.is_error:
        raise ServiceError(response.status_code, _json(response))
    return _json(response)


def pages(service: ai_trader, path: str, field: str, params: Json) -> Iterator[Json]:
    """Ask for page after page and yield the items of a field."""
    token: str | None = ""
    while token is not None:
        answer = ask(service, "GET", path, params={**params, "page_token": token})
        yield from answer[field]
        token = answer["next_page_token"]


def _json(response: httpx.Response) -> Json:
    """Return the body of an answer; a proxy in between may answer without JSON."""
    try:
        content: Json = response.json()
    except ValueError:
        return {"message": " ".join(response.text.split())[:300]}
    return content
