"""What jobs that run together share: workers, limits, and what is stored for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.adapters.base import WorkerAdapter
from orchestrator.backends.fleet import Fleet
from orchestrator.model.limits import Limits
from orchestrator.scheduling.worker_slots import SlotAdapter, WorkerSlots


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One job's share in workers that others use as well.

    Attributes:
        order: The job's place: of the chunks that wait, those of the lowest are next.
        slots, merge_slots: Chunks, and merges, at the same time in all jobs.
        limits: Limits of cost and time of all jobs together.
        fleet: The deployed workers; None for this machine.
        assets: By storage, the URL of the packed composition; empty if each job packs its own.
        on_begin: Called when a chunk of the job has a slot.
    """

    order: int
    slots: WorkerSlots
    merge_slots: WorkerSlots
    limits: Limits
    fleet: Fleet | None = None
    assets: Mapping[str, str] = field(default_factory=dict)
    on_begin: Callable[[], None] | None = None

    def chunks(self, adapter: WorkerAdapter) -> WorkerAdapter:
        """Return an adapter for chunks, which waits for a slot."""
        return SlotAdapter(adapter, self.slots, order=self.order, on_begin=self.on_begin)

    def merges(self, adapter: WorkerAdapter) -> WorkerAdapter:
        """Return an adapter for the merge, which waits for a slot."""
        return SlotAdapter(adapter, self.merge_slots, order=self.order)
