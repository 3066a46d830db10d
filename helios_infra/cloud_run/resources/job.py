"""The Cloud Run job: renders whole videos without a client, a task per chunk."""

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

from google.api_core.operation_async import AsyncOperation
from google.cloud import run_v2

from helios_infra.cloud_run.changes import OnStep
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.resources.container import (
    LABEL,
    OWNER,
    configure_container,
    container_facts,
    environment,
    first_container,
    label_facts,
    seconds,
)
from helios_infra.cloud_run.resources.deployable import Deployable
from helios_infra.cloud_run.resources.template import configure_template, template_facts

#: Command of a task; an execution sets JOB_PATH to the job spec.
COMMAND = ("python", "-m", "helios.process.init", "python", "-m", "worker_cloudrun.task")


class RenderJob(Deployable[run_v2.Job]):
    """The job of one place."""

    kind: ClassVar[str] = "job"

    def __init__(
        self, client: run_v2.JobsAsyncClient, name: str, *, on_step: OnStep, first_poll: float
    ) -> None:
        super().__init__(name, on_step=on_step, first_poll=first_poll)
        self._client = client

    def empty(self) -> run_v2.Job:
        return run_v2.Job()

    def copy(self, resource: run_v2.Job) -> run_v2.Job:
        return run_v2.Job(resource)

    def facts(self, resource: run_v2.Job) -> dict[str, str]:
        return job_facts(resource)

    def template(self, resource: run_v2.Job) -> run_v2.ExecutionTemplate:
        return resource.template

    async def _get(self) -> run_v2.Job:
        return await self._client.get_job(name=self.name)

    async def _create(self, wanted: run_v2.Job) -> AsyncOperation:
        return await self._client.create_job(parent=self.parent, job=wanted, job_id=self.short_name)

    async def _update(self, wanted: run_v2.Job) -> AsyncOperation:
        return await self._client.update_job(job=wanted)

    async def _delete(self, etag: str) -> AsyncOperation:
        return await self._client.delete_job(run_v2.DeleteJobRequest(name=self.name, etag=etag))


def job_settings(
    configuration: CloudRunConfiguration, *, webhooks_url: str | None = None
) -> Callable[[run_v2.Job], None]:
    """Return a function that changes a job as requested and keeps its other settings.

    The number of tasks is set by each execution. Parallelism is left open, as Cloud Run refuses
    an execution of fewer tasks than the job's parallelism.

    Args:
        configuration: The requested job.
        webhooks_url: URL of the service that sends webhooks; None without one.
    """

    def configure(job: run_v2.Job) -> None:
        job.labels[LABEL] = OWNER
        execution = job.template
        execution.labels[LABEL] = OWNER
        execution.task_count = 1
        execution.parallelism = 0
        task = execution.template
        task.max_retries = configuration.task_retries
        task.timeout = timedelta(seconds=configuration.task_timeout)
        configure_template(task, configuration)
        container = first_container(task.containers)
        container.command = list(COMMAND)
        env = environment(configuration, timeout=configuration.task_timeout)
        # Cloud Run provides the number of an attempt, but not the limit of attempts.
        env["HELIOS_TASK_RETRIES"] = str(configuration.task_retries)
        if webhooks_url is not None:
            env["HELIOS_WEBHOOKS_URL"] = webhooks_url
        configure_container(container, configuration, env=env)

    return configure


def job_facts(job: run_v2.Job) -> dict[str, str]:
    """Return the settings of a job that deploying looks after."""
    task = job.template.template
    container = task.containers[0] if task.containers else None
    return {
        **(container_facts(container) if container else {}),
        "command": " ".join(container.command) if container else "",
        "tasks": str(job.template.task_count),
        "parallelism": str(job.template.parallelism or "open"),
        "task timeout": seconds(task.timeout),
        "task retries": str(task.max_retries),
        **template_facts(task),
        "execution environment": task.execution_environment.name.rpartition("_")[2].lower(),
        **label_facts(job.labels, job.template.annotations),
    }
