"""Text that comes from models, made fit to be stored and sent: bounded, and valid Unicode."""

#: characters kept of what a trader raised
MAX_ERROR = 1000

#: characters kept of what a trader wrote into an order
MAX_WORD = 200


def plain(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, with `?` for what UTF-8 cannot hold."""
    return storable(text if len(text) <= limit else text[: limit - 1] + "…")


def storable(text: str) -> str:
    """Return a text with `?` for lone surrogates, which JSON can spell and no database or message can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
