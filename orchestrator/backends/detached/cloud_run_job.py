"""Detached renders on Google Cloud: executions of a Cloud Run job."""

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from helios.concurrency import map_limited
from helios.contract.job_spec import JobSpec
from helios.errors import JobNotFound, WebhookUndelivered
from helios.records.job_outcome import write_outcome
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.cloud_run_executions import (
    WEBHOOK,
    WEBHOOK_LINK,
    JobExecutions,
    RunStart,
    chunks_file_of,
    receiver_variables,
    variables_of,
)
from orchestrator.backends.detached.cloud_run_outcome import (
    cancelled_now,
    outcome_by_conditions,
    outcome_of,
    tell_webhook,
)
from orchestrator.backends.detached.cloud_run_start import START_PATIENCE, RunStarter
from orchestrator.backends.detached.runs import (
    ExecutionRecord,
    claim_run,
    latest_run,
    read_execution,
)
from orchestrator.clouds.google import GoogleCalls
from orchestrator.clouds.google_logs import task_log
from orchestrator.clouds.log_query import LogQuery, LogRecord
from orchestrator.delivery.stores import Stores
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings

if TYPE_CHECKING:
    from google.cloud import run_v2

    from helios.webhooks.delivery import WebhookSender

#: Tasks of an execution that Cloud Run takes at most.
MAX_TASKS = 10_000
#: Outcomes that are read at once.
READS_AT_ONCE = 16
_POLL = 1.0


