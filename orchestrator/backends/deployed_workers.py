"""Workers that are deployed in a cloud, with their storage, and how they are reached."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from helios.errors import OptionInvalid
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.clouds.packages import require
from orchestrator.model.limits import Price
from orchestrator.model.location import AdapterSettings

#: The Python package that each kind of adapter needs, and the extra that installs it.
PACKAGES = {"lambda": ("boto3", "aws"), "cloudrun": ("google.auth", "gcp")}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedWorkers:
    """Workers in a cloud, and the storage that they share with this machine."""

    #: The endpoint's name in messages.
    name: str
    #: Sends jobs to them.
    adapter: WorkerAdapter
    #: URL of the storage, such as `s3://bucket/prefix`.
    artifacts: str
    #: Their share of the chunks, relative to other endpoints.
    weight: float = 1.0
    #: Sends merges to a function of their own, if there is one.
    merge_adapter: WorkerAdapter | None = None
    #: Price of an invocation; None if costs aren't counted.
    price: Price | None = None


class WorkerOpener(Protocol):
    """Returns the workers that settings describe."""

    def __call__(
        self, settings: Sequence[AdapterSettings], *, concurrency: int
    ) -> Sequence[DeployedWorkers]: ...


def check_installed(settings: AdapterSettings) -> None:
    """Refuse a kind of adapter that needs a package which isn't installed."""
    module, extra = PACKAGES[settings.kind]
    require(module, f"--adapter {settings.kind}", extra=extra)


def open_workers(settings: Sequence[AdapterSettings], *, concurrency: int) -> list[DeployedWorkers]:
    """Return the workers that settings describe; the caller closes their adapters."""
    return [_open(each, concurrency=concurrency) for each in settings]


def _open(settings: AdapterSettings, *, concurrency: int) -> DeployedWorkers:
    if settings.kind not in PACKAGES or settings.artifacts is None:
        raise OptionInvalid(f"adapter {settings.kind!r}: not one that remote workers have")
    check_installed(settings)
    adapter: WorkerAdapter
    merge_adapter: WorkerAdapter | None = None
    if settings.kind == "lambda":
        adapter = _lambda_adapter(settings.function, settings.region, concurrency)
        if settings.merge_function is not None:
            merge_adapter = _lambda_adapter(settings.merge_function, settings.region, 1)
    else:
        adapter = _cloud_run_adapter(settings)
    return DeployedWorkers(
        name=settings.kind,
        adapter=adapter,
        artifacts=settings.artifacts,
        weight=settings.weight,
        merge_adapter=merge_adapter,
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


async def priced(
    workers: Sequence[DeployedWorkers], settings: Sequence[AdapterSettings]
) -> list[DeployedWorkers]:
    """Return workers with what an invocation of them costs."""
    from orchestrator.cost.invocation import price_of  # noqa: PLC0415 - few need prices

    return [
        replace(each, price=await price_of(adapter))
        for each, adapter in zip(workers, settings, strict=True)
    ]


def spent_before(seconds: float, attempts: int, workers: Sequence[DeployedWorkers]) -> float:
    """Return the US dollars that earlier runs cost at most, by the time of all their attempts."""
    prices = [each.price for each in workers if each.price is not None]
    # Which workers made the attempts isn't kept: the dearest ones are on the safe side.
    return max((p.second * seconds + p.invocation * attempts for p in prices), default=0.0)
