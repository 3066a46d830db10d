"""Targets, which a caller chooses to render chunks, and the workers behind them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helios.errors import OptionInvalid
from orchestrator.backends.deployed_workers import check_installed
from orchestrator.model.deployment import AwsStack, CloudRunWorkers
from orchestrator.model.location import AdapterSettings

if TYPE_CHECKING:
    from orchestrator.api.targets.deployments import DeploymentName

#: Variables with the defaults of targets.
FUNCTION = "HELIOS_LAMBDA_FUNCTION"
MERGE_FUNCTION = "HELIOS_LAMBDA_MERGE_FUNCTION"
SERVICE_URL = "HELIOS_CLOUDRUN_URL"
LAMBDA_ARTIFACTS = "HELIOS_S3_ARTIFACTS"
CLOUD_RUN_ARTIFACTS = "HELIOS_GCS_ARTIFACTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """This machine: chunks are processes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lambda:
    """Functions on AWS Lambda.

    A deployment (`stack` or `profile`) names its functions and its storage. Without any argument
    the environment decides: `HELIOS_LAMBDA_FUNCTION`, `HELIOS_STACK`, `HELIOS_PROFILE`, or the
    profile `default`.

    Parameters
    ----------
    stack:
        Name of the stack, such as `Helios`.
    profile:
        Profile that `orchestrator connect` wrote, in place of `stack`.
    region:
        AWS region; as the environment says by default.
    function, merge_function:
        Functions that render and merge, by name or ARN, in place of a deployment.
    artifacts:
        Storage that workers and this machine share, such as `s3://bucket/prefix`.
    share:
        Share of the chunks, relative to other targets of the same render.
    """

    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    function: str | None = None
    merge_function: str | None = None
    artifacts: str | None = None
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRun:
    """A service on Google Cloud Run.

    Without any argument the environment decides: `HELIOS_CLOUDRUN_URL`, `HELIOS_PROFILE`, or the
    profile `default`.

    Parameters
    ----------
    profile:
        Profile that `orchestrator connect` wrote; it names service and storage.
    service_url:
        URL of the service, in place of a profile.
    impersonate:
        E-mail address of a service account to call the service as.
    artifacts:
        Storage that workers and this machine share, such as `gs://bucket/prefix`.
    share:
        Share of the chunks, relative to other targets of the same render.
    """

    profile: str | None = None
    service_url: str | None = None
    impersonate: str | None = None
    artifacts: str | None = None
    share: float = 1.0


Target = Local | Lambda | CloudRun
#: One target, or several that share the chunks.
Targets = Target | Sequence[Target]


def as_targets(target: Targets) -> tuple[Target, ...]:
    """Return targets as a tuple, checked without a look at deployments.

    Raises
    ------
    OptionInvalid
        They don't go together, or a share isn't above 0.
    """
    targets = (target,) if isinstance(target, Local | Lambda | CloudRun) else tuple(target)
    if not targets:
        raise OptionInvalid("`target`: is empty", hint="Give Local(), Lambda() or CloudRun().")
    for each in targets:
        if not isinstance(each, Local | Lambda | CloudRun):
            raise OptionInvalid(
                f"`target` {each!r}: is not a target", hint="Give Local(), Lambda() or CloudRun()."
            )
        if not isinstance(each, Local):
            _check(each)
    kinds = [type(each) for each in targets]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise OptionInvalid(f"`{kind.__name__}`: is given twice")
    if Local in kinds and len(kinds) > 1:
        raise OptionInvalid(
            "`Local`: doesn't go together with others",
            hint="Chunks that are rendered here don't pass through storage.",
        )
    return targets


def are_remote(targets: Sequence[Target]) -> bool:
    """Tell whether remote workers render the chunks."""
    return not any(isinstance(each, Local) for each in targets)


