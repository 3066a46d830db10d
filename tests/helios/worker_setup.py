"""A worker with storage of its own, and jobs whose chunks real programs render in no time."""

import asyncio
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helios.assets import upload_assets
from helios.contract.invocation import InvocationResponse
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.storage import ArtifactStorage, open_storage
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog

FPS = 30
FRAMES = 10
SIZE = "160x90"


def drawing(chunk_id: int, output: str, *, frames: int = FRAMES) -> str:
    """Return a command that draws a chunk by itself: a picture that differs from frame to frame."""
    picture = f"testsrc=s={SIZE}:r={FPS}:d=60,trim=start_frame={chunk_id * FRAMES}"
    return (
        f"ffmpeg -loglevel error -f lavfi -i {picture},setpts=PTS-STARTPTS -frames:v {frames} "
        f"-c:v libx264 -preset ultrafast -pix_fmt yuv420p {output}"
    )


def make_spec(
    commands: Sequence[str] | None = None,
    *,
    chunks: int = 2,
    suffix: str = ".mp4",
    merge: str | None = None,
    **extra: Any,
) -> JobSpec:
    """Return a spec of chunks of `FRAMES` frames each."""
    outputs = [f"chunks/{number:05d}{suffix}" for number in range(len(commands or [0] * chunks))]
    commands = commands or [drawing(number, output) for number, output in enumerate(outputs)]
    total = FRAMES * len(commands)
    width, height = map(int, SIZE.split("x"))
    return JobSpec(
        metadata=JobMetadata(
            total_frames=total, fps=FPS, width=width, height=height, duration=total / FPS
        ),
        chunks=[
            RenderChunk(
                id=number,
                start_frame=FRAMES * number,
                frame_count=FRAMES,
                output_file=output,
                command=command,
            )
            for number, (command, output) in enumerate(zip(commands, outputs, strict=True))
        ],
        merge_command=" ".join(["helios merge video.mp4", *outputs]) if merge is None else merge,
        **extra,
    )


#: Executables of workers whose jobs draw chunks without a browser.
DRAWING = frozenset({"helios", "ffmpeg", "ffprobe"})


@dataclass
class WorkerSetup:
    """A worker's surroundings: its storage and its disk.

    Args:
        options: Of the worker's configuration and of the runtime.
        artifacts: The storage's URL; a folder by default.
        opener: Opens that storage.
    """

    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    artifacts: str = ""
    opener: Callable[[str], ArtifactStorage] = open_storage

    def __post_init__(self) -> None:
        self.log = io.StringIO()
        self.disk = self.folder / "disk"
        self.artifacts = self.artifacts or (self.folder / "artifacts").as_uri()
        self.storage = self.opener(self.artifacts)
        self._runtime: WorkerRuntime | None = None

    @property
    def runtime(self) -> WorkerRuntime:
        if self._runtime is None:
            options: dict[str, Any] = {
                "artifacts": self.artifacts,
                "workspace": self.disk,
                # Most chunks of tests are drawn without a browser.
                "executables": DRAWING,
                **self.options,
            }
            made = {name: options.pop(name) for name in _OF_RUNTIME & options.keys()}
            made.setdefault("storage_opener", self.opener)
            log = WorkerLog(self.log)
            self._runtime = WorkerRuntime(WorkerConfig(**options), log=log, **made)
        return self._runtime

    def put(self, spec: JobSpec, *, job: str = "one") -> str:
        """Store a spec and return its URL."""
        return self.put_text(spec.to_json(), job=job)

    def put_text(self, text: str, *, job: str = "one") -> str:
        key = f"jobs/{job}/job.json"
        asyncio.run(self.storage.put_bytes(key, text.encode()))
        return self.storage.url_of(key)

    def upload(self, folder: Path) -> str:
        return asyncio.run(upload_assets(self.storage, folder))

    def ask(self, payload: object, **options: Any) -> tuple[int, InvocationResponse]:
        """Send a request; whatever comes of it, no workspace is left."""
        answer = asyncio.run(self.runtime.answer(payload, **options))
        assert self.leftovers() == []
        return answer

    def chunk(self, job_path: str, number: int = 0, **options: Any) -> InvocationResponse:
        return self.ask({"jobPath": job_path, "chunkIndex": number}, **options)[1]

    def merge(self, job_path: str, **options: Any) -> InvocationResponse:
        return self.ask({"jobPath": job_path, "action": "merge"}, **options)[1]

    def render(self, job_path: str, spec: JobSpec) -> None:
        for chunk in spec.chunks:
            response = self.chunk(job_path, chunk.id)
            assert response.exit_code == 0, response.stderr

    def leftovers(self) -> list[Path]:
        """Return what commands and workspaces left on the disk."""
        return list((self.disk / "helios-work").glob("*/*"))

    def names(self, job: str = "one") -> list[str]:
        """Return the names of a job's files in storage."""
        found = asyncio.run(self.storage.list(f"jobs/{job}/"))
        return [entry.key.removeprefix(f"jobs/{job}/") for entry in found]

    def file(self, url: str | None) -> Path:
        assert url is not None
        return Path(url.removeprefix("file://"))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def close(self) -> None:
        if self._runtime is not None:
            self._runtime.close()


_OF_RUNTIME = {"storage_opener", "executor", "resolve", "environment"}
