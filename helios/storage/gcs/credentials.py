"""Application default credentials, and signing URLs with them."""

from typing import Any

from helios.errors import AccessDenied

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def default_credentials() -> Any:
    """Return the application default credentials."""
    from google.auth import default  # noqa: PLC0415

    return default(scopes=[_SCOPE])[0]


def signer(credentials: Any) -> dict[str, Any]:
    """Return arguments for signing URLs: a local key, or a token for Google's signing service."""
    from google.auth.credentials import Signing  # noqa: PLC0415

    if isinstance(credentials, Signing):
        return {"credentials": credentials}
    if not hasattr(credentials, "service_account_email"):
        raise AccessDenied(
            "user credentials can't sign URLs",
            hint="Use a service account: `gcloud auth application-default login "
            "--impersonate-service-account ACCOUNT`.",
        )
    from google.auth.transport.requests import Request  # noqa: PLC0415

    credentials.refresh(Request())
    account = credentials.service_account_email
    return {"service_account_email": account, "access_token": credentials.token}
