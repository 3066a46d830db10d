"""Detached renders on AWS: executions of the stack's state machine."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.errors import (
    Cancelled,
    CommandTimedOut,
    HeliosError,
    JobFailed,
    WorkerNotFound,
)
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.runs import claim_run, latest_run, parse_name, run_name
from orchestrator.clouds.aws import AwsCalls, code_of
from orchestrator.clouds.aws_logs import lambda_log
from orchestrator.clouds.aws_quota import available_workers
from orchestrator.clouds.log_query import LogQuery, LogRecord
from orchestrator.delivery.stores import Stores
from orchestrator.model.deployment import AwsStack
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings

_STATES: Mapping[str, JobState] = {
    "RUNNING": JobState.RUNNING,
    "PENDING_REDRIVE": JobState.RUNNING,
    "SUCCEEDED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "TIMED_OUT": JobState.FAILED,
    "ABORTED": JobState.CANCELLED,
}
# Executions that one answer lists.
_PAGE = 100
_Result = TypeVar("_Result")


class StateMachineBackend(DetachedBackend):
    """The state machine of a stack; a render is an execution that has its id as name.

    A run that resumes a render is another execution: `<id>--run2`.

    Step Functions knows executions for 90 days after their end, and refuses their names for as
    long. Stopping an execution stops its map, too; a worker that is at a chunk by then finishes
    it, or is ended by its own time limit, and what it stores is as good as any.
    """

    def __init__(self, stack: AwsStack, calls: AwsCalls, stores: Stores) -> None:
        super().__init__(
            name=str(stack), artifacts=stack.artifacts, concurrency=stack.max_concurrency
        )
        self._stack = stack
        self._machine = stack.state_machine
        self._calls = calls
        self._stores = stores

    async def start(
        self,
        spec: JobSpec,
        *,
        concurrency: int | None = None,
        webhook: WebhookSettings | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        """Start an execution, or return the one that has this name."""
        job_id = str(spec.id)
        request: dict[str, Any] = {"jobId": job_id}
        if concurrency is not None:
            request["maxConcurrency"] = concurrency
        if webhook is not None:
            request["webhook"] = webhook.url
            if webhook.link is not None:
                request["webhookLink"] = webhook.link
        if stop_at is not None:
            request["stopAt"] = stop_at.isoformat()
        await self._start(job_id, request)
        return await self.find(job_id)

    async def _start(self, name: str, request: Mapping[str, Any]) -> None:
        client = self._calls.client("stepfunctions")

        def start() -> None:
            # It ended, or was started with another concurrency: the same run in any case.
            with contextlib.suppress(client.exceptions.ExecutionAlreadyExists):
                client.start_execution(
                    stateMachineArn=self._machine, name=name, input=json.dumps(request)
                )

        await self._call(start)

    async def resume(
        self,
        spec: JobSpec,
        chunks: Sequence[int],
        *,
        concurrency: int | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        """Start an execution whose map reads its chunks from a list of those that are missing."""
        job_id = str(spec.id)
        before = await self._describe(job_id)
        if before["status"] == "RUNNING":
            # Another client was quicker.
            return _execution(before)
        folder = self._folder(job_id)
        run = parse_name(str(before["name"]))[1] + 1
        request = {
            **json.loads(before.get("input") or "{}"),
            "jobId": job_id,
            "chunksFile": await claim_run(folder, run, chunks),
            "mergeOnly": not chunks,
            "stopAt": None if stop_at is None else stop_at.isoformat(),
        }
        if concurrency is not None:
            request["maxConcurrency"] = concurrency
        await self._start(run_name(job_id, run), request)
        return await self.find(job_id)

    async def find(self, job_id: str) -> Execution:
        """Return the execution of a render's latest run."""
        return _execution(await self._describe(job_id))

    async def _describe(self, job_id: str) -> Mapping[str, Any]:
        client = self._calls.client("stepfunctions")
        latest = await latest_run(self._folder(job_id))

        def describe() -> Mapping[str, Any]:
            for run in range(latest, 0, -1):
                arn = self._arn(run_name(job_id, run))
                # A client may have died after it chose a run's chunks and before it started it.
                with contextlib.suppress(
                    client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn
                ):
                    found: Mapping[str, Any] = client.describe_execution(executionArn=arn)
                    return found
            raise self.unknown(job_id)

        return await self._call(describe)

    def _folder(self, job_id: str) -> ArtifactStorage:
        return self._stores.at(f"{self.artifacts}/jobs/{job_id}")

    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Stop an execution, and with it its map."""
        execution = await self.find(job_id)
        if execution.state is not JobState.RUNNING:
            return
        client = self._calls.client("stepfunctions")
        await self._call(
            lambda: client.stop_execution(
                executionArn=execution.name, error="CANCELLED", cause=reason
            )
        )

    async def recent(self, *, limit: int) -> Sequence[Execution]:
        """Return the latest executions."""
        client = self._calls.client("stepfunctions")

        def list_some() -> list[Execution]:
            found: dict[str, Execution] = {}
            request: dict[str, Any] = {"stateMachineArn": self._machine}
            while len(found) < limit:
                answer = client.list_executions(**request, maxResults=_PAGE)
                for each in map(_execution, answer["executions"]):
                    # The latest run of each render comes first.
                    found.setdefault(each.job_id, each)
                if not answer.get("nextToken"):
                    break
                request["nextToken"] = answer["nextToken"]
            return list(found.values())[:limit]

        return await self._call(list_some)

    async def quota(self) -> int | None:
        """Return Lambda's concurrency for the chunk worker."""
        try:
            workers, _ = await available_workers(self._stack, self._calls)
        except HeliosError:
            # Credentials for renders needn't allow the question. Chunks that are throttled wait.
            return None
        return max(1, workers)

    async def log(self, query: LogQuery) -> Sequence[LogRecord]:
        """Return lines of CloudWatch Logs."""
        return await lambda_log(self._stack, query, self._calls)

    async def _call(self, call: Callable[[], _Result]) -> _Result:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        def told() -> _Result:
            try:
                return call()
            except ClientError as fault:
                if code_of(fault) != "StateMachineDoesNotExist":
                    raise
                raise WorkerNotFound(
                    f"{self.name}: its state machine is gone",
                    hint="If the stack was deployed anew, run `orchestrator connect` again.",
                ) from fault

        return await self._calls.run(self.name, told)

    def _arn(self, job_id: str) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{job_id}"


