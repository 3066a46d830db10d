"""A program that uses the API is checked by mypy as strictly as this project itself."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio

from helios import FfmpegStitcher, HeliosError, JobSpec, RenderJobChunk, WorkerJob
from orchestrator import (
    ChunkFiles,
    CloudRun,
    JobHandle,
    JobManager,
    Lambda,
    ProgressEvent,
    Video,
    WorkerAdapter,
    get_job,
    jobs,
    render,
    render_async,
    submit,
)


def show(event: ProgressEvent) -> None:
    print(event)


try:
    video: Video = render("promo", "out.mp4", fps=25, props={"title": "Hi"}, on_event=show)
except HeliosError as error:
    print(error.code, error.hint, error.details, error.retryable)
chunks: ChunkFiles = render("promo", "out.mp4", merge=False)
several: Video = render("promo", "out.mp4", target=[Lambda(share=3), CloudRun()], max_cost=2.0)
job: JobHandle = submit("promo", "out.mp4", target=Lambda(stack="Helios"))
done: Video = job.wait(timeout=600)
again: Video = job.resume(deadline="10m")
nothing: None = job.resume(wait=False)
handles: list[JobHandle] = jobs(states=["failed", "interrupted"])
later: Video = asyncio.run(render_async("promo", "out.mp4"))
reveal_type(render("promo", "out.mp4", merge=bool(handles)))
reveal_type(get_job("x").status().state)
"""
#: Each is an error of its own.
WRONG = (
    'render("promo", "out.mp4", fsp=30)',
    'render("promo", "out.mp4", width="wide")',
    'render("promo", "out.mp4", seam_check="maybe")',
    'render("promo", "out.mp4", target="lambda")',
    'submit("promo", "out.mp4", target=[Lambda(), CloudRun()])',
    'video_of_chunks: Video = render("promo", "out.mp4", merge=False)',
    'get_job("x").resume(colour="red")',
    'jobs(states=["asleep"])',
)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_types_reach_programs_and_find_their_mistakes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + "\n".join(WRONG) + "\n", "utf-8")
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\n", "utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings), "program.py"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    first = PROGRAM.count("\n") + 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("program.py:")]
    notes = [line for line in lines if "Revealed type" in line]
    assert "Video" in notes[0] and "ChunkFiles" in notes[0]
    assert "'interrupted'" in notes[1]
    faulty = {int(line.split(":")[1]) for line in lines if ": error: " in line}
    assert faulty == set(range(first, first + len(WRONG))), done.stdout
