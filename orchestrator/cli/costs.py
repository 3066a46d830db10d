"""Costs as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cost import Cost


def described(cost: "Cost", *, title: str = "") -> str:
    """Return a cost as text, item by item."""
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
    """Return a sentence on source and limits of an estimate."""
    prices = cost.prices
    sentence = (
        f"An estimate: list prices of {prices.region} as of {prices.as_of}, without free tiers,"
        f" discounts, taxes and what leaves the cloud ({prices.sources[0]})."
    )
    if prices.is_outdated():
        sentence += (
            f"\nWarning: these prices are more than a year old. Compare them with"
            f" {', '.join(prices.sources)}."
        )
    return sentence


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 1_000 or amount == int(amount) else f"{amount:.3g}"