def _execution(found: Mapping[str, Any]) -> Execution:
    status = str(found["status"])
    return Execution(
        job_id=parse_name(str(found["name"]))[0],
        name=str(found["executionArn"]),
        state=_STATES.get(status, JobState.RUNNING),
        started_at=found["startDate"],
        ended_at=found.get("stopDate"),
        output=_output(found.get("output")),
        error=_error(status, found.get("error"), found.get("cause")),
    )


def _output(text: str | None) -> Artifact | None:
    """Return the video of an execution's output, which is the merge worker's answer."""
    if text is None:
        return None
    answer = json.loads(text)
    told = answer.get("artifact") if isinstance(answer, dict) else None
    return None if told is None else Artifact.model_validate(told)


def _error(status: str, name: str | None, cause: str | None) -> ErrorRecord | None:
    """Return why an execution failed; the state machine ends with a worker's code and message."""
    if status == "TIMED_OUT":
        return ErrorRecord(
            code=CommandTimedOut.code,
            message="the render took longer than it may as a whole",
            retryable=True,
            hint="Raise helios:renderTimeout, or let more chunks run at the same time.",
        )
    if status == "ABORTED":
        return ErrorRecord(code=Cancelled.code, message=cause or "the render was stopped")
    if status != "FAILED":
        return None
    text = cause or name or "Step Functions gives no cause"
    return ErrorRecord(code=name or JobFailed.code, message=text)
