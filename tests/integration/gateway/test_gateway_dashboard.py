"""How the files of the dashboard are served; what they do is tried in a browser."""

import re

from client.gateway.dashboard import FOLDER
from client.gateway.envelope import CONTENT_SECURITY_POLICY
from tests.integration.gateway.gateway_server import Gateway

MODULES = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js")}


def test_page_is_served_with_a_strict_policy_and_nothing_from_elsewhere(gateway: Gateway) -> None:
    page = gateway.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert re.findall(r"https?:|<style|<script>| style=| on\w+=", page.text) == []
    for path in re.findall(r'(?:src|href)="(/dashboard/[^"]+)"', page.text):
        assert gateway.get(path).status_code == 200


def test_page_names_every_module_so_that_none_waits_for_another(gateway: Gateway) -> None:
    named = re.findall(r'(?:modulepreload" href|module" src)="/dashboard/([^"]+)"', gateway.get("/").text)

    assert set(named) == MODULES
    assert len(named) == len(MODULES)


def test_page_asks_for_the_jobs_before_its_modules_do_and_in_the_same_words(gateway: Gateway) -> None:
    (asked,) = re.findall(r'rel="preload" href="([^"]+)" as="fetch" crossorigin', gateway.get("/").text)
    module = (FOLDER / "experiment.js").read_text(encoding="utf-8")
    (recent,) = re.findall(r"RECENT_JOBS = (\d+)", module)

    assert 'get("/simulate/jobs", { page_size: RECENT_JOBS })' in module
    assert asked == f"/simulate/jobs?page_size={recent}"


def test_file_that_a_browser_has_is_not_sent_again(gateway: Gateway) -> None:
    first = gateway.get("/dashboard/main.js")
    again = gateway.http.get("/dashboard/main.js", headers={"if-none-match": first.headers["etag"]})
    plain = gateway.http.get("/dashboard/main.js", headers={"accept-encoding": "identity"})

    assert first.headers["content-type"].startswith("text/javascript")
    assert (first.headers["content-encoding"], first.headers["cache-control"]) == ("gzip", "no-cache")
    assert (again.status_code, again.content) == (304, b"")
    assert plain.content == first.content == (FOLDER / "main.js").read_bytes()


def test_only_files_for_browsers_are_served(gateway: Gateway) -> None:
    for path in ("README.md", "../gateway/app.py", "%2e%2e/gateway/app.py", "vendor", "", "main.js/"):
        assert gateway.http.get(f"{gateway.url}/dashboard/{path}").status_code == 404
