"""The part of Windmill's API that the scripts use, over real HTTP: resume URLs, and the object storage."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

WORKSPACE = "test"
TOKEN = "a-token-of-the-step"

#: characters; Windmill stores no longer payload
MAX_PAYLOAD = 10 * 1024


class WindmillServer:
    """Listens on a port of its own in a `with` block."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._resumed: dict[str, Any] = {}
        self._changed = threading.Condition()
        windmill = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                windmill._answer(self, b"")

            def do_POST(self) -> None:
                windmill._answer(self, self.rfile.read(int(self.headers.get("content-length", 0))))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="windmill", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, job_id: str) -> dict[str, str]:
        """Return what Windmill sets for a step."""
        return {
            "BASE_INTERNAL_URL": f"http://{self.host}",
            "WM_WORKSPACE": WORKSPACE,
            "WM_TOKEN": TOKEN,
            "WM_JOB_ID": job_id,
        }

    def wait_resumed(self, job_id: str, timeout: float) -> Any:
        """Wait until a step is resumed and return the payload; None when it is not."""
        with self._changed:
            self._changed.wait_for(lambda: job_id in self._resumed, timeout)
            return self._resumed.get(job_id)

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        url = urlsplit(handler.path)
        status, answer = 404, {"error": handler.path}
        match url.path.removeprefix(f"/api/w/{WORKSPACE}/").split("/"):
            case ["jobs", "resume_urls", job_id, nonce] if handler.headers["Authorization"] == f"Bearer {TOKEN}":
                resume = f"http://{self.host}/api/w/{WORKSPACE}/jobs_u/resume/{job_id}/{nonce}/signature"
                status, answer = 200, {"resume": resume, "cancel": "", "approvalPage": ""}
            case ["jobs_u", "resume", job_id, _, "signature"] if len(body) < MAX_PAYLOAD:
                with self._changed:
                    self._resumed[job_id] = json.loads(body)
                    self._changed.notify_all()
                status, answer = 201, {}
            case ["job_helpers", "upload_s3_file"] if handler.headers["Authorization"] == f"Bearer {TOKEN}":
                (key,) = parse_qs(url.query)["file_key"]
                self.files[key] = body
                status, answer = 200, {"file_key": key}
        self._send(handler, status, answer)

    def _send(self, handler: BaseHTTPRequestHandler, status: int, answer: dict[str, str]) -> None:
        content = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
