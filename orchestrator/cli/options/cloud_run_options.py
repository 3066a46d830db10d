"""Flags that describe workers on Google Cloud Run."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

import typer

Project = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_PROJECT", help="Id of the project.", show_default="none"),
]
Region = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_REGION", help="Such as europe-west1.", show_default="none"),
]
Name = Annotated[
    str | None, typer.Option(help="Name of the service and the job.", show_default="helios-worker")
]


@dataclass(frozen=True, kw_only=True)
class CloudRunOptions:
    """Settings of the workers; None leaves the configuration's default."""

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
        str | None, typer.Option(help="Bucket for artifacts; created if it doesn't exist.")
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
            metavar="NAME", help="Secret of Secret Manager by which their webhooks are signed."
        ),
    ] = None
    webhook_account: Annotated[
        str | None,
        typer.Option(
            metavar="EMAIL", help="Service account that alone reads it, and sends webhooks."
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
    kms_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Key of Cloud KMS that encrypts bucket, service and job."),
    ] = None
    network: Annotated[
        str | None, typer.Option(help="VPC network that workers send through, directly.")
    ] = None
    subnetwork: Annotated[str | None, typer.Option(help="Subnetwork of it.")] = None
    network_tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="Tag of the workers in the network; repeatable."),
    ] = None
    connector: Annotated[
        str | None, typer.Option(help="Serverless VPC Access connector, in place of a network.")
    ] = None
    egress: Annotated[
        str | None,
        typer.Option(
            help="What workers send through the network: private-ranges-only, all-traffic.",
            show_default="private-ranges-only",
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
        """Return the given flags by the names of the configuration."""
        values = {k: v for k, v in dataclasses.asdict(self).items() if v not in (None, [])}
        renamed = {"invoker": "invokers", "allow_source": "allowed_sources"}
        renamed["network_tag"] = "network_tags"
        values = {renamed.get(name, name): value for name, value in values.items()}
        if "env" in values:
            values["env"] = dict(_assignment(text) for text in values["env"])
        return values


def _assignment(text: str) -> tuple[str, str]:
    from helios.errors import OptionInvalid

    name, equals, value = text.partition("=")
    if not equals:
        raise OptionInvalid(f"env {text!r}: not a variable with a value", hint="Give NAME=VALUE.")
    return name, value
