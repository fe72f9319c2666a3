"""Where callbacks may go: which hosts the settings allow, and which addresses are public.

An entry of the settings that names a host (`windmill.internal`, `127.0.0.1:8000`) vouches for it: http and private
addresses are fine there. `*.example.com` and `*` allow hosts by https at public addresses alone.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = IPv4Address | IPv6Address

#: characters
MAX_URL = 2048

#: IPv6 addresses that stand for an IPv4 address in their last 32 bits
TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("::/96"))

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
#: what some resolvers take for an IPv4 address: decimal, octal or hexadecimal
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_PORTS = {"http": 80, "https": 443}


class CallbackRefusedError(Exception):
    """A callback may not go to this URL; the message says why and is fit for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL in order; `vouched` says that the settings name its host."""

    url: SplitResult
    host: str
    port: int
    vouched: bool


class CallbackHosts:
    """The hosts that the settings allow, entries with commas between.

    Raises:
        ValueError: an entry is none.
    """

    def __init__(self, entries: str) -> None:
        self._exact: set[str] = set()
        self._suffixes: list[str] = []
        for entry in filter(None, (part.strip().lower() for part in entries.split(","))):
            if entry == "*":
                self._suffixes.append("")
            elif entry.startswith("*.") and _NAME.fullmatch(entry[2:]):
                self._suffixes.append(entry[1:])
            else:
                self._exact.add(_entry(entry))

    def target(self, url: str) -> Target:
        """Return where a URL leads.

        Raises:
            CallbackRefusedError: the URL is not in order, or its host is not allowed.
        """
        parts = _split(url)
        host = _host(parts)
        port = parts.port or _PORTS[parts.scheme]
        vouched = not self._exact.isdisjoint({host, f"{host}:{port}"})
        if not vouched:
            self._check_unvouched(parts.scheme, host)
        return Target(url=parts, host=host, port=port, vouched=vouched)

    def _check_unvouched(self, scheme: str, host: str) -> None:
        address = _literal(host)
        allowed = any(not suffix or (address is None and host.endswith(suffix)) for suffix in self._suffixes)
        if not allowed:
            raise CallbackRefusedError(f"host '{host}' is not one that the service's settings allow")
        if scheme != "https":
            raise CallbackRefusedError("must be https, since its host is not listed in the service's settings")
        if address is not None:
            check_public(host)


def check_public(address: str) -> None:
    """Check that an address is one of the public internet.

    Raises:
        CallbackRefusedError: it is not, or stands for one that is not.
    """
    found = _inner(ip_address(address.partition("%")[0]))
    if not found.is_global or found.is_multicast or found.is_reserved:
        raise CallbackRefusedError(f"address {address} is not public")


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in TRANSLATED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL:
        raise CallbackRefusedError(f"has {len(url)} characters; at most {MAX_URL} are allowed")
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise CallbackRefusedError("holds a character that is none of a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise CallbackRefusedError(f"is not a URL: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise CallbackRefusedError("is not an http or https URL with a host")
    if "@" in parts.netloc or "#" in url:
        raise CallbackRefusedError("holds a user or a fragment")
    return parts


def _host(parts: SplitResult) -> str:
    """Return the host in lower case without its last dot; an IPv4 address is only taken as four decimal numbers."""
    host = (parts.hostname or "").removesuffix(".")
    if _literal(host) is None and (
        len(host) > 253 or not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2])
    ):
        raise CallbackRefusedError(f"'{host}' is not the name of a host")
    return host


def _literal(host: str) -> Address | None:
    try:
        return None if "%" in host else ip_address(host)
    except ValueError:
        return None


def _entry(entry: str) -> str:
    """Return an entry that names a host, with or without a port, as it is compared."""
    if _literal(entry) is not None:
        return entry
    try:
        parts = _split(f"https://{entry}/")
        host = _host(parts)
    except CallbackRefusedError as error:
        raise ValueError(f"'{entry}' is not a host, host:port or *.domain: {error}") from error
    if parts.path != "/" or parts.query:
        raise ValueError(f"'{entry}' is not a host, host:port or *.domain")
    return host if parts.port is None else f"{host}:{parts.port}"
