"""Detached renders on Google Cloud: executions of a Cloud Run job."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.wire_model import WireModel
from helios.errors import (
    ArtifactNotFound,
    Cancelled,
    HeliosError,
    JobFailed,
    JobNotFound,
    OptionInvalid,
    WebhookUndelivered,
    WorkerUnavailable,
)
from helios.records.job_outcome import JobOutcome, read_outcome, write_outcome
from helios.storage import ArtifactStorage
from helios.webhooks.events import SECRET
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.runs import RUNS, claim_run, latest_run
from orchestrator.clouds.google import CALL_TIMEOUT, GoogleCalls, google_faults, reading
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
#: Name of the worker's container in the job, as deploying gives it.
CONTAINER = "worker"
#: Variable of an execution's tasks with the URL of the render's webhook.
WEBHOOK = "JOB_WEBHOOK"
#: Variable of an execution's tasks with the validity of the webhook's link to the video in seconds.
WEBHOOK_LINK = "JOB_WEBHOOK_LINK"
#: Variable of the job with the name of the secret that signs webhooks.
SECRET_NAME = "HELIOS_WEBHOOK_SECRET_NAME"  # noqa: S105 - the variable's name
#: Variable of an execution's tasks with the time after which no chunk is begun.
STOP_AT = "JOB_STOP_AT"
#: Variable of an execution's tasks with the key of the list of chunks that they share.
CHUNKS_FILE = "JOB_CHUNKS_FILE"
#: Key, in a job's folder, of what says which execution renders it.
EXECUTION = "execution.json"
#: Seconds after which a claim to start a render expires.
START_PATIENCE = 30.0
#: Seconds that a cancelled execution is waited for; Cloud Run ends tasks after ten.
CANCEL_PATIENCE = 20.0
#: Outcomes that are read at once.
READS_AT_ONCE = 16

_MAX_RECORD_BYTES = 64 * 1024
_POLL = 1.0
_PAGE = 100


class ExecutionRecord(WireModel):
    """Which execution renders a job: the only one, as this is written once."""

    execution: str = Field(description="Name of the execution.")
    job: str = Field(description="Full name of the Cloud Run job that it executes.")
    started_at: datetime = Field(description="Time at which it was requested.")
    tasks: int = Field(description="Number of its tasks.")

    @property
    def full_name(self) -> str:
        """The execution's name in Google Cloud."""
        return f"{self.job}/executions/{self.execution}"

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read a record; None for anything else, which counts as no record."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            return None

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


