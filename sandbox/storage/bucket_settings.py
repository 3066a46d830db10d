"""Bucket settings and policies in front of a store that has none.

fake-gcs-server doesn't store lifecycles, labels and locations, and has no policies. This stores
them, answers as Cloud Storage does, and forwards other requests.
"""

import base64
import http.client
import json
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.loopback_server import LoopbackServer

_BUCKETS = "/storage/v1/b"
# Headers of one connection, or that are set again.
_OF_CONNECTION = frozenset({"connection", "content-length", "transfer-encoding", "host", "date"})

_Document = dict[str, Any]


class BucketSettings(LoopbackServer):
    """A server in front of a store; use it as a context manager.

    Args:
        store: URL of the server for objects.
    """

    def __init__(self, store: str) -> None:
        self._store = urlsplit(store).netloc
        self._lock = threading.Lock()
        self.settings: dict[str, _Document] = {}
        self.policies: dict[str, _Document] = {}
        #: Requests that changed buckets, such as `PATCH name`.
        self.writes: list[str] = []
        #: Statuses for refusing the next requests for buckets, by method.
        self.refusals: dict[str, int] = {}
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)))

    @property
    def endpoint(self) -> str:
        """The URL, for STORAGE_EMULATOR_HOST."""
        return self.url

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer a request: status, headers and body."""
        path = urlsplit(target).path.rstrip("/")
        rest = unquote(path.removeprefix(_BUCKETS)).strip("/").split("/")
        if not path.startswith(_BUCKETS) or len(rest) > 2 or rest[1:] not in ([], ["iam"]):
            return self._pass_on(method, target, headers, body)
        if refusal := self.refusals.pop(method, None):
            return _error(refusal, "refused by the test")
        with self._lock:
            if rest == [""]:
                return self._collection(method, target, headers, body)
            if rest[1:] == ["iam"]:
                return self._policy(method, rest[0], body)
            return self._bucket(method, target, headers, rest[0], body)

    def _collection(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        status, answer_headers, answer = self._pass_on(method, target, headers, body)
        if method != "POST" or status != http.client.OK:
            return status, answer_headers, answer
        wanted = json.loads(body)
        self.writes.append(f"POST {wanted['name']}")
        self.settings[wanted["name"]] = {**wanted, "metageneration": "1"}
        return _json({**json.loads(answer), **self.settings[wanted["name"]]})

    def _bucket(
        self, method: str, target: str, headers: Mapping[str, str], name: str, body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        passed = "GET" if method == "PATCH" else method
        status, answer_headers, answer = self._pass_on(passed, target, headers, b"")
        if status >= http.client.BAD_REQUEST:
            return status, answer_headers, answer
        if method == "DELETE":
            self.writes.append(f"DELETE {name}")
            self.settings.pop(name, None)
            self.policies.pop(name, None)
            return status, answer_headers, answer
        settings = self.settings.setdefault(name, {"metageneration": "1"})
        if method == "PATCH":
            self.writes.append(f"PATCH {name}")
            _merge(settings, json.loads(body))
            settings["metageneration"] = str(int(settings["metageneration"]) + 1)
        return _json({**json.loads(answer), **settings})

    def _policy(self, method: str, name: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        policy = self.policies.setdefault(
            name, {"kind": "storage#policy", "version": 1, "etag": "CAE=", "bindings": []}
        )
        if method == "GET":
            return _json(policy)
        wanted = json.loads(body)
        if wanted.get("etag") not in (None, policy["etag"]):
            return _error(http.client.PRECONDITION_FAILED, "Precondition Failed")
        self.writes.append(f"PUT {name}/iam")
        etag = base64.b64encode(uuid.uuid4().bytes).decode()
        self.policies[name] = {**policy, **wanted, "etag": etag}
        return _json(self.policies[name])

    def _pass_on(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(self._store, timeout=60)
        try:
            kept = {k: v for k, v in headers.items() if k.lower() not in _OF_CONNECTION}
            connection.request(method, target, body=body or None, headers=kept)
            answer = connection.getresponse()
            content = answer.read()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _OF_CONNECTION}
            return answer.status, kept, content
        finally:
            connection.close()


def _handler(server: BucketSettings) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = server.answer(
                self.command, self.path, dict(self.headers.items()), body
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _answer

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler


def _merge(settings: _Document, patch: _Document) -> None:
    for name, value in patch.items():
        if value is None:
            settings.pop(name, None)
        elif isinstance(value, dict) and isinstance(settings.get(name), dict):
            _merge(settings[name], value)
        else:
            settings[name] = value


def _json(document: _Document) -> tuple[int, Mapping[str, str], bytes]:
    return http.client.OK, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _error(status: int, message: str) -> tuple[int, Mapping[str, str], bytes]:
    error = {"error": {"code": status, "message": message}}
    return status, {"Content-Type": "application/json"}, json.dumps(error).encode()
