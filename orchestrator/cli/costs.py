"""How costs are shown, and whose prices they are."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cost import Cost, Workers
    from orchestrator.model.deployment import Deployment


def described(cost: "Cost", *, title: str = "") -> str:
    """Return a cost as people read it, item by item."""
    width = max(len(item.what) for item in cost.items)
    lines = [title] if title else []
    lines += [
        f"  {item.what:<{width}}  {_amount(item.amount):>10} {item.unit:<11}  ${item.dollars:.6f}"
        for item in cost.items
    ]
    lines += [
        f"  {'sum':<{width}}  {'':>10} {'':<11}  ${cost.dollars:.4f}",
        source_of(cost),
    ]
    return "\n".join(lines)


def source_of(cost: "Cost") -> str:
    """Return the sentence that says what a cost is worth."""
    prices = cost.prices
    return (
        f"An estimate: list prices of {prices.region} as of {prices.as_of}, without free tiers,"
        f" discounts, taxes and what leaves the cloud ({prices.sources[0]})."
    )


def workers_of(deployment: "Deployment | None", *, region: str | None = None) -> "Workers":
    """Return what of workers decides their price.

    Parameters
    ----------
    deployment:
        Where they are deployed; None for what is deployed on AWS if nobody configures it.
    region:
        Where that would be.
    """
    from orchestrator.cost import AwsWorkers, GoogleWorkers
    from orchestrator.model.deployment import CloudRunWorkers

    if deployment is None:
        return AwsWorkers() if region is None else AwsWorkers(region=region)
    if isinstance(deployment, CloudRunWorkers):
        return GoogleWorkers(
            region=deployment.region, cpu=deployment.cpu, memory_gib=deployment.memory_gib
        )
    return AwsWorkers(
        region=deployment.region,
        architecture=deployment.architecture,
        chunk_memory=deployment.chunk_memory,
        chunk_disk=deployment.chunk_disk,
        merge_memory=deployment.merge_memory,
        merge_disk=deployment.merge_disk,
    )


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 1_000 or amount == int(amount) else f"{amount:.3g}"
