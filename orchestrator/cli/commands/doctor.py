"""`orchestrator doctor`: what would keep a render from succeeding, and how to mend it."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed, require
from orchestrator.cli.options.flag_groups import REMOTE_CONCURRENCY, Shown, with_groups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.adapters import WorkerAdapter
    from orchestrator.display.display import Display
    from orchestrator.doctor import Finding, PlannedRender
    from orchestrator.model.deployment import AwsStack, CloudRunWorkers, Deployment

_MARKS = {"ok": "ok     ", "notice": "notice ", "problem": "PROBLEM", "unknown": "unknown"}


@with_groups
def doctor(
    deployed: Deployed,
    shown: Shown,
    concurrency: flags.Concurrency = None,
    chunks: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of chunks of the planned render.", show_default="as --concurrency"
        ),
    ] = None,
    trial: Annotated[
        bool,
        typer.Option("--trial/--no-trial", help="Have the workers render and join two frames."),
    ] = True,
) -> None:
    """Check this machine, credentials and what is deployed; exit status 0 if a render can work."""

    async def work(display: "Display") -> None:
        from helios.errors import CheckupFailed
        from orchestrator.doctor import Health

        problems = 0
        async for finding in _findings(deployed, concurrency, chunks, trial=trial):
            problems += finding.health is Health.PROBLEM
            display.answer(
                "finding",
                _described(finding),
                check=finding.check,
                health=str(finding.health),
                message=finding.message,
                fix=finding.fix,
            )
        if problems:
            count = "1 problem" if problems == 1 else f"{problems} problems"
            raise CheckupFailed(f"{count} found", hint="Each has its fix beside it.")
        display.note("completed", "no problem found")

    shown.run(work)


async def _findings(
    deployed: Deployed, concurrency: int | None, chunks: int | None, *, trial: bool
) -> "AsyncIterator[Finding]":
    from helios.errors import HeliosError
    from orchestrator.doctor import Finding, Health
    from orchestrator.doctor.here import check_here

    for finding in check_here():
        yield finding
    try:
        deployment = await deployed.find_if_named()
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


def _plan(deployment: "Deployment", concurrency: int | None, chunks: int | None) -> "PlannedRender":
    from orchestrator.doctor import PlannedRender

    at_once = concurrency or deployment.max_concurrency or REMOTE_CONCURRENCY
    return PlannedRender(concurrency=at_once, chunks=chunks or at_once)


async def _of_deployment(
    deployment: "Deployment", plan: "PlannedRender", *, trial: bool
) -> "AsyncIterator[Finding]":
    from orchestrator.model.deployment import CloudRunWorkers

    if isinstance(deployment, CloudRunWorkers):
        found = _of_cloud_run(deployment, plan, trial=trial)
    else:
        found = _of_stack(deployment, plan, trial=trial)
    async for finding in found:
        yield finding


async def _of_stack(
    stack: "AwsStack", plan: "PlannedRender", *, trial: bool
) -> "AsyncIterator[Finding]":
    require("boto3", "doctor", extra="aws")
    from orchestrator.clouds.aws import AwsCalls
    from orchestrator.doctor.aws import AwsCheckup

    def make_adapter(function: str) -> "WorkerAdapter":
        from orchestrator.adapters import AwsLambdaAdapter

        return AwsLambdaAdapter(function, region=stack.region, concurrency=1)

    checkup = AwsCheckup(stack, AwsCalls(region=stack.region), plan=plan)
    async for finding in checkup.findings(make_adapter if trial else None):
        yield finding


async def _of_cloud_run(
    workers: "CloudRunWorkers", plan: "PlannedRender", *, trial: bool
) -> "AsyncIterator[Finding]":
    require("google.cloud.run_v2", "doctor", extra="gcp")
    from orchestrator.clouds.google import GoogleCalls
    from orchestrator.doctor.cloud_run import CloudRunCheckup

    def make_adapter(url: str) -> "WorkerAdapter":
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


def _described(finding: "Finding") -> str:
    line = f"{_MARKS[finding.health]}  {finding.check}: {finding.message}"
    return f"{line}\n         {finding.fix}" if finding.fix else line
