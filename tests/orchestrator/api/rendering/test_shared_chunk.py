"""A short render on this machine is one chunk, whose browsers share the work."""

import asyncio
from pathlib import Path

import pytest

from helios.contract.job_spec import JobSpec
from orchestrator import render
from tests.helios.frame_hashes import frame_hashes

FRAMES = 64
PAGE = """<style>
body { margin: 0; background: #123 }
div { width: 20px; height: 20px; background: #fc0; animation: go 2.2s linear }
@keyframes go { to { transform: translate(40px, 30px) } }
</style><div></div>"""


def rendered(folder: Path, name: str, *, chunks: int | None) -> tuple[list[str], list[str]]:
    """Return the chunks' commands and the digests of the frames of a lossless render."""
    output, job_dir = folder / f"{name}.mp4", folder / name
    size = (64, 64)
    render(
        folder,
        output,
        frames=FRAMES,
        size=size,
        crf=0,
        chunks=chunks,
        concurrency=2,
        job_dir=job_dir,
    )
    spec = JobSpec.model_validate_json((job_dir / "job.json").read_text())
    return [chunk.command for chunk in spec.chunks], asyncio.run(frame_hashes(output))


@pytest.mark.browser
@pytest.mark.slow
def test_it_has_the_frames_that_chunks_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOS_JOBS", str(tmp_path / "jobs"))
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text(PAGE)
    commands, frames = rendered(page, "shared", chunks=None)
    cut_commands, cut_frames = rendered(page, "cut", chunks=2)
    assert ["--concurrency 2" in command for command in commands] == [True]
    assert ["--concurrency" in command for command in cut_commands] == [False, False]
    assert len(set(frames)) == FRAMES
    assert frames == cut_frames
