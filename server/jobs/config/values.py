"""The kinds of values that configs hold: dates, names, amounts, times."""

from datetime import date
from decimal import Decimal
from math import inf
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

#: dollars; leaves room for a tenfold gain within the range in which stored amounts are exact
MAX_INITIAL_CASH = Decimal(100_000_000)

#: what a signature may not hold, as it also names a folder of recorded files
_FORBIDDEN_IN_SIGNATURE = frozenset("/\\")


def parse_date(text: str) -> str:
    """Return a date `YYYY-MM-DD` unchanged.

    Raises:
        ValueError: it is not such a date.
    """
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError(f"'{text[:40]}' is not a date such as 2025-10-01")


def model_signature(text: str) -> str:
    """Return a model's signature unchanged.

    Raises:
        ValueError: it could not name a folder, or would not show as it is.
    """
    if text != text.strip() or text.startswith(".") or not text.isprintable() or _FORBIDDEN_IN_SIGNATURE & set(text):
        raise ValueError(f"{text[:40]!r} holds a slash, a control character, a leading dot or outer blanks")
    return text


def experiment_name(text: str) -> str:
    """Return an experiment's name unchanged.

    Raises:
        ValueError: it is not 1 to 64 of `A-Z a-z 0-9 . _ -`, or begins with a dot.
    """
    allowed = text.isascii() and all(c.isalnum() or c in "._-" for c in text)
    if not allowed or not 1 <= len(text) <= 64 or text.startswith("."):
        raise ValueError(f"{text[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot")
    return text


def _amount(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("is not a number")  # noqa: TRY004 (pydantic reports ValueError with the field)
    return Decimal(value)


def _on_grid(value: Decimal) -> Decimal:
    if value != value.quantize(Decimal("0.000001")):
        raise ValueError("has more than 6 decimals")
    return value


def _number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _scalar(value: object) -> object:
    if not isinstance(value, str | bool | int | Decimal):
        raise ValueError("is not text, a number, true or false")  # noqa: TRY004 (as above)
    if (number := _number(value)) in (inf, -inf):
        raise ValueError("is too large a number")
    return number


def _address(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise ValueError("is not an http or https address")
    return text


def _log_path(text: str) -> str:
    """Return a path without the data folder that earlier versions named."""
    inside = text.removeprefix("./").removeprefix("data/").rstrip("/")
    if not inside or not inside.isprintable() or inside.startswith(("/", "~")) or ".." in inside.split("/"):
        raise ValueError(f"'{text[:80]}' is not a path inside the data folder")
    return inside


HeaderText = Annotated[str, Field(max_length=4096, pattern=r"^[\x20-\x7e]*$")]
DateText = Annotated[str, AfterValidator(parse_date)]
CalendarName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]{1,20}$")]
Signature = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(model_signature)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9.\-^=]{1,20}$")]
InitialCash = Annotated[Decimal, BeforeValidator(_amount), Field(gt=0, le=MAX_INITIAL_CASH), AfterValidator(_on_grid)]
Dollars = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, le=1_000_000)]
BasisPoints = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, le=10_000)]
Impact = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, le=1000)]
VolumeShare = Annotated[Decimal, BeforeValidator(_amount), Field(gt=0, le=1)]
TokenCount = Annotated[int, Field(ge=1, le=10**15)]
Seconds = Annotated[float, BeforeValidator(_number), Field(ge=0, le=3600)]
ParameterValue = Annotated[str | bool | int | float, PlainValidator(_scalar)]
Address = Annotated[str, AfterValidator(_address)]
LogPath = Annotated[str, AfterValidator(_log_path)]
TimeLimit = Annotated[float, BeforeValidator(_number), Field(gt=0, le=86_400)]
JobTimeLimit = Annotated[float, BeforeValidator(_number), Field(gt=0, le=31_536_000)]
