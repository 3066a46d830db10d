"""One run: runs a job with injected faults, and checks the result."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from chaos.findings import QUIET_LIVES, _last_end, faults_of
from chaos.orchestrators import keep_job, orchestrate
from chaos.scene import JOB, Scene
from chaos.trouble import Trouble
from chaos.workers import PROCESSES, Workers, kill_family
from orchestrator.job_repository import FileJobRepository

#: Longest time in seconds until an orchestrator is killed or a second one started.
MEDDLED_WITHIN = 1.0
#: Time limit of an orchestrator in seconds.
TOO_LONG = 60.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        faults: Detected faults, a sentence each; none if nothing was lost.
        happened: Number of injected faults and of actions, by kind.
    """

    seed: int
    trouble: Trouble
    chunks: int
    state: str
    faults: list[str]
    happened: Counter[str]


async def play(seed: int, folder: Path, *, trouble: Trouble | None = None) -> Outcome:
    """Run a job with the faults of a seed, and check the result.

    Args:
        folder: Folder of the run; it is created.
        trouble: Faults to inject in place of the seed's.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    chunks = draw.randint(3, 6)
    trouble = trouble or Trouble.drawn(draw, chunks=chunks)
    scene = Scene(folder)
    scene.make()
    await keep_job(scene, chunks=chunks, broken=trouble.broken_chunk)
    workers = Workers(scene, trouble, draw)
    faults: list[str] = []
    async with workers.serving():
        for kill in [True] * trouble.kills + [False]:
            faults += await _live(scene, workers, draw, kill=kill)
            if _last_end(scene) == "completed":
                break
        workers.trouble = trouble.calmed()
        for _ in range(QUIET_LIVES):
            if _last_end(scene) != "completed":
                faults += await _live(scene, workers, draw, kill=False)
    state = str((await FileJobRepository(scene.jobs).summary(JOB)).state)
    return Outcome(
        seed=seed,
        trouble=trouble,
        chunks=chunks,
        state=state,
        faults=[*faults, *await faults_of(scene, chunks=chunks, broken=trouble.broken_chunk)],
        happened=scene.counted(),
    )


async def _live(scene: Scene, workers: Workers, draw: random.Random, *, kill: bool) -> list[str]:
    """Run an orchestrator until it ends or is killed, sometimes with a second one."""
    first = _started(scene, workers, draw)
    second: BaseProcess | None = None
    try:
        if workers.trouble.second:
            await asyncio.to_thread(first.join, draw.uniform(0, MEDDLED_WITHIN))
            second = _started(scene, workers, draw)
        if kill:
            await asyncio.to_thread(first.join, draw.uniform(0, MEDDLED_WITHIN))
            if first.is_alive():
                scene.note("orchestrator_killed")
                first.kill()
        faults = []
        for process in filter(None, (first, second)):
            await asyncio.to_thread(process.join, TOO_LONG)
            if process.is_alive():
                faults.append(f"an orchestrator ran for more than {TOO_LONG:g} s")
                kill_family(process.pid)
                process.join()
        return faults
    finally:
        for process in filter(None, (first, second)):
            process.close()


def _started(scene: Scene, workers: Workers, draw: random.Random) -> BaseProcess:
    process = PROCESSES.Process(
        target=orchestrate, args=(scene, workers.url, workers.trouble, draw.random())
    )
    process.start()
    return process
