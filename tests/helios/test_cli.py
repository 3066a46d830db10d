"""The `helios` command with bad input, and stopped or robbed in the middle.

Each failure has its own code, a sentence that helps and an exit status other than 0; nothing is
left under the final name, beside it, among the temporary files or among the processes.
"""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helios.media.probe import probe
from tests.sampling import every_nth, sampled

pytestmark = pytest.mark.slow

SMALL = ("--width", 160, "--height", 90)
TWELVE = (*SMALL, "--frame-count", 12)
#: More frames than any test waits for.
ENDLESS = (*SMALL, "--frame-count", 100_000)
#: A page on which something moves in every frame.
MOVING = """<style>
div { width: 20px; height: 20px; background: #fc0; animation: go 2s linear infinite }
@keyframes go { to { transform: translate(140px, 70px) } }
</style><div></div>"""


@pytest.fixture
def silence() -> Iterator[str]:
    """Address of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def refuse(desk: Any, *arguments: object, **env: str) -> Any:
    """Run a command that has to fail and to leave nothing; return what it reported."""
    before = desk.names()
    done = desk.run(*arguments, env=env)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    error = done.error
    assert done.status == (1 if error.retryable else 2), done.stderr
    assert desk.names() == before
    return error


# --- refused before a browser starts


@every_nth(4)
@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (("lost.html",), "COMPOSITION_NOT_FOUND", "lost.html: no such composition", "index.html"),
        (("empty",), "COMPOSITION_NOT_FOUND", "empty: no such composition", "index.html"),
        (("notes.txt",), "COMPOSITION_NOT_FOUND", "notes.txt: not a composition", "Give the file"),
        (("http://[bad",), "COMPOSITION_NOT_FOUND", "not an address", ""),
        (("page.html", "--frame-count", 0), "OPTION_INVALID", "must be at least 1", ""),
        (("page.html", "--frame-count", -3), "OPTION_INVALID", "must be at least 1", ""),
        (("page.html", "--duration", "0.001"), "OPTION_INVALID", "must be at least 1", ""),
        (("page.html", "--duration", "inf"), "OPTION_INVALID", "duration inf", ""),
        (("page.html", "--duration", "nan"), "OPTION_INVALID", "duration nan", ""),
        (("page.html", "--start-frame", -1), "OPTION_INVALID", "counted from 0", ""),
        (("page.html", "--width", 161), "OPTION_INVALID", "161x90: h264", "Use 162x90"),
        (("page.html", "--height", 91), "OPTION_INVALID", "160x91: h264", "Use 160x92"),
        (("page.html", "--width", 0), "OPTION_INVALID", "0x90", ""),
        (("page.html", "--width", 16386), "OPTION_INVALID", "1 to 16384", ""),
        (("page.html", "--scale", "nan"), "OPTION_INVALID", "scale nan", ""),
        (("page.html", "--scale", "inf"), "OPTION_INVALID", "scale inf", ""),
        (("page.html", "--scale", "0.25"), "OPTION_INVALID", "scale 0.25", "--width"),
        (("page.html", "--fps", "0"), "OPTION_INVALID", "fps", ""),
        (("page.html", "--fps", "fast"), "OPTION_INVALID", "fps", "30000/1001"),
        (("page.html", "--fps", "1/0"), "OPTION_INVALID", "fps", "30000/1001"),
        (("page.html", "--timeout", "0"), "OPTION_INVALID", "timeout 0", ""),
        (("page.html", "--timeout", "nan"), "OPTION_INVALID", "timeout nan", ""),
        (("page.html", "--concurrency", 0), "OPTION_INVALID", "concurrency 0", ""),
        (("page.html", "--quality", -1), "OPTION_INVALID", "quality -1", "Lower is better"),
        (("page.html", "--quality", 52), "OPTION_INVALID", "0 to 51", "Lower is better"),
        (("page.html", "--preset", "warp"), "OPTION_INVALID", "preset 'warp'", "veryfast"),
        (("page.html", "--mode", "3d"), "OPTION_INVALID", "mode '3d'", ""),
        (("page.html", "--video-codec", "divx"), "OPTION_INVALID", "'divx': not known", "h264"),
        (("page.html", "--video-codec", "prores"), "OPTION_INVALID", "into .mp4", ".mov"),
        (("page.html", "--audio-codec", "kazoo"), "CODEC_UNAVAILABLE", "'kazoo'", "ffmpeg"),
        (("page.html", "--transparent"), "OPTION_INVALID", "h264 holds no", "prores"),
        (("page.html", "--props", "{"), "OPTION_INVALID", "props: not JSON", "--props"),
        (("page.html", "--props", '{"a": NaN}'), "OPTION_INVALID", "props: not JSON", "--props"),
        (("page.html", "--props", "[" * 100_000), "OPTION_INVALID", "props: not JSON", ""),
        (("page.html", "--props", "[1]"), "OPTION_INVALID", "must be a JSON object", ""),
        (("page.html", "--props", "@lost.json"), "OPTION_INVALID", "@lost.json", ""),
    ],
    ids=lambda value: " ".join(map(str, value))[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_rendered_is_refused_with_what_to_do(
    desk: Any, arguments: tuple[object, ...], code: str, message: str, hint: str
) -> None:
    desk.page(MOVING)
    (desk.folder / "notes.txt").write_text("no page")
    (desk.folder / "empty").mkdir()
    length = SMALL if "--duration" in arguments else TWELVE
    error = refuse(desk, "render", *length, *arguments, "-o", "v.mp4", HELIOS_BROWSER="/bin/false")
    assert error.code == code
    assert message in error.message
    assert hint in error.hint
    assert not error.retryable


@every_nth(3)
@pytest.mark.parametrize(
    ("output", "flags", "code", "message"),
    [
        ("/proc/v.mp4", (), "OUTPUT_UNWRITABLE", "/proc/v.mp4"),
        ("/proc/deep/v.mp4", (), "OUTPUT_UNWRITABLE", "/proc/deep/v.mp4"),
        ("/proc/frames", (), "OUTPUT_UNWRITABLE", "/proc/"),
        ("page.html/v.mp4", (), "OUTPUT_UNWRITABLE", "page.html/v.mp4"),
        ("page.html/frames", (), "OUTPUT_UNWRITABLE", "page.html"),
        ("there.mp4", (), "OUTPUT_UNWRITABLE", "there.mp4"),
        ("v.avi", (), "OPTION_INVALID", "v.avi"),
        ("v.webm", ("--audio-codec", "aac"), "OPTION_INVALID", ".webm"),
        ("v.m4v", ("--video-codec", "prores"), "OPTION_INVALID", ".m4v"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    desk: Any, output: str, flags: tuple[str, ...], code: str, message: str
) -> None:
    desk.page(MOVING)
    (desk.folder / "there.mp4").mkdir()
    none = {"HELIOS_BROWSER": "/bin/false"}
    error = refuse(desk, "render", "page.html", *TWELVE, "-o", output, *flags, **none)
    assert error.code == code
    assert message in error.message


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("-o", "s.mp4"), "OPTION_INVALID"),
        (("-o", "s"), "OPTION_INVALID"),
        (("-o", "s.png", "--frame", -1), "OPTION_INVALID"),
        (("-o", "s.jpg", "--transparent"), "OPTION_INVALID"),
        (("-o", "/proc/s.png"), "OUTPUT_UNWRITABLE"),
    ],
)
def test_a_still_that_cannot_be_is_refused(desk: Any, flags: tuple[object, ...], code: str) -> None:
    desk.page(MOVING)
    error = refuse(desk, "still", "page.html", *SMALL, *flags, HELIOS_BROWSER="/bin/false")
    assert error.code == code


@every_nth(3)
@pytest.mark.parametrize("browser", ["no-such-browser", "/no/such/browser", "page.html"])
def test_a_browser_that_is_not_there_is_told_with_how_to_get_one(desk: Any, browser: str) -> None:
    desk.page(MOVING)
    error = refuse(desk, "render", "page.html", *TWELVE, "-o", "v.mp4", HELIOS_BROWSER=browser)
    assert error.code == "PROGRAM_MISSING"
    assert browser in error.message
    assert "HELIOS_BROWSER" in error.hint


def test_a_browser_that_ends_at_once_is_worth_another_try(desk: Any) -> None:
    desk.page(MOVING)
    error = refuse(desk, "render", "page.html", *TWELVE, "-o", "v.mp4", HELIOS_BROWSER="false")
    assert (error.code, error.retryable) == ("BROWSER_CRASHED", True)


def fake_ffmpeg(folder: Path, script: str) -> dict[str, str]:
    """Put another ffmpeg first on PATH."""
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_codec_that_ffmpeg_lacks_is_named(desk: Any, tmp_path: Path) -> None:
    desk.page(MOVING)
    env = fake_ffmpeg(tmp_path / "bin", "echo \"Unknown encoder 'libx264'\" >&2; exit 1")
    error = refuse(desk, "render", "page.html", *TWELVE, "-o", "v.mp4", **env)
    assert error.code == "CODEC_UNAVAILABLE"
    assert "'libx264'" in error.message
    assert "ffmpeg -encoders" in error.hint


def test_a_missing_ffmpeg_is_told_with_how_to_get_it(desk: Any) -> None:
    desk.page(MOVING)
    error = refuse(desk, "render", "page.html", *TWELVE, "-o", "v.mp4", PATH=str(desk.scratch))
    assert error.code == "PROGRAM_MISSING"
    assert "ffmpeg" in error.message


def test_a_wrong_flag_is_a_usage_error(desk: Any) -> None:
    done = desk.run("render", "page.html", "--no-such-flag")
    assert done.status == 2
    assert "--no-such-flag" in done.stderr


def test_help_is_quick(desk: Any) -> None:
    # Time on the processor: other tests may hold the cores.
    def seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = seconds()
    for _ in range(3):
        assert desk.run("render", "--help").status == 0
    assert (seconds() - before) / 3 < 0.6


# --- refused once the page has been seen

THROWS = "<script>throw new Error('out of paint')</script>"
REJECTS = "<script>Promise.reject(new TypeError('no brush'))</script>"
NEVER_STABLE = "<script>window.helios = {waitUntilStable: () => new Promise(() => {})}</script>"
LATE_IMAGE = """<script>
const append = () => document.body.append(Object.assign(new Image(), {src: "SILENCE/late.png"}));
setTimeout(append, 90);
</script>"""


@pytest.mark.browser
@every_nth(3)
@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (THROWS, "COMPOSITION_FAILED", "out of paint"),
        (REJECTS, "COMPOSITION_FAILED", "no brush"),
        ("<script>no brush</script>", "COMPOSITION_FAILED", "SyntaxError"),
        ('<img src="SILENCE/never.png">', "COMPOSITION_LOAD_TIMEOUT", "/never.png"),
        ("<script>for (;;);</script>", "COMPOSITION_LOAD_TIMEOUT", ""),
        (NEVER_STABLE, "COMPOSITION_NEVER_SETTLED", "waitUntilStable"),
        (LATE_IMAGE, "COMPOSITION_NEVER_SETTLED", "/late.png"),
        ('<img src="lost.png">', "ASSET_MISSING", "lost.png (status 404)"),
        ('<script>fetch("lost.json")</script>', "ASSET_MISSING", "lost.json (status 404)"),
        ('<video src="lost.mp4"></video>', "ASSET_MISSING", "lost.mp4"),
        ('<link rel="stylesheet" href="lost.css">', "ASSET_MISSING", "lost.css (status 404)"),
        ('<script src="lost.js"></script>', "ASSET_MISSING", "lost.js (status 404)"),
        ('<img src="../outside.png">', "ASSET_MISSING", "outside.png (status 404)"),
    ],
)
def test_a_page_that_cannot_be_shown_is_an_error_with_its_cause(
    desk: Any, silence: str, body: str, code: str, detail: str
) -> None:
    (desk.folder.parent / "outside.png").write_bytes(b"secret")
    desk.page(MOVING + body.replace("SILENCE", silence))
    flags = (*TWELVE, "--timeout", 2)
    error = refuse(desk, "render", "page.html", *flags, "-o", "v.mp4")
    assert error.code == code
    assert detail in "\n".join(error.details)
    assert error.hint
    assert not error.retryable


@pytest.mark.browser
def test_a_failing_page_leaves_no_folder_for_images(desk: Any) -> None:
    desk.page(THROWS)
    assert refuse(desk, "render", "page.html", *TWELVE, "-o", "images").code == "COMPOSITION_FAILED"
    desk.page('<script>setTimeout(() => fetch("lost.json"), 200)</script>')
    assert refuse(desk, "render", "page.html", *TWELVE, "-o", "images").code == "ASSET_MISSING"


@pytest.mark.browser
def test_a_render_that_fails_leaves_the_video_that_was_there(desk: Any) -> None:
    desk.page('<script>setTimeout(() => fetch("lost.json"), 200)</script>')
    (desk.folder / "v.mp4").write_bytes(b"the one before")
    assert refuse(desk, "render", "page.html", *TWELVE, "-o", "v.mp4").code == "ASSET_MISSING"
    assert (desk.folder / "v.mp4").read_bytes() == b"the one before"


@pytest.mark.browser
def test_a_page_on_a_server_that_is_away_is_not_found(desk: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    source = f"http://127.0.0.1:{port}/page.html"
    error = refuse(desk, "render", source, *TWELVE, "-o", "v.mp4")
    assert error.code == "COMPOSITION_NOT_FOUND"
    assert "CONNECTION_REFUSED" in error.message


@pytest.mark.browser
def test_missing_files_may_be_allowed(desk: Any) -> None:
    body = '<img src="lost.png"><script>fetch("lost.json")</script><video src="lost.mp4"></video>'
    desk.page(MOVING + body)
    done = desk.render("-o", "v.mp4", "--allow-missing")
    assert "lost.png (status 404)" in done.stderr
    assert desk.names() == ["page.html", "v.mp4"]


@pytest.mark.browser
def test_sounds_that_cannot_be_read_may_be_allowed(desk: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (desk.folder / "broken.wav").write_text("no sound at all")
    there = f'<video src="http://127.0.0.1:{port}/away.mp4" autoplay></video>'
    desk.page(f'{MOVING}<audio src="broken.wav" autoplay></audio>{there}')
    error = refuse(desk, "render", "page.html", *TWELVE, "-o", "v.mp4")
    assert error.code == "ASSET_MISSING"
    assert any(detail.startswith("broken.wav") for detail in error.details)
    assert any("away.mp4" in detail for detail in error.details)
    done = desk.render("-o", "v.mp4", "--allow-missing")
    assert "broken.wav" in done.stderr


@pytest.mark.browser
def test_what_a_page_logs_and_throws_reaches_stderr_with_its_frame(desk: Any) -> None:
    desk.page("""<script>
