"""Targets, which a caller chooses to render chunks, and the workers behind them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from helios.errors import OptionInvalid
from orchestrator.backends.deployed_workers import check_installed
from orchestrator.model.deployment import AwsStack, CloudRunWorkers, Deployment
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

    Args:
        stack: Name of the stack, such as `Helios`.
        profile: Profile that `orchestrator connect` wrote, in place of `stack`.
        region: AWS region; as the environment says by default.
        function, merge_function: Functions that render and merge, by name or ARN, in place of a
            deployment.
        artifacts: Storage that workers and this machine share, such as `s3://bucket/prefix`.
        share: Share of the chunks, relative to other targets of the same render.
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

    Args:
        profile: Profile that `orchestrator connect` wrote; it names service and storage.
        service_url: URL of the service, in place of a profile.
        impersonate: E-mail address of a service account to call the service as.
        artifacts: Storage that workers and this machine share, such as `gs://bucket/prefix`.
        share: Share of the chunks, relative to other targets of the same render.
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

    Raises:
        OptionInvalid: They don't go together, or a share isn't above 0.
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

    Args:
        env: Environment variables; this process's own by default.

    Raises:
        OptionInvalid: A required value is missing, or doesn't fit.
        ProgramMissing: A required package isn't installed.
        HeliosError: A deployment can't be found.
    """
    variables = os.environ if env is None else env
    return [
        AdapterSettings() if isinstance(target, Local) else await _workers(target, variables)
        for target in targets
    ]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of target: its adapter, and the setting and variables that name its workers."""

    adapter: str
    address: str
    variable: str
    artifacts: str
    scheme: str


_KINDS = {
    Lambda: _Kind("lambda", "function", FUNCTION, LAMBDA_ARTIFACTS, "s3"),
    CloudRun: _Kind("cloudrun", "service_url", SERVICE_URL, CLOUD_RUN_ARTIFACTS, "gs"),
}


async def _workers(target: Lambda | CloudRun, env: Mapping[str, str]) -> AdapterSettings:
    """Return a target's workers: by its own values, else by the environment or a deployment."""
    kind, name = _KINDS[type(target)], type(target).__name__
    given = {key: value for key, value in asdict(target).items() if value}
    is_named = "stack" in given or "profile" in given
    if kind.address not in given and not is_named and kind.variable in env:
        given[kind.address] = env[kind.variable]
    if not given.get(kind.address):
        deployment = await deployment_name(target).find_if_named(env)
        given = _deployed(deployment, given)
    artifacts = given.get("artifacts") or env.get(kind.artifacts)
    if not artifacts:
        raise OptionInvalid(
            f"`{name}`: which storage do its workers share with this machine?",
            hint=f"Give `artifacts`, such as {kind.scheme}://bucket/prefix, or set"
            f" {kind.artifacts}.",
        )
    if not given.get(kind.address):
        raise OptionInvalid(
            f"`{name}`: no {kind.address.partition('_')[0]} is named",
            hint=f"Give `{kind.address}`, or set {kind.variable}.",
        )
    if isinstance(target, Lambda) and env.get(MERGE_FUNCTION):
        given.setdefault("merge_function", env[MERGE_FUNCTION])
    workers = {key: value for key, value in given.items() if key in AdapterSettings.model_fields}
    settings = AdapterSettings(
        **{
            **workers,
            "kind": kind.adapter,
            "weight": target.share,
            "artifacts": artifacts.rstrip("/"),
        }
    )
    check_installed(settings)
    return settings


def _deployed(deployment: Deployment | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a target's values, completed by those of its deployment."""
    match deployment:
        case AwsStack():
            merge = {"merge_function": deployment.merge_function}
            workers = {"function": deployment.chunk_function, "region": deployment.region}
            return {"artifacts": deployment.artifacts, **merge, **given, **workers}
        case CloudRunWorkers():
            url = {"service_url": deployment.service_url}
            return {"artifacts": deployment.artifacts, **given, **url}
        case None:
            return dict(given)


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
