"""A worker with real compositions, real browsers, and what kills them."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from helios.contract.invocation import InvocationResponse
from helios.contract.job_spec import JobSpec
from helios.media.probe import MediaInfo, probe
from helios.process.output_capture import OutputCallback
from helios.records.chunk_trace import MAX_TRACE_BYTES, ChunkTrace
from tests.helios.worker_setup import FPS, FRAMES, SIZE, WorkerSetup, make_spec

pytestmark = [pytest.mark.browser]

#: A square that goes right, four pixels a frame.
MOVING = """<!doctype html><meta charset="utf-8"><style>body { margin: 0 }
i { position: absolute; width: 20px; height: 90px; background: #0a0 }</style><i></i>
<script>
const square = document.querySelector("i");
const draw = () => {
  square.style.left = `${Math.round(performance.now() * 30 / 1000) * 4}px`;
  requestAnimationFrame(draw);
};
draw();
</script>"""
#: A page that takes memory without end, in the browser's script engine.
HOARDING = """<!doctype html><script>
requestAnimationFrame(() => { const all = []; for (;;) all.push(new Array(3e7).fill(1.5)); });
</script>"""


def rendering(number: int, *, frames: int = FRAMES, more: str = "--no-audio") -> str:
    width, height = SIZE.split("x")
    return (
        f"helios render composition -o chunks/{number:05d}.mp4 --start-frame {number * FRAMES} "
        f"--frame-count {frames} --width {width} --height {height} --fps {FPS} {more}"
    )


def composition(folder: Path, page: str) -> Path:
    folder.mkdir()
    (folder / "index.html").write_text(page)
    return folder


def look_at(site: WorkerSetup, response: InvocationResponse) -> MediaInfo:
    assert response.exit_code == 0, response.stderr
    assert response.artifact is not None
    return asyncio.run(probe(site.file(response.artifact.url)))


def pixels(path: Path) -> list[bytes]:
    """Return the grey picture of every frame."""
    form = ["-f", "rawvideo", "-pix_fmt", "gray"]
    command = ["ffmpeg", "-loglevel", "error", "-i", str(path), *form]
    data = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    size = 160 * 90
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_a_chunk_in_storage_has_its_trace_beside_it(site: WorkerSetup, tmp_path: Path) -> None:
    assets = site.upload(composition(tmp_path / "page", MOVING))
    spec = make_spec([rendering(0), rendering(1)], assets_url=assets)
    site.render(site.put(spec), spec)
    traces = [name for name in site.names() if name.endswith(".trace")]
    assert len(traces) == 2
    stored = asyncio.run(site.storage.get_bytes(f"jobs/one/{traces[1]}", limit=MAX_TRACE_BYTES))
    trace = ChunkTrace.parse(stored)
    assert trace is not None
    assert sum(span.frames for span in trace.spans) == FRAMES
    assert trace.pictures[0].frame == FRAMES


def sounding(site: WorkerSetup, tmp_path: Path) -> JobSpec:
    page = MOVING + '<audio src="tone.wav" autoplay></audio>'
    folder = composition(tmp_path / "page", page)
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "1"]
    subprocess.run(["ffmpeg", "-loglevel", "error", *tone, str(folder / "tone.wav")], check=True)
    merge = "helios merge film.mp4 chunks/00000.mp4 chunks/00001.mp4 --audio-from composition "
    return make_spec(
        [rendering(0), rendering(1)],
        merge=f"{merge} --frame-count {2 * FRAMES} --fps {FPS}",
        assets_url=site.upload(folder),
    )


def streams(video: Path) -> str:
    """Return the digests of a video's pictures and of its sound."""
    command = ["ffmpeg", "-loglevel", "error", "-i", str(video), "-map", "0", "-f", "streamhash"]
    return subprocess.run([*command, "-"], capture_output=True, check=True, text=True).stdout


@pytest.mark.long
def test_chunks_beyond_the_disk_are_joined_in_storage_to_the_same_video(
    tmp_path: Path,
) -> None:
    videos = []
    for name, options in (("roomy", {}), ("narrow", {"merge_bytes": 1000})):
        (tmp_path / name).mkdir()
        site = WorkerSetup(tmp_path / name, options=options)
        spec = sounding(site, tmp_path / name)
        job = site.put(spec)
        site.render(job, spec)
        response = site.merge(job)
        assert response.artifact is not None, response
        videos.append(site.file(response.artifact.url))
        again = site.merge(job)
        assert again.artifact == response.artifact
        assert "merge.reused" in site.log.getvalue()
        site.close()
    assert "joined in storage" in (response.stdout or "")
    assert len(streams(videos[0]).splitlines()) == 2
    assert streams(videos[0]) == streams(videos[1])


def test_a_composition_with_sound_is_rendered_and_joined(site: WorkerSetup, tmp_path: Path) -> None:
    spec = sounding(site, tmp_path)
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    info = look_at(site, response)
    assert info.video is not None
    assert info.video.frames == 2 * FRAMES
    assert info.audio is not None
    assert response.artifact is not None
    # Every frame shows the square where it belongs, across the seam as well.
    for number, picture in enumerate(pixels(site.file(response.artifact.url))):
        row = picture[45 * 160 : 46 * 160]
        dark = [x for x, level in enumerate(row) if level < 180]
        assert abs(dark[0] - 4 * number) <= 1, number


def at_first_progress(do: Callable[[], None]) -> OutputCallback:
    """Return what, listening to a render, does something once frames are being made."""
    done = False

    def listen(stream: str, line: str) -> None:
        nonlocal done
        if not done and line.startswith("progress "):
            done = True
            do()

    return listen


def signal_pages(site: WorkerSetup, number: signal.Signals) -> None:
    """Send a signal to the processes of a render's pages."""
    for process in psutil.process_iter():
        above = " ".join(map(_words, _above(process)))
        if "--type=renderer" in _words(process) and str(site.disk) in above:
            process.send_signal(number)


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _above(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.parents()
    except psutil.Error:
        return []


def long_job(site: WorkerSetup, tmp_path: Path) -> str:
    folder = composition(tmp_path / "page", MOVING)
    spec = make_spec([rendering(0, frames=3000)], assets_url=site.upload(folder))
    return site.put(spec)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, "OUT_OF_MEMORY"), (signal.SIGTRAP, "BROWSER_CRASHED")],
    ids=["killed", "crashed"],
)
def test_a_page_that_is_killed_ran_out_of_memory_and_one_that_breaks_crashed(
    site: WorkerSetup, tmp_path: Path, number: signal.Signals, code: str
) -> None:
    job = long_job(site, tmp_path)
    strike = at_first_progress(lambda: signal_pages(site, number))
    status, response = site.ask({"jobPath": job, "chunkIndex": 0}, on_output=strike)
    assert status == 500
    assert response.error is not None
    assert (response.error.code, response.error.retryable) == (code, True), response.stderr


