"""Runs a task of a detached render: its share of the chunks and, as the last one, the merge.

The task that ends the render also sends its webhook.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from helios.contract.error_record import ErrorRecord
from helios.contract.invocation import InvocationResponse
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import EXIT_REFUSED, ArtifactNotFound, HeliosError, StorageInvalid
from helios.records.chunk_record import chunk_key
from helios.records.job_layout import JobFolder, chunk_record
from helios.records.job_outcome import FailedChunk, JobOutcome, read_outcome, write_outcome
from helios.redaction import without_secrets
from helios.storage import ArtifactStorage
from helios.webhooks.outcome import tell_once
from helios.worker.diagnosis import with_page_problems
from helios.worker.runtime import WorkerRuntime
from helios.worker.sources.open_job import OpenJob
from helios.worker.worker_log import WorkerLog
from worker_cloudrun.job.render_task import RenderTask
from worker_cloudrun.webhooks.client import WebhookClient
from worker_cloudrun.webhooks.webhook_request import WebhookRequest

#: Folder of a job in storage with claims on work that only one task may do.
CLAIMS = "claims/"


async def run_render_task(
    runtime: WorkerRuntime,
    task: RenderTask,
    *,
    seconds: float | None,
    log: WorkerLog,
    webhooks: WebhookClient | None = None,
) -> InvocationResponse | None:
    """Render a task's share of the chunks; the last task also joins all chunks.

    Chunks in storage are reused, so that repeated tasks and renders resume their work. Raises
    `HeliosError` if the job spec can't be read, or its storage doesn't answer.

    Args:
        seconds: Seconds until Cloud Run ends the task; None for no limit.
        webhooks: Has the task's webhook sent; None without one.
        Returns: The failure; None after success, or if another task has ended the render. An
            undelivered webhook is a failure too, so that Cloud Run retries the task.
    """
    async with runtime.open_job(task.job_path) as job:
        run = _Run(runtime, task, job, clock=_Clock(seconds), log=log, webhooks=webhooks)
        return await run.run()


class _Clock:
    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        return None if self._end is None else self._end - time.monotonic()


@dataclass(frozen=True, slots=True)
class _Run:
    runtime: WorkerRuntime
    task: RenderTask
    job: OpenJob
    clock: _Clock = field(kw_only=True)
    log: WorkerLog = field(kw_only=True)
    webhooks: WebhookClient | None = field(kw_only=True)

    async def run(self) -> InvocationResponse | None:
        for chunk in await self._share():
            ended = await self._ended()
            if ended is not None:
                self.log.info("task.render_has_ended", status=ended.status)
                return await self._answer_for(ended)
            response = await self._answer({"chunkIndex": chunk.id, "stopAt": self.task.stop_at})
            if response.exit_code != 0:
                await self._note_failure(response, chunk=chunk)
                return response
        if not await self._all_are_there() or not await self._claims_merge():
            return None
        return await self._merge()

    async def _share(self) -> Sequence[RenderChunk]:
        """Return this task's chunks, selected by position, as ids needn't begin at 0."""
        chunks = self.job.spec.chunks
        if self.task.chunks_file is not None:
            listed = json.loads(await self._storage.get_bytes(self.task.chunks_file))
            chunks = [self.job.spec.chunk(each["id"]) for each in listed["chunks"]]
        return chunks[self.task.index :: self.task.count]

    async def _merge(self) -> InvocationResponse | None:
        response = await self._answer({"action": "merge"})
        if response.exit_code != 0:
            await self._note_failure(response)
            return response
        return await self._end(self._outcome(status="completed", output=response.artifact))

    async def _answer(self, payload: dict[str, object]) -> InvocationResponse:
        _, response = await self.runtime.answer(
            {"jobPath": self.task.job_path, "attempt": self.task.attempt, **payload},
            deadline=self.clock.left(),
            log=self.log,
        )
        return response

    async def _ended(self) -> JobOutcome | None:
        """Return this execution's outcome, if it is recorded; no further work is needed then."""
        outcome = await read_outcome(self._storage)
        return outcome if outcome and outcome.execution == self.task.execution else None

    async def _answer_for(self, outcome: JobOutcome) -> InvocationResponse | None:
        """Return the render's failure if this task ended it, for the status in Cloud Run.

        The task may be a retry because of an undelivered webhook. Other tasks succeed, since Cloud
        Run would retry them.
        """
        if not await self._ended_by_this(outcome):
            return None
        untold = await self._tell(outcome)
        if outcome.error is None:
            return untold
        return InvocationResponse(
            exit_code=EXIT_REFUSED, stderr=f"{outcome.error.message}\n", error=outcome.error
        )

    async def _ended_by_this(self, outcome: JobOutcome) -> bool:
        if outcome.failed_chunks:
            own = {chunk.id for chunk in await self._share()}
            return any(failed.chunk_id in own for failed in outcome.failed_chunks)
        return await self._has_claim()

    async def _all_are_there(self) -> bool:
        spec = self.job.spec
        records = [chunk_record(chunk, chunk_key(spec, chunk)) for chunk in spec.chunks]
        # Tasks begin in order, so that nearly all of them return here without a listing.
        if await self._storage.stat(records[-1]) is None:
            return False
        return set(records) <= {found.key for found in await self._storage.list("chunks/")}

    async def _claims_merge(self) -> bool:
        """Return whether this task joins the chunks; one task can claim that.

        A retried task keeps its claim.
        """
        return await self._storage.create(self._claim, self._name) or await self._has_claim()

    async def _has_claim(self) -> bool:
        try:
            return await self._storage.get_bytes(self._claim) == self._name
        except ArtifactNotFound:
            return False

    @property
    def _claim(self) -> str:
        return f"{CLAIMS}{self.task.execution}"

    @property
    def _name(self) -> bytes:
        return str(self.task.index).encode()

    async def _note_failure(
        self, response: InvocationResponse, *, chunk: RenderChunk | None = None
    ) -> None:
        """Record that the render failed, if this attempt is the last."""
        error = response.error or ErrorRecord.of_exit(response.exit_code, response.stderr)
        if error is None or (error.retryable and not self.task.is_last_attempt):
            return
        error = with_page_problems(error, response.stderr)
        failed = [] if chunk is None else [FailedChunk(chunk_id=chunk.id, error=error)]
        if chunk is not None:
            error = error.model_copy(update={"message": f"chunk {chunk.id}: {error.message}"})
        # This task fails in any case, and a retry sends an undelivered webhook again.
        await self._end(self._outcome(status="failed", error=error, failed_chunks=failed))

    def _outcome(self, **facts: object) -> JobOutcome:
        return JobOutcome.model_validate(
            {
                "job_id": _job_id(self.job.spec, self._folder),
                "execution": self.task.execution,
                "started_at": self.task.started_at,
                "ended_at": datetime.now(UTC),
                **facts,
            }
        )

    async def _end(self, outcome: JobOutcome) -> InvocationResponse | None:
        """Record the outcome and send the webhook; return the failure to deliver it, if any."""
        recorded = await write_outcome(self._storage, outcome)
        self.log.info("render.ended", status=recorded.status)
        # If another task has recorded the outcome, that task sends the webhook.
        return await self._tell(recorded) if recorded is outcome else None

    async def _tell(self, outcome: JobOutcome) -> InvocationResponse | None:
        webhooks, webhook = self.webhooks, self.task.webhook
        if webhooks is None or webhook is None:
            return None
        request = WebhookRequest(
            folder=self._folder.url,
            execution=outcome.execution,
            webhook=webhook,
            link=self.task.webhook_link,
        )
        receiver = without_secrets(webhook)
        try:
            await tell_once(outcome, folder=self._storage, send=lambda: webhooks.send(request))
        except HeliosError as fault:
            self.log.error("render.untold", webhook=receiver, error=fault.message)
            return InvocationResponse(
                exit_code=fault.exit_code,
                stderr=f"{fault.message}\n",
                error=ErrorRecord.of(fault),
            )
        self.log.info("render.told", webhook=receiver)
        return None

    @property
    def _folder(self) -> JobFolder:
        if self.job.folder is None:
            raise _nowhere()
        return self.job.folder

    @property
    def _storage(self) -> ArtifactStorage:
        if self.job.storage is None:
            raise _nowhere()
        return self.job.storage


def _job_id(spec: JobSpec, folder: JobFolder) -> str:
    return spec.id or folder.url.rpartition("/")[2]


def _nowhere() -> HeliosError:
    return StorageInvalid(
        "JOB_PATH: the job has no folder for results",
        hint="Give the job spec an outputUrl, or the worker HELIOS_ARTIFACTS.",
    )
