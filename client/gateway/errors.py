"""From errors to HTTP: the one table of status codes and words, and the handlers that answer with it.

GatewayError
├── BadRequestError     a header or field is wrong
├── TooManyStreamsError no more event streams fit
└── ClientGoneError     the caller disconnected; nobody reads the answer
"""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import grpc
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ..errors import AiTraderError
from .json_form import to_bytes

logger = logging.getLogger("uvicorn.error")

#: gRPC code → HTTP code
HTTP_CODES: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.CANCELLED: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}

#: reasons that users know under another word; any other is its own in lower case
WORDS: Mapping[str, str] = {"JOB_NOT_FOUND": "not_found", "JOB_CONFLICT": "conflict"}

#: what is wrong with a date has a word of its own
DATE_FIELDS = frozenset({"date", "start_date", "end_date"})

#: HTTP code → word, where no reason tells more
CODE_WORDS: Mapping[int, str] = {
    400: "invalid_argument",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    499: "client_closed_request",
    503: "unavailable",
}

#: seconds after which to try again, where an answer does not say
RETRY_AFTER: Mapping[int, str] = {429: "1", 503: "2"}


#: HTTP code for a body that cannot be read at all
UNREADABLE = 400


class GatewayError(Exception):
    """The gateway itself refuses."""

    status = 500

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.details = details


class BadRequestError(GatewayError):
    """A header or field is wrong."""

    status = 400

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}", fields={field: description})


class TooManyStreamsError(GatewayError):
    """No more event streams fit."""

    status = 503


class ClientGoneError(GatewayError):
    """The caller disconnected."""

    status = 499

    def __init__(self) -> None:
        super().__init__("the caller disconnected")


def error_response(
    status: int,
    word: str,
    message: str,
    details: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """Return the answer for an error."""
    body = {"error": word, "message": message, **more, "details": details}
    known = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
    return Response(to_bytes(body), status, {**known, **(headers or {})}, "application/json")


def service_error(error: AiTraderError, **more: object) -> Response:
    """Return the answer for an error of the service; `more` stands beside its message."""
    status = HTTP_CODES.get(error.code, 500)
    details: dict[str, object] = dict(error.metadata)
    if error.violations:
        details["fields"] = error.violations
    wait = error.metadata.get("retry_after_seconds")
    headers = {"Retry-After": wait} if wait and wait.isdecimal() else None
    return error_response(status, _word(error), error.message, details, headers, **more)


def gateway_error(error: GatewayError) -> Response:
    """Return the answer for a refusal of the gateway itself."""
    return error_response(error.status, CODE_WORDS[error.status], str(error), error.details)


def _word(error: AiTraderError) -> str:
    if DATE_FIELDS & set(error.violations):
        return "invalid_date"
    return WORDS.get(error.reason, error.reason.lower()) or error.code.name.lower()


def install_handlers(app: FastAPI) -> None:
    """Let every error be answered in JSON."""
    app.add_exception_handler(AiTraderError, _on_service_error)  # type: ignore[arg-type]  # starlette's types know Exception alone
    app.add_exception_handler(GatewayError, _on_gateway_error)  # type: ignore[arg-type]  # starlette's types know Exception alone
    app.add_exception_handler(RequestValidationError, _on_wrong_request)  # type: ignore[arg-type]  # starlette's types know Exception alone
    app.add_exception_handler(HTTPException, _on_http_error)  # type: ignore[arg-type]  # starlette's types know Exception alone
    app.add_exception_handler(Exception, on_unforeseen)


async def _on_service_error(request: Request, error: AiTraderError) -> Response:
    return service_error(error)


async def _on_gateway_error(request: Request, error: GatewayError) -> Response:
    return gateway_error(error)


async def _on_wrong_request(request: Request, error: RequestValidationError) -> Response:
    fields = dict(_violation(detail) for detail in error.errors())
    word = "invalid_date" if DATE_FIELDS & set(fields) else "invalid_argument"
    message = "; ".join(f"{field}: {text}" for field, text in fields.items())
    return error_response(400, word, message, {"fields": fields})


def _violation(detail: Mapping[str, Any]) -> tuple[str, str]:
    field = ".".join(str(part) for part in detail["loc"][1:])
    if detail["type"] == "json_invalid":
        return "body", "is not JSON"
    if detail["type"] == "extra_forbidden":
        return field, "is not known"
    return field or str(detail["loc"][0]), detail["msg"]


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == UNREADABLE:  # the one case in which FastAPI itself answers so
        return error_response(UNREADABLE, "invalid_argument", "body: is not JSON", {"fields": {"body": "is not JSON"}})
    word = CODE_WORDS.get(error.status_code, "error")
    message = _SENTENCES.get(error.status_code, str(error.detail))
    return error_response(error.status_code, word, message, {}, error.headers)


_SENTENCES: Mapping[int, str] = {
    404: "there is no such route",
    405: "the route does not know this method",
    413: "the body is too large",
}


async def on_unforeseen(request: Request, error: Exception) -> Response:
    """Answer with an id alone; the traceback goes to the log."""
    error_id = uuid4().hex[:8]
    logger.error("error_id=%s request_id=%s", error_id, request.scope.get("x-request-id"))
    return error_response(500, "internal", "internal error", {"error_id": error_id})
