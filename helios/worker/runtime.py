"""The worker, independent of its platform: from an invocation to a stored chunk or video."""

import asyncio
import contextlib
import errno
import os
import traceback
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus

from helios.assets import AssetCache
from helios.assets.own_folder import OwnFolder
from helios.contract.error_record import ErrorRecord
from helios.contract.invocation import Invocation, InvocationResponse
from helios.contract.job_spec import JobSpec
from helios.contract.output_tail import cut_output
from helios.contract.worker_job import WorkerResult
from helios.errors import (
    ArchiveInvalid,
    ArtifactNotFound,
    CallerRejected,
    ChunkNotFound,
    CommandForbidden,
    CommandInvalid,
    CommandTimedOut,
    DiskFull,
    HeliosError,
    InvocationInvalid,
    JobSpecInvalid,
    JobSpecNotFound,
    OutOfMemory,
    PayloadTooLarge,
    SourceForbidden,
    StorageInvalid,
    WorkerCrashed,
    report,
)
from helios.network.network_policy import NetworkPolicy, Resolve
from helios.process.output_capture import OutputCallback
from helios.process.render_executor import RenderExecutor
from helios.records.job_layout import JobFolder
from helios.redaction import secret_values
from helios.storage import ArtifactStorage, SharedStorages
from helios.webhooks.events import SECRET as WEBHOOK_SECRET
from helios.worker.allowed_urls import AllowedUrls
from helios.worker.chunk_task import render_chunk
from helios.worker.delivery import Destinations
from helios.worker.job_source import JobSource, StorageOpener
from helios.worker.merge_task import merge_job
from helios.worker.task_context import Stopwatch, TaskContext, WorkerResources
from helios.worker.time_limit import TimeLimit
from helios.worker.worker_config import DESTINATION_SECRETS, WorkerConfig
from helios.worker.worker_log import MAX_VALUE_LENGTH, WorkerLog

#: Seconds between asking a command to end and ending it; fits into what `TimeLimit` keeps.
GRACE = 1.0
# Seconds in which a chunk is found in storage, after which it would not be rendered any more.
_LOOKING = 20.0

#: Answers to requests that can never work; all other failures are answered with 500.
_STATUS = {
    InvocationInvalid.code: HTTPStatus.BAD_REQUEST,
    JobSpecInvalid.code: HTTPStatus.BAD_REQUEST,
    CommandInvalid.code: HTTPStatus.BAD_REQUEST,
    StorageInvalid.code: HTTPStatus.BAD_REQUEST,
    ArchiveInvalid.code: HTTPStatus.BAD_REQUEST,
    CallerRejected.code: HTTPStatus.UNAUTHORIZED,
    SourceForbidden.code: HTTPStatus.FORBIDDEN,
    CommandForbidden.code: HTTPStatus.FORBIDDEN,
    JobSpecNotFound.code: HTTPStatus.NOT_FOUND,
    ChunkNotFound.code: HTTPStatus.NOT_FOUND,
    ArtifactNotFound.code: HTTPStatus.NOT_FOUND,
    PayloadTooLarge.code: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}

#: What a command gets of the worker's environment; credentials aren't among it.
_COMMAND_VARIABLES = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "TERM"}
)
_WITHHELD = frozenset({WEBHOOK_SECRET, DESTINATION_SECRETS})
_COMMAND_PREFIXES = ("HELIOS_", "LC_", "XDG_", "PYTHON", "FONTCONFIG_", "SSL_CERT_")


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job's spec, and its place in storage; None where nothing says where results go."""

    spec: JobSpec
    folder: JobFolder | None
    storage: ArtifactStorage | None


