"""The status of deployed workers: their settings, and whether they can render."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from google.cloud import run_v2

from helios_infra.cloud_run.changes import hidden
from helios_infra.cloud_run.clients import CloudRunClients
from helios_infra.cloud_run.configuration import PUBLIC_MEMBERS
from helios_infra.cloud_run.failures import explained
from helios_infra.cloud_run.resources.access import INVOKER, members_of, read_bindings
from helios_infra.cloud_run.resources.bucket import bucket_facts, find_bucket
from helios_infra.cloud_run.resources.deployable import is_ready
from helios_infra.cloud_run.resources.job import RenderJob, job_facts
from helios_infra.cloud_run.resources.service import RenderService, service_facts


@dataclass(frozen=True, slots=True)
class CloudRunStatus:
    """The deployed resources.

    Attributes:
        service, job, webhooks, bucket: The settings of each by their names; empty where it isn't
            there. `webhooks` is the service that sends them.
        url: Where the service takes requests.
        is_ready: Whether the service's last deployment succeeded.
        reason: Status message of Cloud Run.
        revision: Name of the revision that takes requests.
        invokers: Members that may render.
        artifacts: URL of the storage for artifacts.
    """

    service: dict[str, str] = field(default_factory=dict)
    job: dict[str, str] = field(default_factory=dict)
    webhooks: dict[str, str] = field(default_factory=dict)
    bucket: dict[str, str] = field(default_factory=dict)
    url: str = ""
    is_ready: bool = False
    reason: str = ""
    revision: str = ""
    invokers: tuple[str, ...] = ()
    artifacts: str = ""

    @property
    def is_public(self) -> bool:
        """Whether the public may render."""
        unchecked = self.service.get("invoker check") == "off"
        return unchecked or not PUBLIC_MEMBERS.isdisjoint(self.invokers)

    def document(self) -> dict[str, Any]:
        """Return the status as a JSON value."""
        return {
            "ready": self.is_ready,
            "reason": self.reason,
            "url": self.url,
            "revision": self.revision,
            "invokers": list(self.invokers),
            "public": self.is_public,
            "artifacts": self.artifacts,
            "service": self.service,
            "job": self.job,
            "webhooks": self.webhooks,
            "bucket": self.bucket,
        }


async def read_status(
    render_service: RenderService,
    render_job: RenderJob,
    webhook_service: RenderService,
    clients: CloudRunClients,
) -> CloudRunStatus:
    """Return the status of the resources of one place.

    Raises:
        AccessDenied: Credentials are missing, or lack a permission.
    """
    service, job = await render_service.read(), await render_job.read()
    artifacts = artifacts_of(service, job)
    bucket = await _find_bucket(clients, artifacts)
    webhooks = await webhook_service.read()
    status = CloudRunStatus(
        job=hidden(job_facts(job)) if job else {},
        webhooks=hidden(service_facts(webhooks)) if webhooks else {},
        bucket=bucket_facts(bucket) if bucket else {},
        artifacts=artifacts,
    )
    if service is None:
        return status
    with explained(f"access to {render_service.title}"):
        bindings = await read_bindings(clients.services, render_service.name)
    return replace(
        status,
        service=hidden(service_facts(service)),
        url=service.uri,
        is_ready=is_ready(service),
        reason=service.terminal_condition.message,
        revision=service.latest_ready_revision.rpartition("/")[2],
        invokers=members_of(bindings, INVOKER),
    )


def artifacts_of(service: run_v2.Service | None, job: run_v2.Job | None) -> str:
    """Return the URL of the storage that workers use; empty if there are none."""
    facts = [service_facts(service) if service else {}, job_facts(job) if job else {}]
    return next(filter(None, (fact.get("env HELIOS_ARTIFACTS") for fact in facts)), "")


async def _find_bucket(clients: CloudRunClients, artifacts: str) -> Any | None:
    if not artifacts.startswith("gs://"):
        return None
    name = artifacts.removeprefix("gs://").partition("/")[0]
    with explained(f"bucket {name}"):
        return await asyncio.to_thread(find_bucket, clients.storage, name)
