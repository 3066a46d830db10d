"""HTTP interface of the token server."""

import copy
import datetime
import json
import ssl
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature

from sandbox.google.identity.signing_key import CALLER, LIFETIME

if TYPE_CHECKING:
    from sandbox.google.identity.token_server import TokenServer


class TokenHttpServer(ThreadingHTTPServer):
    """An HTTP server of a token server."""

    daemon_threads = True
    tokens: "TokenServer"
    tls: ssl.SSLContext


class TokenHandler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: TokenHttpServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/certs":
            certificates = self.server.tokens.certificates()
            self._answer(200, certificates, headers={"Cache-Control": "public, max-age=3600"})
        elif url.path == "/" or url.path.startswith("/computeMetadata/"):
            self._metadata(url.path, dict(_first(parse_qs(url.query))))
        else:
            self._answer(404, {"error": self.path})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        path = url.path
        account, _, method = path.rpartition("/")[2].partition(":")
        if path == "/token":
            self._grant(dict(_first(parse_qs(body.decode()))))
        elif path == "/sts":
            self._answer(
                200,
                {
                    "access_token": "federated",
                    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                    "token_type": "Bearer",
                    "expires_in": int(LIFETIME),
                },
            )
        elif method == "getIamPolicy":
            self._policy(account, dict(_first(parse_qs(url.query))), body)
        elif method == "setIamPolicy":
            policy = json.loads(body)["policy"]
            self._answer(200, self.server.tokens.policy_of(account, written=policy))
        elif method == "generateIdToken":
            audience = json.loads(body)["audience"]
            self._answer(200, {"token": self.server.tokens.impersonate(account, audience)})
        elif method == "signBlob":
            signed = self.server.tokens.sign_blob(json.loads(body)["payload"])
            self._answer(200, {"keyId": "key", "signedBlob": signed})
        elif method == "generateAccessToken":
            expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=LIFETIME)
            self._answer(
                200,
                {
                    "accessToken": "impersonated",
                    "expireTime": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
                },
            )
        else:
            self._answer(404, {"error": self.path})

    def do_CONNECT(self) -> None:
        """Answer in place of the host that the client connects to."""
        self.send_response(200)
        self.end_headers()
        secured = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.connection = secured
        self.rfile = secured.makefile("rb")
        self.wfile = secured.makefile("wb")
        self.close_connection = False

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _grant(self, form: Mapping[str, str]) -> None:
        try:
            self._answer(200, self.server.tokens.grant(form))
        except InvalidSignature:
            self._answer(400, {"error": "invalid_grant", "error_description": "bad signature"})

    def _policy(self, account: str, query: Mapping[str, str], body: bytes) -> None:
        if body:
            fault = {"code": 400, "status": "INVALID_ARGUMENT", "message": "A body isn't allowed."}
            self._answer(400, {"error": fault})
            return
        policy = self.server.tokens.policy_of(account)
        if query.get("options.requestedPolicyVersion") != "3":
            # Earlier versions have no conditions, and a policy written back loses them.
            policy = copy.deepcopy(policy)
            for binding in policy.get("bindings", ()):
                binding.pop("condition", None)
        self._answer(200, policy)

    def _metadata(self, path: str, query: Mapping[str, str]) -> None:
        if self.headers.get("Metadata-Flavor") != "Google":
            self._answer(403, {"error": "Metadata-Flavor is missing"})
            return
        flavor = {"Metadata-Flavor": "Google"}
        match path.removeprefix("/computeMetadata/v1/"):
            case "/":
                self._answer(200, "computeMetadata/", headers=flavor)
            case "project/project-id":
                self._answer(200, "sandbox", headers=flavor)
            case "universe/universe-domain":
                self._answer(200, "googleapis.com", headers=flavor)
            case "instance/service-accounts/default/identity":
                token = self.server.tokens.identity(query["audience"])
                self._answer(200, token, headers=flavor)
            case "instance/service-accounts/default/token":
                access = {"access_token": "access", "expires_in": 3600, "token_type": "Bearer"}
                self._answer(200, access, headers=flavor)
            case other if other.startswith("instance/service-accounts/"):
                account = {"email": CALLER, "scopes": [], "aliases": ["default"]}
                self._answer(200, account, headers=flavor)
            case _:
                self._answer(404, "not found", headers=flavor)

    def _answer(
        self, status: int, value: object, *, headers: Mapping[str, str] | None = None
    ) -> None:
        text = isinstance(value, str)
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, content in (headers or {}).items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(body)


def _first(query: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, values[0]) for name, values in query.items()]
