"""Google's identity services on this machine: signed ID tokens, their certificates, metadata."""

import base64
import datetime
import json
import ssl
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature

from sandbox.google.identity.signing_key import SigningKey

#: Issuer of tokens, as in Google's.
ISSUER = "https://accounts.google.com"
#: Default account of tokens.
CALLER = "render@sandbox.iam.gserviceaccount.com"
#: Seconds that a token is good for, as Google's are.
LIFETIME = 3600.0
#: Google's APIs, in whose name the server answers as a proxy: some addresses can't be configured.
GOOGLE_HOSTS = "*.googleapis.com"


class TokenServer:
    """Issues ID tokens as Google does, to the clients that get them from Google.

    It is a service account's token endpoint (`/token`), the place of the certificates (`/certs`),
    a metadata server, a token exchange for federated identities (`/sts`), and, as a proxy, the
    API by which accounts are impersonated and sign. Use it as a context manager.

    Parameters
    ----------
    folder:
        Where files for clients are written: a service account's key, certificates.
    lifetime:
        Seconds that issued tokens are good for.
    """

    def __init__(self, folder: Path, *, lifetime: float = LIFETIME) -> None:
        self.lifetime = lifetime
        #: Issued tokens, oldest first: kind of request, and audience.
        self.issued: list[tuple[str, str]] = []
        #: Signatures that were made in an account's name, oldest first.
        self.signed_blobs: list[bytes] = []
        #: How often the certificates were fetched.
        self.certificate_fetches = 0
        self.key = SigningKey("sandbox-1")
        self.account_key = SigningKey("account-1")
        self._certificates = {self.key.key_id: self.key.certificate_pem()}
        self._folder = folder
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.tokens = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The server's base URL."""
        return f"http://{self.address}"

    @property
    def certs_url(self) -> str:
        """Where workers fetch the certificates that tokens are verified with."""
        return f"{self.url}/certs"

    def token(
        self,
        audience: str,
        *,
        email: str = CALLER,
        issuer: str = ISSUER,
        lifetime: float | None = None,
        age: float = 0.0,
        key: SigningKey | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed ID token; every way in which one can be wrong is a parameter.

        Parameters
        ----------
        audience:
            Whom the token is for.
        email:
            The caller's account.
        issuer:
            Issuer of the token.
        lifetime:
            Seconds from its issue to its expiry.
        age:
            Seconds since it was issued.
        key:
            Signs it in place of the server's own key.
        **claims:
            Further claims, or others in place of the usual ones.
        """
        issued = time.time() - age
        expires = issued + (self.lifetime if lifetime is None else lifetime)
        return (key or self.key).sign(
            {
                "iss": issuer,
                "aud": audience,
                "azp": email,
                "sub": "100000000000000000001",
                "email": email,
                "email_verified": True,
                "iat": int(issued),
                "exp": int(expires),
                **claims,
            }
        )

    def rotate_key(self) -> None:
        """Sign with a new key from now on; both keys' certificates are served."""
        self.key = SigningKey(f"sandbox-{len(self._certificates) + 1}")
        self._certificates[self.key.key_id] = self.key.certificate_pem()

    def service_account_file(self, email: str = CALLER) -> Path:
        """Write and return a service account's key file whose tokens come from here."""
        path = self._folder / "service-account.json"
        path.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "sandbox",
                    "private_key_id": self.account_key.key_id,
                    "private_key": self.account_key.private_pem(),
                    "client_email": email,
                    "client_id": "100000000000000000001",
                    "token_uri": f"{self.url}/token",
                }
            )
        )
        path.chmod(0o600)
        return path

    def federated_file(self, email: str = CALLER) -> Path:
        """Write and return credentials of another cloud's workload, which act as an account."""
        subject = self._folder / "subject-token"
        subject.write_text("a token of another cloud")
        path = self._folder / "federated.json"
        path.write_text(
            json.dumps(
                {
                    "type": "external_account",
                    "audience": "//iam.googleapis.com/projects/1/locations/global/"
                    "workloadIdentityPools/sandbox/providers/other",
                    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                    "token_url": f"{self.url}/sts",
                    "credential_source": {"file": str(subject)},
                    "service_account_impersonation_url": "https://iamcredentials.googleapis.com/"
                    f"v1/projects/-/serviceAccounts/{email}:generateAccessToken",
                }
            )
        )
        return path

    def user_file(self) -> Path:
        """Write the file of `gcloud auth application-default login`; return its path."""
        path = self._folder / "user.json"
        path.write_text(
            json.dumps(
                {
                    "type": "authorized_user",
                    "client_id": "client",
                    "client_secret": "secret",
                    "refresh_token": "refresh",
                    "token_uri": f"{self.url}/token",
                }
            )
        )
        return path

    def metadata_env(self) -> dict[str, str]:
        """Return the environment in which clients take this for the metadata server."""
        return {"GCE_METADATA_HOST": self.address, "GCE_METADATA_IP": self.address}

    def proxy_env(self) -> dict[str, str]:
        """Return the environment in which this answers in the name of Google's APIs."""
        self._server.tls = self._tls_of_google()
        return {
            "HTTPS_PROXY": self.url,
            "https_proxy": self.url,
            "REQUESTS_CA_BUNDLE": str(self._folder / "google.pem"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def certificates(self) -> dict[str, str]:
        """Return the certificates by key id, as Google serves them."""
        self.certificate_fetches += 1
        return dict(self._certificates)

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token endpoint's request, or raise `InvalidSignature`."""
        if form.get("grant_type") == "refresh_token":
            return {"access_token": "user-access", "expires_in": int(LIFETIME)}
        claims = self.account_key.verify(form["assertion"])
        if "target_audience" not in claims:
            return {"access_token": "access", "expires_in": int(LIFETIME), "token_type": "Bearer"}
        return {
            "id_token": self._issue("account", claims["target_audience"], email=claims["iss"]),
        }

    def identity(self, audience: str) -> str:
        """Answer the metadata server's identity request."""
        return self._issue("metadata", audience)

    def impersonate(self, email: str, audience: str) -> str:
        """Answer a request for another account's ID token."""
        return self._issue("impersonation", audience, email=email)

    def sign_blob(self, payload: str) -> str:
        """Answer a request for a signature in an account's name; both sides in base 64."""
        self.signed_blobs.append(self.account_key.sign_bytes(base64.b64decode(payload)))
        return base64.b64encode(self.signed_blobs[-1]).decode()

    def _issue(self, way: str, audience: str, *, email: str = CALLER) -> str:
        self.issued.append((way, audience))
        return self.token(audience, email=email)

    def _tls_of_google(self) -> ssl.SSLContext:
        key = SigningKey("tls")
        certificate = self._folder / "google.pem"
        certificate.write_text(key.certificate_pem(GOOGLE_HOSTS))
        private = self._folder / "google-key.pem"
        private.touch(0o600)
        private.write_text(key.private_pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private)
        return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tokens: TokenServer
    tls: ssl.SSLContext


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

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
        path = urlsplit(self.path).path
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
        """Become the host that the client wants to reach."""
        self.send_response(200)
        self.end_headers()
        secured = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.connection = secured
        self.rfile = secured.makefile("rb")
        self.wfile = secured.makefile("wb")
        self.close_connection = False

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _grant(self, form: Mapping[str, str]) -> None:
        try:
            self._answer(200, self.server.tokens.grant(form))
        except InvalidSignature:
            self._answer(400, {"error": "invalid_grant", "error_description": "bad signature"})

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
