"""The HTTP interface of the webhook service, and the WSGI application that gunicorn serves."""

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from flask import Flask, Request, Response, request

from helios.contract.invocation import InvocationResponse
from helios.contract.json_payload import check_values, json_object, parse_payload
from helios.errors import HeliosError, JobNotFound, OptionInvalid
from helios.network.network_policy import NetworkPolicy
from helios.records.job_outcome import read_outcome
from helios.redaction import without_secrets
from helios.storage import open_storage
from helios.webhooks.delivery import WebhookSender, check_receiver
from helios.webhooks.outcome import send_outcome
from helios.worker.responses import unexpected_error
from helios.worker.sources.allowed_urls import AllowedUrls
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from worker_cloudrun.http_answers import answered, refused
from worker_cloudrun.request_body import read_body
from worker_cloudrun.service_config import ServiceConfig
from worker_cloudrun.webhooks.signing_secret import signing_secret
from worker_cloudrun.webhooks.webhook_request import WebhookRequest

if TYPE_CHECKING:
    from worker_cloudrun.identity import CallerCheck


class WebhookService:
    """Signs and sends the recorded outcomes of renders.

    It renders nothing, and so is the only place on Google Cloud where the secret is read.

    Args:
        env: Environment variables; docs/worker.md lists them.
        config: How requests are taken.
        folders: URLs of jobs' folders.
        network: Addresses that receivers may have.
        callers: Verifies callers; None if only the platform does.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        config: ServiceConfig,
        folders: AllowedUrls,
        network: NetworkPolicy,
        callers: "CallerCheck | None",
    ) -> None:
        self._env = env
        self._config = config
        self._folders = folders
        self._network = network
        self._callers = callers
        self._log = WorkerLog()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Create the service that the environment describes; `OptionInvalid` for wrong values."""
        env = os.environ if environment is None else environment
        worker, config = WorkerConfig.from_env(env), ServiceConfig.from_env(env)
        if not worker.artifacts:
            raise OptionInvalid("HELIOS_ARTIFACTS: is not set")
        opens = worker.allow_private_network
        return cls(
            env,
            config=config,
            folders=AllowedUrls([worker.artifacts]),
            network=NetworkPolicy(allow_private=opens, allow_loopback=opens),
            callers=config.caller_check(worker.audience),
        )

    def handle(self, request: Request) -> Response:
        """Answer a request: never raises."""
        try:
            if self._callers is not None:
                self._callers.check(request.headers.get("Authorization"))
            wanted = self._parsed(request)
            log = self._log.bind(execution=wanted.execution, folder=wanted.folder)
            asyncio.run(self._send(wanted))
        except HeliosError as error:
            return refused(error, self._log)
        except Exception as fault:
            return refused(unexpected_error(fault, self._log), self._log)
        log.info("webhook.sent", webhook=without_secrets(wanted.webhook))
        return answered(200, InvocationResponse(exit_code=0))

    def _parsed(self, request: Request) -> WebhookRequest:
        config = self._config
        body = read_body(request, limit=config.max_request_bytes, timeout=config.body_timeout)
        value = json_object(body)
        check_values(value)
        return parse_payload(WebhookRequest, value)

    async def _send(self, wanted: WebhookRequest) -> None:
        self._folders.check(wanted.folder, what="folder")
        secret = await signing_secret(self._env)
        check_receiver(wanted.webhook, secret)
        folder = open_storage(wanted.folder)
        try:
            outcome = await read_outcome(folder)
            if outcome is None or outcome.execution != wanted.execution:
                raise JobNotFound(f"{wanted.folder}: has no outcome of {wanted.execution}")
            sender = WebhookSender(secret, network=self._network)
            await send_outcome(
                outcome, webhook=wanted.webhook, folder=folder, sender=sender, link=wanted.link
            )
        finally:
            await folder.close()


def create_app() -> Flask:
    """Return the application: `POST /` sends a webhook, `GET /readyz` says that it can."""
    app, service = Flask(__name__), WebhookService.from_env()
    app.add_url_rule("/", view_func=lambda: service.handle(request), methods=["POST"])
    app.add_url_rule("/readyz", "ready", view_func=lambda: "ok\n")
    return app
