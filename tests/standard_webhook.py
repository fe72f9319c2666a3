"""A receiver's check of a signature, written from the text of the standard and apart from the service's code."""

import base64
import hashlib
from collections.abc import Mapping

BLOCK = 64


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether one of the signatures is that of the body (https://www.standardwebhooks.com)."""
    key = base64.b64decode(secret.split("_", 1)[1])
    content = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    expected = b"v1," + base64.b64encode(_hmac_sha256(key, content))
    return expected in headers["webhook-signature"].encode().split(b" ")


def _hmac_sha256(key: bytes, content: bytes) -> bytes:
    """Compute RFC 2104 by hand."""
    padded = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + content).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()
