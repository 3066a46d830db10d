"""Converts exceptions of Google's clients to errors of this project."""

import contextlib
from collections.abc import Iterator

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from helios.errors import AccessDenied, DeploymentFailed, HeliosError

#: Temporary: a concurrent deployment, a service that is briefly unavailable.
_PASSING = (
    api.Aborted,
    api.Conflict,
    api.DeadlineExceeded,
    api.InternalServerError,
    api.ServiceUnavailable,
    api.RetryError,
    ConnectionError,
)
_SIGN_IN = (
    "Sign in with `gcloud auth application-default login`, or name a credentials file in"
    " GOOGLE_APPLICATION_CREDENTIALS."
)


@contextlib.contextmanager
def explained(resource: str) -> Iterator[None]:
    """Raise exceptions of Google's clients as this project's errors.

    Args:
        resource: The resource, as the message's first words.
    """
    try:
        yield
    except (api.GoogleAPIError, auth.GoogleAuthError, ConnectionError) as fault:
        raise explanation(resource, fault) from fault


def explanation(resource: str, fault: Exception) -> HeliosError:
    """Return the error for an exception about a resource."""
    said = _words(fault)
    match fault:
        case auth.TransportError():
            return DeploymentFailed(f"{resource}: no token to be had: {said}", retryable=True)
        case auth.GoogleAuthError() | api.Unauthenticated():
            return AccessDenied(f"{resource}: no valid credentials: {said}", hint=_SIGN_IN)
        case api.Forbidden():
            return AccessDenied(
                f"{resource}: permission denied: {said}",
                hint="docs/deploy-cloudrun.md lists the roles that deploying needs.",
            )
        case api.TooManyRequests():
            return DeploymentFailed(
                f"{resource}: over a quota: {said}",
                hint="Ask for fewer instances or less CPU, or for more quota in the console.",
            )
        case api.NotFound():
            return DeploymentFailed(
                f"{resource}: not found: {said}",
                hint="Check project and region, and that the Cloud Run API is enabled.",
            )
        case _:
            return DeploymentFailed(f"{resource}: {said}", retryable=isinstance(fault, _PASSING))


def _words(fault: Exception) -> str:
    message = getattr(fault, "message", None)
    return str(message or fault) or type(fault).__name__
