"""Finds deployments by names, variables or profiles, and opens their detached renders."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal

from helios.errors import OptionInvalid
from helios.webhooks.events import SECRET
from orchestrator.backends.detached.base import DetachedBackend
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.clouds.packages import require
from orchestrator.delivery.stores import Stores
from orchestrator.lifecycle.webhooks import Webhooks
from orchestrator.model.deployment import (
    DEFAULT_PROFILE,
    CloudRunWorkers,
    Deployment,
    Profiles,
)

#: Variables that name a deployment where no argument does.
STACK = "HELIOS_STACK"
PROFILE = "HELIOS_PROFILE"
#: Target of each kind of deployment.
TARGETS = {"aws": "Lambda", "cloudrun": "CloudRun"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentName:
    """Identifies a deployment."""

    #: Name of a stack on AWS, and its region.
    stack: str | None = None
    region: str | None = None
    #: A profile that `orchestrator connect` wrote.
    profile: str | None = None
    #: The required cloud; either by default.
    kind: Literal["aws", "cloudrun"] | None = None

    async def find(self, env: Mapping[str, str] | None = None) -> Deployment:
        """Return the deployment."""
        found = await self.find_if_named(env)
        if found is None:
            raise OptionInvalid(
                "which deployment?",
                hint=f"Give `stack` or `profile`, set {STACK}, or run `orchestrator connect` once:"
                " with --stack NAME on AWS, with --project ID and --region on Google Cloud.",
            )
        return found

    async def find_if_named(self, env: Mapping[str, str] | None = None) -> Deployment | None:
        """Return the deployment, or None if neither this nor the environment names one."""
        variables = os.environ if env is None else env
        if self.kind == "cloudrun":
            variables = {name: value for name, value in variables.items() if name != STACK}
        found = await find_deployment(
            stack=self.stack, region=self.region, profile=self.profile, env=variables
        )
        if found is None or self.kind in (None, found.kind):
            return found
        if self.profile is None and self.stack is None:
            return None
        raise OptionInvalid(
            f"{found}: goes with `{TARGETS[found.kind]}`, not with `{TARGETS[self.kind or '']}`"
        )


async def find_deployment(
    *,
    stack: str | None,
    region: str | None,
    profile: str | None,
    env: Mapping[str, str] | None = None,
) -> Deployment | None:
    """Return the deployment named by arguments, variables or the default profile, if any.

    Arguments come before variables, a stack before a profile.
    """
    variables = os.environ if env is None else env
    if stack is None and profile is None:
        stack = variables.get(STACK) or None
    if stack is not None:
        if profile is not None:
            raise OptionInvalid("`stack` and `profile`: name two deployments")
        return await _find_stack(stack, region)
    name = profile or variables.get(PROFILE)
    found = Profiles.of_user(variables).read(name or DEFAULT_PROFILE)
    if found is None and name:
        raise OptionInvalid(
            f"profile {name!r}: there is none", hint=f"orchestrator connect --profile {name} ..."
        )
    return found


@contextlib.asynccontextmanager
async def detached_renders(deployment: Deployment) -> AsyncIterator[DetachedRenders]:
    """Return the detached renders of a deployment, for as long as the context lasts."""
    async with Stores() as stores:
        backend = open_detached_backend(deployment, stores)
        try:
            yield DetachedRenders(backend, stores)
        finally:
            await backend.close()


async def chunks_at_once(deployment: Deployment, wanted: int | None) -> int:
    """Return how many chunks of a detached render run at the same time.

    That is what is wanted, or what was deployed, but not more than the account's quota allows.
    """
    async with detached_renders(deployment) as renders:
        return await renders.chunks_at_once(wanted or deployment.max_concurrency)


def open_detached_backend(deployment: Deployment, stores: Stores) -> DetachedBackend:
    """Return the engine that runs a deployment's detached renders."""
    if isinstance(deployment, CloudRunWorkers):
        return _cloud_run_backend(deployment, stores)
    require("boto3", "AWS", extra="aws")
    from orchestrator.backends.detached.aws import StateMachineBackend
    from orchestrator.clouds.aws import AwsCalls

    return StateMachineBackend(deployment, AwsCalls(region=deployment.region), stores)


def _cloud_run_backend(workers: CloudRunWorkers, stores: Stores) -> DetachedBackend:
    require("google.cloud.run_v2", "Google Cloud", extra="gcp")
    from orchestrator.backends.detached.cloud_run_job import CloudRunJobBackend
    from orchestrator.clouds.google import GoogleCalls

    return CloudRunJobBackend(
        workers.job,
        artifacts=workers.artifacts,
        concurrency=workers.max_concurrency,
        stores=stores,
        calls=GoogleCalls(),
        webhooks=Webhooks.of(os.environ.get(SECRET)).sender,
    )


async def find_cloud_run_workers(project: str, region: str, name: str) -> CloudRunWorkers:
    """Return the deployment of workers on Google Cloud."""
    require("google.cloud.run_v2", "Google Cloud", extra="gcp")
    from orchestrator.clouds.cloud_run_workers import find_workers
    from orchestrator.clouds.google import GoogleCalls

    calls = GoogleCalls()
    try:
        return await find_workers(project, region, name, calls)
    finally:
        await calls.close()


async def _find_stack(stack: str, region: str | None) -> Deployment:
    require("boto3", "AWS", extra="aws")
    from orchestrator.clouds.aws import AwsCalls
    from orchestrator.clouds.aws_stack import find_stack

    return await find_stack(stack, AwsCalls(region=region))
