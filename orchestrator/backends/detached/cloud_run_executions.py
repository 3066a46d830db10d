"""Executions of a Cloud Run job, each of which is a run of a render."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from helios.errors import JobNotFound, OptionInvalid, WorkerUnavailable
from orchestrator.backends.detached.runs import ExecutionRecord
from orchestrator.clouds.google import CALL_TIMEOUT, GoogleCalls, reading
from orchestrator.clouds.google_faults import google_faults
from orchestrator.model.settings import WebhookSettings

if TYPE_CHECKING:
    from google.cloud import run_v2

#: Name of the worker's container in the job, as deploying gives it.
CONTAINER = "worker"
#: Variable of an execution's tasks with the URL of the render's webhook.
WEBHOOK = "JOB_WEBHOOK"
#: Variable of an execution's tasks with the validity of the webhook's link to the video in seconds.
WEBHOOK_LINK = "JOB_WEBHOOK_LINK"
#: Variable of the job with the URL of the service that signs and sends webhooks.
WEBHOOKS_URL = "HELIOS_WEBHOOKS_URL"
#: Variable of an execution's tasks with the time after which no chunk is begun.
STOP_AT = "JOB_STOP_AT"
#: Variable of an execution's tasks with the key of the list of chunks that they share.
CHUNKS_FILE = "JOB_CHUNKS_FILE"
#: Seconds that a cancelled execution is waited for; Cloud Run ends tasks after ten.
CANCEL_PATIENCE = 20.0

_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """A run that is to be started."""

    job_id: str
    #: Counted from 1.
    run: int = 1
    #: Key of the list of its chunks in the job's folder; empty for all of the job's.
    chunks_file: str = ""
    tasks: int
    #: Variables of its tasks that describe the webhook.
    receiver: Mapping[str, str]
    stop_at: datetime | None

    @property
    def name(self) -> str:
        """What its claims are called."""
        return "start" if self.run == 1 else f"start-run{self.run}"


class JobExecutions:
    """The executions of a job, as the Cloud Run API has them.

    Args:
        job: The job's full name: `projects/P/locations/R/jobs/NAME`.
        artifacts: URL of the storage that holds what they render.
        poll: Seconds between two looks at what is waited for.
    """

    def __init__(self, job: str, *, artifacts: str, calls: GoogleCalls, poll: float) -> None:
        parts = job.split("/")
        self.name = f"Cloud Run job {parts[-1]} in {parts[3]} of {parts[1]}"
        self.job = job
        self._jobs_url = f"{artifacts.rstrip('/')}/jobs/"
        self._calls = calls
        self._poll = poll

    async def run(self, start: RunStart) -> "run_v2.Execution":
        """Start an execution."""
        from google.cloud import run_v2  # noqa: PLC0415

        variables = {
            "JOB_PATH": self.job_path(start.job_id),
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
            name=self.job,
            overrides=run_v2.RunJobRequest.Overrides(
                task_count=start.tasks, container_overrides=[container]
            ),
        )
        client = await self._calls.jobs()
        with google_faults(self.name):
            operation = await client.run_job(request, timeout=CALL_TIMEOUT)
        execution: run_v2.Execution = operation.metadata
        return execution

    async def get(self, job_id: str, record: ExecutionRecord) -> "run_v2.Execution":
        """Return the execution of a record; `JobNotFound` if it was deleted."""
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

    async def all(self) -> "list[run_v2.Execution]":
        """Return all executions of the job that Cloud Run knows (a thousand), the latest first."""
        client = await self._calls.executions()
        with google_faults(self.name):
            pages = await client.list_executions(
                {"parent": self.job, "page_size": _PAGE}, **reading()
            )
            found = [execution async for execution in pages]
        return sorted(found, key=lambda execution: execution.create_time, reverse=True)

    def record_of(self, found: "run_v2.Execution") -> ExecutionRecord:
        """Return the record of an execution."""
        return ExecutionRecord(
            execution=found.name.rpartition("/")[2],
            job=self.job,
            started_at=_started_at(found),
            tasks=found.task_count,
        )

    def render_of(self, found: "run_v2.Execution") -> str | None:
        """Return the id of the render that an execution was started for; None for others."""
        variables = variables_of(found)
        path = variables.get("JOB_PATH", "")
        job_id = self.job_id(path)
        is_ours = path == self.job_path(job_id) and variables.get("JOB_ACTION") == "render"
        return job_id if is_ours else None

    async def cancel(self, name: str) -> bool:
        """Ask Cloud Run to cancel an execution; False if it has ended already."""
        from google.api_core.exceptions import FailedPrecondition, NotFound  # noqa: PLC0415

        client = await self._calls.executions()
        with google_faults(self.name):
            try:
                await client.cancel_execution(name=name, timeout=CALL_TIMEOUT)
            except (FailedPrecondition, NotFound):
                return False
        return True

    async def end(self, job_id: str, record: ExecutionRecord) -> "run_v2.Execution | None":
        """Wait for an execution that was cancelled; None if its tasks take longer to end."""
        give_up = time.monotonic() + CANCEL_PATIENCE
        while time.monotonic() < give_up:
            with contextlib.suppress(WorkerUnavailable):
                found = await self.get(job_id, record)
                if found.completion_time:
                    return found
            await asyncio.sleep(self._poll)
        return None

    async def check_signs(self) -> None:
        """Refuse a webhook where the job has no service that signs it."""
        client = await self._calls.jobs()
        with google_faults(self.name):
            job = await client.get_job(name=self.job, **reading())
        containers = job.template.template.containers
        if not any(WEBHOOKS_URL in _names(container) for container in containers):
            raise OptionInvalid(
                f"webhook: {self.name} has no service that signs and sends it",
                hint="`orchestrator cloudrun deploy --webhook-secret NAME --webhook-account EMAIL` "
                "deploys one.",
            )

    def job_path(self, job_id: str) -> str:
        """Return the URL of a job's spec."""
        return f"{self._jobs_url}{job_id}/job.json"

    def job_id(self, job_path: str) -> str:
        """Return the id of a job by the URL of its spec."""
        return job_path.removeprefix(self._jobs_url).removesuffix("/job.json")


def receiver_variables(webhook: WebhookSettings | None) -> dict[str, str]:
    """Return the variables of tasks that describe a webhook."""
    if webhook is None:
        return {}
    link = {} if webhook.link is None else {WEBHOOK_LINK: f"{webhook.link:.0f}"}
    return {WEBHOOK: webhook.url, **link}


def chunks_file_of(found: "run_v2.Execution") -> str:
    """Return the key of the list of an execution's chunks; empty for all of the job's."""
    return variables_of(found).get(CHUNKS_FILE, "")


def _names(container: "run_v2.Container") -> set[str]:
    return {variable.name for variable in container.env}


def variables_of(found: "run_v2.Execution") -> Mapping[str, str]:
    """Return the environment that an execution's tasks get."""
    return {
        variable.name: variable.value
        for container in found.template.containers
        for variable in container.env
    }


def _started_at(found: "run_v2.Execution") -> datetime:
    """Return the time at which an execution was requested, from the variables of its tasks."""
    try:
        return datetime.fromisoformat(variables_of(found)["JOB_STARTED_AT"])
    except (KeyError, ValueError):
        return datetime.fromtimestamp(found.create_time.timestamp(), UTC)