console.error("while loading");
setTimeout(() => console.error("thin", {ice: 1}), 100);
setTimeout(() => { throw new RangeError("too far") }, 200);
setTimeout(() => Promise.reject(new Error("unkept")), 300);
setTimeout(() => console.log("just talk"), 100);
</script>""")
    done = desk.render("-o", "v.mp4")
    lines = done.stderr.splitlines()
    assert "page[load] error: while loading" in lines
    assert any(line.startswith("page[frame 3] error: thin") for line in lines), lines
    assert any("page[frame 6] error: RangeError: too far" in line for line in lines), lines
    assert any("page[frame 9] error: Error: unkept" in line for line in lines), lines
    assert "just talk" not in done.stderr
    assert "page[frame 3] log: just talk" in desk.render("-o", "v.mp4", "--verbose").stderr


@pytest.mark.browser
def test_the_length_is_what_the_page_declares_or_else_asked_for(desk: Any) -> None:
    (desk.folder / "page.html").write_text('<!doctype html><html data-duration="0.2"></html>')
    done = desk.run("render", "page.html", *SMALL, "-o", "v.mp4")
    assert done.status == 0, done.stderr
    assert "v.mp4: 6 frames" in done.stderr
    desk.page("")
    error = refuse(desk, "render", "page.html", *SMALL, "-o", "w.mp4")
    assert error.code == "DURATION_UNKNOWN"
    assert "--duration" in error.hint


@pytest.mark.browser
def test_inspect_prints_what_a_page_declares(desk: Any) -> None:
    page = '<!doctype html><html data-duration="2.5"><audio src="data:audio/wav;base64,"></html>'
    (desk.folder / "page.html").write_text(page)
    done = desk.run("inspect", "page.html")
    assert done.status == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["duration"], facts["durationSource"]) == (2.5, "declared")


# --- broken or stopped in the middle


def begin(desk: Any, *flags: object) -> Any:
    """Start a render without end and wait until frames are being made."""
    desk.page(MOVING)
    running = desk.start("render", "page.html", *ENDLESS, *flags)
    running.wait_until(lambda: bool(running.find("ffmpeg", "libx264")))
    time.sleep(0.3)
    return running


@pytest.mark.browser
@every_nth(3)
@pytest.mark.parametrize(
    ("victim", "code"),
    [
        (("--remote-debugging-pipe", "about:blank"), "BROWSER_CRASHED"),
        (("--type=renderer",), "BROWSER_CRASHED"),
        (("ffmpeg", "libx264"), "ENCODE_FAILED"),
    ],
    ids=["browser", "page", "encoder"],
)
def test_a_program_that_dies_in_the_middle_is_worth_another_try(
    desk: Any, victim: tuple[str, ...], code: str
) -> None:
    running = begin(desk, "-o", "v.mp4")
    processes = running.find(*victim)
    assert processes
    for process in processes:
        process.kill()
    done = running.end()
    assert (done.error.code, done.error.retryable, done.status) == (code, True, 1), done.stderr
    assert desk.names() == ["page.html"]
    assert list(desk.scratch.iterdir()) == []


@pytest.mark.browser
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "flags", sampled([(), ("--concurrency", 2)], [("--concurrency", 2)]), ids=["one", "two"]
)
def test_a_render_that_is_stopped_leaves_nothing(
    desk: Any, number: signal.Signals, flags: tuple[object, ...]
) -> None:
    running = begin(desk, "-o", "v.mp4", *flags)
    running.send(number)
    done = running.end()
    assert done.status == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "stopped" in done.stderr
    assert desk.names() == ["page.html"]
    assert list(desk.scratch.iterdir()) == []


@pytest.mark.browser
def test_a_render_that_is_stopped_while_its_browser_starts_leaves_nothing(desk: Any) -> None:
    desk.page(MOVING)
    running = desk.start("render", "page.html", *ENDLESS, "-o", "v.mp4")
    running.wait_until(lambda: any(desk.scratch.iterdir()))
    running.send(signal.SIGTERM)
    assert running.end().status == 130
    assert desk.names() == ["page.html"]
    assert list(desk.scratch.iterdir()) == []


@pytest.mark.browser
def test_a_render_that_is_stopped_twice_leaves_nothing_either(desk: Any) -> None:
    running = begin(desk, "-o", "v.mp4")
    running.send(signal.SIGINT)
    time.sleep(0.05)
    running.send(signal.SIGTERM)
    assert running.end().status == 130
    assert desk.names() == ["page.html"]
    assert list(desk.scratch.iterdir()) == []


# --- a full disk


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.browser
@every_nth(3)
@pytest.mark.parametrize(
    ("name", "flags"), [("v.mp4", ("--quality", 0)), ("v.gif", ()), ("frames", ())]
)
def test_a_full_disk_is_told_as_such(
    desk: Any, tiny_disk: Path, name: str, flags: tuple[object, ...]
) -> None:
    desk.page("""<canvas width="160" height="90"></canvas><script>
