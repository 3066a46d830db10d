"""A render of two tiny frames on deployed workers: what they can do is seen, not supposed."""

import asyncio
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helios import __version__
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.errors import HeliosError, JobFailed, StorageInvalid
from helios.records.chunk_record import MAX_RECORD_BYTES, ChunkRecord
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.backends.upload import StoredJob, upload_job
from orchestrator.delivery.packaging import link_composition, package_job
from orchestrator.delivery.stores import Stores
from orchestrator.doctor.base import Finding, Health, problem

_FRAMES, _RATE, _WIDTH, _HEIGHT = 2, 10, 64, 36
_CHUNK, _VIDEO = "chunks/0.mp4", "trial.mp4"
_PAGE = """<!doctype html><title>Trial</title>
<style>body { margin: 0; background: #204060 }</style>
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of a trial."""

    #: Version of the workers; None if they left no record.
    version: str | None
    #: The video.
    url: str


async def trial_findings(
    artifacts: str, *, renderer: WorkerAdapter, merge_adapter: WorkerAdapter
) -> list[Finding]:
    """Return the findings of a trial; closes the adapters.

    Parameters are those of `try_workers`.
    """
    what = "trial"
    try:
        async with Stores() as stores:
            trial = await try_workers(
                artifacts, renderer=renderer, merge_adapter=merge_adapter, stores=stores
            )
    except HeliosError as fault:
        return [problem(what, fault)]
    finally:
        await asyncio.gather(renderer.close(), merge_adapter.close())
    done = Finding(
        what,
        Health.OK,
        "two frames were rendered and stitched by the workers, and fetched from the bucket",
    )
    return [done, _versions(trial.version)]


def _versions(workers: str | None) -> Finding:
    what = "versions"
    if workers is None:
        return Finding(what, Health.UNKNOWN, "the workers left no record of theirs")
    if workers == __version__:
        return Finding(what, Health.OK, f"client and workers: {workers}")
    return Finding(
        what,
        Health.PROBLEM,
        f"client {__version__}, workers {workers}: they look for chunks under other names",
        "Deploy the workers again with this version, or install their version here.",
    )


async def try_workers(
    artifacts: str, *, renderer: WorkerAdapter, merge_adapter: WorkerAdapter, stores: Stores
) -> Trial:
    """Let workers render and stitch two frames, and read the stored results.

    What was stored is removed again, as far as that is allowed.
    """
    with tempfile.TemporaryDirectory(prefix="helios-") as folder:
        stored = await _store(Path(folder), artifacts, stores)
    job_folder = stored.job_path.rpartition("/")[0]
    storage = stores.at(job_folder)
    try:
        chunk, merge = Task(job_path=stored.job_path, chunk_id=0), Task(job_path=stored.job_path)
        await _run(renderer, chunk, "the chunk worker")
        merged = await _run(merge_adapter, merge, "the merge worker")
        if merged.artifact is None:
            raise StorageInvalid("the merge worker stored nothing")
        await stores.read(merged.artifact.url)
        names = [file.key for file in await storage.list("chunks/") if file.key.endswith(".json")]
        version = await _version(names, job_folder, stores)
        return Trial(version, merged.artifact.url)
    finally:
        await _clean_up(job_folder, stores)


async def _store(folder: Path, artifacts: str, stores: Stores) -> StoredJob:
    page = folder / "page"
    page.mkdir()
    (page / "index.html").write_text(_PAGE, "utf-8")
    job_dir = folder / "job"
    job_dir.mkdir()
    link_composition(str(page), job_dir)
    job = package_job(_spec(), job_dir)
    return (await upload_job(job, artifacts=[artifacts], stores=stores))[artifacts]


def _spec() -> JobSpec:
    size = f"--width {_WIDTH} --height {_HEIGHT} --fps {_RATE}"
    command = (
        f"helios render composition -o {_CHUNK} --start-frame 0 --frame-count {_FRAMES} {size}"
        " --no-audio"
    )
    return JobSpec(
        id=f"doctor-{secrets.token_hex(6)}",
        metadata=JobMetadata(
            total_frames=_FRAMES, fps=_RATE, width=_WIDTH, height=_HEIGHT, duration=_FRAMES / _RATE
        ),
        chunks=[
            RenderChunk(
                id=0, start_frame=0, frame_count=_FRAMES, output_file=_CHUNK, command=command
            )
        ],
        merge_command=f"helios merge {_VIDEO} {_CHUNK}",
    )


async def _run(adapter: WorkerAdapter, task: Task, who: str) -> WorkerResult:
    result = await adapter.execute(WorkerJob(command="helios", task=task))
    failure = result.failure
    if failure is not None:
        raise JobFailed(f"{who}: [{failure.code}] {failure.message}", hint=failure.hint or "")
    return result


async def _version(names: Sequence[str], job_folder: str, stores: Stores) -> str | None:
    for name in names:
        data = await stores.read(f"{job_folder}/{name}", limit=MAX_RECORD_BYTES)
        record = ChunkRecord.parse(data)
        if record is not None:
            return record.versions.get("helios")
    return None


async def _clean_up(job_folder: str, stores: Stores) -> None:
    jobs, _, name = job_folder.rpartition("/")
    try:
        await stores.at(jobs).delete_prefix(f"{name}/")
    except HeliosError:
        # Rendering takes no permission to delete; the bucket's rules do it in some days.
        return
