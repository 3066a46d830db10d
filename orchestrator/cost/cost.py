"""The cost of a render, item by item."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cost.prices import (
    AwsPrices,
    GooglePrices,
    PriceSource,
    aws_prices,
    google_prices,
)

#: State transitions of a chunk beside its invocations (a child execution begins and ends), and of
#: a render beside its chunks.
TRANSITIONS_A_CHUNK = 2
TRANSITIONS_A_RENDER = 8
#: Requests to storage for a chunk: output and record are written; spec, assets and an earlier
#: record are asked for, and the merge reads output and record.
WRITES_A_CHUNK = 2
READS_A_CHUNK = 5
#: The same for a render beside its chunks.
WRITES_A_RENDER = 6
READS_A_RENDER = 6
#: Seconds that a task of a Cloud Run job is billed for at least.
TASK_SECONDS = 60
#: Days in the months that storage is priced by.
_MONTH = 30
_GB = 1e9
_MB_IN_GB = 1024


@dataclass(frozen=True, slots=True)
class CostItem:
    """One kind of use and its price."""

    what: str
    amount: float
    unit: str
    #: Its price in US dollars.
    dollars: float


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate of what a render costs by list prices, without discounts and free tiers."""

    items: Sequence[CostItem]
    prices: PriceSource

    @property
    def dollars(self) -> float:
        """The sum of all items, in US dollars."""
        return sum(item.dollars for item in self.items)

    def document(self) -> dict[str, Any]:
        """Return the cost as JSON value."""
        return {
            "estimate": True,
            "currency": "USD",
            "total": round(self.dollars, 6),
            "items": [
                {
                    "what": item.what,
                    "amount": round(item.amount, 6),
                    "unit": item.unit,
                    "cost": round(item.dollars, 8),
                }
                for item in self.items
            ],
            "prices": {
                "region": self.prices.region,
                "asOf": self.prices.as_of,
                "outdated": self.prices.is_outdated(),
                "sources": list(self.prices.sources),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsWorkers:
    """Properties of workers on AWS that decide their price; by default those of a stack."""

    #: Region and processor architecture.
    region: str = "us-east-1"
    architecture: str = "x86_64"
    #: Memory and disk in MB.
    chunk_memory: int = 3008
    chunk_disk: int = 2048
    merge_memory: int = 3008
    merge_disk: int = 10240


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The resources that a render uses."""

    chunks: int
    #: Of the chunk worker; more than chunks where some were tried again.
    invocations: int
    #: For which workers are busy, all together.
    chunk_seconds: float
    merge_seconds: float = 0.0
    #: Whether a state machine, or a Cloud Run job, runs it.
    detached: bool = True
    #: Stored bytes: all chunks, and the video.
    chunk_bytes: int = 0
    output_bytes: int = 0
    #: For how long.
    chunk_days: float = 7
    output_days: float = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleWorkers:
    """Properties of workers on Cloud Run that decide their price; by default those deployed."""

    region: str = "europe-west1"
    #: CPUs and memory of an instance.
    cpu: float = 2
    memory_gib: float = 4


Workers = AwsWorkers | GoogleWorkers


def cost_of(usage: Usage, workers: Workers) -> Cost:
    """Price what a render uses, where its workers are."""
    if isinstance(workers, GoogleWorkers):
        return google_cost(usage, workers)
    return aws_cost(usage, workers)


def google_cost(usage: Usage, workers: GoogleWorkers) -> Cost:
    """Price what a render uses on Google Cloud.

    Detached renders are tasks of a job, of which each is billed for a minute at least; all others
    are requests to the service.
    """
    prices, source = google_prices(workers.region)
    seconds = usage.chunk_seconds + usage.merge_seconds
    cpu, memory = prices.service_cpu_second, prices.service_memory_gib_second
    if usage.detached:
        # The task that ends last also merges the chunks: that isn't another task.
        seconds = max(seconds, TASK_SECONDS * usage.invocations)
        cpu, memory = prices.task_cpu_second, prices.task_memory_gib_second
    cpu_seconds, gib_seconds = seconds * workers.cpu, seconds * workers.memory_gib
    requests = 0 if usage.detached else usage.invocations + (1 if usage.merge_seconds else 0)
    items = [
        CostItem("workers: CPU", cpu_seconds, "CPU-seconds", cpu_seconds * cpu),
        CostItem("workers: memory", gib_seconds, "GiB-seconds", gib_seconds * memory),
        _counted("requests", requests, prices.request),
        *_stored(usage, prices),
    ]
    return Cost([item for item in items if item.amount > 0], source)


def aws_cost(usage: Usage, workers: AwsWorkers) -> Cost:
    """Price what a render uses on AWS."""
    prices, source = aws_prices(workers.region)
    by_architecture = {str(name): price for name, price in prices.memory_gb_second.items()}
    memory = by_architecture[workers.architecture]

    def worker(what: str, seconds: float, memory_mb: int, disk_mb: int) -> list[CostItem]:
        gb_seconds = seconds * memory_mb / _MB_IN_GB
        disk = seconds * max(0, disk_mb - prices.free_disk_mb) / _MB_IN_GB
        return [
            CostItem(f"{what}: memory", gb_seconds, "GB-seconds", gb_seconds * memory),
            CostItem(f"{what}: disk", disk, "GB-seconds", disk * prices.disk_gb_second),
        ]

    merges = 1 if usage.merge_seconds else 0
    invocations = usage.invocations + merges + (1 if usage.detached else 0)
    items = [
        *worker("chunks", usage.chunk_seconds, workers.chunk_memory, workers.chunk_disk),
        *worker("merge", usage.merge_seconds, workers.merge_memory, workers.merge_disk),
        _counted("invocations", invocations, prices.invocation),
    ]
    if usage.detached:
        transitions = usage.invocations + TRANSITIONS_A_CHUNK * usage.chunks + TRANSITIONS_A_RENDER
        items.append(_counted("state transitions", transitions, prices.state_transition))
    items += _stored(usage, prices)
    return Cost([item for item in items if item.amount > 0], source)


def _stored(usage: Usage, prices: AwsPrices | GooglePrices) -> list[CostItem]:
    writes = WRITES_A_CHUNK * usage.chunks + WRITES_A_RENDER
    reads = READS_A_CHUNK * usage.chunks + READS_A_RENDER
    return [
        _counted("storage: writes", writes, prices.write_request),
        _counted("storage: reads", reads, prices.read_request),
        _kept("storage: chunks", usage.chunk_bytes, usage.chunk_days, prices.storage_gb_month),
        _kept("storage: video", usage.output_bytes, usage.output_days, prices.storage_gb_month),
    ]


def _counted(what: str, count: int, price: float) -> CostItem:
    return CostItem(what, count, "", count * price)


def _kept(what: str, size: int, days: float, price: float) -> CostItem:
    months = size / _GB * days / _MONTH
    return CostItem(what, months, "GB-months", months * price)