async def resolve(
    targets: Sequence[Target], env: Mapping[str, str] | None = None
) -> list[AdapterSettings]:
    """Return the workers behind targets, ready to be stored with a job.

    Parameters
    ----------
    env:
        Environment variables; this process's own by default.

    Raises
    ------
    OptionInvalid
        A required value is missing, or doesn't fit.
    ProgramMissing
        A required package isn't installed.
    HeliosError
        A deployment can't be found.
    """
    variables = os.environ if env is None else env
    found: list[AdapterSettings] = []
    for target in targets:
        match target:
            case Local():
                found.append(AdapterSettings())
                continue
            case Lambda():
                settings = await _lambda(target, variables)
            case CloudRun():
                settings = await _cloud_run(target, variables)
        check_installed(settings)
        found.append(settings)
    return found


async def _lambda(target: Lambda, env: Mapping[str, str]) -> AdapterSettings:
    is_named = bool(target.stack or target.profile)
    function = target.function or (None if is_named else env.get(FUNCTION))
    merge_function = target.merge_function
    region, artifacts = target.region, target.artifacts
    if not function:
        deployment = await deployment_name(target).find_if_named(env)
        if isinstance(deployment, AwsStack):
            function = deployment.chunk_function
            merge_function = merge_function or deployment.merge_function
            region = deployment.region
            artifacts = artifacts or deployment.artifacts
    storage = _artifacts("Lambda", "s3", artifacts or env.get(LAMBDA_ARTIFACTS))
    if not function:
        raise OptionInvalid(
            "`Lambda`: no function is named", hint=f"Give `function`, or set {FUNCTION}."
        )
    return AdapterSettings(
        kind="lambda",
        weight=target.share,
        function=function,
        merge_function=merge_function or env.get(MERGE_FUNCTION),
        region=region,
        artifacts=storage,
    )


async def _cloud_run(target: CloudRun, env: Mapping[str, str]) -> AdapterSettings:
    url = target.service_url or (None if target.profile else env.get(SERVICE_URL))
    artifacts = target.artifacts
    if not url:
        deployment = await deployment_name(target).find_if_named(env)
        if isinstance(deployment, CloudRunWorkers):
            url = deployment.service_url
            artifacts = artifacts or deployment.artifacts
    storage = _artifacts("CloudRun", "gs", artifacts or env.get(CLOUD_RUN_ARTIFACTS))
    if not url:
        raise OptionInvalid(
            "`CloudRun`: no service is named", hint=f"Give `service_url`, or set {SERVICE_URL}."
        )
    return AdapterSettings(
        kind="cloudrun",
        weight=target.share,
        service_url=url,
        impersonate=target.impersonate,
        artifacts=storage,
    )


def deployment_name(target: Lambda | CloudRun) -> "DeploymentName":
    """Return the name of a target's deployment, which the environment completes."""
    from orchestrator.api.targets.deployments import DeploymentName

    if isinstance(target, Lambda):
        return DeploymentName(
            stack=target.stack, region=target.region, profile=target.profile, kind="aws"
        )
    return DeploymentName(profile=target.profile, kind="cloudrun")


def worker_settings(target: Lambda | CloudRun) -> list[str]:
    """Return the names of a target's settings beside those that identify its deployment."""
    names = ("function", "merge_function", "service_url", "impersonate", "artifacts")
    return [name for name in names if getattr(target, name, None) is not None]


def _check(target: Lambda | CloudRun) -> None:
    if not 0 < target.share < float("inf"):
        raise OptionInvalid(f"`share` {target.share!r}: is not a share above 0")
    if isinstance(target, Lambda):
        if target.stack and target.profile:
            raise OptionInvalid("`stack` and `profile`: name two deployments")
        if target.function and (target.stack or target.profile):
            raise OptionInvalid("`function`: goes without `stack` and `profile`")
    elif target.service_url and target.profile:
        raise OptionInvalid("`service_url`: goes without `profile`")


def _artifacts(target: str, scheme: str, url: str | None) -> str:
    if url:
        return url.rstrip("/")
    variable = LAMBDA_ARTIFACTS if scheme == "s3" else CLOUD_RUN_ARTIFACTS
    raise OptionInvalid(
        f"`{target}`: which storage do its workers share with this machine?",
        hint=f"Give `artifacts`, such as {scheme}://bucket/prefix, or set {variable}.",
    )
