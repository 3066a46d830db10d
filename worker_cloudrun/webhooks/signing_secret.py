"""Reads the secret that signs webhooks from Secret Manager."""

import asyncio
import base64
from collections.abc import Mapping

from helios.errors import AccessDenied, OptionInvalid, WorkerUnavailable
from helios.storage.gcs.credentials import default_credentials

#: Environment variable with the secret's full name: `projects/PROJECT/secrets/NAME`.
SECRET_NAME = "HELIOS_WEBHOOK_SECRET_NAME"  # noqa: S105 - the variable's name
#: Names the address of the Secret Manager API where it isn't the public one.
ENDPOINT = "HELIOS_SECRET_MANAGER_ENDPOINT"
_PUBLIC = "https://secretmanager.googleapis.com"
_TIMEOUT = 10.0
_DENIED = frozenset({401, 403, 404})


async def signing_secret(env: Mapping[str, str]) -> str:
    """Return the latest version of the secret that the environment names.

    Raises:
        OptionInvalid: The environment names none.
        AccessDenied: The secret doesn't exist, or the webhook service's account may not read it.
        WorkerUnavailable: Secret Manager doesn't answer; another try may succeed.
    """
    name = env.get(SECRET_NAME, "").strip()
    if not name:
        raise OptionInvalid(
            f"webhook: {SECRET_NAME} names no secret to sign with",
            hint="`orchestrator cloudrun deploy --webhook-secret NAME` sets it.",
        )
    return await asyncio.to_thread(_latest, name, env.get(ENDPOINT) or _PUBLIC)


def _latest(name: str, endpoint: str) -> str:
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - takes 0.1 s
    from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415
    from requests import RequestException  # noqa: PLC0415

    try:
        with AuthorizedSession(default_credentials()) as session:
            answer = session.get(f"{endpoint}/v1/{name}/versions/latest:access", timeout=_TIMEOUT)
        if answer.status_code in _DENIED:
            raise AccessDenied(
                f"secret {name}: status {answer.status_code}",
                hint="Give the webhook service's account roles/secretmanager.secretAccessor on it.",
            )
        answer.raise_for_status()
        return base64.b64decode(answer.json()["payload"]["data"]).decode()
    except (GoogleAuthError, RequestException, ValueError, KeyError) as fault:
        raise WorkerUnavailable(f"secret {name}: {fault}") from fault
