"""A place that runs jobs in memory: the real executor, and chunks that tests let go one by one."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.backends.base import Backend
from orchestrator.execution.job_executor import JobExecutor, JobResult
from orchestrator.execution.run_hooks import RunHooks
from orchestrator.execution.seam_step import ChunkFolder, SeamSource
from orchestrator.job_repository import JobRepository
from orchestrator.model.job import Job, JobSummary

Answer = WorkerResult | HeliosError | Exception


async def settle(turns: int = 30) -> None:
    """Let every task go on until all of them wait."""
    for _ in range(turns):
        await asyncio.sleep(0)


class LittlePlace(WorkerAdapter):
    """Keeps what was rendered, across runs, as a folder would.

    Attributes:
        rendered: The ids of the chunks that were begun, in order; None stands for a merge.
        there: By job, the chunks that are there.
        script: By chunk, the answers of its next attempts; success after that.
        gate: Chunks begin but don't end while it isn't set.
        let_go: Jobs whose chunks end nevertheless.
        fails: A job and its chunk that is refused.
        thrown_away: Chunks that were there when everything was to be rendered anew.
        in_vain: Chunks that were rendered although they were there.
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

    def backend_of(self, job: Job) -> Backend:
        """Return the backend of a job that runs here."""
        return LittleBackend(job, self)

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


class LittleBackend(Backend):
    """Runs a job in a little place, without a folder."""

    def __init__(self, job: Job, place: LittlePlace) -> None:
        super().__init__(job)
        self.place = place

    async def run(self, *, keep_chunks: bool, hooks: RunHooks) -> str:
        await self.prepare(keep_chunks=keep_chunks)
        done = await self.reused_chunks(keep_chunks=keep_chunks)
        hooks.on_reused(done)
        result = await JobExecutor(self.chunk_adapter()).execute(
            self.spec,
            self.settings,
            job_dir=Path(self.job.id),
            completed_chunk_ids=done,
            merge_adapter=self.place,
            pause=hooks.pause,
            record=hooks.record,
            on_event=hooks.on_event,
        )
        return await self.deliver(result)

    async def prepare(self, *, keep_chunks: bool) -> None:
        if not keep_chunks:
            there = self.place.there[self.job.id]
            self.place.thrown_away += [(self.job.id, chunk_id) for chunk_id in there]
            there.clear()

    async def reused_chunks(self, *, keep_chunks: bool) -> Collection[int]:
        return set(self.place.there[self.job.id])

    def chunk_adapter(self) -> WorkerAdapter:
        return self.place

    async def deliver(self, result: JobResult) -> str:
        return f"{self.job.id}.mp4"

    @property
    def seams(self) -> SeamSource:
        return ChunkFolder(self.spec, self.folder, pictures=self.folder)

    async def tidy(self) -> None:
        self.place.tidied.append(self.job.id)

    async def forget(self) -> None:
        self.place.there.pop(self.job.id, None)

    async def discard(self) -> None:
        self.place.discarded.append(self.job.id)
        self.place.there.pop(self.job.id, None)


async def interrupted(repository: JobRepository) -> list[JobSummary]:
    """Return the jobs that are recorded as running, but whose process has ended."""
    jobs = (await repository.list()).jobs
    return [job for job in jobs if await repository.is_interrupted(job)]
