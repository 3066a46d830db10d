"""One task of a Cloud Run job: `python -m worker_cloudrun.task` runs the chunk of its index."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping

from helios.contract.invocation import Invocation, InvocationResponse
from helios.errors import EXIT_REFUSED, HeliosError, OptionInvalid, report
from helios.process.credential_guard import guard_credentials
from helios.process.stop_signals import call_on_stop
from helios.webhooks.delivery import check_url
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from worker_cloudrun.job.render_run import run_render_task
from worker_cloudrun.job.render_task import RenderTask
from worker_cloudrun.job.task_variables import number, required
from worker_cloudrun.service_config import ServiceConfig
from worker_cloudrun.webhooks.client import WEBHOOKS_URL, WebhookClient

#: Exit status of a task after SIGTERM: 128 + 15, as in a shell.
EXIT_STOPPED = 143
#: Value of `JOB_ACTION` for tasks that render a whole video together.
RENDER = "render"


def main(environment: Mapping[str, str] | None = None) -> int:
    """Run the task that the environment describes.

    Args:
        environment: Environment variables; this process's own by default. `JOB_PATH` is the path or
            URL of the job spec, `CLOUD_RUN_TASK_INDEX` the chunk's id, `CLOUD_RUN_TASK_ATTEMPT` the
            number of earlier attempts. With `JOB_ACTION=merge` the task joins the job's chunks.
            With `JOB_ACTION=render` the execution's tasks share the chunks, and the last one joins
            them (`RenderTask`) and has the service at `HELIOS_WEBHOOKS_URL` send `JOB_WEBHOOK`.
        Returns: Exit status: 0 for success, 1 for retryable failures, 2 for others, `EXIT_STOPPED`
            after SIGTERM. (Cloud Run retries all but 0, within its limit.)
    """
    env = os.environ if environment is None else environment
    try:
        task = _task(env)
        seconds = ServiceConfig.from_env(env).time_limit
        webhooks = _webhooks(task, env)
        runtime = WorkerRuntime(WorkerConfig.from_env(env))
    except HeliosError as error:
        print(report(error), file=sys.stderr)
        return EXIT_REFUSED
    log = runtime.log.bind(
        execution=env.get("CLOUD_RUN_EXECUTION"), task=env.get("CLOUD_RUN_TASK_INDEX")
    )
    try:
        work = _work(runtime, task, seconds=seconds, log=log, webhooks=webhooks)
        return asyncio.run(_run(work, log))
    finally:
        runtime.close()


def _task(env: Mapping[str, str]) -> RenderTask | Invocation:
    whole = env.get("JOB_ACTION", "").strip() == RENDER
    return RenderTask.from_env(env) if whole else _invocation(env)


def _webhooks(task: RenderTask | Invocation, env: Mapping[str, str]) -> WebhookClient | None:
    """Return the client that has the task's webhook sent; None without a webhook."""
    if not isinstance(task, RenderTask) or task.webhook is None:
        return None
    check_url(task.webhook)
    url = env.get(WEBHOOKS_URL, "").strip()
    if not url:
        raise OptionInvalid(
            f"webhook: {WEBHOOKS_URL} names no service that sends it",
            hint="`orchestrator cloudrun deploy --webhook-secret NAME --webhook-account EMAIL` "
            "deploys it.",
        )
    return WebhookClient(url)


async def _work(
    runtime: WorkerRuntime,
    task: RenderTask | Invocation,
    *,
    seconds: float | None,
    log: WorkerLog,
    webhooks: WebhookClient | None,
) -> InvocationResponse | None:
    if isinstance(task, RenderTask):
        return await run_render_task(runtime, task, seconds=seconds, log=log, webhooks=webhooks)
    _, response = await runtime.answer(task.payload(), deadline=seconds, log=log)
    return response


async def _run(work: Coroutine[object, object, InvocationResponse | None], log: WorkerLog) -> int:
    doing = asyncio.ensure_future(work)
    call_on_stop(doing.cancel)
    try:
        return _exit_status(await doing)
    except asyncio.CancelledError:
        log.warning("task.stopped")
        return EXIT_STOPPED
    except HeliosError as error:
        print(report(error), file=sys.stderr)
        return error.exit_code


def _exit_status(response: InvocationResponse | None) -> int:
    if response is None or response.exit_code == 0:
        return 0
    # For the task's log.
    sys.stderr.write(response.stderr)
    return 1 if response.error is None or response.error.retryable else EXIT_REFUSED


def _invocation(env: Mapping[str, str]) -> Invocation:
    payload: dict[str, object] = {
        "jobPath": required(env, "JOB_PATH"),
        "action": env.get("JOB_ACTION", "").strip() or "chunk",
        # Cloud Run counts attempts from 0.
        "attempt": number(env, "CLOUD_RUN_TASK_ATTEMPT") + 1,
    }
    if payload["action"] == "chunk":
        payload["chunkIndex"] = number(env, "CLOUD_RUN_TASK_INDEX")
    return Invocation.parse(payload)


if __name__ == "__main__":
    guard_credentials()
    sys.exit(main())
