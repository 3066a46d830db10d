"""This project's errors for those of Google's clients."""

import contextlib
from collections.abc import Iterator

from helios.errors import (
    AccessDenied,
    HeliosError,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.errors.google_remedies import SIGN_IN, enabling
from orchestrator.clouds.plain_text import without_markup

_INVOKER = "Deploy with --invoker and your account, or ask the owner of the deployment."
_NOT_THERE = "Check project, region and name: orchestrator cloudrun status."


@contextlib.contextmanager
def google_faults(resource: str) -> Iterator[None]:
    """Turn what Google's clients raise inside into this project's errors about a resource."""
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, ConnectionError) as fault:
        raise _meaning(resource, fault) from fault


def _meaning(resource: str, fault: Exception) -> HeliosError:
    from google.api_core import exceptions as api  # noqa: PLC0415
    from google.auth import exceptions as auth  # noqa: PLC0415

    text = str(getattr(fault, "message", None) or fault) or type(fault).__name__
    said = without_markup(text)
    error: HeliosError
    match fault:
        case auth.TransportError():
            error = WorkerUnavailable(f"{resource}: no token to be had: {said}")
        case auth.GoogleAuthError() | api.Unauthenticated():
            error = AccessDenied(f"{resource}: no valid credentials: {said}", hint=SIGN_IN)
        case api.Forbidden():
            error = AccessDenied(
                f"{resource}: permission denied: {said}", hint=enabling(said) or _INVOKER
            )
        case api.NotFound():
            error = WorkerNotFound(f"{resource}: not found: {said}", hint=_NOT_THERE)
        case api.TooManyRequests():
            error = WorkerThrottled(f"{resource}: over a quota: {said}")
        case api.ClientError() if not isinstance(fault, api.Conflict):
            error = WorkerUnavailable(f"{resource}: refused: {said}", retryable=False)
        case _:
            error = WorkerUnavailable(f"{resource}: {said}")
    return error
