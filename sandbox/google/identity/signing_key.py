"""Keys that sign tokens, with their certificates."""

import base64
import datetime
import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

#: Issuer of tokens, as in Google's.
ISSUER = "https://accounts.google.com"
#: Default account of tokens.
CALLER = "render@sandbox.iam.gserviceaccount.com"
#: Validity of a token in seconds, as Google's.
LIFETIME = 3600.0


class SigningKey:
    """An RSA key that signs tokens, and its certificate."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return claims as a signed token (RS256)."""
        header = {"alg": "RS256", "kid": self.key_id, "typ": "JWT"}
        body = f"{_encoded(header)}.{_encoded(claims)}"
        return f"{body}.{_base64(self.sign_bytes(body.encode()))}"

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def verify(self, token: str) -> dict[str, Any]:
        """Return a token's claims, or raise `InvalidSignature`."""
        body, _, signature = token.rpartition(".")
        public = self._key.public_key()
        public.verify(_unbase64(signature), body.encode(), padding.PKCS1v15(), hashes.SHA256())
        claims: dict[str, Any] = json.loads(_unbase64(body.partition(".")[2]))
        return claims

    def private_pem(self) -> str:
        """Return the private key, as a service account's file holds it."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def certificate_pem(self, host: str = "sandbox") -> str:
        """Return a self-signed certificate of the key for one host, valid for a day."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
