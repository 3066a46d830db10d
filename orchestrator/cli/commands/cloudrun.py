"""`orchestrator cloudrun`: deploys, shows and deletes workers on Google Cloud Run."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options.cloud_run_options import (
    ConfigurationCommand,
    Name,
    Project,
    Region,
    configured,
)

if TYPE_CHECKING:
    from helios_infra.cloud_run.changes import Change, Waiting
    from helios_infra.cloud_run.place import CloudRunPlace
    from helios_infra.cloud_run.provisioning import CloudRunProvisioner
    from helios_infra.cloud_run.status import CloudRunStatus
    from orchestrator.display.display import Display

app = typer.Typer(
    name="cloudrun",
    help="Deploy, show or delete workers on Google Cloud Run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(cls=ConfigurationCommand)
@command
async def deploy(
    display: "Display",
    project: Project = None,
    region: Region = None,
    name: Name = None,
    config: Annotated[
        Path | None,
        typer.Option(help="JSON file of these settings, in camelCase; flags override it."),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Take over what was made by other means under these names."),
    ] = False,
    **settings: Any,
) -> None:
    """Create service, job and bucket, or update what differs; safe to repeat."""
    from helios_infra.cloud_run.configuration import CloudRunConfiguration

    written = CloudRunConfiguration.read_file(config) if config else {}
    given = configured({"project": project, "region": region, "name": name, **settings})
    configuration = CloudRunConfiguration.read({**written, **given})
    async with _provisioner(configuration, display) as provisioner:
        deployment = await provisioner.deploy(configuration, adopt=adopt)
    display.note(
        "completed",
        f"{deployment.url}: {'deployed' if deployment.changed else 'nothing to change'};"
        f" render with: orchestrator render INPUT -o OUTPUT --adapter cloudrun"
        f" --service-url {deployment.url} --artifacts {deployment.artifacts}",
        url=deployment.url,
        job=deployment.job,
        artifacts=deployment.artifacts,
        changed=deployment.changed,
        changes=[change.document() for change in deployment.changes],
    )


@app.command()
@command
async def status(
    display: "Display", project: Project = None, region: Region = None, name: Name = None
) -> None:
    """Show what is deployed; exit status 0 if it can render."""
    from helios.errors import DeploymentFailed, WorkerNotFound

    place = _place(project, region, name)
    async with _provisioner(place, display) as provisioner:
        found = await provisioner.status()
    display.note("status", _described(found), **found.document())
    if not found.service:
        raise WorkerNotFound(
            f"service {place.name}: not deployed in {place.region} of {place.project}",
            hint="Deploy it with: orchestrator cloudrun deploy",
        )
    if not found.is_ready:
        raise DeploymentFailed(
            f"service {place.name}: not ready: {found.reason}",
            hint="Deploy again; the previous revision keeps serving.",
        )


@app.command()
@command
async def destroy(
    display: "Display",
    project: Project = None,
    region: Region = None,
    name: Name = None,
    delete_bucket: Annotated[
        bool,
        typer.Option("--delete-bucket", help="Delete the bucket, too, with all videos in it."),
    ] = False,
    bucket: Annotated[
        str | None,
        typer.Option(help="The bucket's name.", show_default="the one that workers use"),
    ] = None,
) -> None:
    """Delete service and job; the bucket stays without --delete-bucket."""
    place = _place(project, region, name)
    async with _provisioner(place, display) as provisioner:
        changes = await provisioner.destroy(with_bucket=delete_bucket, bucket=bucket)
    display.note(
        "completed",
        f"{place.name}: gone from {place.region} of {place.project}",
        changes=[change.document() for change in changes],
    )


def _place(project: str | None, region: str | None, name: str | None) -> "CloudRunPlace":
    from helios_infra.cloud_run.place import CloudRunPlace

    given = {"project": project, "region": region, "name": name}
    return CloudRunPlace.read({name: value for name, value in given.items() if value is not None})


@contextlib.asynccontextmanager
async def _provisioner(
    place: "CloudRunPlace", display: "Display"
) -> AsyncIterator["CloudRunProvisioner"]:
    from helios.errors import ProgramMissing

    try:
        from helios_infra.cloud_run.clients import connect, sign_in
        from helios_infra.cloud_run.provisioning import CloudRunProvisioner
    except ModuleNotFoundError as fault:
        raise ProgramMissing(
            f"{fault.name}: not installed", hint='pip install "helios-serverless[gcp]"'
        ) from fault
    clients = connect(place.project, await sign_in())
    try:
        yield CloudRunProvisioner(place, clients, on_step=_teller(display))
    finally:
        await clients.close()


def _teller(display: "Display") -> "Callable[[Change | Waiting], None]":
    from helios_infra.cloud_run.changes import Change

    def tell(step: "Change | Waiting") -> None:
        kind = "change" if isinstance(step, Change) else "waiting"
        display.note(kind, str(step), **step.document())

    return tell


def _described(found: "CloudRunStatus") -> str:
    lines = [f"service    {found.url}" if found.service else "service    none"]
    if found.service:
        state = "ready" if found.is_ready else f"not ready: {found.reason}"
        who = (
            "EVERYONE" if found.is_public else ", ".join(found.invokers) or "owners of the project"
        )
        lines += [f"state      {state}", f"revision   {found.revision}", f"invokers   {who}"]
        lines += [f"  {name}: {value}" for name, value in found.service.items()]
    lines.append("job" if found.job else "job        none")
    lines += [f"  {name}: {value}" for name, value in found.job.items()]
    lines.append("webhooks" if found.webhooks else "webhooks   none")
    lines += [f"  {name}: {value}" for name, value in found.webhooks.items()]
    lines.append(f"artifacts  {found.artifacts or 'none'}")
    lines += [f"  {name}: {value}" for name, value in found.bucket.items()]
    return "\n".join(lines)
