"""A place that runs jobs in memory: the real executor, and chunks that tests let go one by one."""

import asyncio
import contextlib
from collections import defaultdict
from pathlib import Path

from helios.contract.worker_job import Artifact, WorkerJob, WorkerResult
from helios.errors import HeliosError
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.backends.base import Backend
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.execution.run_hooks import RunHooks
from orchestrator.model.job import Job

Answer = WorkerResult | HeliosError | Exception


async def settle(turns: int = 30) -> None:
    """Let every task go on until all of them wait."""
    for _ in range(turns):
        await asyncio.sleep(0)


class LittlePlace(Backend, WorkerAdapter):
    """Keeps what was rendered, across runs, as a folder would.

    Attributes
    ----------
    rendered:
        The ids of the chunks that were begun, in order; None stands for a merge.
    there:
        By job, the chunks that are there.
    script:
        By chunk, the answers of its next attempts; success after that.
    gate:
        Chunks begin but don't end while it isn't set.
    let_go:
        Jobs whose chunks end nevertheless.
    fails:
        A job and its chunk that is refused.
    thrown_away:
        Chunks that were there when everything was to be rendered anew.
    in_vain:
        Chunks that were rendered although they were there.
    """

    def __init__(self, *, open_gate: bool = True) -> None:
        self.rendered: list[int | None] = []
        self.there: dict[str, set[int]] = defaultdict(set)
        self.script: dict[int | None, list[Answer]] = {}
        self.gate = asyncio.Event()
        self.let_go: set[str] = set()
        self.fails: tuple[str, int] | None = None
        self.thrown_away: list[tuple[str, int]] = []
        self.in_vain: list[tuple[str, int]] = []
        self.tidied: list[str] = []
        self.discarded: list[str] = []
        if open_gate:
            self.gate.set()

    async def run(self, job: Job, *, keep_chunks: bool, control: RunHooks) -> str:
        if not keep_chunks:
            self.thrown_away += [(job.id, chunk_id) for chunk_id in self.there[job.id]]
            self.there[job.id].clear()
        done = set(self.there[job.id])
        control.on_reused(done)
        await JobExecutor(control.wrap(self)).execute(
            job.spec,
            concurrency=job.settings.concurrency,
            job_dir=Path(job.id),
            retries=job.settings.retries,
            retry_delay=job.settings.retry_delay,
            completed_chunk_ids=done,
            merge_adapter=self,
            pause=control.pause,
            on_event=control.on_event,
        )
        return f"{job.id}.mp4"

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        chunk_id = job.meta.get("chunkId")
        self.rendered.append(chunk_id)
        if on_output is not None and chunk_id is not None:
            on_output("stderr", "progress frame=5 total=10 fps=50.0")
        folder = job.cwd or ""
        if chunk_id in self.there[folder]:
            self.in_vain.append((folder, chunk_id))
        while not self.gate.is_set() and folder not in self.let_go:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.005):
                    await self.gate.wait()
        if (folder, chunk_id) == self.fails:
            return WorkerResult(exit_code=2, stderr="error[OPTION_INVALID]: fps: 0\n")
        answers = self.script.get(chunk_id)
        if answers:
            answer = answers.pop(0)
            if isinstance(answer, WorkerResult):
                return answer
            raise answer
        if chunk_id is not None:
            self.there[folder].add(chunk_id)
        artifact = Artifact(url=f"file:///{job.cwd}/{chunk_id}.mp4", bytes=3)
        return WorkerResult(exit_code=0, duration_ms=100, artifact=artifact, worker="little")

    async def tidy(self, job: Job) -> None:
        self.tidied.append(job.id)

    async def forget(self, job: Job) -> None:
        self.there.pop(job.id, None)

    async def discard(self, job: Job) -> None:
        self.discarded.append(job.id)
        self.there.pop(job.id, None)
