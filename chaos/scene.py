"""The environment of a run: folders, job, and a log that all processes share."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.records.chunk_record import ChunkRecord

FPS = 30
#: Frames of each chunk.
FRAMES = 3
WIDTH, HEIGHT = 32, 24
JOB = "chaos"
#: Source of a video whose frames all differ.
PICTURE = f"testsrc=s={WIDTH}x{HEIGHT}:r={FPS}:d=60,format=yuv420p"
# Lossless, so that frames can be compared with those before encoding.
_LOSSLESS = "-c:v libx264 -preset ultrafast -qp 0"


@dataclass(frozen=True)
class Scene:
    """The folders of a run, in which its processes work.

    Args:
        folder: The folder of all others.
    """

    folder: Path

    @property
    def jobs(self) -> Path:
        """Folder of the job records."""
        return self.folder / "jobs"

    @property
    def storage(self) -> Path:
        """Folder of the storage that workers and orchestrators share."""
        return self.folder / "storage"

    @property
    def job_dir(self) -> Path:
        """The job's folder on the orchestrator's machine."""
        return self.folder / "job"

    @property
    def video(self) -> Path:
        """Path of the video."""
        return self.job_dir / "video.mp4"

    @property
    def temporary(self) -> Path:
        """Temporary files of orchestrators."""
        return self.folder / "tmp"

    def disk(self, worker: int) -> Path:
        """Return the folder of a worker's disk, which stays after its process."""
        return self.folder / f"disk-{worker}"

    def make(self) -> None:
        """Create the folders."""
        for path in (self.jobs, self.storage, self.job_dir, self.temporary):
            path.mkdir(parents=True)

    def note(self, kind: str, **facts: Any) -> None:
        """Log an event; processes may do so concurrently, and be killed meanwhile."""
        line = json.dumps({"kind": kind, "pid": os.getpid(), **facts}) + "\n"
        with (self.folder / "notes.jsonl").open("ab", buffering=0) as notes:
            notes.write(line.encode())

    def notes(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the logged events, in order."""
        path = self.folder / "notes.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [note for note in map(json.loads, lines) if not kinds or note["kind"] in kinds]

    def counted(self) -> Counter[str]:
        """Return the number of events of each kind."""
        return Counter(note["kind"] for note in self.notes())

    def whole_chunks(self) -> set[int]:
        """Return the stored chunks whose digest is that of their record."""
        return {record.chunk_id for record, path in self.stored() if _is_whole(record, path)}

    def stored(self) -> Iterator[tuple[ChunkRecord, Path]]:
        """Return the records of chunks in storage, and where the chunks should be."""
        for path in self.storage.glob(f"jobs/{JOB}/chunks/*.json"):
            try:
                record = ChunkRecord.parse(path.read_bytes())
            except FileNotFoundError:
                continue
            if record is not None:
                yield record, path.with_suffix(".mp4")


def _is_whole(record: ChunkRecord, path: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == record.artifact.sha256
    except FileNotFoundError:
        return False


def make_spec(chunks: int, *, broken: int | None) -> JobSpec:
    """Return a job whose chunks are made in milliseconds."""
    outputs = [f"chunks/{number:05}.mp4" for number in range(chunks)]
    inputs = " ".join(f"-i {output}" for output in outputs)
    merge = f"ffmpeg -y -v error {inputs} -filter_complex concat=n={chunks} {_LOSSLESS} video.mp4"
    return JobSpec(
        id=JOB,
        metadata=JobMetadata(
            total_frames=FRAMES * chunks,
            fps=FPS,
            width=WIDTH,
            height=HEIGHT,
            duration=FRAMES * chunks / FPS,
        ),
        chunks=[
            RenderChunk(
                id=number,
                start_frame=FRAMES * number,
                frame_count=FRAMES,
                output_file=output,
                command=_drawing(FRAMES * number, output, broken=number == broken),
            )
            for number, output in enumerate(outputs)
        ],
        merge_command=merge,
    )


def _drawing(start: int, output: str, *, broken: bool) -> str:
    picture = f"{PICTURE},trim=start_frame={start},setpts=PTS-STARTPTS"
    if broken:
        return f"ffmpeg -v error -i gone.mp4 {output}"
    return f"ffmpeg -v error -f lavfi -i {picture} -frames:v {FRAMES} {_LOSSLESS} {output}"
