"""Converts exceptions of Google's clients to errors of this project."""

import contextlib
import re
from collections.abc import Iterator

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from helios.errors import AccessDenied, DeploymentFailed, HeliosError
from helios.errors.google_remedies import SIGN_IN, enabling

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
#: Roles that deploying needs in the project, by the first word of a permission.
_ROLES = {
    "run": "roles/run.admin",
    "storage": "roles/storage.admin",
    "artifactregistry": "roles/artifactregistry.reader",
}
_PERMISSION = re.compile(r"\b(run|storage|artifactregistry)\.\w+\.\w+")
_ACTING = "iam.serviceaccounts.actAs"


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
            return AccessDenied(f"{resource}: no valid credentials: {said}", hint=SIGN_IN)
        case api.Forbidden():
            return AccessDenied(
                f"{resource}: permission denied: {said}",
                hint=enabling(said) or _granting(said),
            )
        case api.TooManyRequests():
            return DeploymentFailed(
                f"{resource}: over a quota: {said}",
                hint="Ask for fewer instances or less CPU, or for more quota:"
                " https://console.cloud.google.com/iam-admin/quotas",
            )
        case api.NotFound():
            return DeploymentFailed(
                f"{resource}: not found: {said}",
                hint="Check project and region, and that the Cloud Run API is enabled:"
                " gcloud services enable run.googleapis.com",
            )
        case _:
            return DeploymentFailed(f"{resource}: {said}", retryable=isinstance(fault, _PASSING))


def _granting(said: str) -> str:
    """Return the hint that grants a permission that Google's message names."""
    more = "docs/deploy-cloudrun.md lists the roles that deploying needs."
    if _ACTING.lower() in said.lower():
        return (
            "gcloud iam service-accounts add-iam-policy-binding SERVICE_ACCOUNT"
            f" --role roles/iam.serviceAccountUser --member user:YOU; {more}"
        )
    named = _PERMISSION.search(said)
    if named is None:
        return more
    return (
        "gcloud projects add-iam-policy-binding PROJECT"
        f" --role {_ROLES[named[1]]} --member user:YOU; {more}"
    )


def _words(fault: Exception) -> str:
    message = getattr(fault, "message", None)
    return str(message or fault) or type(fault).__name__
