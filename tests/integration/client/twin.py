"""One way to ask both twins: what the sync one returns at once, the async one returns to be awaited."""

import inspect
from typing import Any


async def answer(value: Any) -> Any:
    """Give a method's answer."""
    return await value if inspect.isawaitable(value) else value


async def items(values: Any) -> list[Any]:
    """Give all items of a method's iterator."""
    if hasattr(values, "__aiter__"):
        return [value async for value in values]
    return list(values)