class CloudRunJobBackend(DetachedBackend):
    """A Cloud Run job; a render is an execution of it, with a task a chunk.

    Cloud Run starts an execution for each request, and deletes old ones. So that a render is
    started once, and can be found for as long as its files exist, its folder names its execution
    (`execution.json`), chosen by a write that only one client can make.

    Parameters
    ----------
    job:
        The job's full name: `projects/P/locations/R/jobs/NAME`.
    artifacts, concurrency:
        As for every backend. A render that doesn't say gets a task for each chunk, of which as many
        run at the same time as Cloud Run has room for.
    stores:
        Opens the artifacts.
    webhooks:
        Tells webhooks of renders that a client ends, or finds ended without a word; None where
        there is nothing to sign with.
    calls:
        Reaches the Cloud Run API.
    start_patience:
        Seconds until a client that began to start a render counts as gone.
    poll:
        Seconds between two looks at what is waited for.
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
        parts = job.split("/")
        super().__init__(
            name=f"Cloud Run job {parts[-1]} in {parts[3]} of {parts[1]}",
            artifacts=artifacts,
            concurrency=concurrency,
        )
        self._job = job
        self._stores = stores
        self._calls = calls
        self._webhooks = webhooks
        self._start_patience = start_patience
        self._poll = poll

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
            await self._check_signs()
        job_id = str(spec.id)
        tasks = min(len(spec.chunks), concurrency or MAX_TASKS, MAX_TASKS)
        receiver = _receiver(webhook)
        await self._start(_Start(job_id=job_id, tasks=tasks, receiver=receiver, stop_at=stop_at))
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
            known = _variables(await self._look(job_id, before))
            receiver = {name: known[name] for name in (WEBHOOK, WEBHOOK_LINK) if name in known}
        run = before_run + 1
        chunks_file = await claim_run(folder, run, chunks)
        tasks = min(max(len(chunks), 1), concurrency or before.tasks, MAX_TASKS)
        await self._start(
            _Start(
                job_id=job_id,
                run=run,
                chunks_file=chunks_file,
                tasks=tasks,
                receiver=receiver,
                stop_at=stop_at,
            )
        )
        return await self.find(job_id)

    async def find(self, job_id: str) -> Execution:
        """Return a render's execution, by its outcome in storage if it is there.

        The outcome of a render that Cloud Run ended is recorded by the first client that finds it
        and can send the render's webhook.
        """
        folder = self._folder(job_id)
        record = await self._known(job_id, folder)
        outcome = await _outcome_of(folder, record)
        if outcome is not None:
            return _ended(job_id, record, outcome)
        found = await self._look(job_id, record)
        if not found.completion_time:
            return Execution(
                job_id=job_id,
                name=record.execution,
                state=JobState.RUNNING,
                started_at=record.started_at,
            )
        # The task that merged the chunks has recorded the outcome before the execution ended.
        outcome = await _outcome_of(folder, record)
        if outcome is None:
            outcome = _told_by(job_id, record, found)
            # Without its webhook an outcome isn't recorded, so that the next client sends it.
            with contextlib.suppress(WebhookUndelivered):
                await self._tell(outcome, folder, found, attempts=1)
                outcome = await write_outcome(folder, outcome)
        return _ended(job_id, record, outcome)

    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Stop an execution and all its tasks, tell its webhook, and record that.

        Raises
        ------
        WebhookUndelivered
            It was stopped, but its webhook isn't sent yet; the next `find` sends it.
        """
        folder = self._folder(job_id)
        record = await self._known(job_id, folder)
        if await _outcome_of(folder, record) is not None:
            return
        if not await self._stop(record.full_name):
            return
        found = await self._over(job_id, record)
        if found is not None and await _outcome_of(folder, record) is None:
            error = ErrorRecord(code=Cancelled.code, message=f"the render was cancelled: {reason}")
            outcome = _outcome(job_id, record, "cancelled", error=error)
            await self._tell(outcome, folder, found)
            await write_outcome(folder, outcome)

    async def recent(self, *, limit: int) -> Sequence[Execution]:
        """Return the latest executions that render jobs of these artifacts."""
        latest: dict[str, run_v2.Execution] = {}
        for found in await self._executions():
            job_id = self._render_of(found)
            # A start that came second was stopped at once; the other one is the render.
            if job_id is None:
                continue
            later = latest.setdefault(job_id, found)
            if later.cancelled_count and _chunks_file(later) == _chunks_file(found):
                latest[job_id] = found
        slots = asyncio.Semaphore(READS_AT_ONCE)

        async def one(job_id: str) -> Execution:
            async with slots:
                return await self._listed(job_id, latest[job_id])

        return await asyncio.gather(*map(one, itertools.islice(latest, limit)))

    async def log(self, query: LogQuery) -> Sequence[LogRecord]:
        """Return lines of Cloud Logging."""
        job_id = self._job_id(query.job_path)
        record = await self._known(job_id, self._folder(job_id))
        query = replace(query, execution=record.execution)
        return await task_log(self._job, query, self._calls)

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    # --- starting ---------------------------------------------------------------------------

    async def _start(self, start: "_Start") -> None:
        """Start a run's execution unless that was done; it is started once."""
        folder = self._folder(start.job_id)
        for number in itertools.count():
            if await self._record(folder, start.run) is not None:
                return
            claim = f"claims/{start.name}-{number}"
            if await folder.create(claim, b""):
                await self._begin(start, folder, claim)
                return
            if await self._awaited(start, folder) is not None or await self._adopted(start, folder):
                return

    async def _begin(self, start: "_Start", folder: ArtifactStorage, claim: str) -> None:
        """Start an execution, as the only one who does at this time."""
        try:
            found = await self._run(start)
        except WorkerUnavailable as fault:
            # Cloud Run may have accepted it before the connection broke.
            if fault.retryable and await self._adopted(start, folder):
                return
            if not fault.retryable:
                await folder.delete(claim)
            raise
        except HeliosError:
            # Refused, so that the next one who starts it needn't wait for us.
            await folder.delete(claim)
            raise
        await self._settle(start, folder, found)

    async def _run(self, start: "_Start") -> "run_v2.Execution":
        from google.cloud import run_v2  # noqa: PLC0415

        variables = {
            "JOB_PATH": self._job_path(start.job_id),
            "JOB_ACTION": "render",
            "JOB_STARTED_AT": datetime.now(UTC).isoformat(),
            **({CHUNKS_FILE: start.chunks_file} if start.chunks_file else {}),
            **start.receiver,
            **({STOP_AT: start.stop_at.isoformat()} if start.stop_at else {}),
        }
        container = run_v2.RunJobRequest.Overrides.ContainerOverride(
            name=CONTAINER,
            env=[run_v2.EnvVar(name=name, value=value) for name, value in variables.items()],
        )
        request = run_v2.RunJobRequest(
            name=self._job,
            overrides=run_v2.RunJobRequest.Overrides(
                task_count=start.tasks, container_overrides=[container]
            ),
        )
        client = await self._calls.jobs()
        with google_faults(self.name):
            operation = await client.run_job(request, timeout=CALL_TIMEOUT)
        execution: run_v2.Execution = operation.metadata
        return execution

    async def _settle(
        self, start: "_Start", folder: ArtifactStorage, found: "run_v2.Execution"
    ) -> None:
        """Record that an execution renders the job, or stop it if another one does."""
        record = self._record_of(found)
        if await folder.create(_record_key(start.run), record.to_bytes()):
            return
        other = await self._record(folder, start.run)
        if other is not None and other.execution != record.execution:
            await self._stop(record.full_name)

    async def _awaited(self, start: "_Start", folder: ArtifactStorage) -> ExecutionRecord | None:
        """Wait for the record of who is starting the render; None if it doesn't come."""
        give_up = time.monotonic() + self._start_patience
        while time.monotonic() < give_up:
            record = await self._record(folder, start.run)
            if record is not None:
                return record
            await asyncio.sleep(self._poll)
        return None

    async def _adopted(self, start: "_Start", folder: ArtifactStorage) -> bool:
        """Record the execution of a client that was gone before it could; False without one."""
        for found in await self._executions():
            ours = (
                self._render_of(found) == start.job_id and _chunks_file(found) == start.chunks_file
            )
            if ours and not found.cancelled_count:
                await self._settle(start, folder, found)
                return True
        return False

    # --- looking ----------------------------------------------------------------------------

    async def _record(self, folder: ArtifactStorage, run: int) -> ExecutionRecord | None:
        try:
            data = await folder.get_bytes(_record_key(run), limit=_MAX_RECORD_BYTES)
        except ArtifactNotFound:
            return None
        return ExecutionRecord.parse(data)

    async def _known(self, job_id: str, folder: ArtifactStorage) -> ExecutionRecord:
        return (await self._latest(job_id, folder))[1]

    async def _latest(self, job_id: str, folder: ArtifactStorage) -> tuple[int, ExecutionRecord]:
        """Return the number of a render's latest run that was started, and its record."""
        # A client may have died after it chose a run's chunks and before it started it.
        for run in range(await latest_run(folder), 0, -1):
            record = await self._record(folder, run)
            if record is not None:
                return run, record
        raise JobNotFound(
            f"render {job_id!r}: there is none in the {self.name}",
            hint="`orchestrator list` shows those that were started last.",
        )

    async def _look(self, job_id: str, record: ExecutionRecord) -> "run_v2.Execution":
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        client = await self._calls.executions()
        with google_faults(self.name):
            try:
                return await client.get_execution(name=record.full_name, **reading())
            except NotFound:
                raise JobNotFound(
                    f"render {job_id!r}: Cloud Run doesn't know {record.execution} any more",
                    hint="Its execution was deleted before it ended. Render under another id.",
                ) from None

    async def _executions(self) -> "list[run_v2.Execution]":
        """Return all executions of the job that Cloud Run knows (a thousand), the latest first."""
        client = await self._calls.executions()
        with google_faults(self.name):
            pages = await client.list_executions(
                {"parent": self._job, "page_size": _PAGE}, **reading()
            )
            found = [execution async for execution in pages]
        return sorted(found, key=lambda execution: execution.create_time, reverse=True)

    async def _listed(self, job_id: str, found: "run_v2.Execution") -> Execution:
        folder = self._folder(job_id)
        record = self._record_of(found)
        if not found.completion_time:
            return Execution(
                job_id=job_id,
                name=record.execution,
                state=JobState.RUNNING,
                started_at=record.started_at,
            )
        outcome = await _outcome_of(folder, record)
        return _ended(job_id, record, outcome or _told_by(job_id, record, found))

    def _record_of(self, found: "run_v2.Execution") -> ExecutionRecord:
        return ExecutionRecord(
            execution=found.name.rpartition("/")[2],
            job=self._job,
            started_at=_started_at(found),
            tasks=found.task_count,
        )

    def _render_of(self, found: "run_v2.Execution") -> str | None:
        """Return the id of the render that an execution was started for; None for others."""
        variables = _variables(found)
        path = variables.get("JOB_PATH", "")
        job_id = self._job_id(path)
        is_ours = path == self._job_path(job_id) and variables.get("JOB_ACTION") == "render"
        return job_id if is_ours else None

    # --- stopping ---------------------------------------------------------------------------

    async def _stop(self, name: str) -> bool:
        """Ask Cloud Run to cancel an execution; False if it has ended already."""
        from google.api_core.exceptions import FailedPrecondition, NotFound  # noqa: PLC0415

        client = await self._calls.executions()
        with google_faults(self.name):
            try:
                await client.cancel_execution(name=name, timeout=CALL_TIMEOUT)
            except (FailedPrecondition, NotFound):
                return False
        return True

    async def _over(self, job_id: str, record: ExecutionRecord) -> "run_v2.Execution | None":
        """Wait for an execution that was cancelled; None if its tasks take longer to end."""
        give_up = time.monotonic() + CANCEL_PATIENCE
        while time.monotonic() < give_up:
            with contextlib.suppress(WorkerUnavailable):
                found = await self._look(job_id, record)
                if found.completion_time:
                    return found
            await asyncio.sleep(self._poll)
        return None

    # --- webhooks ---------------------------------------------------------------------------

    async def _check_signs(self) -> None:
        """Refuse a webhook where the job has nothing to sign with."""
        client = await self._calls.jobs()
        with google_faults(self.name):
            job = await client.get_job(name=self._job, **reading())
        containers = job.template.template.containers
        if not any(SECRET_NAME in _names(container) for container in containers):
            raise OptionInvalid(
                f"webhook: {self.name} has no secret to sign with",
                hint="`orchestrator cloudrun deploy --webhook-secret NAME` gives it one.",
            )

    async def _tell(
        self,
        outcome: JobOutcome,
        folder: ArtifactStorage,
        found: "run_v2.Execution",
        *,
        attempts: int | None = None,
    ) -> None:
        """Tell the webhook that an execution was started with, if any."""
        # Loads an HTTP client, which few commands need.
        from helios.webhooks.outcome import tell_once  # noqa: PLC0415

        variables = _variables(found)
        webhook = variables.get(WEBHOOK)
        if webhook is None:
            return
        if self._webhooks is None:
            raise WebhookUndelivered(
                f"render {outcome.job_id!r}: {outcome.status}, but its webhook isn't told yet",
                hint=f"Set {SECRET} to what the job signs with: `orchestrator status` tells it.",
            )
        await tell_once(
            outcome,
            webhook=webhook,
            folder=folder,
            sender=self._webhooks,
            attempts=attempts,
            link=float(variables.get(WEBHOOK_LINK) or 0) or None,
        )

    # --- names ------------------------------------------------------------------------------

    def _folder(self, job_id: str) -> ArtifactStorage:
        return self._stores.at(f"{self.artifacts}/jobs/{job_id}")

    def _job_path(self, job_id: str) -> str:
        return f"{self.artifacts}/jobs/{job_id}/job.json"

    def _job_id(self, job_path: str) -> str:
        return job_path.removeprefix(f"{self.artifacts}/jobs/").removesuffix("/job.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A run that is to be started.

    Attributes
    ----------
    run:
        Counted from 1.
    chunks_file:
        Key of the list of its chunks in the job's folder; empty for all of the job's.
    receiver:
        Variables of its tasks that describe the webhook.
    """

    job_id: str
    run: int = 1
    chunks_file: str = ""
    tasks: int
    receiver: Mapping[str, str]
    stop_at: datetime | None

    @property
    def name(self) -> str:
        """What its claims are called."""
        return "start" if self.run == 1 else f"start-run{self.run}"


def _receiver(webhook: WebhookSettings | None) -> dict[str, str]:
    """Return the variables of tasks that describe a webhook."""
    if webhook is None:
        return {}
    link = {} if webhook.link is None else {WEBHOOK_LINK: f"{webhook.link:.0f}"}
    return {WEBHOOK: webhook.url, **link}


def _record_key(run: int) -> str:
    return EXECUTION if run == 1 else f"{RUNS}{run}-{EXECUTION}"


def _chunks_file(found: "run_v2.Execution") -> str:
    return _variables(found).get(CHUNKS_FILE, "")


def _names(container: "run_v2.Container") -> set[str]:
    return {variable.name for variable in container.env}


def _variables(found: "run_v2.Execution") -> Mapping[str, str]:
    """Return the environment that an execution's tasks get."""
    return {
        variable.name: variable.value
        for container in found.template.containers
        for variable in container.env
    }


def _started_at(found: "run_v2.Execution") -> datetime:
    """Return the time at which an execution was requested, from the variables of its tasks."""
    try:
        return datetime.fromisoformat(_variables(found)["JOB_STARTED_AT"])
    except (KeyError, ValueError):
        return datetime.fromtimestamp(found.create_time.timestamp(), UTC)


async def _outcome_of(folder: ArtifactStorage, record: ExecutionRecord) -> JobOutcome | None:
    outcome = await read_outcome(folder)
    return outcome if outcome and outcome.execution == record.execution else None


def _ended(job_id: str, record: ExecutionRecord, outcome: JobOutcome) -> Execution:
    return Execution(
        job_id=job_id,
        name=record.execution,
        state=JobState(outcome.status),
        started_at=record.started_at,
        ended_at=outcome.ended_at,
        output=outcome.output,
        error=outcome.error,
    )


def _told_by(job_id: str, record: ExecutionRecord, found: "run_v2.Execution") -> JobOutcome:
    """Return the outcome of an execution that ended and whose tasks recorded none."""
    if found.cancelled_count or _has_reason(found.conditions, "CANCELLED"):
        error = ErrorRecord(code=Cancelled.code, message="the execution was cancelled")
        return _outcome(job_id, record, "cancelled", error=error, ended_at=found.completion_time)
    messages = [condition.message for condition in found.conditions if condition.message]
    error = ErrorRecord(
        code=JobFailed.code,
        message="; ".join(dict.fromkeys(messages)) or "its tasks ended without a video",
        retryable=True,
        hint=f"The tasks' log: {found.log_uri}" if found.log_uri else None,
    )
    return _outcome(job_id, record, "failed", error=error, ended_at=found.completion_time)


def _has_reason(conditions: "Iterable[run_v2.Condition]", reason: str) -> bool:
    return any(condition.execution_reason.name == reason for condition in conditions)


def _outcome(
    job_id: str,
    record: ExecutionRecord,
    status: str,
    *,
    error: ErrorRecord,
    ended_at: datetime | None = None,
) -> JobOutcome:
    facts: Mapping[str, Any] = {
        "job_id": job_id,
        "status": status,
        "execution": record.execution,
        "started_at": record.started_at,
        "ended_at": ended_at or datetime.now(UTC),
        "error": error,
    }
    return JobOutcome.model_validate(facts)
