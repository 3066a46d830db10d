"""Executions of jobs, as the API keeps them."""

import datetime
import uuid
from typing import Any

import grpc
from google.cloud import run_v2
from google.longrunning import operations_pb2

from sandbox.google.cloud_run_api.faults import Refused
from sandbox.google.cloud_run_api.operations import Operations
from sandbox.google.cloud_run_api.resources import Resources
from sandbox.google.cloud_run_api.tasks import GRACE, RunningTasks, TaskStarter
from sandbox.google.cloud_run_api.validation import check_overrides

_STATE = run_v2.Condition.State


class Executions:
    """The executions of all jobs.

    Args:
        start: Starts a task's process; None where jobs can't be run.
        at_once: Tasks of an execution at the same time, at most.
    """

    def __init__(
        self,
        jobs: Resources[run_v2.Job],
        operations: Operations,
        *,
        start: TaskStarter | None,
        at_once: int,
    ) -> None:
        self._jobs = jobs
        self._operations = operations
        self._start = start
        self._at_once = at_once
        self._by_name: dict[str, run_v2.Execution] = {}
        self._running: dict[str, RunningTasks] = {}

    def run(self, request: run_v2.RunJobRequest) -> operations_pb2.Operation:
        """Begin to execute a job."""
        job = self._jobs.get(request.name)
        check_overrides(job, request.overrides)
        if self._start is None:
            raise Refused(grpc.StatusCode.UNIMPLEMENTED, "this stand-in was given no way to run")
        execution = _execution(job, request.overrides)
        tasks = RunningTasks(
            execution,
            execution.template.containers[0],
            start=self._start,
            at_once=execution.parallelism or self._at_once,
        )
        self._by_name[execution.name] = execution
        self._running[execution.name] = tasks
        job.execution_count += 1
        job.latest_created_execution = run_v2.ExecutionReference(name=execution.name)

        def work() -> bool:
            self._settle(execution)
            if tasks.finished and execution.failed_count + execution.cancelled_count:
                raise Refused(grpc.StatusCode.ABORTED, execution.conditions[0].message)
            return tasks.finished

        parent = "/".join(job.name.split("/")[:4])
        return self._operations.begin(parent, look=lambda: execution, work=work)

    def get(self, name: str) -> run_v2.Execution:
        """Return an execution."""
        execution = self._by_name.get(name)
        if execution is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Resource '{name}' was not found")
        self._settle(execution)
        return execution

    def list(self, parent: str) -> list[run_v2.Execution]:
        """Return the executions of a job, the newest first."""
        names = [name for name in self._by_name if name.startswith(f"{parent}/executions/")]
        return [self.get(name) for name in reversed(names)]

    def cancel(self, name: str) -> operations_pb2.Operation:
        """Begin to cancel an execution."""
        execution = self.get(name)
        tasks = self._running[name]
        if tasks.finished:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, f"Execution {name} is already completed"
            )
        tasks.cancel()

        def work() -> bool:
            self._settle(execution)
            return tasks.finished

        parent = "/".join(name.split("/")[:4])
        return self._operations.begin(parent, look=lambda: execution, work=work)

    def forget(self, name: str) -> None:
        """Delete an ended execution, as Cloud Run does after some time."""
        del self._by_name[name], self._running[name]

    def stop(self) -> None:
        """End all running tasks."""
        for tasks in self._running.values():
            if not tasks.finished:
                tasks.cancel()
                tasks.wait(GRACE + 5)

    def _settle(self, execution: run_v2.Execution) -> None:
        if not self._running[execution.name].finished or execution.completion_time:
            return
        execution.completion_time = datetime.datetime.now(datetime.UTC)
        execution.reconciling = False
        failed = execution.failed_count + execution.cancelled_count
        execution.conditions = [
            run_v2.Condition(
                type_="Completed",
                state=_STATE.CONDITION_FAILED if failed else _STATE.CONDITION_SUCCEEDED,
                message=_message(execution),
                **_reason(execution),
            )
        ]


def _execution(job: run_v2.Job, overrides: run_v2.RunJobRequest.Overrides) -> run_v2.Execution:
    short = f"{job.name.rpartition('/')[2]}-{uuid.uuid4().hex[:5]}"
    execution = run_v2.Execution(
        name=f"{job.name}/executions/{short}",
        uid=str(uuid.uuid4()),
        job=job.name.rpartition("/")[2],
        task_count=overrides.task_count or job.template.task_count,
        parallelism=job.template.parallelism,
        template=run_v2.TaskTemplate(job.template.template),
        reconciling=True,
        create_time=datetime.datetime.now(datetime.UTC),
    )
    if overrides.timeout:
        execution.template.timeout = overrides.timeout
    for override in overrides.container_overrides:
        _override(execution.template.containers[0], override)
    return execution


def _override(container: run_v2.Container, override: Any) -> None:
    env = {variable.name: variable for variable in container.env}
    env |= {variable.name: variable for variable in override.env}
    container.env = list(env.values())
    if override.args or override.clear_args:
        container.args = override.args


def _message(execution: run_v2.Execution) -> str:
    if execution.cancelled_count:
        return "Execution was cancelled."
    if execution.failed_count:
        return f"Task {execution.job} failed: {execution.failed_count} task(s) didn't succeed."
    return ""


def _reason(execution: run_v2.Execution) -> dict[str, Any]:
    if execution.cancelled_count:
        return {"execution_reason": run_v2.Condition.ExecutionReason.CANCELLED}
    return {}
