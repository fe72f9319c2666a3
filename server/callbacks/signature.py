"""Signatures of callbacks, as Standard Webhooks defines them.

HMAC-SHA256 over `id.timestamp.body`, in base 64 behind `v1,`: https://www.standardwebhooks.com
"""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"

#: bytes of a key: at least 192 bits, at most what the standard allows
MIN_KEY, MAX_KEY = 24, 64


def signing_keys(secret: str) -> tuple[bytes, ...]:
    """Return the keys of a secret: one, or while it is being changed the new and the old with a comma between.

    Raises:
        ValueError: it is not base 64 of 24 to 64 bytes.
    """
    return tuple(_key(part.strip()) for part in secret.split(","))


def signed_headers(keys: Sequence[bytes], delivery_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Return the headers that tell whose word a body is; `timestamp` is that of the attempt, in seconds."""
    content = f"{delivery_id}.{timestamp}.".encode() + body
    signatures = (b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(text: str) -> bytes:
    try:
        key = b64decode(text.removeprefix(PREFIX), validate=True)
    except Error:
        key = b""
    if not MIN_KEY <= len(key) <= MAX_KEY:
        raise ValueError(f"must be {PREFIX} and base 64 of {MIN_KEY} to {MAX_KEY} bytes")
    return key
