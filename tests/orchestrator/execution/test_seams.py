"""Seams between chunks: proven, healed, warned of, or refused, wherever chunks are rendered."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from helios.records.boundary_frames import BOUNDARY_VARIABLE, BoundaryFrames, BoundaryPictures
from orchestrator.model.settings import Stitch
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.planning.planner import plan
from orchestrator.planning.render_options import RenderOptions
from tests.orchestrator.backends.test_remote import Bench as RemoteBench
from tests.sampling import sampled

pytestmark = pytest.mark.browser

HELIOS = str(Path(sys.executable).with_name("helios"))
FRAMES = 9
FLAGS = ("--frames", FRAMES, "--width", 64, "--height", 36, "--crf", 0, "--no-audio")
DRAWING = """<!doctype html><body style="margin:0;background:#111">
<i style="position:absolute;left:0;top:8px;width:6px;height:6px;background:#4b8"></i><script>
const square = document.querySelector("i");
%s</script>"""
#: Its place is how often the callback ran, which depends on the frames that were visited.
COUNTING = (
    DRAWING
    % """let count = 0;
const draw = () => { square.style.left = `${4 * count++}px`; requestAnimationFrame(draw) };
requestAnimationFrame(draw);"""
)
#: Its place follows from the time alone.
PURE = (
    DRAWING
    % """const draw = now => {
  square.style.left = `${4 * Math.round(now * 30 / 1000)}px`; requestAnimationFrame(draw) };
requestAnimationFrame(draw);"""
)
#: Its place is what the server says, which is something else for every browser.
ASKING = (
    DRAWING
    % """fetch("/number").then(answer => answer.text())
  .then(number => { square.style.left = `${number}px` });"""
)


def frames(video: Path) -> list[str]:
    command = ["ffmpeg", "-loglevel", "error", "-i", str(video), "-map", "0:v", "-f", "framemd5"]
    done = subprocess.run([*command, "-"], capture_output=True, text=True, check=True)
    return [line.rpartition(",")[2] for line in done.stdout.splitlines() if line[0] != "#"]


@pytest.fixture(scope="module")
def in_one(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The frames of the counting page as one browser renders them, one after another."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "page.html").write_text(COUNTING)
    command = [HELIOS, "render", "page.html", "-o", "one.mp4", "--frame-count", str(FRAMES)]
    size = ["--width", "64", "--height", "36", "--quality", "0", "--no-audio"]
    subprocess.run([*command, *size], cwd=folder, check=True, capture_output=True)
    found = frames(folder / "one.mp4")
    assert len(set(found)) == FRAMES
    return found


class SeamBench:
    """Renders pages in three chunks of three frames by the command."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench

    def render(self, page: str, *flags: object, output: str = "v.mp4") -> Any:
        if not page.startswith("http"):
            (self.bench.folder / "page.html").write_text(page)
            page = "page.html"
        cut = () if {"--chunks", "--frames-per-chunk"} & set(flags) else ("--chunks", 3)
        return self.bench.run("render", page, "-o", output, *FLAGS, *cut, *flags, "--json")

    def frames(self, output: str = "v.mp4") -> list[str]:
        return frames(self.bench.folder / output)


@pytest.fixture
def seams(bench: Any) -> SeamBench:
    return SeamBench(bench)


def events(done: Any, kind: str) -> list[dict[str, Any]]:
    return [document for document in done.documents if document["event"] == kind]


def test_a_page_that_counts_its_frames_is_healed_and_reported(
    seams: SeamBench, in_one: list[str]
) -> None:
    done = seams.render(COUNTING, "--chunks", 5)
    assert done.status == 0, done.stdout
    assert seams.frames() == in_one
    (healing,) = events(done, "seams_healing")
    assert healing["chunkIds"] == [1, 2, 3, 4]
    (completed,) = events(done, "completed")
    assert completed["seams"] == {
        "proven": 4,
        "alike": 0,
        "unknown": 0,
        "differing": 0,
        "healedChunks": [1, 2, 3, 4],
    }
    started = [document["chunkId"] for document in events(done, "chunk_started")]
    assert sorted(started) == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    (job,) = events(done, "job")
    shown = seams.bench.run("status", job["id"], "--json")
    (record,) = shown.documents
    assert record["metrics"]["healedChunks"] == 4


def test_a_pure_page_is_proven_and_nothing_is_rendered_twice(seams: SeamBench) -> None:
    done = seams.render(PURE)
    assert done.status == 0, done.stdout
    assert len(set(seams.frames())) == FRAMES
    assert events(done, "seams_healing") == []
    assert events(done, "seams_compared")[0]["proven"] == 2
    assert len(events(done, "chunk_started")) == 3


