"""`render --incremental`: only what a change reaches is rendered; the video is as if all were."""

import contextlib
import shutil
import signal
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.conftest import Bench

pytestmark = pytest.mark.browser

#: Nine frames in three chunks. The second reads `mood.json`, if it is there; the third a scene.
PAGE = """<!doctype html><html data-duration="0.3"><style>
body { margin: 0; background: #204060 }
div { width: 4px; height: 4px; background: #fc0; animation: go 1s linear infinite }
@keyframes go { to { transform: translate(160px, 60px) } }
</style><div></div><script>
const show = (name, frame) => setTimeout(async () => {
  const answer = await fetch(name);
  if (answer.ok) document.body.style.background = (await answer.json()).ground;
}, frame * 1000 / 30 - 1);
show("mood.json", 3);
show("scene.json", 6);
</script></html>"""
#: The video, what it read, the pictures at its ends, and its trace.
FILES_OF_A_CHUNK = 4
FLAGS = ("--width", 20, "--height", 10, "--frames-per-chunk", 3, "--allow-missing", "--json")


class Film:
    """A composition that was rendered once, and is rendered again after changes."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.folder = bench.folder / "film"
        self.chunks = bench.folder / "v.mp4.job/chunks"

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def arguments(self, *flags: object, output: str = "v.mp4") -> tuple[object, ...]:
        return ("render", "film", "-o", output, *FLAGS, "--incremental", *flags)

    def render(self, *flags: object, output: str = "v.mp4") -> tuple[set[int], dict[int, str]]:
        """Return which chunks were rendered, and the reasons that were given."""
        done = self.bench.run(*self.arguments(*flags, output=output))
        assert done.status == 0, done.stdout + done.stderr
        started = {d["chunkId"] for d in done.documents if d["event"] == "chunk_started"}
        kept = next(d for d in done.documents if d["event"] == "kept")
        reasons = {n: each["reason"] for each in kept["anew"] for n in each["chunks"]}
        assert started == reasons.keys()
        assert not started & set(kept["chunks"])
        return started, reasons

    def last_note(self) -> int:
        """Return when the last chunk was done, in nanoseconds; 0 if that can't be told."""
        with contextlib.suppress(FileNotFoundError):
            notes = self.chunks.glob("*.inputs.json")
            return max((path.stat().st_mtime_ns for path in notes), default=0)
        return 0

    def looks_fresh(self) -> bool:
        """Tell whether the video's frames are those of a render from nothing."""
        self.render(output="fresh.mp4")
        return frames(self.bench.folder / "v.mp4") == frames(self.bench.folder / "fresh.mp4")


def frames(video: Path) -> list[str]:
    command = ["ffmpeg", "-loglevel", "error", "-i", str(video), "-map", "0:v", "-f", "framemd5"]
    done = subprocess.run([*command, "-"], capture_output=True, text=True, check=True)
    return [line.rpartition(",")[2] for line in done.stdout.splitlines() if line[0] != "#"]


def streams(video: Path) -> str:
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", str(video)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the film was rendered; tests must not change it."""
    folder = tmp_path_factory.mktemp("rendered")
    film = Film(Bench(folder))
    film.folder.mkdir()
    film.write("index.html", PAGE)
    film.write("scene.json", '{"ground": "#800000"}')
    assert film.render()[0] == {0, 1, 2}
    return folder


@pytest.fixture
def film(bench: Any, rendered: Path) -> Film:
    shutil.copytree(rendered, bench.folder, dirs_exist_ok=True)
    return Film(bench)


@pytest.mark.long
def test_what_no_chunk_reads_may_change(film: Film) -> None:
    film.write("notes.txt", "no page reads them")
    assert film.render() == (set(), {})
    assert film.bench.names() == ["film", "page.html", "tmp", "v.mp4", "v.mp4.job"]


def test_a_file_that_changed_is_rendered_where_it_is_read(film: Film) -> None:
    before = frames(film.bench.folder / "v.mp4")
    film.write("scene.json", '{"ground": "#008000"}')
    assert film.render() == ({2}, {2: "scene.json changed"})
    after = frames(film.bench.folder / "v.mp4")
    assert after[:6] == before[:6]
    assert all(new != old for new, old in zip(after[6:], before[6:], strict=True))
    assert film.looks_fresh()


@pytest.mark.long
def test_files_that_come_and_go_are_changes(film: Film) -> None:
    film.write("mood.json", '{"ground": "#000080"}')
    assert film.render() == ({1, 2}, dict.fromkeys((1, 2), "mood.json is new"))
    assert film.looks_fresh()
    (film.folder / "mood.json").unlink()
    assert film.render() == ({1, 2}, dict.fromkeys((1, 2), "mood.json is gone"))


