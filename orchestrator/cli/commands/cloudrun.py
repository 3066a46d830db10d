"""`orchestrator cloudrun`: workers on Google Cloud Run, from nothing to gone."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.command_line import Shown
from orchestrator.cli.options.flag_groups import with_groups

if TYPE_CHECKING:
    from infra.cloud_run.changes import Change, Waiting
    from infra.cloud_run.configuration import CloudRunPlace
    from infra.cloud_run.provisioning import CloudRunProvisioner, CloudRunStatus
    from orchestrator.display.display import Display

app = typer.Typer(
    name="cloudrun",
    help="Deploy workers to Google Cloud Run, look at them, remove them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Project = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_PROJECT", help="Id of the project.", show_default="none"),
]
Region = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_REGION", help="Such as europe-west1.", show_default="none"),
]
Name = Annotated[
    str | None,
    typer.Option(help="Name of the service and the job.", show_default="helios-worker"),
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is asked for; what is left out has the configuration's own default."""

    project: Project = None
    region: Region = None
    name: Name = None
    image: Annotated[
        str | None, typer.Option(help="The worker's image, by digest: HOST/PATH@sha256:...")
    ] = None
    service_account: Annotated[
        str | None, typer.Option(help="E-mail of the service account that workers act as.")
    ] = None
    bucket: Annotated[
        str | None, typer.Option(help="Bucket for artifacts; made unless it is there.")
    ] = None
    cpu: Annotated[int | None, typer.Option(help="CPUs of an instance.", show_default="2")] = None
    memory: Annotated[
        str | None, typer.Option(help="Memory of an instance.", show_default="4Gi")
    ] = None
    concurrency: Annotated[
        int | None,
        typer.Option(help="Chunks that an instance renders at a time.", show_default="1"),
    ] = None
    max_instances: Annotated[
        int | None, typer.Option(help="Instances at most.", show_default="100")
    ] = None
    timeout: Annotated[
        int | None, typer.Option(help="Seconds for a chunk.", show_default="900")
    ] = None
    task_timeout: Annotated[
        int | None,
        typer.Option(help="Seconds for a task of a detached render.", show_default="3600"),
    ] = None
    task_retries: Annotated[
        int | None, typer.Option(help="Further tries of such a task.", show_default="3")
    ] = None
    webhook_secret: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Secret of Secret Manager by which such renders sign webhooks."
        ),
    ] = None
    ingress: Annotated[
        str | None,
        typer.Option(
            help="Networks that may reach the service: all, internal,"
            " internal-and-cloud-load-balancing.",
            show_default="all",
        ),
    ] = None
    invoker: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEMBER", help="Who may render, such as user:ann@example.com; repeatable."
        ),
    ] = None
    allow_source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Prefix of what workers may read beside the bucket; repeatable."
        ),
    ] = None
    intermediate_days: Annotated[
        int | None, typer.Option(help="Days that chunks are kept.", show_default="7")
    ] = None
    asset_days: Annotated[
        int | None, typer.Option(help="Days that compositions are kept.", show_default="90")
    ] = None
    output_days: Annotated[
        int | None, typer.Option(help="Days that videos are kept; 0: for ever.", show_default="0")
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Variable of the workers; repeatable."),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the flags that were given, in the configuration's words.

        Raises
        ------
        OptionInvalid
            A variable isn't written as NAME=VALUE.
        """
        values = {k: v for k, v in dataclasses.asdict(self).items() if v not in (None, [])}
        renamed = {"invoker": "invokers", "allow_source": "allowed_sources"}
        values = {renamed.get(name, name): value for name, value in values.items()}
        if "env" in values:
            values["env"] = dict(_assignment(text) for text in values["env"])
        return values


@app.command()
@with_groups
def deploy(
    settings: Settings,
    shown: Shown,
    config: Annotated[
        Path | None,
        typer.Option(help="JSON file of these settings, in camelCase; flags override it."),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Take over what was made by other means under these names."),
    ] = False,
) -> None:
    """Create service, job and bucket, or update what differs; safe to repeat."""

    async def work(display: "Display") -> None:
        from infra.cloud_run.configuration import CloudRunConfiguration

        written = CloudRunConfiguration.read_file(config) if config else {}
        configuration = CloudRunConfiguration.read({**written, **settings.given()})
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

    shown.run(work)


@app.command()
@with_groups
def status(shown: Shown, project: Project = None, region: Region = None, name: Name = None) -> None:
    """Show what is deployed; exit status 0 if it can render."""

    async def work(display: "Display") -> None:
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
                hint="Deploy again; what served before goes on serving.",
            )

    shown.run(work)


@app.command()
@with_groups
def destroy(
    shown: Shown,
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
    """Delete service and job; the bucket stays unless it is asked for."""

    async def work(display: "Display") -> None:
        place = _place(project, region, name)
        async with _provisioner(place, display) as provisioner:
            changes = await provisioner.destroy(with_bucket=delete_bucket, bucket=bucket)
        display.note(
            "completed",
            f"{place.name}: gone from {place.region} of {place.project}",
            changes=[change.document() for change in changes],
        )

    shown.run(work)


def _place(project: str | None, region: str | None, name: str | None) -> "CloudRunPlace":
    from infra.cloud_run.configuration import CloudRunPlace

    given = {"project": project, "region": region, "name": name}
    return CloudRunPlace.read({name: value for name, value in given.items() if value is not None})


@contextlib.asynccontextmanager
async def _provisioner(
    place: "CloudRunPlace", display: "Display"
) -> AsyncIterator["CloudRunProvisioner"]:
    from helios.errors import ProgramMissing

    try:
        from infra.cloud_run.clients import connect, sign_in
        from infra.cloud_run.provisioning import CloudRunProvisioner
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
    from infra.cloud_run.changes import Change

    def tell(step: "Change | Waiting") -> None:
        kind = "change" if isinstance(step, Change) else "waiting"
        display.note(kind, str(step), **step.document())

    return tell


def _described(found: "CloudRunStatus") -> str:
    lines = [f"service    {found.url}" if found.service else "service    none"]
    if found.service:
        state = "ready" if found.is_ready else f"not ready: {found.reason}"
        who = "ANYBODY" if found.is_public else ", ".join(found.invokers) or "owners of the project"
        lines += [f"state      {state}", f"revision   {found.revision}", f"invokers   {who}"]
        lines += [f"  {name}: {value}" for name, value in found.service.items()]
    lines.append("job" if found.job else "job        none")
    lines += [f"  {name}: {value}" for name, value in found.job.items()]
    lines.append(f"artifacts  {found.artifacts or 'none'}")
    lines += [f"  {name}: {value}" for name, value in found.bucket.items()]
    return "\n".join(lines)


def _assignment(text: str) -> tuple[str, str]:
    from helios.errors import OptionInvalid

    name, equals, value = text.partition("=")
    if not equals:
        raise OptionInvalid(f"env {text!r}: not a variable with a value", hint="Give NAME=VALUE.")
    return name, value