class CloudRunJobBackend(DetachedBackend):
    """A Cloud Run job; a render is an execution of it, with a task a chunk.

    Cloud Run starts an execution for each request, and deletes old ones. So that a render is
    started once, and can be found for as long as its files exist, its folder names its execution
    (`execution.json`), chosen by a write that only one client can make.

    Args:
        job: The job's full name: `projects/P/locations/R/jobs/NAME`.
        webhooks: Tells webhooks of renders that a client ends, or finds ended without a word; None
            where there is nothing to sign with.
        start_patience: Seconds until a client that began to start a render counts as gone.
        poll: Seconds between two looks at what is waited for.
    """

    def __init__(
        self,
        job: str,
        *,
        artifacts: str,
        concurrency: int,
        stores: Stores,
        calls: GoogleCalls,
        webhooks: "WebhookSender | None" = None,
        start_patience: float = START_PATIENCE,
        poll: float = _POLL,
    ) -> None:
        self._executions = JobExecutions(job, artifacts=artifacts, calls=calls, poll=poll)
        super().__init__(name=self._executions.name, artifacts=artifacts, concurrency=concurrency)
        self._starter = RunStarter(self._executions, patience=start_patience, poll=poll)
        self._stores = stores
        self._calls = calls
        self._webhooks = webhooks

    async def start(
        self,
        spec: JobSpec,
        *,
        concurrency: int | None = None,
        webhook: WebhookSettings | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        """Start an execution, or return the one that was started for this render before.

        With a concurrency below the number of chunks, as many tasks share them. A webhook is told
        by the task that ends the render.
        """
        if webhook is not None:
            await self._executions.check_signs()
        job_id = str(spec.id)
        tasks = min(len(spec.chunks), concurrency or MAX_TASKS, MAX_TASKS)
        receiver = receiver_variables(webhook)
        start = RunStart(job_id=job_id, tasks=tasks, receiver=receiver, stop_at=stop_at)
        await self._starter.start(start, self._folder(job_id))
        return await self.find(job_id)

    async def resume(
        self,
        spec: JobSpec,
        chunks: Sequence[int],
        *,
        concurrency: int | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        """Start an execution whose tasks share the chunks of a list."""
        job_id = str(spec.id)
        folder = self._folder(job_id)
        latest = await self.find(job_id)
        if latest.state is JobState.RUNNING:
            # Another client was quicker.
            return latest
        before_run, before = await self._latest(job_id, folder)
        receiver: dict[str, str] = {}
        with contextlib.suppress(JobNotFound):
            known = variables_of(await self._executions.get(job_id, before))
            receiver = {name: known[name] for name in (WEBHOOK, WEBHOOK_LINK) if name in known}
        run = before_run + 1
        chunks_file = await claim_run(folder, run, chunks)
        tasks = min(max(len(chunks), 1), concurrency or before.tasks, MAX_TASKS)
        start = RunStart(
            job_id=job_id,
            run=run,
            chunks_file=chunks_file,
            tasks=tasks,
            receiver=receiver,
            stop_at=stop_at,
        )
        await self._starter.start(start, folder)
        return await self.find(job_id)

    async def find(self, job_id: str) -> Execution:
        """Return a render's execution, by its outcome in storage if it is there.

        The outcome of a render that Cloud Run ended is recorded by the first client that finds it
        and can send the render's webhook.
        """
        folder = self._folder(job_id)
        record = await self._known(job_id, folder)
        outcome = await outcome_of(folder, record)
        if outcome is not None:
            return Execution.of_outcome(outcome)
        found = await self._executions.get(job_id, record)
        if not found.completion_time:
            return _running(job_id, record)
        # The task that merged the chunks has recorded the outcome before the execution ended.
        outcome = await outcome_of(folder, record)
        if outcome is None:
            outcome = outcome_by_conditions(job_id, record, found)
            # Without its webhook an outcome isn't recorded, so that the next client sends it.
            with contextlib.suppress(WebhookUndelivered):
                await tell_webhook(outcome, folder, found, self._webhooks, attempts=1)
                outcome = await write_outcome(folder, outcome)
        return Execution.of_outcome(outcome)

    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Stop an execution and all its tasks, tell its webhook, and record that.

        Raises:
            WebhookUndelivered: It was stopped, but its webhook isn't sent yet; the next `find`
                sends it.
        """
        folder = self._folder(job_id)
        record = await self._known(job_id, folder)
        if await outcome_of(folder, record) is not None:
            return
        if not await self._executions.cancel(record.full_name):
            return
        found = await self._executions.end(job_id, record)
        if found is not None and await outcome_of(folder, record) is None:
            outcome = cancelled_now(job_id, record, reason)
            await tell_webhook(outcome, folder, found, self._webhooks)
            await write_outcome(folder, outcome)

    async def recent(self, *, limit: int) -> Sequence[Execution]:
        """Return the latest executions that render jobs of these artifacts."""
        latest: dict[str, run_v2.Execution] = {}
        for found in await self._executions.all():
            job_id = self._executions.render_of(found)
            # A start that came second was stopped at once; the other one is the render.
            if job_id is None:
                continue
            later = latest.setdefault(job_id, found)
            if later.cancelled_count and chunks_file_of(later) == chunks_file_of(found):
                latest[job_id] = found
        listed = itertools.islice(latest.items(), limit)
        return await map_limited(self._listed, listed, limit=READS_AT_ONCE)

    async def log(self, query: LogQuery) -> Sequence[LogRecord]:
        """Return lines of Cloud Logging."""
        job_id = self._executions.job_id(query.job_path)
        record = await self._known(job_id, self._folder(job_id))
        query = replace(query, execution=record.execution)
        return await task_log(self._executions.job, query, self._calls)

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    async def _known(self, job_id: str, folder: ArtifactStorage) -> ExecutionRecord:
        return (await self._latest(job_id, folder))[1]

    async def _latest(self, job_id: str, folder: ArtifactStorage) -> tuple[int, ExecutionRecord]:
        """Return the number of a render's latest run that was started, and its record."""
        # A client may have died after it chose a run's chunks and before it started it.
        for run in range(await latest_run(folder), 0, -1):
            record = await read_execution(folder, run)
            if record is not None:
                return run, record
        raise self.unknown(job_id)

    async def _listed(self, latest: "tuple[str, run_v2.Execution]") -> Execution:
        job_id, found = latest
        folder = self._folder(job_id)
        record = self._executions.record_of(found)
        if not found.completion_time:
            return _running(job_id, record)
        outcome = await outcome_of(folder, record)
        return Execution.of_outcome(outcome or outcome_by_conditions(job_id, record, found))

    def _folder(self, job_id: str) -> ArtifactStorage:
        return self._stores.at(f"{self.artifacts}/jobs/{job_id}")


def _running(job_id: str, record: ExecutionRecord) -> Execution:
    return Execution(
        job_id=job_id,
        name=record.execution,
        state=JobState.RUNNING,
        started_at=record.started_at,
    )
