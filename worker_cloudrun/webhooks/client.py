"""The webhook service, as tasks of a Cloud Run job call it."""

import asyncio
from typing import TYPE_CHECKING

from helios.contract.invocation import InvocationResponse
from helios.errors import AccessDenied, HeliosError, WebhookUndelivered, WorkerUnavailable
from worker_cloudrun.webhooks.webhook_request import WebhookRequest

if TYPE_CHECKING:
    from requests import Response

#: Environment variable of tasks with the service's URL.
WEBHOOKS_URL = "HELIOS_WEBHOOKS_URL"
# Seconds for the start of an instance and all tries of a receiver.
_TIMEOUT = 240.0
_DENIED = frozenset({401, 403, 404})


class WebhookClient:
    """Has the service at a URL send webhooks, as the account of this process."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def send(self, request: WebhookRequest) -> None:
        """Have the outcome of a render sent.

        Raises:
            AccessDenied: This account may not call the service.
            WebhookUndelivered: The service couldn't sign, or the receiver didn't accept the event.
            WorkerUnavailable: The service doesn't answer; another try may succeed.
        """
        await asyncio.to_thread(self._send, request)

    def _send(self, request: WebhookRequest) -> None:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - takes 0.1 s
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415
        from google.oauth2.id_token import fetch_id_token_credentials  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        body = request.model_dump(by_alias=True, exclude_none=True)
        try:
            credentials = fetch_id_token_credentials(self._url)
            with AuthorizedSession(credentials) as session:
                answer = session.post(self._url, json=body, timeout=_TIMEOUT)
        except (GoogleAuthError, RequestException) as fault:
            raise WorkerUnavailable(f"webhook service {self._url}: {fault}") from fault
        if not answer.ok:
            raise self._failure(answer)

    def _failure(self, answer: "Response") -> HeliosError:
        try:
            error = InvocationResponse.model_validate_json(answer.content).error
        except ValueError:
            error = None
        if error is not None:
            return WebhookUndelivered(
                error.message, hint=error.hint or "", retryable=error.retryable
            )
        what = f"webhook service {self._url}: status {answer.status_code}"
        if answer.status_code in _DENIED:
            return AccessDenied(what, hint="Deploy again: that lets the job call the service.")
        return WorkerUnavailable(what)
