"""Provisions a project: creates, updates, reports and removes its workers."""

import asyncio
from collections.abc import Callable
from functools import partial

from helios.errors import OptionInvalid
from helios_infra.cloud_run.changes import Change, Deployment, OnStep
from helios_infra.cloud_run.clients import CloudRunClients
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.failures import explained
from helios_infra.cloud_run.operations import FIRST_POLL
from helios_infra.cloud_run.place import CloudRunPlace
from helios_infra.cloud_run.resources.access import (
    EXECUTOR,
    INVOKER,
    VIEWER,
    PolicyClient,
    access_change,
    grant,
    grant_objects,
)
from helios_infra.cloud_run.resources.account import TOKEN_CREATOR, account_resource
from helios_infra.cloud_run.resources.bucket import (
    Expiry,
    delete_bucket,
    provide_bucket,
)
from helios_infra.cloud_run.resources.job import RenderJob, job_settings
from helios_infra.cloud_run.resources.service import RenderService, service_settings
from helios_infra.cloud_run.resources.webhooks import webhook_settings
from helios_infra.cloud_run.status import CloudRunStatus, artifacts_of, read_status


class CloudRunProvisioner:
    """Works on the services, the job and the bucket of one place.

    Args:
        place: Where they are.
        clients: Google's clients.
        on_step: Called for each change and each awaited resource.
        first_poll: Seconds between the first two looks at an operation.
    """

    def __init__(
        self,
        place: CloudRunPlace,
        clients: CloudRunClients,
        *,
        on_step: OnStep = lambda _: None,
        first_poll: float = FIRST_POLL,
    ) -> None:
        self._clients = clients
        self._on_step = on_step
        self._service = RenderService(
            clients.services, place.service, on_step=on_step, first_poll=first_poll
        )
        self._webhooks = RenderService(
            clients.services, place.webhooks, on_step=on_step, first_poll=first_poll
        )
        self._job = RenderJob(clients.jobs, place.job, on_step=on_step, first_poll=first_poll)

    async def deploy(
        self, configuration: CloudRunConfiguration, *, adopt: bool = False
    ) -> Deployment:
        """Create missing resources and update different ones; repeatable.

        Args:
            configuration: The requested resources.
            adopt: Whether a service, a job or a bucket that was made by other means is taken over.

        Raises:
            AccessDenied: Credentials are missing, or lack a permission.
            DeploymentFailed: Cloud Run refused a setting, or the worker didn't start.
        """
        changes: list[Change] = []

        def note(change: Change) -> None:
            changes.append(change)
            self._on_step(change)

        note(await self._provide_bucket(configuration, adopt=adopt))
        note(await self._grant_objects(configuration, exactly=changes[-1].action != "kept"))
        service, change = await self._service.bring_with_audiences(
            partial(service_settings, configuration), adopt=adopt
        )
        note(change)
        members = configuration.invokers
        note(
            await self._grant(
                self._clients.services, self._service, roles=(INVOKER, VIEWER), members=members
            )
        )
        webhooks = None
        if configuration.webhook_account is not None:
            webhooks = await self._deploy_webhooks(configuration, note, adopt=adopt)
        settings = job_settings(configuration, webhooks_url=webhooks)
        _, change = await self._job.bring(settings, adopt=adopt)
        note(change)
        note(
            await self._grant(
                self._clients.jobs, self._job, roles=(EXECUTOR, VIEWER), members=members
            )
        )
        if webhooks is None and (change := await self._webhooks.remove()).action == "deleted":
            note(change)
        return Deployment(
            url=service.uri,
            job=self._job.name,
            artifacts=configuration.artifacts,
            changes=tuple(changes),
        )

    async def status(self) -> CloudRunStatus:
        """Return the deployed resources.

        Raises:
            AccessDenied: Credentials are missing, or lack a permission.
        """
        return await read_status(self._service, self._job, self._webhooks, self._clients)

    async def destroy(
        self, *, with_bucket: bool = False, bucket: str | None = None
    ) -> tuple[Change, ...]:
        """Delete the services and the job, then the bucket if requested; repeatable.

        Requests stop before what they need goes. What was made by other means is kept.

        Args:
            with_bucket: Whether the bucket goes as well, with all that is in it.
            bucket: Its name; by default the one that the service or the job uses.

        Raises:
            OptionInvalid: The bucket's name isn't known without service and job.
            AccessDenied, DeploymentFailed: As for `deploy`.
        """
        changes: list[Change] = []

        def note(change: Change) -> None:
            changes.append(change)
            self._on_step(change)

        if bucket is None:
            artifacts = artifacts_of(await self._service.read(), await self._job.read())
            bucket = artifacts.removeprefix("gs://").partition("/")[0]
        if with_bucket and not bucket:
            raise OptionInvalid(
                "bucket: neither service nor job is there to tell which one they used",
                hint="Give its name with --bucket.",
            )
        note(await self._service.remove())
        note(await self._job.remove())
        if (change := await self._webhooks.remove()).action != "absent":
            note(change)
        if bucket and with_bucket:
            with explained(f"bucket {bucket}"):
                note(await asyncio.to_thread(delete_bucket, self._clients.storage, bucket))
        elif bucket:
            note(Change(f"bucket {bucket}", "kept"))
        return tuple(changes)

    async def _deploy_webhooks(
        self, configuration: CloudRunConfiguration, note: Callable[[Change], None], *, adopt: bool
    ) -> str:
        """Deploy the service that sends webhooks, and return its URL."""
        account = configuration.webhook_account or ""
        # To sign links to videos, in its own name.
        change = await grant(
            self._clients.accounts,
            account_resource(account),
            title=f"account {account}",
            roles=(TOKEN_CREATOR,),
            members=(f"serviceAccount:{account}",),
            exactly=False,
        )
        note(change)
        service, change = await self._webhooks.bring_with_audiences(
            partial(webhook_settings, configuration), adopt=adopt
        )
        note(change)
        tasks = (f"serviceAccount:{configuration.service_account}",)
        note(
            await self._grant(
                self._clients.services, self._webhooks, roles=(INVOKER,), members=tasks
            )
        )
        return str(service.uri)

    async def _grant(
        self,
        client: PolicyClient,
        resource: RenderService | RenderJob,
        *,
        roles: tuple[str, ...],
        members: tuple[str, ...],
    ) -> Change:
        return await grant(
            client, resource.name, title=resource.title, roles=roles, members=members
        )

    async def _provide_bucket(self, configuration: CloudRunConfiguration, *, adopt: bool) -> Change:
        with explained(f"bucket {configuration.bucket}"):
            return await asyncio.to_thread(
                provide_bucket,
                self._clients.storage,
                configuration.bucket,
                region=configuration.region,
                expiry=Expiry(
                    assets=configuration.asset_days,
                    intermediates=configuration.intermediate_days,
                    outputs=configuration.output_days,
                ),
                kms_key=configuration.kms_key,
                adopt=adopt,
            )

    async def _grant_objects(
        self, configuration: CloudRunConfiguration, *, exactly: bool
    ) -> Change:
        title = f"access to bucket {configuration.bucket}"
        worker = f"serviceAccount:{configuration.service_account}"
        with explained(title):
            fields = await asyncio.to_thread(
                grant_objects,
                self._clients.storage.bucket(configuration.bucket),
                members=(worker, *configuration.invokers),
                viewers=[f"serviceAccount:{a}" for a in (configuration.webhook_account,) if a],
                exactly=exactly,
            )
        return access_change(title, fields)