@pytest.mark.long
@pytest.mark.slow
def test_a_page_that_takes_all_memory_is_told_as_such(site: WorkerSetup, tmp_path: Path) -> None:
    folder = composition(tmp_path / "page", HOARDING)
    job = site.put(make_spec([rendering(0)], assets_url=site.upload(folder)))
    response = site.chunk(job)
    assert response.error is not None
    # On a machine under load the page's time is up before its memory is.
    assert response.error.code in ("OUT_OF_MEMORY", "COMPOSITION_NEVER_SETTLED"), response.stderr


@pytest.mark.long
@pytest.mark.slow
def test_a_render_is_ended_before_the_worker_and_leaves_no_process(
    site: WorkerSetup, tmp_path: Path
) -> None:
    job = long_job(site, tmp_path)
    began = time.monotonic()
    response = site.chunk(job, deadline=20)
    assert time.monotonic() - began < 20
    assert response.error is not None
    assert response.error.code == "TIMEOUT"
    assert not [p for p in psutil.process_iter() if str(site.disk) in _words(p)]


@pytest.mark.slow
def test_a_page_cannot_reach_the_workers_metadata(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site")
    page = '<img src="http://169.254.169.254/latest/meta-data/iam/security-credentials/">'
    folder = composition(tmp_path / "page", page)
    job = site.put(make_spec([rendering(0)], assets_url=site.upload(folder)))
    response = site.chunk(job)
    assert response.error is not None
    assert response.error.code == "ASSET_MISSING"
    assert "169.254.169.254" in response.stderr
    site.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command: list[Any] = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told_as_such(small_disk: Path, tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", {"workspace": small_disk})
    noise = f"-f lavfi -i nullsrc=s={SIZE}:r=30,geq=random(1)*255:128:128 -frames:v 3000"
    command = f"ffmpeg -loglevel error {noise} -c:v rawvideo chunks/00000.mov"
    job = site.put(make_spec([command], suffix=".mov"))
    response = site.chunk(job)
    assert response.error is not None
    assert response.error.code == "DISK_FULL", response.stderr
    assert list((small_disk / "helios-work").glob("*/*")) == []
    site.close()
