"""Runs a recorded job in a process of its own, which outlives the one that started it."""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from helios.errors import HeliosError, JobFailed
from helios.process.stop_signals import call_on_stop
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.manager import manager_of
from orchestrator.display.display import SilentDisplay
from orchestrator.job_repository import JobRepository

#: Seconds between two looks at whether the process has claimed its job.
_LOOK = 0.05


async def start_in_background(
    job_id: str,
    store: JobStore,
    repository: JobRepository,
    *,
    resume: bool,
    keep_chunks: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Start a process that runs a job, and return once it has claimed the job.

    `repository` was opened from `store`. `resume` says that the job had begun before, `keep_chunks`
    that existing chunks count as its own.

    Raises:
        JobFailed: The process ended before it could begin.
    """
    order = {
        "job": job_id,
        "store": store.location,
        "resume": resume,
        "keepChunks": keep_chunks,
        "changes": dict(changes or {}),
    }
    runs = (await repository.summary(job_id)).metrics.runs
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time
            [sys.executable, "-P", "-m", "orchestrator.api.jobs.background", json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
        # Collects the exit status: otherwise the process stays a zombie until this one ends.
        threading.Thread(target=process.wait, daemon=True).start()
        while (await repository.summary(job_id)).metrics.runs == runs:
            if process.poll() is not None:
                break
            await asyncio.sleep(_LOOK)
        else:
            return
        if (await repository.summary(job_id)).metrics.runs > runs:
            return
        told.seek(0)
        lines = told.read().decode("utf-8", "replace").strip().splitlines()
        raise JobFailed(f"job {job_id}: its process ended before it began", details=lines[-5:])


async def _run(order: Mapping[str, Any]) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run makes one
    call_on_stop(task.cancel)
    async with JobStore(order["store"]).open() as repository:
        manager = manager_of(repository, SilentDisplay())
        if not order["resume"]:
            await manager.run(order["job"], keep_chunks=order["keepChunks"])
            return
        await manager.resume(
            order["job"],
            fresh=not order["keepChunks"],
            change=lambda settings: settings.changed(order["changes"]),
        )


def main(text: str) -> int:
    """Run the job that an order names, and return the exit status; the outcome is recorded."""
    try:
        asyncio.run(_run(json.loads(text)))
    except asyncio.CancelledError:
        return 1
    except HeliosError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
