"""Verifies the identity token of a request, in addition to Cloud Run's own check."""

import json
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from google.auth import exceptions, jwt
from google.auth.transport.requests import Request

from helios.errors import AccessDenied, CallerRejected, WorkerUnavailable
from worker_cloudrun.service_config import GOOGLE_CERTS_URL

#: Seconds that this machine's clock may differ from the issuer's.
CLOCK_SKEW = 10

_ISSUERS = frozenset({"https://accounts.google.com", "accounts.google.com"})
# Cloud Run's replacement for the signature of a token that it has verified.
_SIGNATURE_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
# Seconds that a fetch of the certificates may take.
_FETCH_TIMEOUT = 5.0
# Least and largest lifetime of certificates in seconds.
_MIN_AGE, _MAX_AGE = 60.0, 24 * 3600.0
# Least seconds between two fetches for unknown keys, which forged tokens can cause.
_RETRY_UNKNOWN = 30.0
_MAX_AGE_HEADER = re.compile(r"max-age=(\d{1,9})")


class Certificates:
    """The certificates of an issuer's keys, fetched at first use and when they expire.

    The URL answers `{key id: PEM certificate}`; the clock is monotonic, in seconds.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._certificates: Mapping[str, str] = {}
        self._fetched = float("-inf")
        self._expires = float("-inf")

    def by_key_id(self, key_id: str | None) -> Mapping[str, str]:
        """Return all certificates, including that of a key if it exists.

        Raises `WorkerUnavailable` if there are no certificates yet, and they can't be fetched.
        """
        with self._lock:
            now = self._clock()
            unknown = key_id is not None and key_id not in self._certificates
            if now >= self._expires or (unknown and now >= self._fetched + _RETRY_UNKNOWN):
                self._fetch(now)
            return self._certificates

    def _fetch(self, now: float) -> None:
        self._fetched = now
        try:
            # Sessions aren't thread-safe, so each fetch has its own.
            response = Request()(self._url, method="GET", timeout=_FETCH_TIMEOUT)
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            self._certificates = _certificates(response.data)
        except (exceptions.GoogleAuthError, ValueError) as fault:
            # Existing certificates stay valid for a while if their server is down.
            self._expires = now + _MIN_AGE if self._certificates else now
            if self._certificates:
                return
            raise WorkerUnavailable(
                f"identity: no certificates from {self._url}: {fault}",
                hint="The worker needs them to verify callers; let it reach that address.",
            ) from None
        stated = _MAX_AGE_HEADER.search(response.headers.get("Cache-Control", ""))
        age = float(stated[1]) if stated else _MIN_AGE
        self._expires = now + min(max(age, _MIN_AGE), _MAX_AGE)


class CallerCheck:
    """Verifies a request's caller.

    Args:
        audiences: Accepted audiences of tokens: this service's URLs.
        callers: Allowed accounts (e-mail addresses); empty for all accounts with a valid token.
        certificates: Certificates of the keys that sign tokens.
    """

    def __init__(
        self,
        *,
        audiences: Collection[str],
        callers: Collection[str] = (),
        certificates: Certificates | None = None,
    ) -> None:
        self._audiences = list(audiences)
        self._callers = frozenset(caller.lower() for caller in callers)
        self._certificates = certificates or Certificates(GOOGLE_CERTS_URL)

    def check(self, authorization: str | None) -> str:
        """Return the caller's account.

        Raises `CallerRejected` if the token is missing, forged, expired, from another issuer or for
        another audience; `AccessDenied` if the token is good, but its account is not among the
        callers; `WorkerUnavailable` if the certificates can't be fetched.

        Args:
            authorization: The request's Authorization header.
        """
        claims = self._claims(_bearer(authorization))
        if claims.get("iss") not in _ISSUERS:
            raise CallerRejected(f"identity token: its issuer is {claims.get('iss')!r}")
        email = str(claims.get("email") or "")
        if not self._callers:
            return email or str(claims.get("sub"))
        if claims.get("email_verified") is not True or email.lower() not in self._callers:
            raise AccessDenied(
                f"identity token: {email or 'an account without e-mail'} may not call this worker",
                hint="Add it to HELIOS_ALLOWED_CALLERS.",
            )
        return email

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            key_id = jwt.decode_header(token).get("kid")
            certificates = self._certificates.by_key_id(None if key_id is None else str(key_id))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                certs=certificates,
                audience=self._audiences,
                clock_skew_in_seconds=CLOCK_SKEW,
            )
        except exceptions.InvalidValue as fault:
            raise CallerRejected(
                f"identity token: {fault}",
                hint="Get a new one whose audience is this service's URL.",
            ) from None
        # Claims of the wrong type cause other exceptions, and some messages of the library quote
        # the token, which answers and logs must not contain.
        except (exceptions.GoogleAuthError, ValueError, TypeError, AttributeError):
            raise CallerRejected(
                "identity token: it is malformed, or not signed by its issuer"
            ) from None
        return claims


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise CallerRejected(
            "identity token: the request has none",
            hint="Send Authorization: Bearer TOKEN.",
        )
    if token.endswith(_SIGNATURE_REMOVED):
        # Cloud Run removes the signature of the token that it verifies, so it needs a second one.
        raise CallerRejected(
            "identity token: Cloud Run has removed its signature",
            hint="Send the token twice, as Authorization and as X-Serverless-Authorization.",
        )
    return token


def _certificates(data: bytes) -> Mapping[str, str]:
    value = json.loads(data)
    if not isinstance(value, dict) or not value:
        raise ValueError("not an object of certificates")
    return {str(key_id): str(pem) for key_id, pem in value.items()}
