"""One task of a Cloud Run job: `python -m worker_cloudrun.task` runs the chunk of its index."""

import asyncio
import os
import sys
from collections.abc import Mapping

from helios.errors import EXIT_REFUSED, HeliosError, InvocationInvalid, report
from helios.runtime import WorkerRuntime
from helios.stop_signals import call_on_stop
from helios.worker_config import WorkerConfig
from helios.worker_job import Invocation, InvocationResponse
from worker_cloudrun.service_config import ServiceConfig

#: Exit status of a task that was told to end: 128 + SIGTERM, as a shell counts.
EXIT_STOPPED = 143


def main(environment: Mapping[str, str] | None = None) -> int:
    """Run the task that the environment describes.

    Parameters
    ----------
    environment:
        Environment variables; this process's own by default. `JOB_PATH` is where the job spec is,
        `CLOUD_RUN_TASK_INDEX` the chunk's id, `CLOUD_RUN_TASK_ATTEMPT` how often it was tried
        before. With `JOB_ACTION=merge` the task joins the job's chunks in place of rendering one.

    Returns
    -------
    int
        Exit status: 0 for a chunk that is stored, 1 where another try may succeed, 2 where none
        will, `EXIT_STOPPED` after SIGTERM. (Cloud Run tries all but 0 again, if it may.)
    """
    env = os.environ if environment is None else environment
    try:
        invocation = _invocation(env)
        limit = ServiceConfig.from_env(env).time_limit
        runtime = WorkerRuntime(WorkerConfig.from_env(env))
    except HeliosError as error:
        print(report(error), file=sys.stderr)
        return EXIT_REFUSED
    try:
        return asyncio.run(_run(runtime, invocation, time_limit=limit, env=env))
    finally:
        runtime.close()


async def _run(
    runtime: WorkerRuntime,
    invocation: Invocation,
    *,
    time_limit: float | None,
    env: Mapping[str, str],
) -> int:
    log = runtime.log.bind(
        execution=env.get("CLOUD_RUN_EXECUTION"), task=env.get("CLOUD_RUN_TASK_INDEX")
    )
    answer = asyncio.ensure_future(
        runtime.answer(invocation.payload(), deadline=time_limit, log=log)
    )
    call_on_stop(answer.cancel)
    try:
        _, response = await answer
    except asyncio.CancelledError:
        log.warning("task.stopped")
        return EXIT_STOPPED
    return _exit_status(response)


def _exit_status(response: InvocationResponse) -> int:
    if response.exit_code == 0:
        return 0
    # What the command said comes as it was, for people who look at the task's log.
    sys.stderr.write(response.stderr)
    return 1 if response.error is None or response.error.retryable else EXIT_REFUSED


def _invocation(env: Mapping[str, str]) -> Invocation:
    path = env.get("JOB_PATH", "").strip()
    if not path:
        raise InvocationInvalid(
            "JOB_PATH: is not set", hint="It names the job spec: gs://bucket/jobs/id/job.json."
        )
    payload: dict[str, object] = {
        "jobPath": path,
        "action": env.get("JOB_ACTION", "").strip() or "chunk",
        # Cloud Run counts attempts from 0.
        "attempt": _number(env, "CLOUD_RUN_TASK_ATTEMPT") + 1,
    }
    if payload["action"] == "chunk":
        payload["chunkIndex"] = _number(env, "CLOUD_RUN_TASK_INDEX")
    return Invocation.parse(payload)


def _number(env: Mapping[str, str], variable: str) -> int:
    value = env.get(variable, "").strip() or "0"
    if not (value.isascii() and value.isdigit()):
        raise InvocationInvalid(f"{variable}: {value!r} is not a whole number from 0 on")
    return int(value)


if __name__ == "__main__":
    sys.exit(main())
