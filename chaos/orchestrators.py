"""An orchestrator in a separate process, which may be killed at any time."""

import asyncio
import functools
import os
import random
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

import orchestrator.scheduling.endpoint
from chaos.breaking import break_records, break_storage, clock
from chaos.scene import JOB, Scene, make_spec
from chaos.trouble import Trouble
from helios.errors import HeliosError
from orchestrator.adapters.cloud_run import CloudRunAdapter
from orchestrator.backends.deployed_workers import DeployedWorkers, WorkerOpener
from orchestrator.backends.opening import open_backend
from orchestrator.job_repository import FileJobRepository
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.model.location import AdapterSettings, JobLocation
from orchestrator.model.settings import RunSettings

#: Seconds between tries, short enough for hundreds of runs.
PAUSE = 0.02


async def keep_job(scene: Scene, *, chunks: int, broken: int | None) -> None:
    """Record the job of a run."""
    manager = JobManager(FileJobRepository(scene.jobs))
    adapter = AdapterSettings(kind="cloudrun", artifacts=scene.storage.as_uri())
    await manager.create(
        make_spec(chunks, broken=broken),
        location=JobLocation(
            adapters=[adapter],
            job_path=str(scene.job_dir / "job.json"),
        ),
        settings=RunSettings(concurrency=3, retries=3, retry_delay=PAUSE),
    )


def orchestrate(scene: Scene, url: str, trouble: Trouble, seed: float) -> None:
    """Run or resume the job, and record how it ended."""
    os.setsid()
    os.chdir(scene.folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scene.temporary)
    os.environ["XDG_STATE_HOME"] = str(scene.folder / "state")
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    break_storage(scene, trouble, draw)
    break_records(scene, trouble, draw)
    orchestrator.scheduling.endpoint.FIRST_PAUSE = PAUSE
    begun = datetime.now(UTC)
    manager = JobManager(
        FileJobRepository(scene.jobs),
        functools.partial(open_backend, opener=_opener(url)),
        now=clock(trouble, draw) if trouble.clock_jumps else lambda: datetime.now(UTC),
    )
    scene.note("began")
    try:
        asyncio.run(manager.resume(JOB))
        code, text = None, ""
    except HeliosError as error:
        code = error.code
        text = "\n".join([error.message, *(error.details or ())])
    except Exception:
        code, text = "INTERNAL", traceback.format_exc()
    took = (datetime.now(UTC) - begun).total_seconds()
    scene.note("ended", code=code, text=text, seconds=took)


def _opener(url: str) -> WorkerOpener:
    def opener(
        settings: Sequence[AdapterSettings],
        *,
        concurrency: int,  # noqa: ARG001 - the adapter needs no limit
    ) -> Sequence[DeployedWorkers]:
        return [
            DeployedWorkers(
                name=each.kind,
                adapter=CloudRunAdapter(url, progress=False),
                artifacts=each.artifacts or "",
            )
            for each in settings
        ]

    return opener
