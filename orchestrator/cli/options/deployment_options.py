"""Flags that name what is deployed, and what they lead to."""

import contextlib
import importlib.util
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.backends.detached.base import DetachedBackend
    from orchestrator.backends.detached.renders import DetachedRenders
    from orchestrator.delivery.stores import Stores
    from orchestrator.model.deployment import CloudRunWorkers, Deployment

#: Variables that stand in for flags.
STACK = "HELIOS_STACK"
PROFILE = "HELIOS_PROFILE"


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """Which deployment a command is about."""

    stack: flags.Stack = None
    region: flags.Region = None
    profile: flags.Profile = None

    async def find(self) -> "Deployment":
        """Return what clients need to know of it.

        Raises
        ------
        OptionInvalid
            Nothing says which one, or the profile can't be used.
        HeliosError
            It can't be found.
        """
        from helios.errors import OptionInvalid

        found = await self.find_if_named()
        if found is None:
            raise OptionInvalid(
                "which deployment?",
                hint=f"Give --stack NAME, set {STACK}, or run `orchestrator connect` once:"
                " with --stack NAME on AWS, with --project ID and --region on Google Cloud.",
            )
        return found

    async def find_if_named(self) -> "Deployment | None":
        """Return the same, or None if nothing says which one.

        Raises
        ------
        HeliosError
            It can't be found.
        """
        return await find_deployment(stack=self.stack, region=self.region, profile=self.profile)

    @contextlib.asynccontextmanager
    async def renders(self) -> "AsyncIterator[DetachedRenders]":
        """Return its detached renders, for as long as the context lasts."""
        async with detached_renders(await self.find()) as renders:
            yield renders


async def find_deployment(
    *,
    stack: str | None,
    region: str | None,
    profile: str | None,
    env: Mapping[str, str] | None = None,
) -> "Deployment | None":
    """Return what flags, variables or the user's default profile name; None if nothing does.

    Flags come before variables, a stack before a profile.

    Parameters
    ----------
    stack, region:
        A stack's name, and the region that it is in.
    profile:
        A profile that `orchestrator connect` wrote.
    env:
        Environment variables; this process's own by default.

    Raises
    ------
    OptionInvalid
        There is no such profile, or it can't be used.
    HeliosError
        The stack can't be found.
    """
    from helios.errors import OptionInvalid
    from orchestrator.model.deployment import DEFAULT_PROFILE, Profiles

    variables = os.environ if env is None else env
    if stack is None and profile is None:
        stack = variables.get(STACK) or None
    if stack is not None:
        if profile is not None:
            raise OptionInvalid("--stack and --profile: name two deployments")
        return await _find_stack(stack, region)
    name = profile or variables.get(PROFILE)
    found = Profiles.of_user(variables).read(name or DEFAULT_PROFILE)
    if found is None and name:
        raise OptionInvalid(
            f"profile {name!r}: there is none", hint=f"orchestrator connect --profile {name} ..."
        )
    return found


@contextlib.asynccontextmanager
async def detached_renders(deployment: "Deployment") -> "AsyncIterator[DetachedRenders]":
    """Return the detached renders of a deployment, for as long as the context lasts."""
    from orchestrator.backends.detached.renders import DetachedRenders
    from orchestrator.delivery.stores import Stores

    async with Stores() as stores:
        place = detached_place(deployment, stores)
        try:
            yield DetachedRenders(place, stores)
        finally:
            await place.close()


def detached_place(deployment: "Deployment", stores: "Stores") -> "DetachedBackend":
    """Return where a deployment's detached renders go on."""
    from orchestrator.model.deployment import CloudRunWorkers

    if isinstance(deployment, CloudRunWorkers):
        return _cloud_run_place(deployment, stores)
    require("boto3", "AWS", extra="aws")
    from orchestrator.backends.detached.aws import StateMachineBackend
    from orchestrator.clouds.aws import AwsCalls

    return StateMachineBackend(deployment, AwsCalls(region=deployment.region))


def _cloud_run_place(workers: "CloudRunWorkers", stores: "Stores") -> "DetachedBackend":
    require("google.cloud.run_v2", "Google Cloud", extra="gcp")
    from helios.webhooks.events import SECRET
    from orchestrator.backends.detached.cloud_run_job import CloudRunJobBackend
    from orchestrator.clouds.google import GoogleCalls
    from orchestrator.lifecycle.webhooks import Webhooks

    return CloudRunJobBackend(
        workers.job,
        artifacts=workers.artifacts,
        concurrency=workers.max_concurrency,
        stores=stores,
        calls=GoogleCalls(),
        webhooks=Webhooks.of(os.environ.get(SECRET)).sender,
    )


async def find_cloud_run_workers(project: str, region: str, name: str) -> "CloudRunWorkers":
    """Return what clients need to know of workers on Google Cloud.

    Raises
    ------
    HeliosError
        They can't be found.
    """
    require("google.cloud.run_v2", "--project", extra="gcp")
    from orchestrator.clouds.cloud_run_workers import find_workers
    from orchestrator.clouds.google import GoogleCalls

    calls = GoogleCalls()
    try:
        return await find_workers(project, region, name, calls)
    finally:
        await calls.close()


async def _find_stack(stack: str, region: str | None) -> "Deployment":
    require("boto3", "--stack", extra="aws")
    from orchestrator.clouds.aws import AwsCalls
    from orchestrator.clouds.aws_stack import find_stack

    return await find_stack(stack, AwsCalls(region=region))


def require(module: str, what: str, *, extra: str) -> None:
    """Refuse what an optional package is needed for, where that isn't installed.

    Parameters
    ----------
    what:
        What needs it, for the message.
    extra:
        The part of this distribution that brings it.

    Raises
    ------
    ProgramMissing
    """
    from helios.errors import ProgramMissing

    if not _is_installed(module):
        raise ProgramMissing(
            f"{what}: the Python package {module} isn't installed",
            hint=f"Install helios-serverless[{extra}].",
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        # A package that the module would be in isn't there either.
        return False
