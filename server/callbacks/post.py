"""One attempt at a callback: the name is looked up, its addresses are checked, and one of them is posted to.

The connection goes to the address that was checked, so a name that changes its address meanwhile leads nowhere else.
Redirects are not followed, proxies of the environment not used, and nothing of the answer but its status is read: what
a receiver says must not come back to whoever chose the URL.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.callbacks.hosts import Target, check_public

if TYPE_CHECKING:
    import httpx2

USER_AGENT = "ai-trader-callbacks/1"


class PostFailedError(Exception):
    """No answer came; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver answered; `retry_after` is in seconds, None when it said nothing of it."""

    status: int
    retry_after: int | None


class Poster:
    """Posts to receivers; an attempt takes at most `timeout` seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._client: httpx2.AsyncClient | None = None

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post a body and return the answer, whatever its status.

        Raises:
            CallbackRefusedError: the host has an address that is not public, and nobody vouched for it.
            PostFailedError: no answer came.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(target, headers, body)
        except TimeoutError:
            raise PostFailedError(f"no answer came within {self._timeout:g} seconds") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        import httpx2  # here, as it is needed only by those who use callbacks

        if self._client is None:
            limits = httpx2.Limits(max_keepalive_connections=0)
            # of the environment, which is not trusted with proxies, only SSL_CERT_FILE and SSL_CERT_DIR count
            self._client = httpx2.AsyncClient(
                verify=httpx2.create_ssl_context(), trust_env=False, follow_redirects=False, timeout=None, limits=limits
            )
        failure = "its name has no address"
        for address in await _addresses(target):
            try:
                return await _send(self._client, target, address, headers, body)
            except httpx2.ConnectError as error:
                if (told := _tls_failure(error)) is not None:
                    raise PostFailedError(told) from error
                failure = "the connection was refused"
            except httpx2.HTTPError as error:
                raise PostFailedError(f"the connection broke: {type(error).__name__}") from error
        raise PostFailedError(failure)


def _tls_failure(error: BaseException | None) -> str | None:
    """Say what was wrong with a certificate, or with TLS at all; None where it did not come to that."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"no TLS connection came about: {error.reason}"
        error = error.__cause__ or error.__context__
    return None


async def _addresses(target: Target) -> list[str]:
    """Return the addresses of a host, all of them checked."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PostFailedError(f"the name '{target.host}' was not found") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not target.vouched:
        for address in addresses:
            check_public(address)
    return addresses


async def _send(
    client: "httpx2.AsyncClient", target: Target, address: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    place = f"[{address}]" if ":" in address else address
    url = target.url._replace(netloc=f"{place}:{target.port}").geturl()
    told = {"host": target.url.netloc, "user-agent": USER_AGENT, "content-type": "application/json", **headers}
    # the certificate is checked against the name, not the address
    request = client.build_request("POST", url, headers=told, content=body, extensions={"sni_hostname": target.host})
    response = await client.send(request, stream=True)
    await response.aclose()
    after = response.headers.get("retry-after", "")
    return Answer(status=response.status_code, retry_after=int(after) if after.isdecimal() and len(after) < 9 else None)
