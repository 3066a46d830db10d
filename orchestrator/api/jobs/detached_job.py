"""A job that a deployment runs without a client."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helios.errors import CostLimitReached, JobBusy, JobStateConflict, OptionInvalid
from helios.records.chunk_record import ChunkRecord
from helios.records.job_layout import HEALED_SPEC
from helios.records.job_outcome import OUTCOME
from helios.records.spec_slices import SLICES
from orchestrator.api.jobs.async_job import REASON, AsyncJobHandle, ReportDetail
from orchestrator.api.jobs.job_status import JobStatus
from orchestrator.api.jobs.snapshot import INTERVAL, AttemptLog, Snapshot
from orchestrator.api.targets.costs import cost_deadline, workers_of
from orchestrator.api.targets.deployments import detached_renders
from orchestrator.backends.detached.runs import RUNS
from orchestrator.backends.detached.status import log_query
from orchestrator.backends.stored_chunks import delete_chunks
from orchestrator.clouds.log_query import log_link
from orchestrator.cost import cost_of
from orchestrator.cost.recorded import merges_in, recorded_usage
from orchestrator.delivery.stores import Stores
from orchestrator.delivery.verification import ends_of_job
from orchestrator.delivery.verification import verify as verify_video
from orchestrator.model.events import ChunkFinished, LogLine
from orchestrator.model.job_state import JobState

if TYPE_CHECKING:
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.backends.detached.renders import DetachedRenders
    from orchestrator.backends.detached.status import RenderStatus
    from orchestrator.clouds.log_query import LogRecord
    from orchestrator.cost import Cost
    from orchestrator.delivery.destination import Destination
    from orchestrator.model.deployment import Deployment
    from orchestrator.report.report import Report


class DetachedJob(AsyncJobHandle):
    """A job of a deployment."""

    def __init__(self, job_id: str, deployment: "Deployment") -> None:
        super().__init__(job_id)
        self.deployment = deployment
        #: The records of chunks that the last known run of the job has, by their ids.
        self._records: dict[int, ChunkRecord] = {}
        self._run = ""

    async def status(self) -> JobStatus:
        return self._status(await self._render())

    async def snapshots(self, *, interval: float = INTERVAL) -> AsyncIterator[Snapshot]:
        known: frozenset[int] | None = None
        async with detached_renders(self.deployment) as renders:
            async for found in renders.watch(self.id, interval=interval):
                new = () if known is None else found.done - known
                records = await renders.records(found.id, found.spec, new)
                finished = [
                    ChunkFinished(record.chunk_id, record.attempt, record.duration_ms / 1000)
                    for record in records
                ]
                lines = [
                    LogLine(record.chunk_id, "stderr", str(message))
                    for record in records
                    for message in record.page_problems
                ]
                yield Snapshot(
                    status=self._status(found),
                    spec=found.spec,
                    done=found.done,
                    finished=finished,
                    lines=lines,
                )
                known = found.done

    async def cancel(self, *, reason: str = REASON) -> JobStatus:
        async with detached_renders(self.deployment) as renders:
            return self._status(await renders.cancel(self.id, reason=reason))

    async def pause(self) -> JobStatus:
        await self.status()
        raise JobStateConflict(
            f"job {self.id}: the {self.deployment} can't pause it",
            hint=f"End it: orchestrator cancel {self.id}. Finished chunks stay in storage.",
        )

    async def run_again(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        others = sorted(set(changes) - {"concurrency", "max_cost"})
        if others:
            raise OptionInvalid(
                f"`{others[0]}`: is fixed where the {self.deployment} was deployed",
                hint="Of a detached job, `concurrency` and `max_cost` can be changed.",
            )
        concurrency, max_cost = changes.get("concurrency"), changes.get("max_cost")
        async with detached_renders(self.deployment) as renders:
            found = await renders.status(self.id)
            if max_cost is None and found.error and found.error.code == CostLimitReached.code:
                raise OptionInvalid(
                    f"job {self.id}: reached its cost limit",
                    hint="Give `max_cost` for this run.",
                )
            stop_at = None
            if max_cost is not None:
                wanted = concurrency or self.deployment.max_concurrency
                stop_at = cost_deadline(
                    max_cost,
                    self.deployment,
                    chunks=found.chunks_total,
                    at_once=await renders.chunks_at_once(wanted),
                )
            await renders.resume(self.id, fresh=fresh, concurrency=concurrency, stop_at=stop_at)

    async def run_in_background(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        await self.run_again(fresh=fresh, changes=changes)

    async def cost(self) -> "Cost":
        async with detached_renders(self.deployment) as renders:
            usage = await renders.usage(await renders.status(self.id))
        return cost_of(usage, workers_of(self.deployment))

    async def logs(self, chunk_id: int | None = None) -> Sequence[AttemptLog]:
        async with detached_renders(self.deployment) as renders:
            found = await renders.status(self.id)
            ids = [each for each in found.done if chunk_id in (None, each)]
            records = await renders.records(self.id, found.spec, ids)
        logs = [
            AttemptLog(
                chunk_id=record.chunk_id,
                number=record.attempt,
                started_at=record.started_at,
                seconds=record.duration_ms / 1000,
                worker=" ".join(str(value) for value in record.worker.values()),
                text="\n".join(map(str, record.page_problems)),
            )
            for record in records
        ]
        logs += [
            AttemptLog(
                chunk_id=failed.chunk_id,
                number=failed.error.attempt or 1,
                started_at=found.execution.started_at,
                worker=" ".join(str(value) for value in (failed.error.worker or {}).values()),
                error=failed.error,
            )
            for failed in found.failed_chunks
            if chunk_id in (None, failed.chunk_id)
        ]
        return sorted(logs, key=lambda log: log.chunk_id)

    async def report(self, *, detail: ReportDetail = "all") -> "Report":
        from orchestrator.api.jobs.reporting import Sources, report_of_render

        async with detached_renders(self.deployment) as renders, Stores() as stores:
            found = await renders.status(self.id)
            records = await self._done(renders, found)
            merges = await merges_in(stores.at(self._folder))
            usage = recorded_usage(records, merges, detached=True)
            return await report_of_render(
                found,
                self._status(found),
                records,
                merges,
                cost=cost_of(usage, workers_of(self.deployment)),
                sources=Sources(stores=stores, traces=self._traces, detail=detail),
            )

    async def _done(
        self, renders: "DetachedRenders", found: "RenderStatus"
    ) -> Sequence[ChunkRecord]:
        """Return the records of finished chunks, in the order in which these were done.

        Each is read once, as a report may be asked for every few seconds; those of another run,
        which may have rendered all chunks again, are read again.
        """
        if self._run != found.execution.name:
            self._run, self._records = found.execution.name, {}
        new = found.done - self._records.keys()
        for record in await renders.records(found.id, found.spec, new):
            self._records[record.chunk_id] = record
        done = [record for id_, record in self._records.items() if id_ in found.done]
        return sorted(done, key=lambda record: record.ended_at)

    async def worker_log(self, chunk_id: int | None = None) -> Sequence["LogRecord"]:
        async with detached_renders(self.deployment) as renders:
            return await renders.log(await renders.status(self.id), chunk_id=chunk_id)

    async def fetch(self, destination: "Destination") -> JobStatus:
        async with detached_renders(self.deployment) as renders:
            return self._status(await renders.fetch(self.id, destination))

    async def delete(self, *, chunks: bool = False) -> None:
        found = await self._render()
        if found.state is JobState.RUNNING:
            raise JobBusy(
                f"job {self.id}: the {self.deployment} runs it",
                hint=f"End it first: orchestrator cancel {self.id}",
            )
        async with Stores() as stores:
            folder = stores.at(self._folder)
            if chunks:
                await delete_chunks(folder)
            for prefix in (RUNS, SLICES):
                await folder.delete_prefix(prefix)
            for name in (OUTCOME, HEALED_SPEC, "job.json"):
                await folder.delete(name)

    async def verify(self, video: str | os.PathLike[str] | None = None) -> "SeamReport":
        found = await self._render()
        own = None if found.output is None else found.output.url
        made = os.fspath(video) if video else own
        if made is None:
            raise JobStateConflict(f"job {self.id}: there is no video: it is {found.state}")
        async with Stores() as stores:
            ends = await ends_of_job(found.spec, f"{self._folder}/job.json", stores)
            return await verify_video(made, found.spec, ends, stores=stores)

    @property
    def _folder(self) -> str:
        return f"{self.deployment.artifacts.rstrip('/')}/jobs/{self.id}"

    async def _render(self) -> "RenderStatus":
        async with detached_renders(self.deployment) as renders:
            return await renders.status(self.id)

    def _status(self, found: "RenderStatus") -> JobStatus:
        links = self._log_links(found) if found.state is JobState.FAILED else {}
        return JobStatus.of_render(found, where=str(self.deployment), log_links=links)

    def _log_links(self, found: "RenderStatus") -> Mapping[int | None, str]:
        links: dict[int | None, str] = {
            failed.chunk_id: log_link(
                self.deployment,
                log_query(found, self.deployment.artifacts, chunk_id=failed.chunk_id),
                worker=failed.error.worker,
            )
            for failed in found.failed_chunks
        }
        if links or found.error is None:
            return links
        query = log_query(found, self.deployment.artifacts)
        return {None: log_link(self.deployment, query, worker=found.error.worker)}
