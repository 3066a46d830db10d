"""Workers that are deployed somewhere, and how they are reached by what is kept of them."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from helios.errors import OptionInvalid, ProgramMissing
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.model.job import AdapterSettings
from orchestrator.model.limits import Price

#: The Python package that each kind of adapter needs, and the extra that installs it.
PACKAGES = {"lambda": ("boto3", "aws"), "cloudrun": ("google.auth", "gcp")}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGroup:
    """Workers that are deployed somewhere, and the storage that they share with this machine.

    Attributes
    ----------
    name:
        What people call it.
    adapter:
        Takes jobs there.
    artifacts:
        URL of the storage, such as `s3://bucket/prefix`.
    weight:
        Its share of the chunks, relative to other groups.
    merger:
        Takes merges to a worker of their own, if there is one.
    price:
        What an invocation costs; None where that isn't to be counted.
    """

    name: str
    adapter: WorkerAdapter
    artifacts: str
    weight: float = 1.0
    merger: WorkerAdapter | None = None
    price: Price | None = None


def check_installed(settings: AdapterSettings) -> None:
    """Refuse a kind of adapter that needs a package which isn't installed.

    Raises
    ------
    ProgramMissing
    """
    module, extra = PACKAGES[settings.kind]
    if importlib.util.find_spec(module) is None:
        raise ProgramMissing(
            f"--adapter {settings.kind}: the Python package {module} isn't installed",
            hint=f"Install helios-serverless[{extra}].",
        )


def open_worker_groups(
    settings: Sequence[AdapterSettings], *, concurrency: int
) -> list[WorkerGroup]:
    """Return the groups that settings describe; whoever uses them closes their adapters.

    Parameters
    ----------
    concurrency:
        Chunks at the same time.

    Raises
    ------
    OptionInvalid
        Something isn't said that is needed.
    ProgramMissing
        A package isn't installed.
    """
    return [_open(each, concurrency=concurrency) for each in settings]


def _open(settings: AdapterSettings, *, concurrency: int) -> WorkerGroup:
    if settings.kind not in PACKAGES or settings.artifacts is None:
        raise OptionInvalid(f"adapter {settings.kind!r}: not one that workers elsewhere have")
    check_installed(settings)
    adapter: WorkerAdapter
    merger: WorkerAdapter | None = None
    if settings.kind == "lambda":
        adapter = _lambda_adapter(settings.function, settings.region, concurrency)
        if settings.merge_function is not None:
            merger = _lambda_adapter(settings.merge_function, settings.region, 1)
    else:
        adapter = _cloud_run_adapter(settings)
    return WorkerGroup(
        name=settings.kind,
        adapter=adapter,
        artifacts=settings.artifacts,
        weight=settings.weight,
        merger=merger,
    )


def _lambda_adapter(function: str | None, region: str | None, concurrency: int) -> WorkerAdapter:
    from orchestrator.adapters.aws_lambda import AwsLambdaAdapter  # noqa: PLC0415 - loads boto3

    return AwsLambdaAdapter(function or "", region=region, concurrency=concurrency)


def _cloud_run_adapter(settings: AdapterSettings) -> WorkerAdapter:
    # They load google-auth.
    from orchestrator.adapters.cloud_run import CloudRunAdapter  # noqa: PLC0415
    from orchestrator.adapters.identity import IdentityTokens, find_identity  # noqa: PLC0415

    tokens = IdentityTokens(find_identity(impersonate=settings.impersonate))
    return CloudRunAdapter(settings.service_url or "", tokens=tokens)
