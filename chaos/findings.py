"""Finds faults after a run: wrong states, causes, leftovers, pixels."""

import asyncio
import contextlib
import os
import re
import subprocess
from functools import cache
from pathlib import Path

import psutil

from chaos.scene import FRAMES, JOB, PICTURE, Scene
from chaos.trouble import CAUSES
from orchestrator.job_repository import FileJobRepository
from orchestrator.job_repository.file_lock import is_locked
from orchestrator.model.job import Job
from orchestrator.model.job_chunk import ChunkState
from orchestrator.model.job_state import JobState

#: Error codes of the second of two orchestrators that run one job.
SECOND = frozenset({"JOB_BUSY", "JOB_STATE_CONFLICT"})
#: Number of orchestrators that run without injected faults at the end; each repairs the damage
#: that the previous one found.
QUIET_LIVES = 2
#: Codes of errors that have other errors as their cause.
_WRAPPERS = frozenset({"JOB_FAILED", "CIRCUIT_OPEN", "MERGE_FAILED"})
_CODE = re.compile(r"\b[A-Z]+_[A-Z_]+\b")


async def faults_of(scene: Scene, *, chunks: int, broken: int | None) -> list[str]:
    """Return the faults found after a run, a sentence each."""
    return [
        *_wrong_causes(scene, broken=broken),
        *_renders_in_vain(scene),
        *await _left_behind(scene),
        *await _disagreements(scene, chunks=chunks, broken=broken),
    ]


def _last_end(scene: Scene) -> str:
    ends = [note for note in scene.notes("ended") if note["code"] not in SECOND]
    return "" if not ends else ends[-1]["code"] or "completed"


def _wrong_causes(scene: Scene, *, broken: int | None) -> list[str]:
    """Return reported errors whose cause wasn't injected."""
    happened = scene.counted()
    true = {code for kind in CAUSES if happened[kind] for code in CAUSES[kind]}
    true |= CAUSES["broken_chunk"] if broken is not None else set()
    faults = []
    for end in scene.notes("ended"):
        if end["code"] is None or end["code"] in SECOND:
            continue
        told = {end["code"], *_CODE.findall(end["text"])} - _WRAPPERS
        if not told:
            faults.append(f"ended without a cause: {end['code']}: {end['text']}")
        elif wrong := told - true:
            faults.append(f"ended by {', '.join(sorted(wrong))}, which didn't happen: {end}")
    return faults


def _renders_in_vain(scene: Scene) -> list[str]:
    return [
        f"chunk {note['chunk']} was rendered although it was there"
        for note in scene.notes("render")
        if note["in_vain"]
    ]


async def _left_behind(scene: Scene) -> list[str]:
    """Return processes, locks and temporary files that remain."""
    faults = []
    for _ in range(50):
        # Child processes of a killed orchestrator end by themselves.
        processes = _processes_in(scene.folder)
        if not processes:
            break
        await asyncio.sleep(0.1)
    else:
        faults += [f"process {name} is left" for name in processes]
    locks = [scene.jobs / JOB / "lock", scene.job_dir]
    faults += [f"{path} is locked" for path in locks if path.exists() and is_locked(path)]
    faults += [
        f"{path.relative_to(scene.folder)} is left"
        for path in scene.folder.rglob("*")
        if path.is_file() and not _belongs(path.relative_to(scene.folder).as_posix())
    ]
    return faults


_KEPT = re.compile(
    r"notes\.jsonl|state/.*|disk-\d/helios-(assets|work)/\.lock"
    r"|jobs/(\.index|[^/]+/(job\.json|spec\.json|chunks\.jsonl|lock))"
    r"|job/(job\.json|video\.mp4|chunks/\d+\.mp4)"
    r"|storage/(assets|jobs/[^/]+(/chunks|/done)?)/(\.helios-[^/]+\.sha256|[^/.][^/]*)"
)


def _belongs(name: str) -> bool:
    return _KEPT.fullmatch(name) is not None


def _processes_in(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            at = Path(process.cwd())
            if at.is_relative_to(folder) and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()) or process.name())
    return found


async def _disagreements(scene: Scene, *, chunks: int, broken: int | None) -> list[str]:
    """Return contradictions between record, storage and video."""
    job = await FileJobRepository(scene.jobs).get(JOB)
    whole = scene.whole_chunks()
    done = {chunk.id for chunk in job.chunks.values() if chunk.state is ChunkState.DONE}
    # The record was read before the latest changes in storage.
    whole |= {note["chunk"] for note in scene.notes("corrupted")}
    faults = [f"chunk {number} is done, but isn't there" for number in sorted(done - whole)]
    if job.chunks_done != len(done):
        faults.append(f"{job.chunks_done} chunks are done, and {len(done)} are called so")
    running = [chunk.id for chunk in job.chunks.values() if chunk.state is ChunkState.RUNNING]
    faults += [f"chunk {number} is said to run" for number in running]
    if broken is None:
        return [*faults, *_wrong_end(job, scene, chunks=chunks, whole=whole)]
    told = "" if job.error is None else "\n".join(job.error.details or ())
    if job.state is not JobState.FAILED or f"chunk {broken}: COMMAND_FAILED" not in told:
        faults.append(f"chunk {broken} is broken, but the job is {job.state}: {job.error}")
    return faults


def _wrong_end(job: Job, scene: Scene, *, chunks: int, whole: set[int]) -> list[str]:
    if job.state is not JobState.COMPLETED:
        return [f"the job is {job.state} in the end: {job.error}"]
    if len(whole) < chunks or job.chunks_done < chunks:
        return [f"completed, with {len(whole)} chunks there and {job.chunks_done} done"]
    if _hashes(scene.video) != _expected(chunks):
        return ["the video has other frames"]
    return []


@cache
def _expected(chunks: int) -> list[str]:
    """Return the hashes of the video's frames before encoding."""
    return _frame_hashes("-f", "lavfi", "-i", PICTURE, "-frames:v", str(FRAMES * chunks))


def _hashes(video: Path) -> list[str]:
    return _frame_hashes("-i", str(video)) if video.exists() else []


def _frame_hashes(*source: str) -> list[str]:
    command = ["ffmpeg", "-v", "error", *source, "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]
