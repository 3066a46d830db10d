"""The worker, independent of its platform: from an invocation to a stored chunk or video."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from helios.contract.invocation import Invocation, InvocationResponse
from helios.contract.worker_job import WorkerResult
from helios.errors import CommandTimedOut, DiskFull, HeliosError
from helios.network.network_policy import NetworkPolicy, Resolve
from helios.process.output_capture import OutputCallback
from helios.process.render_executor import RenderExecutor
from helios.redaction import secret_values
from helios.storage import SharedStorages
from helios.worker.chunk_task import render_chunk
from helios.worker.merge.merge_task import merge_job
from helios.worker.responses import (
    failed_result,
    is_disk_full,
    log_end,
    status_of,
    unexpected_error,
)
from helios.worker.sources.allowed_urls import AllowedUrls
from helios.worker.sources.job_source import JobSource, StorageOpener
from helios.worker.sources.open_job import JobOpener, OpenJob
from helios.worker.task_context import Stopwatch, TaskContext
from helios.worker.time_limit import TimeLimit, shortest
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from helios.worker.worker_resources import WorkerResources

# Least seconds of an invocation after its `stop_at`: enough to find its chunk in storage, but not
# to render it.
_LOOKUP_SECONDS = 20.0


class WorkerRuntime:
    """Runs invocations: each renders one chunk of a job, or merges its chunks.

    Several threads and event loops may use one runtime at the same time: invocations share only
    unpacked assets and connections to storage.

    Args:
        config: Permissions and limits of the worker.
        storage_opener: Opens the storage with a URL; `SharedStorages` by default.
        executor: Runs commands; by default one that allows the configured programs, and gives them
            none of the worker's credentials.
        log: Log of the worker's events; stdout by default.
        resolve: Resolves host names; the system's resolver by default.
        environment: Environment variables; this process's own by default.

    Raises:
        OptionInvalid: The configuration is invalid.
    """

    def __init__(
        self,
        config: WorkerConfig,
        *,
        storage_opener: StorageOpener | None = None,
        executor: RenderExecutor | None = None,
        log: WorkerLog | None = None,
        resolve: Resolve | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        env = os.environ if environment is None else environment
        self._config = config
        #: Log of events outside invocations; redacts the environment's secrets.
        self.log = log or WorkerLog(secrets=secret_values(env))
        storage_opener = storage_opener or SharedStorages()
        own = [config.artifacts] if config.artifacts else []
        allowed = AllowedUrls([*own, *config.allowed_sources], allow_local=config.allow_local)
        network = NetworkPolicy(
            allow_private=config.allow_private_network,
            allow_loopback=config.allow_private_network,
            resolve=resolve,
        )
        source = JobSource(allowed=allowed, network=network, storage_opener=storage_opener)
        self._jobs = JobOpener(config, source, allowed=allowed, storage_opener=storage_opener)
        self._resources = WorkerResources.create(
            config,
            source=source,
            storage_opener=storage_opener,
            executor=executor,
            resolve=resolve,
            environment=env,
        )

    async def run(
        self,
        invocation: Invocation,
        *,
        deadline: float | None = None,
        on_output: OutputCallback | None = None,
        log: WorkerLog | None = None,
        origin: Mapping[str, str | int] | None = None,
    ) -> WorkerResult:
        """Render the chunk of an invocation, or merge its job.

        Args:
            invocation: A chunk of a job, or its merge.
            deadline: Seconds until the platform ends this worker; None for no limit.
            on_output: Called for each line of a command's output.
            log: Log of this invocation's events, instead of the runtime's own.
            origin: Identifiers of this invocation in the platform's log, such as its request id.

        Returns:
            The outcome of the command, and the stored artifact. A chunk or video that is already in
            storage is a result too.

        Raises:
            HeliosError: Anything but the command failed.
        """
        stopwatch = Stopwatch()
        time_limit = TimeLimit(_seconds_left(deadline, invocation.stop_at))
        seconds = time_limit.for_all()
        try:
            async with asyncio.timeout(seconds) as scope, contextlib.AsyncExitStack() as stack:
                with stopwatch.measure("spec"):
                    opening = self.open_job(invocation.job_path, chunk_id=invocation.chunk_id)
                    job = await stack.enter_async_context(opening)
                context = TaskContext(
                    invocation=invocation,
                    spec=job.spec,
                    folder=job.folder,
                    storage=job.storage,
                    resources=self._resources,
                    log=_bound(log or self.log, invocation),
                    time_limit=time_limit,
                    stopwatch=stopwatch,
                    origin=self._origin(origin),
                    on_output=on_output,
                )
                result = await self._perform(context)
        except TimeoutError:
            if not scope.expired():
                raise
            raise CommandTimedOut(
                f"the worker's time was up during {stopwatch.step!r}, after {seconds:g} s",
                hint="Make chunks shorter, or the worker's limit longer.",
            ) from None
        limit = shortest(deadline, self._resources.chunk_timeout)
        return replace(result, duration_ms=stopwatch.duration_ms, time_limit=limit)

    async def _perform(self, context: TaskContext) -> WorkerResult:
        """Run a task, and once more if assets of other jobs have filled the disk."""
        chunk_id = context.invocation.chunk_id

        async def once() -> WorkerResult:
            if chunk_id is None:
                return await merge_job(context)
            return await render_chunk(context, context.spec.chunk(chunk_id))

        try:
            result = await once()
        except (DiskFull, OSError) as fault:
            if not is_disk_full(fault) or not await self._resources.assets.clear():
                raise
        else:
            failure = result.failure
            is_full = failure is not None and failure.code == DiskFull.code
            if not is_full or not await self._resources.assets.clear():
                return result
        context.log.warning("disk.cleared", message="other jobs' assets had filled the disk")
        return await once()

    async def answer(
        self,
        payload: object,
        *,
        deadline: float | None = None,
        on_output: OutputCallback | None = None,
        log: WorkerLog | None = None,
        origin: Mapping[str, str | int] | None = None,
    ) -> tuple[int, InvocationResponse]:
        """Answer a request; never raises, except if it is cancelled.

        Args:
            payload: The request: a JSON value, or its text.
            deadline, on_output, log, origin: As for `run`.

        Returns:
            The HTTP status and the answer: 200 for success, 4xx for a request that would fail
            again, 500 for any other failure.
        """
        log = log or self.log
        stopwatch = Stopwatch()
        attempt = None
        try:
            invocation = Invocation.parse(payload)
            log = _bound(log, invocation)
            log.info("invocation.began", action=invocation.action, secondsLeft=deadline)
            attempt = invocation.attempt
            result = await self.run(
                invocation, deadline=deadline, on_output=on_output, log=log, origin=origin
            )
        except Exception as fault:
            error = fault if isinstance(fault, HeliosError) else unexpected_error(fault, log)
            result = replace(failed_result(error), duration_ms=stopwatch.duration_ms)
        if result.failure is not None:
            where = {"attempt": attempt, "worker": self._origin(origin)}
            result = replace(result, error=result.failure.model_copy(update=where))
        status = status_of(result)
        log_end(log, result, status=status)
        return status, InvocationResponse.of(result)

    def open_job(
        self, job_path: str, *, chunk_id: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[OpenJob]:
        """Fetch a job's spec, and open its storage for the duration of the context.

        Args:
            job_path: Path or URL of the spec.
            chunk_id: Chunk to run: other chunks may be missing from the spec.

        Raises:
            HeliosError: The spec can't be fetched, or contains a URL that this worker may not use.
        """
        return self._jobs.open(job_path, chunk_id=chunk_id)

    def close(self) -> None:
        """Remove the runtime's files."""
        self._resources.close()

    def _origin(self, invocation: Mapping[str, str | int] | None) -> Mapping[str, str | int]:
        return {**self._config.platform, **(invocation or {})}


def _seconds_left(deadline: float | None, stop_at: datetime | None) -> float | None:
    """Return the seconds until the platform's deadline or `stop_at`, whichever is earlier."""
    if stop_at is None:
        return deadline
    left = max((stop_at - datetime.now(UTC)).total_seconds(), _LOOKUP_SECONDS)
    return shortest(deadline, left)


def _bound(log: WorkerLog, invocation: Invocation) -> WorkerLog:
    chunk_id = invocation.chunk_id
    return log.bind(
        job=invocation.job_path,
        chunk="merge" if chunk_id is None else chunk_id,
        attempt=invocation.attempt,
    )
