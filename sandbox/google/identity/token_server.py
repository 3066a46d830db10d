"""Google's identity services on this machine: signed ID tokens, their certificates, metadata."""

import base64
import json
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sandbox.google.identity.signing_key import CALLER, ISSUER, LIFETIME, SigningKey
from sandbox.google.identity.token_handler import TokenHandler, TokenHttpServer
from sandbox.loopback_server import LoopbackServer

#: APIs of Google that the server replaces as a proxy, as their addresses can't be configured.
GOOGLE_HOSTS = "*.googleapis.com"


class TokenServer(LoopbackServer):
    """Issues ID tokens as Google does; a context manager.

    It serves a service account's token endpoint (`/token`), serves certificates (`/certs`), is a
    metadata server, a token exchange for federated identities (`/sts`), the API of accounts'
    policies and, as a proxy, the one by which accounts are impersonated and sign. Key files and
    certificates for clients are written to `folder`. Issued tokens are valid for `lifetime`
    seconds.
    """

    def __init__(self, folder: Path, *, lifetime: float = LIFETIME) -> None:
        self.lifetime = lifetime
        #: Issued tokens, oldest first: kind of request, and audience.
        self.issued: list[tuple[str, str]] = []
        #: Signatures that were made in an account's name, oldest first.
        self.signed_blobs: list[bytes] = []
        #: Policies of accounts that were written, by their e-mail addresses.
        self.policies: dict[str, dict[str, Any]] = {}
        #: Number of requests for certificates.
        self.certificate_fetches = 0
        self.key = SigningKey("sandbox-1")
        self.account_key = SigningKey("account-1")
        self._certificates = {self.key.key_id: self.key.certificate_pem()}
        self._folder = folder
        self._http = TokenHttpServer(("127.0.0.1", 0), TokenHandler)
        self._http.tokens = self
        super().__init__(self._http)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return super().__enter__()

    @property
    def certs_url(self) -> str:
        """URL of the certificates by which workers verify tokens."""
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
        """Return a signed ID token for an audience.

        It is `age` seconds old, and signed by the server's key by default. Further claims replace
        the default ones of the same name.
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
        """Use a new key; certificates of both keys are served."""
        self.key = SigningKey(f"sandbox-{len(self._certificates) + 1}")
        self._certificates[self.key.key_id] = self.key.certificate_pem()

    def service_account_file(self, email: str = CALLER) -> Path:
        """Write and return a service account's key file for this token endpoint."""
        path = self._folder / f"{email}.json"
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
        """Write and return credentials of a workload in another cloud, which act as an account."""
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
        """Return the variables that direct clients to this metadata server."""
        return {"GCE_METADATA_HOST": self.address, "GCE_METADATA_IP": self.address}

    def proxy_env(self) -> dict[str, str]:
        """Return the variables that direct clients to this in place of Google's APIs."""
        self._http.tls = self._tls_of_google()
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
            token = f"access of {claims['iss']}"
            return {"access_token": token, "expires_in": int(LIFETIME), "token_type": "Bearer"}
        return {
            "id_token": self._issue("account", claims["target_audience"], email=claims["iss"]),
        }

    def identity(self, audience: str) -> str:
        """Answer the metadata server's identity request."""
        return self._issue("metadata", audience)

    def impersonate(self, email: str, audience: str) -> str:
        """Answer a request for another account's ID token."""
        return self._issue("impersonation", audience, email=email)

    def policy_of(self, email: str, *, written: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return an account's policy, which is replaced first if one is `written`."""
        if written is not None:
            self.policies[email] = written
        return self.policies.get(email, {"etag": "BwWKmjvelug="})

    def sign_blob(self, payload: str) -> str:
        """Answer a request for a signature of an account, in base 64."""
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