@pytest.mark.long
def test_a_page_that_replays_by_itself_is_not_rendered_again(
    seams: SeamBench, in_one: list[str]
) -> None:
    declared = COUNTING.replace("<!doctype html>", "<!doctype html><html data-helios-replay>")
    done = seams.render(declared)
    assert (done.status, seams.frames()) == (0, in_one)
    assert events(done, "seams_compared")[0]["proven"] == 2
    assert len(events(done, "chunk_started")) == 3


@pytest.mark.long
def test_without_the_check_what_differs_stays(seams: SeamBench, in_one: list[str]) -> None:
    done = seams.render(COUNTING, "--seam-check", "off", "--keep")
    assert done.status == 0
    assert events(done, "seams_compared") == []
    assert seams.frames() != in_one
    stored = {name.partition(".")[2] for name in seams.bench.names("v.mp4.job/chunks")}
    assert stored == {"mp4", "trace"}


def test_a_warning_names_frame_and_region_and_shows_both_pictures(seams: SeamBench) -> None:
    done = seams.render(COUNTING, "--seam-check", "warn")
    assert done.status == 0
    (warning,) = events(done, "seams_differ")
    # The first frames are visited in any case, so that the seam after frame 2 is the same.
    assert "draw frame 5 differently" in warning["message"]
    assert "frame 5, drawn by chunks 1 and 2, differs within" in warning["details"][0]
    assert seams.bench.names("v.seams") == ["frame-000005.png"]
    assert len(seams.frames()) == FRAMES
    assert len(events(done, "chunk_started")) == 3


@pytest.mark.long
def test_differing_seams_are_an_error_if_replay_is_off(seams: SeamBench) -> None:
    done = seams.render(COUNTING, "--no-replay")
    assert done.status == 2
    assert events(done, "error")[0]["code"] == "SEAM_DIFFERS"
    assert not (seams.bench.folder / "v.mp4").exists()


class _Numbers(BaseHTTPRequestHandler):
    """Serves the asking page, and another number each time that it asks."""

    asked = 0

    def do_GET(self) -> None:
        body = ASKING
        if self.path == "/number":
            _Numbers.asked += 1
            body = str(_Numbers.asked * 5 % 50)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if body == ASKING else "text/plain")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def numbers() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Numbers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@pytest.mark.long
def test_what_no_replay_heals_is_an_error_with_pictures_and_can_be_rendered_all_the_same(
    seams: SeamBench,
) -> None:
    with numbers() as url:
        done = seams.render(url, "--chunks", 2)
        assert done.status == 2
        (error,) = events(done, "error")
        assert error["code"] == "SEAM_DIFFERS"
        assert "frame 3" in error["message"]
        assert "again from frame 0" in error["message"]
        assert "v.seams/frame-000003.png" in error["details"][0]
        assert seams.bench.names("v.seams") == ["frame-000003.png"]
        # Its chunks are there, also that which was rendered again.
        again = seams.render(url, "--chunks", 2, "--resume", "--seam-check", "warn")
    assert again.status == 0
    assert events(again, "chunk_started") == []
    assert len(events(again, "seams_differ")) == 1


@pytest.mark.long
def test_a_healed_chunk_is_not_rendered_a_third_time(seams: SeamBench, in_one: list[str]) -> None:
    assert seams.render(COUNTING, "--keep").status == 0
    again = seams.render(COUNTING, "--keep", "--resume", output="v.mp4")
    assert again.status == 0
    assert events(again, "chunk_started") == []
    assert events(again, "seams_compared")[0]["proven"] == 2
    (seams.bench.folder / "v.mp4.job/chunks/00002.mp4").unlink()
    third = seams.render(COUNTING, "--resume")
    # Without replay at first, as planned; then as its neighbours were.
    assert [event["chunkId"] for event in events(third, "chunk_started")] == [2, 2]
    assert seams.frames() == in_one


@pytest.mark.long
def test_boundary_frames_of_another_file_prove_nothing(seams: SeamBench) -> None:
    assert seams.render(PURE, "--keep").status == 0
    chunks = seams.bench.folder / "v.mp4.job/chunks"
    note = chunks / "00001.boundary"
    frames = BoundaryFrames.load(note)
    assert frames is not None
    assert (frames.start, frames.frames, frames.replayed) == (3, 3, False)
    note.write_bytes(note.read_bytes().replace(frames.output.encode(), b"0" * 64))
    again = seams.render(PURE, "--resume")
    assert events(again, "completed")[0]["seams"]["unknown"] == 2


@pytest.mark.long
def test_an_incremental_render_keeps_healed_chunks(seams: SeamBench, in_one: list[str]) -> None:
    flags = ("--incremental", "--frames-per-chunk", 3)
    assert seams.render(COUNTING, *flags).status == 0
    again = seams.render(COUNTING, *flags)
    assert events(again, "chunk_started") == []
    assert events(again, "completed")[0]["seams"]["proven"] == 2
    assert seams.frames() == in_one


