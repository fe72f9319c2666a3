"""Where callbacks may go."""

import pytest

from server.callbacks.hosts import CallbackHosts, CallbackRefusedError, check_public

ANY = CallbackHosts("*")
LISTED = CallbackHosts("windmill.internal, 127.0.0.1:8000, [::1]:9000, 10.1.2.3, *.example.com")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.partner.net/path?token=a%20b",
        "https://HOOKS.partner.net./",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        "https://xn--bcher-kva.de:8443/",
    ],
)
def test_any_public_host_is_allowed_by_a_star(url: str) -> None:
    target = ANY.target(url)

    assert not target.vouched
    assert target.port == (8443 if ":8443" in url else 443)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.partner.net/",  # not https
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/",
        "https://[ff02::1]/",
        "https://user@hooks.partner.net/",
        "https://user:password@hooks.partner.net/",
        "https://hooks.partner.net@127.0.0.1/",
        "https://hooks.partner.net\\@127.0.0.1/",
        "https://hooks.partner.net/#fragment",
        "https://hooks.partner.net/ space",
        "https://hooks.partner.net/\r\nhost: other",
        "https://hooks.partner.net:0/",
        "https://hooks.partner.net:99999/",
        "https://h\u00f6oks.partner.net/",
        "https:///path",
        "https://",
        "ftp://hooks.partner.net/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "hooks.partner.net",
        "https://-bad-.net/",
        "https://a..b/",
        "https://hooks.partner.net/" + "a" * 2048,
    ],
)
def test_what_leads_inside_or_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(CallbackRefusedError):
        ANY.target(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://windmill.internal:8000/resume",
        "https://windmill.internal/",
        "http://127.0.0.1:8000/",
        "http://[::1]:9000/",
        "http://10.1.2.3/",
    ],
)
def test_host_that_is_listed_is_vouched_for(url: str) -> None:
    assert LISTED.target(url).vouched


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/",
        "https://127.0.0.1/",
        "http://[::1]/",
        "https://hooks.partner.net/",
        "https://example.com/",
        "https://badexample.com/",
        "http://a.example.com/",
        "https://127.0.0.1.nip.io/",
    ],
)
def test_host_that_is_not_listed_is_refused(url: str) -> None:
    with pytest.raises(CallbackRefusedError):
        LISTED.target(url)


def test_hosts_below_a_listed_domain_are_allowed_and_not_vouched_for() -> None:
    assert not LISTED.target("https://a.b.example.com/").vouched


def test_without_entries_nothing_is_allowed() -> None:
    with pytest.raises(CallbackRefusedError, match="settings allow"):
        CallbackHosts("").target("https://hooks.partner.net/")


@pytest.mark.parametrize("entry", ["http://a.de", "a b", "a.de/path", "*.", "*.*", "0x7f.1", "user@a.de", "a.de:99999"])
def test_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        CallbackHosts(entry)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "169.254.169.254", "::1"])
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(CallbackRefusedError, match="not public"):
        check_public(address)


def test_public_addresses_pass() -> None:
    check_public("8.8.8.8")
    check_public("2606:2800:220:1:248:1893:25c8:1946")
