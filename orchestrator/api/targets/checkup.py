"""Checks whether a render can succeed: on this machine, and in a deployment."""

from collections.abc import AsyncIterator

from helios.errors import HeliosError, OptionInvalid
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.api.targets.concurrency import REMOTE_CONCURRENCY
from orchestrator.api.targets.deployments import DeploymentName
from orchestrator.clouds.packages import require
from orchestrator.doctor import Finding, Health, PlannedRender
from orchestrator.doctor.here import check_here
from orchestrator.model.deployment import AwsStack, CloudRunWorkers, Deployment


async def findings(
    name: DeploymentName, *, concurrency: int | None, chunks: int | None, trial: bool
) -> AsyncIterator[Finding]:
    """Yield the findings, one check after another.

    Args:
        name: Identifies the deployment; without one, only this machine is checked.
        concurrency, chunks: Of the planned render; as many as the deployment runs by default.
        trial: Whether the workers render and stitch two frames.
    """
    if concurrency is not None and concurrency < 1:
        raise OptionInvalid(f"`concurrency` {concurrency}: should be at least 1")
    for finding in check_here():
        yield finding
    try:
        deployment = await name.find_if_named()
    except HeliosError as fault:
        yield Finding("deployment", Health.PROBLEM, fault.message, fault.hint)
        return
    if deployment is None:
        yield Finding(
            "deployment",
            Health.UNKNOWN,
            "none is named, so that only this machine was looked at",
            "orchestrator doctor --stack NAME",
        )
        return
    async for finding in _of_deployment(
        deployment, _plan(deployment, concurrency, chunks), trial=trial
    ):
        yield finding


def _plan(deployment: Deployment, concurrency: int | None, chunks: int | None) -> PlannedRender:
    at_once = concurrency or deployment.max_concurrency or REMOTE_CONCURRENCY
    return PlannedRender(concurrency=at_once, chunks=chunks or at_once)


async def _of_deployment(
    deployment: Deployment, plan: PlannedRender, *, trial: bool
) -> AsyncIterator[Finding]:
    if isinstance(deployment, CloudRunWorkers):
        found = _of_cloud_run(deployment, plan, trial=trial)
    else:
        found = _of_stack(deployment, plan, trial=trial)
    async for finding in found:
        yield finding


async def _of_stack(stack: AwsStack, plan: PlannedRender, *, trial: bool) -> AsyncIterator[Finding]:
    require("boto3", "doctor", extra="aws")
    from orchestrator.clouds.aws import AwsCalls
    from orchestrator.doctor.aws import AwsCheckup

    def make_adapter(function: str) -> WorkerAdapter:
        from orchestrator.adapters import AwsLambdaAdapter

        return AwsLambdaAdapter(function, region=stack.region, concurrency=1)

    checkup = AwsCheckup(stack, AwsCalls(region=stack.region), plan=plan)
    async for finding in checkup.findings(make_adapter if trial else None):
        yield finding


async def _of_cloud_run(
    workers: CloudRunWorkers, plan: PlannedRender, *, trial: bool
) -> AsyncIterator[Finding]:
    require("google.cloud.run_v2", "doctor", extra="gcp")
    from orchestrator.clouds.google import GoogleCalls
    from orchestrator.doctor.cloud_run import CloudRunCheckup

    def make_adapter(url: str) -> WorkerAdapter:
        from orchestrator.adapters.cloud_run import CloudRunAdapter
        from orchestrator.adapters.identity import IdentityTokens

        return CloudRunAdapter(url, tokens=IdentityTokens())

    calls = GoogleCalls()
    try:
        checkup = CloudRunCheckup(workers, calls, plan=plan)
        async for finding in checkup.findings(make_adapter if trial else None):
            yield finding
    finally:
        await calls.close()
