"""Dates in the answers of tools that are not ours: what an answer consists of, and how late each part of it is.

Nobody knows the form of such an answer, so everything in it that looks like a date counts, and the latest decides.
"""

import re
from collections.abc import Iterator
from typing import Any

#: names that say of their value that it is a date, without `_`, `-` and capitals
DATE_NAMES = frozenset(
    {
        "asof",
        "created",
        "createdat",
        "date",
        "datetime",
        "day",
        "modified",
        "modifiedat",
        "published",
        "publishedat",
        "publisheddate",
        "publishedtime",
        "time",
        "timestamp",
        "updated",
        "updatedat",
    }
)

#: parts within parts that are looked into; what is deeper cannot be judged
MAX_DEPTH = 16

#: stands for what cannot be judged; no date is written like this
UNREADABLE = "?"

_LIKE_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parts(content: Any) -> list[Any]:  # noqa: ANN401 (whatever JSON holds)
    """Return what an answer consists of: the elements of a list, or of the lists of an object without a date."""
    if isinstance(content, list):
        return content
    if not isinstance(content, dict) or any(_names_date(name) for name in content):
        return [content]
    inner = [value for value in content.values() if isinstance(value, list) and value]
    return [element for value in inner for element in value] if inner else [content]


def dates_in(part: Any) -> list[str]:  # noqa: ANN401 (as above)
    """Return every date in a part, as written: values that are named so, and whatever looks like a date."""
    return list(_dates(part, MAX_DEPTH, named=False))


def _dates(value: Any, depth: int, *, named: bool) -> Iterator[str]:  # noqa: ANN401 (as above)
    if not depth:
        yield UNREADABLE
    elif isinstance(value, dict):
        for name, inner in value.items():
            if _LIKE_A_DATE.match(name):
                yield name
            yield from _dates(inner, depth - 1, named=_names_date(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _dates(inner, depth - 1, named=named)
    elif value not in (None, "") and (named or (isinstance(value, str) and _LIKE_A_DATE.match(value.strip()))):
        yield str(value)


def _names_date(name: str) -> bool:
    return name.replace("_", "").replace("-", "").lower() in DATE_NAMES
