"""The faults of a run, drawn from its seed."""

import random
from dataclasses import asdict, dataclass

#: Error codes that each kind of fault may cause.
CAUSES = {
    "throttled": {"WORKER_THROTTLED"},
    "unavailable": {"WORKER_UNAVAILABLE"},
    "lost_response": {"WORKER_UNAVAILABLE"},
    "worker_killed": {"WORKER_UNAVAILABLE"},
    "corrupted": {"ARTIFACT_CORRUPT", "ARTIFACT_NOT_FOUND", "CHUNK_OUTPUT_INVALID"},
    "storage_error": {"STORAGE_UNAVAILABLE"},
    "disk_full": {"DISK_FULL"},
    "broken_chunk": {"COMMAND_FAILED"},
}


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Kinds and rates of faults; rates are from 0 to 1.

    Attributes:
        throttled, unavailable: Share of requests that a service refuses; throttling comes in
            bursts.
        lost_response: Share of requests whose answer is lost after the work was done.
        slow, slow_for: Share of requests that take longer, by how many seconds at most.
        worker_killed: Share of workers that are killed at a random moment.
        corrupted: Share of stored chunks that are cut short or changed afterwards.
        storage_error, storage_slow: Share of calls of a storage that fail, and that take some time.
        disk_full: Share of writes for which the disk is full, of records and of files.
        kills: How often the orchestrator is killed.
        clock_jumps: Whether its clock jumps by hours.
        second: Whether another orchestrator tries to run the same job.
        broken_chunk: A chunk whose command always fails; None for none.
    """

    throttled: float = 0.0
    unavailable: float = 0.0
    lost_response: float = 0.0
    slow: float = 0.0
    slow_for: float = 0.3
    worker_killed: float = 0.0
    corrupted: float = 0.0
    storage_error: float = 0.0
    storage_slow: float = 0.0
    disk_full: float = 0.0
    kills: int = 0
    clock_jumps: bool = False
    second: bool = False
    broken_chunk: int | None = None

    @classmethod
    def drawn(cls, draw: random.Random, *, chunks: int) -> "Trouble":
        """Return several kinds of faults with random rates."""

        def share(most: float) -> float:
            return draw.uniform(0.02, most) if draw.random() < 0.4 else 0.0

        return cls(
            throttled=share(0.5),
            unavailable=share(0.3),
            lost_response=share(0.4),
            slow=share(0.5),
            worker_killed=share(0.4),
            corrupted=share(0.3),
            storage_error=share(0.1),
            storage_slow=share(0.5),
            disk_full=share(0.15),
            kills=draw.choice([0, 0, 1, 1, 2, 3]),
            clock_jumps=draw.random() < 0.3,
            second=draw.random() < 0.3,
            broken_chunk=draw.randrange(chunks) if draw.random() < 0.1 else None,
        )

    def calmed(self) -> "Trouble":
        """Return the permanent faults alone: a broken chunk stays broken."""
        return Trouble(broken_chunk=self.broken_chunk)

    @property
    def kinds(self) -> list[str]:
        """The kinds of faults that occur, for tables."""
        none = asdict(Trouble())
        return [name for name, value in asdict(self).items() if value != none[name]]
