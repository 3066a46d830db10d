"""The price of an invocation, by the worker's properties."""

import dataclasses
from typing import TYPE_CHECKING, Any

from orchestrator.cost.cost import AwsWorkers, GoogleWorkers, Usage, Workers, cost_of
from orchestrator.model.limits import Price

if TYPE_CHECKING:
    from orchestrator.model.location import AdapterSettings

#: Seconds that a request to a Cloud Run service may take at most.
_CLOUD_RUN_LONGEST = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class PricedWorkers:
    """Properties of workers that decide what an invocation costs."""

    workers: Workers
    #: Seconds that an invocation may take.
    longest: float
    #: Whether an abandoned invocation continues and is billed.
    goes_on: bool


async def workers_behind(settings: "AdapterSettings") -> PricedWorkers:
    """Return the properties of the workers that settings describe.

    A Lambda function is asked what it has; a Cloud Run service is taken to be as deploying makes
    it.
    """
    if settings.kind != "lambda":
        return PricedWorkers(GoogleWorkers(), longest=_CLOUD_RUN_LONGEST, goes_on=False)
    from orchestrator.clouds.aws import AwsCalls  # noqa: PLC0415 - loads boto3

    function = settings.function or ""
    arn = function.split(":")
    region = settings.region or (arn[3] if arn[0] == "arn" and len(arn) > 3 else None)
    calls = AwsCalls(region=region)
    found: Any = await calls.run(
        f"price of function {function}",
        lambda: calls.client("lambda").get_function_configuration(FunctionName=function),
    )
    workers = AwsWorkers(
        region=calls.region,
        architecture=found.get("Architectures", ["x86_64"])[0],
        chunk_memory=found["MemorySize"],
        chunk_disk=found.get("EphemeralStorage", {}).get("Size", 512),
    )
    return PricedWorkers(workers, longest=float(found["Timeout"]), goes_on=True)


async def price_of(settings: "AdapterSettings") -> Price:
    """Return the price of an invocation of the workers in settings."""
    found = await workers_behind(settings)
    return _priced(found.workers, longest=found.longest, goes_on=found.goes_on)


def _priced(workers: Workers, *, longest: float, goes_on: bool) -> Price:
    nothing = Usage(chunks=0, invocations=0, chunk_seconds=0.0, detached=False)

    def beyond(**used: float) -> float:
        usage = dataclasses.replace(nothing, **used)  # type: ignore[arg-type]
        return cost_of(usage, workers).dollars - cost_of(nothing, workers).dollars

    return Price(
        second=beyond(chunk_seconds=1.0),
        invocation=beyond(chunks=1, invocations=1),
        longest=longest,
        goes_on=goes_on,
    )
