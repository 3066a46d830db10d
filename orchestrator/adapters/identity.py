"""ID tokens for a Cloud Run service, cached until shortly before they expire."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helios.errors import AccessDenied, HeliosError, WorkerUnavailable

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

#: Fetches a token for an audience; may block.
TokenSource = Callable[[str], str]

#: Seconds before its expiry at which a token is replaced, if it lives long enough for that.
REFRESH_AHEAD = 300.0
# Seconds that gcloud, which starts slowly, may take.
_GCLOUD_TIMEOUT = 60.0
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_HINT = (
    "Set GOOGLE_APPLICATION_CREDENTIALS to a service account's file, run on Google Cloud, log in"
    " with gcloud, or name a service account to impersonate."
)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    expires: float
    refresh_at: float


class IdentityTokens:
    """ID tokens, each fetched once and again before it expires, however many ask for it.

    Args:
        source: Fetches a token; by default from what Google's libraries find (`find_identity`).
        clock: Returns seconds since 1970, the unit of tokens' expiries.
    """

    def __init__(
        self, source: TokenSource | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._source = source or find_identity()
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def token(self, audience: str) -> str:
        """Return a token for an audience, a service's URL, that is good for a while.

        Raises:
            AccessDenied: There are no credentials, or they can't make such a token.
            WorkerUnavailable: The issuer of tokens can't be reached.
        """
        known = self._tokens.get(audience)
        if known is not None and self._clock() < known.refresh_at:
            return known.text
        async with self._fetching.setdefault(audience, asyncio.Lock()):
            known = self._tokens.get(audience)
            now = self._clock()
            if known is not None and now < known.refresh_at:
                return known.text
            try:
                text = await asyncio.to_thread(self._source, audience)
            except HeliosError:
                # One that is still good bridges the time in which no new one can be had.
                if known is not None and now < known.expires:
                    return known.text
                raise
            self._tokens[audience] = _kept(text, now)
            return text

    def forget(self, audience: str) -> None:
        """Fetch a new token next time, since the cached one was refused."""
        self._tokens.pop(audience, None)


def find_identity(*, impersonate: str | None = None) -> TokenSource:
    """Return a source of tokens by Google's default credentials, looked up with the first token.

    In their order: the file that GOOGLE_APPLICATION_CREDENTIALS names (a service account, an
    impersonated one, another cloud's workload), the login of gcloud, the metadata server. A
    person's login makes no tokens for services by itself, so that gcloud is asked for one.
    `impersonate` is the e-mail address of a service account to act as.
    """

    def fetch(audience: str) -> str:
        from google.auth import exceptions  # noqa: PLC0415

        try:
            return _fetch(audience, impersonate=impersonate)
        except exceptions.DefaultCredentialsError as fault:
            raise AccessDenied(f"identity: {_told(fault)}", hint=_HINT) from fault
        except exceptions.TransportError as fault:
            raise WorkerUnavailable(f"identity: no token: {_told(fault)}") from fault
        except exceptions.GoogleAuthError as fault:
            if fault.retryable:
                raise WorkerUnavailable(f"identity: no token: {_told(fault)}") from fault
            raise AccessDenied(f"identity: no token: {_told(fault)}", hint=_HINT) from fault
        # A credentials file that isn't what it says; the library doesn't look at its shape.
        except (ValueError, TypeError, AttributeError) as fault:
            raise AccessDenied(
                f"identity: the credentials can't be read: {_told(fault)}", hint=_HINT
            ) from fault

    return fetch


def claims_of(token: str) -> Mapping[str, Any]:
    """Return the claims of a token, unverified; empty if it can't be parsed."""
    try:
        encoded = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _kept(text: str, now: float) -> _Token:
    expires = claims_of(text).get("exp")
    if not isinstance(expires, int | float):
        raise AccessDenied("identity: what was issued is not an ID token")
    # One that comes nearly old from a cache is used for at least half of what is left.
    refresh_at = max(expires - REFRESH_AHEAD, now + (expires - now) / 2)
    return _Token(text=text, expires=expires, refresh_at=refresh_at)


def _fetch(audience: str, *, impersonate: str | None) -> str:
    import google.auth  # noqa: PLC0415
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415
    from google.auth.transport.requests import Request  # noqa: PLC0415

    try:
        found, _ = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError:
        # `gcloud auth login` leaves nothing that the libraries find.
        if impersonate is None and shutil.which("gcloud") and _explicit_file() is None:
            return _from_gcloud()
        raise
    credentials = _credentials(found, audience, impersonate=impersonate)
    if credentials is None:
        return _from_gcloud()
    credentials.refresh(Request())
    return str(credentials.token)


def _credentials(
    found: "Credentials", audience: str, *, impersonate: str | None
) -> "Credentials | None":
    """Return a source of ID tokens by the default credentials; None if only gcloud has them."""
    from google.auth import external_account, impersonated_credentials  # noqa: PLC0415
    from google.auth.external_account_authorized_user import (  # noqa: PLC0415
        Credentials as FederatedUser,
    )
    from google.oauth2 import id_token  # noqa: PLC0415
    from google.oauth2.credentials import Credentials as User  # noqa: PLC0415

    target: impersonated_credentials.Credentials | None = None
    if impersonate is not None:
        target = impersonated_credentials.Credentials(found, impersonate, list(_SCOPES))
    elif isinstance(found, impersonated_credentials.Credentials):
        target = found
    elif isinstance(found, external_account.Credentials) and found.service_account_email:
        target = _federated(found)
    elif isinstance(found, User | FederatedUser):
        return None
    if target is None:
        of_audience: Credentials = id_token.fetch_id_token_credentials(audience)
        return of_audience
    return impersonated_credentials.IDTokenCredentials(
        target, target_audience=audience, include_email=True
    )


def _federated(found: Any) -> Any:
    """Return credentials that make ID tokens of an account another cloud's workload acts as."""
    import google.auth  # noqa: PLC0415
    from google.auth import impersonated_credentials  # noqa: PLC0415

    # Its own impersonation makes access tokens only: the workload itself is to impersonate.
    info = {**found.info}
    del info["service_account_impersonation_url"]
    itself, _ = google.auth.load_credentials_from_dict(info, scopes=_SCOPES)
    return impersonated_credentials.Credentials(itself, found.service_account_email, list(_SCOPES))


def _explicit_file() -> str | None:
    return os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or None


def _from_gcloud() -> str:
    try:
        done = subprocess.run(
            ["gcloud", "auth", "print-identity-token", "--quiet"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GCLOUD_TIMEOUT,
            check=True,
        )
    except FileNotFoundError:
        raise AccessDenied(
            "identity: a person's login makes ID tokens through gcloud, which isn't installed",
            hint=_HINT,
        ) from None
    except subprocess.TimeoutExpired:
        raise WorkerUnavailable(
            f"identity: gcloud printed no token within {_GCLOUD_TIMEOUT:g} s"
        ) from None
    except (OSError, subprocess.CalledProcessError) as fault:
        told = (getattr(fault, "stderr", None) or str(fault)).strip().splitlines()
        raise AccessDenied(
            "identity: gcloud printed no token", hint="Run gcloud auth login.", details=told[-3:]
        ) from None
    return done.stdout.strip()


def _told(fault: Exception) -> str:
    """Return the message of a library's error, in one line."""
    said = fault.args[0] if fault.args else fault
    return " ".join(str(said).split())
