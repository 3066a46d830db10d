"""A task of a detached render, as described by the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from helios.errors import (
    InvocationInvalid,
)
from worker_cloudrun.job.task_variables import number, required

#: Environment variable with the limit of retries of the job's tasks.
RETRIES = "HELIOS_TASK_RETRIES"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderTask:
    """A task, as described by the environment.

    Attributes:
        job_path: Path or URL of the job spec.
        execution: Name of the execution that the task belongs to.
        started_at: Time at which the execution was requested.
        index, count: Number of the task, from 0, and number of tasks.
        attempt, attempts: Number of the attempt, from 1, and limit of attempts; None if unknown.
        webhook: URL of the render's webhook; None without one.
        webhook_link: Seconds for which the webhook's link to the video is valid; None for no link.
        chunks_file: Key, in the job's folder, of a list of the chunks to render; None for all.
        stop_at: Time after which no chunk starts; None without a limit.
    """

    job_path: str
    execution: str
    started_at: datetime
    index: int = 0
    count: int = 1
    attempt: int = 1
    attempts: int | None = None
    webhook: str | None = None
    webhook_link: int | None = None
    chunks_file: str | None = None
    stop_at: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read a task from the environment that Cloud Run gives it.

        Raises `InvocationInvalid` if a variable is missing or invalid.
        """
        text = env.get("JOB_STARTED_AT", "").strip()
        try:
            started_at = datetime.fromisoformat(text) if text else datetime.now(UTC)
        except ValueError:
            raise InvocationInvalid(f"JOB_STARTED_AT: {text!r} is not a time") from None
        task = cls(
            job_path=required(env, "JOB_PATH"),
            execution=required(env, "CLOUD_RUN_EXECUTION"),
            started_at=started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC),
            index=number(env, "CLOUD_RUN_TASK_INDEX"),
            count=number(env, "CLOUD_RUN_TASK_COUNT") or 1,
            # Cloud Run counts attempts from 0, and doesn't provide their limit.
            attempt=number(env, "CLOUD_RUN_TASK_ATTEMPT") + 1,
            attempts=number(env, RETRIES) + 1 if env.get(RETRIES, "").strip() else None,
            webhook=env.get("JOB_WEBHOOK", "").strip() or None,
            webhook_link=number(env, "JOB_WEBHOOK_LINK") or None,
            chunks_file=env.get("JOB_CHUNKS_FILE", "").strip() or None,
            stop_at=env.get("JOB_STOP_AT", "").strip() or None,
        )
        if task.index >= task.count:
            raise InvocationInvalid(
                f"CLOUD_RUN_TASK_INDEX: there is no task {task.index} of {task.count}"
            )
        return task

    @property
    def is_last_attempt(self) -> bool:
        """Whether this attempt is known to be the last."""
        return self.attempts is not None and self.attempt >= self.attempts
