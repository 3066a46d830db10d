"""Google's token exchange on this machine: an AWS identity becomes a service account's.

An AWS workload sends a signed GetCallerIdentity request. This checks the signature as AWS does,
asks the local AWS for the identity, and issues a token if it may act as the account.
"""

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.loopback_server import LoopbackServer

#: Validity of a token in seconds.
LIFETIME = 3600
_AWS_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, no token


class TokenExchange(LoopbackServer):
    """The token service (at `/token`) and the credentials service; use it as a context manager.

    Args:
        aws: URL of the local AWS.
        credentials: Credentials issued by AWS, for checking signatures.
        audience: The provider that workloads must name.
        role: Name of the role that may act as the account.
        account: E-mail of the service account.
    """

    def __init__(
        self,
        aws: str,
        credentials: Sequence[Credentials],
        *,
        audience: str,
        role: str,
        account: str,
    ) -> None:
        self._aws = aws
        self._credentials = {known.access_key: known for known in credentials}
        self._audience = audience
        self._role = role
        self._account = account
        self._federated: set[str] = set()
        self._tokens: set[str] = set()
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)))

    def accepts(self, token: str) -> bool:
        """Whether a token of the account was issued here."""
        return token in self._tokens

    def exchange(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a request for a federated token."""
        if form.get("audience") != self._audience or form["subject_token_type"] != _AWS_REQUEST:
            return _refused("invalid_target", "The audience names no provider.")
        request = json.loads(unquote(form["subject_token"]))
        headers = {header["key"].lower(): header["value"] for header in request["headers"]}
        if not self._is_signed(request, headers):
            return _refused("invalid_grant", "The signature does not match.")
        arn = self._caller(request, headers)
        if f":assumed-role/{self._role}/" not in arn:
            return _refused("unauthorized_client", f"{arn} may not act as {self._account}.")
        token = secrets.token_hex(16)
        self._federated.add(token)
        return 200, {
            "access_token": token,
            "issued_token_type": _ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": LIFETIME,
        }

    def impersonate(self, path: str, bearer: str) -> tuple[int, dict[str, Any]]:
        """Answer a request for a token of the account."""
        wanted = f"/accounts/{self._account}:generateAccessToken"
        if unquote(path) != wanted or bearer not in self._federated:
            return _refused("permission_denied", f"{path}: not for this caller")
        token = secrets.token_hex(16)
        self._tokens.add(token)
        expires = datetime.now(UTC) + timedelta(seconds=LIFETIME)
        return 200, {
            "accessToken": token,
            "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _is_signed(self, request: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        """Sign the request as AWS would, and compare the signatures."""
        fields = dict(
            part.strip().split("=", 1)
            for part in headers["authorization"].partition(" ")[2].split(",")
        )
        key, _, region, service, _ = fields["Credential"].split("/")
        signed = {name: headers[name] for name in fields["SignedHeaders"].split(";")}
        if key not in self._credentials:
            return False
        auth = SigV4Auth(self._credentials[key], service, region)
        again = AWSRequest(request["method"], request["url"], headers=signed)
        again.context["timestamp"] = headers["x-amz-date"]
        text = auth.string_to_sign(again, auth.canonical_request(again))
        return fields["Signature"] == str(auth.signature(text, again))

    def _caller(self, request: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        query = urlsplit(request["url"]).query
        asked = urllib.request.Request(  # noqa: S310 - the local AWS
            f"{self._aws}/?{query}", headers=dict(headers), method=request["method"]
        )
        try:
            with urllib.request.urlopen(asked) as answer:  # noqa: S310
                document = ElementTree.fromstring(answer.read())  # noqa: S314 - of this machine
        except urllib.error.HTTPError as refusal:
            return f"no one ({refusal.code})"
        return next((node.text or "" for node in document.iter() if node.tag.endswith("Arn")), "")


def _refused(code: str, why: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": code, "error_description": why}


def _handler(exchange: TokenExchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/token":
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                status, answer = exchange.exchange(form)
            else:
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, answer = exchange.impersonate(self.path, bearer)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
