"""The workers that all rows of a batch share."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Self

from orchestrator.api.batches.ledger import Ledger
from orchestrator.api.batches.plan import BatchPlan
from orchestrator.api.targets.concurrency import chosen_concurrency
from orchestrator.api.targets.target import are_remote, resolve
from orchestrator.backends.deployed_workers import open_workers, priced, spent_before
from orchestrator.backends.fleet import Fleet
from orchestrator.backends.sharing import Share
from orchestrator.backends.upload import upload_pack
from orchestrator.delivery.packaging import link_composition, name_in_assets, package_job
from orchestrator.delivery.stores import Stores
from orchestrator.model.limits import Limits, parse_duration
from orchestrator.model.location import AdapterSettings
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.planning.planner import plan as plan_chunks
from orchestrator.scheduling.worker_slots import WorkerSlots


class SharedWorkers:
    """Workers, limits and stored assets that the rows of a batch share.

    Attributes:
        adapters: The kinds of workers.
        at_once: Chunks at the same time in all rows.
        limits: Limits of cost and time of the whole batch.
    """

    def __init__(
        self,
        adapters: list[AdapterSettings],
        *,
        at_once: int,
        merges_at_once: int,
        limits: Limits,
        remote: bool,
    ) -> None:
        self.adapters = adapters
        self.at_once = at_once
        self.limits = limits
        self._remote = remote
        self._slots = WorkerSlots(at_once)
        # On this machine, merges take the place of chunks.
        self._merges = WorkerSlots(merges_at_once) if remote else self._slots
        self._fleet: Fleet | None = None
        self._assets: Mapping[str, str] = {}

    @classmethod
    async def of(cls, plan: BatchPlan) -> Self:
        """Return the workers behind the targets of a batch; none is contacted.

        Raises:
            HeliosError: A target can't be resolved.
        """
        settings, targets = plan.settings, plan.request.targets
        remote = are_remote(targets)
        at_once = chosen_concurrency(settings.concurrency, remote=remote)
        deadline = settings.deadline
        stays = all(row.destination.url is not None for row in plan.rows)
        here = chosen_concurrency(None, remote=False)
        return cls(
            await resolve(targets),
            at_once=at_once,
            merges_at_once=at_once if stays else here,
            limits=Limits(
                max_cost=settings.max_cost,
                deadline=None if deadline is None else parse_duration(deadline),
            ),
            remote=remote,
        )

    @contextlib.asynccontextmanager
    async def opened(self, plan: BatchPlan, ledger: Ledger, stores: Stores) -> AsyncIterator[None]:
        """Open remote workers, and store the composition for all rows, for a context."""
        if not self._remote:
            yield
            return
        workers = open_workers(self.adapters, concurrency=self.at_once)
        if plan.settings.max_cost is not None:
            workers = await priced(workers, self.adapters)
            self.limits.note_spent(spent_before(ledger.worker_seconds, ledger.attempts, workers))
        fleet = self._fleet = Fleet(workers, most=self.at_once, limits=self.limits)
        try:
            self._assets = await store_composition(
                plan, [each.artifacts for each in workers], stores
            )
            yield
        finally:
            await fleet.close()

    def share(self, *, order: int, on_begin: Callable[[], None]) -> Share:
        """Return the share of a row."""
        return Share(
            order=order,
            slots=self._slots,
            merge_slots=self._merges,
            limits=self.limits,
            fleet=self._fleet,
            assets=self._assets,
            on_begin=on_begin,
        )


async def store_composition(
    plan: BatchPlan, artifacts: list[str], stores: Stores
) -> Mapping[str, str]:
    """Store the composition that all rows read; return the archive's URL by storage."""
    source, root = plan.request.source, plan.settings.root
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        folder = Path(scratch)
        link_composition(source, folder, root)
        # All rows read the same composition, and have the first one's kind of output.
        spec = plan_chunks(
            source,
            plan.rows[0].destination.name,
            frame_count=1,
            options=plan.rows[0].options,
            sizes=ChunkSizes(),
            job_dir=folder,
            input_name=name_in_assets(source, root),
        )
        job = package_job(spec, folder, own_files=plan.own_files)
        return await upload_pack(job, artifacts=artifacts, stores=stores)
