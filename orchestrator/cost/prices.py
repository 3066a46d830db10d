"""The clouds' list prices: one data file, with dates and sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from helios.contract.wire_model import WireModel

#: Days after which list prices count as outdated.
_MAX_AGE = 365


class AwsPrices(WireModel, extra="forbid"):
    """US dollars for what a render uses in a region of AWS."""

    #: A GB of a function's memory for a second, by architecture.
    memory_gb_second: Mapping[Literal["x86_64", "arm64"], float]
    invocation: float
    #: A GB of its disk for a second, and what comes without cost.
    disk_gb_second: float
    free_disk_mb: int
    state_transition: float
    #: A GB in S3 for 30 days.
    storage_gb_month: float
    #: One request to S3.
    write_request: float
    read_request: float


class GooglePrices(WireModel, extra="forbid"):
    """US dollars for what a render uses in a region of Google Cloud."""

    #: A CPU, and a GiB of memory, of a job's task for a second.
    task_cpu_second: float
    task_memory_gib_second: float
    #: The same of a service that is busy with a request, and one request to it.
    service_cpu_second: float
    service_memory_gib_second: float
    request: float
    #: A GB in Cloud Storage for 30 days, and one request to it.
    storage_gb_month: float
    write_request: float
    read_request: float


class _AwsList(WireModel, extra="forbid"):
    as_of: str
    sources: Sequence[str]
    default_region: str
    regions: Mapping[str, Mapping[str, Any]]
    prices: Mapping[str, Any]


class _GoogleList(WireModel, extra="forbid"):
    as_of: str
    sources: Sequence[str]
    second_tier: Sequence[str]
    prices: Mapping[str, Any]
    second_tier_prices: Mapping[str, Any]


class _Lists(WireModel, extra="forbid"):
    currency: Literal["USD"]
    aws: _AwsList
    google: _GoogleList


@dataclass(frozen=True, slots=True)
class PriceSource:
    """Dated list prices."""

    #: The region whose prices they are.
    region: str
    #: Day on which they were in force.
    as_of: str
    #: Pages that say today's.
    sources: Sequence[str]

    def is_outdated(self, today: date | None = None) -> bool:
        """Return whether the prices are more than a year old: clouds change them."""
        today = today or datetime.now(UTC).date()
        return (today - date.fromisoformat(self.as_of)).days > _MAX_AGE


def aws_prices(region: str) -> tuple[AwsPrices, PriceSource]:
    """Return the prices of a region, or those of the list's default if it isn't listed."""
    listed = _lists().aws
    priced = region if region in listed.regions else listed.default_region
    prices = AwsPrices.model_validate({**listed.prices, **listed.regions[priced]})
    return prices, PriceSource(priced, listed.as_of, listed.sources)


def google_prices(region: str) -> tuple[GooglePrices, PriceSource]:
    """Return the prices of a region; those that aren't in the second tier are in the first."""
    listed = _lists().google
    differing = listed.second_tier_prices if region in listed.second_tier else {}
    prices = GooglePrices.model_validate({**listed.prices, **differing})
    return prices, PriceSource(region, listed.as_of, listed.sources)


@cache
def _lists() -> _Lists:
    text = files("orchestrator.cost").joinpath("prices.json").read_text("utf-8")
    return _Lists.model_validate_json(text)
