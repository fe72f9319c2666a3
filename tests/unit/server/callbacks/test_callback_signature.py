"""Signatures, against the example of the standard and another implementation of it."""

from base64 import b64encode

import pytest

from server.callbacks.signature import signed_headers, signing_keys
from tests.standard_webhook import verify

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + b64encode(bytes(range(32, 64))).decode()


def test_signature_is_that_of_the_reference_libraries() -> None:
    keys = signing_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signed_headers(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_signature_is_checked_by_another_implementation() -> None:
    headers = signed_headers(signing_keys(SECRET), "id-1", 1_764_500_000, b"body")

    assert verify(SECRET, headers, b"body")
    assert not verify(SECRET, headers, b"another body")
    assert not verify(OTHER, headers, b"body")
    assert not verify(SECRET, {**headers, "webhook-timestamp": "1764500001"}, b"body")
    assert not verify(SECRET, {**headers, "webhook-id": "id-2"}, b"body")


def test_both_keys_sign_while_a_secret_is_changed() -> None:
    headers = signed_headers(signing_keys(f"{OTHER}, {SECRET}"), "id-1", 1_764_500_000, b"body")

    assert verify(SECRET, headers, b"body")
    assert verify(OTHER, headers, b"body")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_short", "not base 64!", "whsec_" + b64encode(bytes(65)).decode()]
)
def test_secret_that_is_no_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        signing_keys(secret)