class WorkerRuntime:
    """Runs chunks and merges of jobs, one for each invocation.

    Several threads and event loops may use one runtime at the same time: invocations share nothing
    but unpacked assets and connections to storage.

    Parameters
    ----------
    config:
        What the worker may do.
    storage_opener:
        Opens the storage that a URL names; by default one that keeps connections.
    executor:
        Runs commands; by default one that starts the configured programs, without the worker's
        credentials in their environment.
    log:
        Takes the worker's events; stdout by default.
    resolve:
        Looks host names up; the system's way by default.
    environment:
        This process's environment variables.

    Raises
    ------
    OptionInvalid
        The configuration can't be worked with.
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
        self._open = storage_opener or SharedStorages()
        #: Takes what isn't an invocation's own; knows the secrets that no line may hold.
        self.log = log or WorkerLog(secrets=secret_values(env))
        own = [config.artifacts] if config.artifacts else []
        self._allowed = AllowedUrls([*own, *config.allowed_sources], allow_local=config.allow_local)
        # Those of a job's own folder differ from job to job; wrong ones are refused now.
        AllowedUrls(config.allowed_destinations, what_for="destinations")
        network = NetworkPolicy(
            allow_private=config.allow_private_network,
            allow_loopback=config.allow_private_network,
            resolve=resolve,
        )
        self._source = JobSource(allowed=self._allowed, network=network, storage_opener=self._open)
        # What a process left there that the platform killed goes when the next one starts.
        self._work = OwnFolder(config.workspace / "helios-work")
        self._resources = WorkerResources(
            executor=executor
            or RenderExecutor(
                allowed=config.executables,
                env=_command_environment(env),
                temp_dir=self._work.path,
                grace=GRACE,
                network=False,
            ),
            assets=AssetCache(
                config.workspace / "helios-assets",
                config.asset_cache_bytes,
                storage_opener=self._open,
                web_fetcher=self._source.fetch_archive,
            ),
            workspaces=self._work.path,
            # Nothing on this machine is a page's business, whatever networks it may reach.
            network=NetworkPolicy(
                hosts=config.allowed_hosts,
                allow_private=config.allow_private_network,
                resolve=resolve,
            ),
            destinations=Destinations(self._open, secrets=config.destination_secrets),
            chunk_timeout=config.chunk_timeout,
            merge_bytes=config.merge_bytes,
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
        """Do what an invocation asks for.

        Parameters
        ----------
        invocation:
            A chunk, or the merge, of a job.
        deadline:
            Seconds until the platform ends this worker; None for no limit.
        on_output:
            Is called for each line that a command writes.
        log:
            Takes the events of this invocation in place of the runtime's own log.
        origin:
            What identifies this invocation in the platform's log, such as its request id.

        Returns
        -------
        WorkerResult
            How the command ended, and what was stored. A chunk or video that is in storage
            already is a result too.

        Raises
        ------
        HeliosError
            Anything but the command failed.
        """
        time_limit = TimeLimit(_shorter(deadline, invocation.stop_at))
        stopwatch = Stopwatch()
        bound = _bound(log or self.log, invocation)
        seconds = time_limit.for_all()
        try:
            async with asyncio.timeout(seconds) as scope:
                assigning = self._assign(
                    invocation,
                    time_limit=time_limit,
                    stopwatch=stopwatch,
                    log=bound,
                    on_output=on_output,
                    origin=self._origin(origin),
                )
                async with assigning as context:
                    if invocation.chunk_index is None or invocation.action == "merge":
                        result = await merge_job(context)
                    else:
                        chunk = context.spec.chunk(invocation.chunk_index)
                        result = await render_chunk(context, chunk)
        except TimeoutError:
            if not scope.expired():
                raise
            raise CommandTimedOut(
                f"the worker's time was up during {stopwatch.step!r}, after {seconds:g} s",
                hint="Make chunks shorter, or the worker's limit longer.",
            ) from None
        return replace(result, duration_ms=stopwatch.duration_ms)

    async def answer(
        self,
        payload: object,
        *,
        deadline: float | None = None,
        on_output: OutputCallback | None = None,
        log: WorkerLog | None = None,
        origin: Mapping[str, str | int] | None = None,
    ) -> tuple[int, InvocationResponse]:
        """Answer a request, whatever it holds; only a cancellation is raised.

        Parameters
        ----------
        payload:
            The request as a JSON value, or its text.
        deadline, on_output, log, origin:
            As for `run`.

        Returns
        -------
        tuple[int, InvocationResponse]
            The HTTP status and the answer: 200 for success, 4xx for a request that can never
            work, 500 for any other failure.
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
            result = replace(_failed(fault, log), duration_ms=stopwatch.duration_ms)
        if result.failure is not None:
            where = {"attempt": attempt, "worker": self._origin(origin)}
            result = replace(result, error=result.failure.model_copy(update=where))
        status = status_of(result)
        _log_end(log, result, status=status)
        return status, InvocationResponse.of(result)

    @contextlib.asynccontextmanager
    async def open_job(
        self, job_path: str, *, chunk_id: int | None = None
    ) -> AsyncIterator[OpenJob]:
        """Fetch a job's spec, and open its storage for as long as the context lasts.

        Parameters
        ----------
        chunk_id:
            The chunk that it is wanted for: others may be missing from the spec.

        Raises
        ------
        HeliosError
            The spec can't be had, or it names places that this worker may not use.
        """
        spec = await self._source.load(job_path, chunk_id=chunk_id)
        folder = self._folder(spec, job_path)
        storage = None if folder is None else self._open(folder.url)
        try:
            yield OpenJob(spec, folder, storage)
        finally:
            if storage is not None:
                await storage.close()

    def close(self) -> None:
        """Remove everything that the runtime keeps on the disk."""
        self._resources.assets.close()
        self._work.leave()

    @contextlib.asynccontextmanager
    async def _assign(
        self,
        invocation: Invocation,
        *,
        time_limit: TimeLimit,
        stopwatch: Stopwatch,
        log: WorkerLog,
        on_output: OutputCallback | None,
        origin: Mapping[str, str | int],
    ) -> AsyncIterator[TaskContext]:
        async with contextlib.AsyncExitStack() as stack:
            with stopwatch.measure("spec"):
                chunk_id = invocation.chunk_index if invocation.action == "chunk" else None
                opening = self.open_job(invocation.job_path, chunk_id=chunk_id)
                job = await stack.enter_async_context(opening)
            yield TaskContext(
                invocation=invocation,
                spec=job.spec,
                folder=job.folder,
                storage=job.storage,
                resources=self._resources,
                log=log,
                time_limit=time_limit,
                stopwatch=stopwatch,
                origin=origin,
                on_output=on_output,
            )

    def _origin(self, invocation: Mapping[str, str | int] | None) -> Mapping[str, str | int]:
        return {**self._config.platform, **(invocation or {})}

    def _folder(self, spec: JobSpec, job_path: str) -> JobFolder | None:
        if spec.assets_url is not None:
            self._allowed.check(spec.assets_url, what="assetsUrl")
        if spec.output_url is not None:
            own = JobFolder.of(
                spec.model_copy(update={"output_url": None}),
                job_path,
                artifacts=self._config.artifacts,
            )
            destinations = [*([own.url] if own else []), *self._config.allowed_destinations]
            AllowedUrls(
                destinations,
                allow_local=self._config.allow_local,
                what_for="destinations",
            ).check(spec.output_url, what="outputUrl")
        return JobFolder.of(spec, job_path, artifacts=self._config.artifacts)