const context = document.querySelector("canvas").getContext("2d");
const draw = () => {
  const image = context.createImageData(160, 90);
  for (let n = 0; n < image.data.length; n++) image.data[n] = Math.random() * 256;
  context.putImageData(image, 0, 0);
  requestAnimationFrame(draw);
};
draw();
</script>""")
    command = ("render", "page.html", *TWELVE, *flags, "-o", tiny_disk / name)
    error = refuse(desk, *command)
    assert error.code == "DISK_FULL"
    assert "no space left" in error.message
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.browser
def test_full_temporary_space_is_told_as_such_or_does_not_matter(
    desk: Any, tiny_disk: Path
) -> None:
    desk.page(MOVING)
    done = desk.start(
        "render", "page.html", *TWELVE, "-o", "v.mp4", env={"TMPDIR": str(tiny_disk)}
    ).end()
    assert done.status == 0 or done.error.code in ("DISK_FULL", "BROWSER_CRASHED"), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tiny_disk.iterdir()) == []


def test_a_merge_without_inputs_writes_the_sound_alone(desk: Any) -> None:
    tone = ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "1", str(desk.folder / "tone.wav")]
    subprocess.run(["ffmpeg", "-loglevel", "error", *tone], check=True)
    desk.page('<audio src="tone.wav" autoplay></audio>', name="loud.html")
    desk.page("<p>Quiet", name="quiet.html")
    length = ("--frame-count", 15, "--fps", 30)

    loud = desk.run("merge", "loud.mp4", "--audio-from", "loud.html", *length)
    quiet = desk.run("merge", "quiet.mp4", "--audio-from", "quiet.html", *length)
    nothing = desk.run("merge", "nothing.mp4")

    assert loud.status == 0, loud.stderr
    info = asyncio.run(probe(desk.folder / "loud.mp4"))
    assert info.video is None
    assert info.audio is not None
    assert info.audio.codec == "aac"
    assert quiet.status == 0, quiet.stderr
    assert nothing.status != 0
    assert "nothing to join" in nothing.stderr
    assert desk.names() == ["loud.html", "loud.mp4", "quiet.html", "tone.wav"]
