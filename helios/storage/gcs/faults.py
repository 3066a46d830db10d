"""Translates exceptions of Google's client."""

import contextlib
from collections.abc import Callable, Iterator

from helios.errors import (
    AccessDenied,
    ArtifactCorrupt,
    ArtifactNotFound,
    HeliosError,
    StorageInvalid,
    StorageUnavailable,
)
from helios.errors.google_remedies import SIGN_IN, enabling


@contextlib.contextmanager
def gcs_faults(url: str, *, check_bucket: Callable[[], None]) -> Iterator[None]:
    """Raise exceptions of Google's client as errors of artifact storages.

    `check_bucket` is called for a missing object; it raises `ArtifactNotFound` if the bucket
    doesn't exist.
    """
    from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        yield
    except NotFound as fault:
        check_bucket()
        raise ArtifactNotFound(f"{url}: there is no such object") from fault
    except DataCorruption as fault:
        raise ArtifactCorrupt(f"{url}: {fault}") from fault
    except GoogleAPICallError as fault:
        raise _refusal(url, fault.code, fault.message) from fault
    except InvalidResponse as fault:
        raise _refusal(url, fault.response.status_code, fault.response.text) from fault
    except (TransportError, RequestException, RetryError, ConnectionError) as fault:
        raise StorageUnavailable(f"{url}: {fault}") from fault
    except GoogleAuthError as fault:
        raise AccessDenied(f"{url}: {fault}", hint=SIGN_IN) from fault


def _refusal(url: str, status: int | None, reason: str) -> HeliosError:
    """Return the error for a failed request."""
    text = f"{url}: {status} {reason[:500]}"
    if status in (401, 403):
        bucket = "/".join(url.split("/")[:3])
        return AccessDenied(
            text,
            hint=enabling(reason)
            or "Deploy with --invoker and this account, or: gcloud storage buckets"
            f" add-iam-policy-binding {bucket} --role roles/storage.objectUser --member user:YOU",
        )
    if status is not None and 400 <= status < 500 and status not in (408, 429):
        return StorageInvalid(text)
    return StorageUnavailable(text)