@pytest.mark.long
def test_a_playlist_ends_with_healed_segments(seams: SeamBench, in_one: list[str]) -> None:
    done = seams.render(COUNTING, output="v.m3u8")
    assert done.status == 0, done.stdout
    assert events(done, "completed")[0]["seams"]["healedChunks"] == [1, 2]
    assert seams.frames("v.m3u8") == in_one


@pytest.mark.parametrize("browsers", sampled([1, 2], [2]))
def test_the_frame_before_is_drawn_by_whichever_page_takes_the_first(
    bench: Any, browsers: int
) -> None:
    (bench.folder / "page.html").write_text(PURE)
    found = []
    for start in (0, 3):
        note = bench.folder / f"{start}.boundary"
        subprocess.run(
            [
                *(HELIOS, "render", "page.html", "-o", f"{start}.mp4", "--width", "64"),
                *("--height", "36", "--start-frame", str(start), "--frame-count", "3"),
                *("--no-audio", "--concurrency", str(browsers), "--boundary-frames", str(note)),
            ],
            cwd=bench.folder,
            check=True,
            capture_output=True,
        )
        found.append(BoundaryFrames.load(note))
    first, second = found
    assert first is not None
    assert second is not None
    assert first.before is None
    assert second.before == first.last
    assert second.last != first.last
    pictures = BoundaryPictures.parse((bench.folder / "3.boundary").read_bytes())
    assert pictures is not None
    assert pictures.before != pictures.last
    assert len(frames(bench.folder / "3.mp4")) == 3


def test_images_leave_no_boundary_frames(bench: Any) -> None:
    (bench.folder / "page.html").write_text(PURE)
    done = subprocess.run(
        [HELIOS, "render", "page.html", "-o", "images", "--frame-count", "2"],
        check=False,
        cwd=bench.folder,
        env={**os.environ, BOUNDARY_VARIABLE: "note"},
        capture_output=True,
    )
    assert done.returncode == 0
    assert bench.names("images") == ["frame-000000.png", "frame-000001.png"]
    assert "note" not in bench.names()


# --- elsewhere ------------------------------------------------------------------------------


def remote_spec(folder: Path, page: str, **options: Any) -> Any:
    composition = folder / "job" / "composition"
    composition.mkdir(exist_ok=True)
    (composition / "index.html").write_text(page)
    return plan(
        str(composition),
        "video.mp4",
        frame_count=FRAMES,
        options=RenderOptions(width=64, height=36, crf=0),
        sizes=ChunkSizes(chunks=3),
        job_dir=folder / "job",
        sound=False,
        job_id="counting",
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "stitch", sampled([Stitch.LOCAL, Stitch.WORKER, Stitch.SERVER], [Stitch.WORKER])
)
def test_chunks_from_elsewhere_are_healed_there(
    tmp_path: Path, in_one: list[str], stitch: Stitch
) -> None:
    bench = RemoteBench(tmp_path)
    spec = remote_spec(tmp_path, COUNTING)
    site = bench.group()
    notes = bench.run(spec, site, stitch=stitch, concurrency=1)
    assert frames(bench.video) == in_one
    (completed,) = notes.facts("completed")
    assert completed["seams"]["healedChunks"] == [1, 2]
    assert site.rendered() == [0, 1, 1, 2, 2]
    # Going on with it asks for nothing that is there already.
    again = bench.run(spec, site, stitch=stitch, concurrency=1, resume=True)
    assert site.rendered() == [0, 1, 1, 2, 2]
    assert frames(bench.video) == in_one
    assert again.facts("completed")[-1]["seams"]["proven"] == 2


@pytest.mark.long
@pytest.mark.slow
def test_two_places_heal_together(tmp_path: Path, in_one: list[str]) -> None:
    bench = RemoteBench(tmp_path)
    sites = [bench.group("one"), bench.group("two")]
    bench.run(remote_spec(tmp_path, COUNTING), *sites, stitch=Stitch.WORKER)
    assert frames(bench.video) == in_one
    rendered = sorted([*sites[0].rendered(), *sites[1].rendered()])
    assert rendered == [0, 1, 1, 2, 2]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("check", ["off", "warn"])
def test_elsewhere_the_check_is_the_jobs_own_too(tmp_path: Path, check: Any) -> None:
    bench = RemoteBench(tmp_path)
    site = bench.group()
    spec = remote_spec(tmp_path, COUNTING, seam_check=check)
    notes = bench.run(spec, site, stitch=Stitch.WORKER, concurrency=1)
    assert site.rendered() == [0, 1, 2]
    differing = notes.facts("completed")[0].get("seams", {}).get("differing", 0)
    assert differing == {"off": 0, "warn": 1}[check]
