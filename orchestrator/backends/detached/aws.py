"""Detached renders on AWS: executions of the stack's state machine."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.errors import CommandTimedOut, JobFailed, JobNotFound, WorkerNotFound
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.clouds.aws import AwsCalls, code_of
from orchestrator.model.deployment import AwsStack
from orchestrator.model.job_state import JobState

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

    Step Functions knows executions for 90 days after their end, and refuses their names for as
    long. Stopping an execution stops its map, too; a worker that is at a chunk by then finishes
    it, or is ended by its own time limit, and what it stores is as good as any.

    Parameters
    ----------
    stack:
        The stack.
    calls:
        Reaches its region.
    """

    def __init__(self, stack: AwsStack, calls: AwsCalls) -> None:
        super().__init__(
            name=str(stack), artifacts=stack.artifacts, concurrency=stack.max_concurrency
        )
        self._machine = stack.state_machine
        self._calls = calls

    async def start(
        self, spec: JobSpec, *, concurrency: int | None = None, webhook: str | None = None
    ) -> Execution:
        """Start an execution, or return the one that has this name."""
        job_id = str(spec.id)
        request: dict[str, Any] = {"jobId": job_id}
        if concurrency is not None:
            request["maxConcurrency"] = concurrency
        if webhook is not None:
            request["webhook"] = webhook
        client = self._calls.client("stepfunctions")

        def start() -> None:
            try:
                client.start_execution(
                    stateMachineArn=self._machine, name=job_id, input=json.dumps(request)
                )
            except client.exceptions.ExecutionAlreadyExists:
                # It ended, or was started with another concurrency: the same render in any case.
                return

        await self._call(start)
        return await self.find(job_id)

    async def find(self, job_id: str) -> Execution:
        """Return the execution that has a render's id as name."""
        client = self._calls.client("stepfunctions")

        def describe() -> Execution:
            try:
                return _execution(client.describe_execution(executionArn=self._arn(job_id)))
            except (client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
                raise self._unknown(job_id) from None

        return await self._call(describe)

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
            found: list[Execution] = []
            request: dict[str, Any] = {"stateMachineArn": self._machine}
            while len(found) < limit:
                answer = client.list_executions(
                    **request, maxResults=min(_PAGE, limit - len(found))
                )
                found += map(_execution, answer["executions"])
                if not answer.get("nextToken"):
                    break
                request["nextToken"] = answer["nextToken"]
            return found

        return await self._call(list_some)

    async def close(self) -> None:
        """Nothing is held: calls are over when they return."""

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

    def _unknown(self, job_id: str) -> JobNotFound:
        return JobNotFound(
            f"render {job_id!r}: there is none in the {self.name}",
            hint="`orchestrator list` shows those that were started last.",
        )


def _execution(found: Mapping[str, Any]) -> Execution:
    status = str(found["status"])
    return Execution(
        job_id=str(found["name"]),
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
    if status not in ("FAILED", "ABORTED"):
        return None
    return ErrorRecord(code=name or JobFailed.code, message=cause or name or "nothing is known")