def failure(error: HeliosError) -> tuple[int, InvocationResponse]:
    """Return status and answer for a request that didn't get as far as a runtime."""
    result = _refused(error)
    return status_of(result), InvocationResponse.of(result)


def status_of(result: WorkerResult) -> int:
    """Return the HTTP status that goes with a result."""
    error = result.failure
    if error is None:
        return int(HTTPStatus.OK)
    return int(_STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR))


def _shorter(deadline: float | None, stop_at: datetime | None) -> float | None:
    """Return the seconds until a platform's deadline or an invocation's, whichever is nearer."""
    if stop_at is None:
        return deadline
    left = (stop_at - datetime.now(UTC)).total_seconds()
    # The chunk may be there already, which has to be found out.
    left = max(left, _LOOKING)
    return left if deadline is None else min(deadline, left)


def _bound(log: WorkerLog, invocation: Invocation) -> WorkerLog:
    return log.bind(
        job=invocation.job_path,
        chunk=invocation.chunk_index if invocation.action == "chunk" else "merge",
        attempt=invocation.attempt,
    )


def _failed(fault: Exception, log: WorkerLog) -> WorkerResult:
    return _refused(fault if isinstance(fault, HeliosError) else _unforeseen(fault, log))


def _refused(error: HeliosError) -> WorkerResult:
    return WorkerResult(
        exit_code=error.exit_code, stderr=report(error) + "\n", error=ErrorRecord.of(error)
    )


def _unforeseen(fault: Exception, log: WorkerLog) -> HeliosError:
    if isinstance(fault, MemoryError):
        return OutOfMemory("the worker's memory ran out", hint="Give the worker more memory.")
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"no space left on the worker's disk: {fault}",
            hint="Give the worker more temporary storage.",
        )
    trace = "".join(traceback.format_exception(fault))
    log.error("invocation.crashed", traceback=trace)
    return WorkerCrashed(f"the worker failed: {type(fault).__name__}: {fault}")


def _log_end(log: WorkerLog, result: WorkerResult, *, status: int) -> None:
    error = result.failure
    if error is None:
        log.info("invocation.ended", status=status, durationMs=round(result.duration_ms))
        return
    log.error(
        "invocation.ended",
        status=status,
        durationMs=round(result.duration_ms),
        exitCode=result.exit_code,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        details="\n".join(error.details or ()) or None,
        stderr=cut_output(result.stderr, limit=MAX_VALUE_LENGTH) or None,
    )


def _command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name in _COMMAND_VARIABLES
        or (name.startswith(_COMMAND_PREFIXES) and name not in _WITHHELD)
    }
