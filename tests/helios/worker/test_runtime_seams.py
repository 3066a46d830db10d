"""A worker that merges checks seams, and heals them where no other process does."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helios.contract.job_spec import JobSpec
from helios.records.boundary_frames import BoundaryFrames
from helios.records.chunk_record import ChunkRecord, MergeRecord, chunk_key
from helios.records.job_layout import HEALED_SPEC, SEAM_PICTURES, chunk_record
from tests.helios.worker.test_runtime_rendering import composition, rendering
from tests.helios.worker_setup import FRAMES, WorkerSetup, drawing, make_spec
from tests.sampling import every_nth

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: A square whose place is how often its callback ran.
COUNTING = """<!doctype html><body style="margin:0;background:#111">
<i style="position:absolute;top:8px;width:6px;height:6px;background:#4b8"></i><script>
const square = document.querySelector("i");
let count = 0;
const draw = () => { square.style.left = `${4 * count++}px`; requestAnimationFrame(draw) };
requestAnimationFrame(draw);</script>"""
LOSSLESS = "--no-audio --quality 0"


def frames(video: Path) -> list[str]:
    command = ["ffmpeg", "-loglevel", "error", "-i", str(video), "-map", "0:v", "-f", "framemd5"]
    done = subprocess.run([*command, "-"], capture_output=True, text=True, check=True)
    return [line.rpartition(",")[2] for line in done.stdout.splitlines() if line[0] != "#"]


def counting(site: WorkerSetup, folder: Path, *, more: str = LOSSLESS, **extra: Any) -> JobSpec:
    commands = [rendering(number, more=more) for number in range(2)]
    page = folder / "page"
    assets = site.upload(page if page.exists() else composition(page, COUNTING))
    return make_spec(commands, assets_url=assets, **extra)


def record(site: WorkerSetup, spec: JobSpec, number: int) -> ChunkRecord:
    chunk = spec.chunk(number)
    key = chunk_record(chunk, chunk_key(spec, chunk))
    data = asyncio.run(site.storage.get_bytes(f"jobs/one/{key}", limit=1 << 20))
    found = ChunkRecord.parse(data)
    assert found is not None
    return found


def events(site: WorkerSetup, name: str) -> list[dict[str, Any]]:
    return [event for event in site.events() if event["event"] == name]


def test_a_merge_heals_chunks_of_a_page_that_depends_on_its_past(
    site: WorkerSetup, tmp_path: Path
) -> None:
    spec = counting(site, tmp_path)
    job = site.put(spec)
    site.render(job, spec)
    assert isinstance(record(site, spec, 1).boundary, BoundaryFrames)
    response = site.merge(job)
    assert response.exit_code == 0, response.stderr
    assert "1 chunk rendered again" in response.stdout
    assert response.artifact is not None
    found = frames(site.file(response.artifact.url))
    assert len(set(found)) == 2 * FRAMES
    (merged,) = [name for name in site.names() if name.startswith("output/merge-")]
    data = asyncio.run(site.storage.get_bytes(f"jobs/one/{merged}", limit=1 << 20))
    recorded = MergeRecord.parse(data)
    assert recorded is not None
    assert recorded.healed == [1]
    assert HEALED_SPEC in site.names()
    # Both merges and chunks are there now.
    stored = len(events(site, "chunk.stored"))
    assert site.merge(job).artifact == response.artifact
    assert len(events(site, "chunk.stored")) == stored == 3


@pytest.mark.long
def test_a_merge_that_ran_out_of_time_is_resumed(site: WorkerSetup, tmp_path: Path) -> None:
    spec = counting(site, tmp_path)
    job = site.put(spec)
    site.render(job, spec)
    # Too short for a browser to start, on any machine.
    status, response = site.ask({"jobPath": job, "action": "merge"}, deadline=0.3)
    assert (status, response.error is not None) == (500, True)
    assert response.error is not None
    assert (response.error.code, response.error.retryable) == ("MERGE_FAILED", True) or (
        response.error.code == "TIMEOUT"
    )
    assert site.merge(job).exit_code == 0


@every_nth(2)
@pytest.mark.parametrize(("check", "again"), [("warn", "warning: "), ("off", "")])
def test_the_job_says_what_a_merge_does_about_seams(
    site: WorkerSetup, tmp_path: Path, check: Any, again: str
) -> None:
    spec = counting(site, tmp_path, seam_check=check)
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert response.exit_code == 0, response.stderr
    assert (again in response.stderr) and bool(again) == ("seams can be seen" in response.stderr)
    pictures = [name for name in site.names() if name.startswith(SEAM_PICTURES)]
    assert pictures == ([f"{SEAM_PICTURES}frame-{FRAMES - 1:06d}.png"] if again else [])
    assert len(events(site, "chunk.stored")) == 2
    assert (record(site, spec, 1).boundary is None) == (check == "off")


@pytest.mark.long
def test_what_may_not_be_replayed_is_refused_with_pictures(
    site: WorkerSetup, tmp_path: Path
) -> None:
    spec = counting(site, tmp_path, more=f"{LOSSLESS} --no-replay")
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert response.error is not None
    assert (response.error.code, response.error.retryable) == ("SEAM_DIFFERS", False)
    assert f"{SEAM_PICTURES}frame-{FRAMES - 1:06d}.png" in site.names()
    assert "--no-replay" in (response.error.hint or "")


def test_chunks_of_other_programs_are_joined_as_they_are(site: WorkerSetup) -> None:
    spec = make_spec([drawing(number, f"chunks/{number:05d}.mp4") for number in range(2)])
    job = site.put(spec)
    site.render(job, spec)
    assert site.merge(job).exit_code == 0
    assert record(site, spec, 1).boundary is None
    assert json.loads(spec.to_json()).get("seamCheck") is None