def test_the_page_itself_is_read_by_all_chunks(film: Film) -> None:
    film.write("index.html", PAGE.replace("#fc0", "#0fc"))
    assert film.render() == ({0, 1, 2}, dict.fromkeys((0, 1, 2), "index.html changed"))


@pytest.mark.long
def test_more_frames_are_more_chunks(film: Film) -> None:
    assert film.render("--frames", 11) == ({3}, {3: "not rendered like this before"})
    assert len(frames(film.bench.folder / "v.mp4")) == 11


@pytest.mark.long
def test_sound_is_mixed_anew_where_all_pictures_are_kept(film: Film) -> None:
    with wave.open(str(film.folder / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(b"\x00\x40\x00\xc0" * 2000)
    film.write("index.html", f'{PAGE}<audio src="tone.wav"></audio>')
    flags = ("--frames", 3)
    film.render(*flags, "--no-audio")
    assert film.render(*flags) == (set(), {})
    assert "codec_type=audio" in streams(film.bench.folder / "v.mp4")


@pytest.mark.long
def test_what_the_last_render_did_not_use_is_removed(film: Film) -> None:
    before = film.bench.names("v.mp4.job/chunks")
    assert film.render("--crf", 30)[0] == {0, 1, 2}
    after = film.bench.names("v.mp4.job/chunks")
    assert len(after) == len(before) == 3 * FILES_OF_A_CHUNK
    assert not set(after) & set(before)


@pytest.mark.long
def test_a_chunk_that_is_not_what_was_rendered_is_rendered_again(film: Film) -> None:
    first, second, third = film.chunks.glob("*.mp4")
    shutil.copy(first, second)
    third.write_bytes(third.read_bytes()[:-100])
    started, reasons = film.render()
    assert len(started) == 2
    assert set(reasons.values()) == {"its file is damaged"}
    assert film.looks_fresh()


@pytest.mark.long
def test_a_chunk_whose_note_cannot_be_read_is_rendered_again(film: Film) -> None:
    next(film.chunks.glob("*.inputs.json")).write_text("{")
    assert list(film.render()[1].values()) == ["not rendered like this before"]


@pytest.mark.long
@pytest.mark.slow
def test_after_a_kill_nothing_stale_is_kept(film: Film) -> None:
    film.write("index.html", PAGE.replace("#fc0", "#0fc"))
    before = film.last_note()
    command = film.bench.start(*film.arguments("--concurrency", 1))
    command.wait_until(lambda: film.last_note() > before)
    command.signal(signal.SIGKILL)
    command.end()
    command.wait_for_orphans()
    assert len(film.render()[0]) < 3
    assert film.looks_fresh()
    assert len(list(film.chunks.iterdir())) == 3 * FILES_OF_A_CHUNK


@pytest.mark.long
def test_a_stopped_render_is_resumed_with_the_same_care(film: Film) -> None:
    film.write("scene.json", '{"ground": "#008000"}')
    stopped = film.bench.run(*film.arguments("--deadline", "0.01s"))
    assert stopped.status == 3, stopped.stdout
    job = next(d["id"] for d in stopped.documents if d["event"] == "job")
    film.write("index.html", PAGE.replace("#fc0", "#0fc"))
    done = film.bench.run("resume", job, "--deadline", "1h", "--json")
    assert done.status == 0, done.stderr
    assert {d["chunkId"] for d in done.documents if d["event"] == "chunk_started"} == {0, 1, 2}


@pytest.mark.long
def test_a_page_that_reads_from_the_network_is_rendered_each_time(film: Film) -> None:
    script = "fetch('http://127.0.0.1:1025/').catch(() => 0).then(() => postMessage(1))"
    film.write("worker.js", script)
    waits = """<script>
const ends = new Promise((done) => { new Worker("worker.js").onmessage = done; });
window.helios = { waitUntilStable: () => ends };
</script>"""
    film.write("index.html", waits + PAGE)
    film.render("--frames", 3)
    _, reasons = film.render("--frames", 3)
    assert reasons[0] == "reads from 127.0.0.1, where anything may have changed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("film", "-o", "v.mp4", "--adapter", "lambda"), "doesn't go with --adapter"),
        (("film", "-o", "v.mp4", "--detach"), "doesn't go with --detach"),
        (("film", "-o", "v.mp4", "--resume"), "doesn't go with --resume"),
        (("http://127.0.0.1:1/", "-o", "v.mp4"), "what has changed at http://127.0.0.1:1/"),
        (("film", "-o", "v.gif"), "rendered as one chunk"),
    ],
)
def test_what_cannot_be_incremental_is_refused_before_any_work(
    bench: Any, arguments: tuple[object, ...], words: str
) -> None:
    bench.page("film/index.html")
    done = bench.run("render", *arguments, "--incremental")
    assert done.status == 2
    assert "error[OPTION_INVALID]: --incremental: " in done.stderr
    assert words in done.stderr
    assert bench.names() == ["film", "page.html", "tmp"]
