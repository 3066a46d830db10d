"""The public command, end to end: what people type, what they get."""

import contextlib
import json
import re
import resource
import shlex
import signal
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from helios.contract.command import format_command, parse_command
from helios.contract.job_spec import JobSpec
from tests.sampling import every_nth

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[2] / "data"
SMALL = ("--width", 160, "--height", 90)
#: Twelve frames in three chunks.
THREE = (*SMALL, "--chunks", 3)


def streams(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return found


def video_of(path: Path) -> dict[str, Any]:
    return next(stream for stream in streams(path) if stream["codec_type"] == "video")


def a_spec(chunks: int = 2, *, command: str = "true", **changes: Any) -> dict[str, Any]:
    facts = {"totalFrames": chunks, "fps": 30, "width": 160, "height": 90, "duration": chunks / 30}
    parts = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": command}
        for n in range(chunks)
    ]
    return {"metadata": facts, "chunks": parts, "mergeCommand": "", **changes}


def test_a_shell_completes_commands_and_flags(bench: Any) -> None:
    def completed(words: str) -> list[str]:
        env = {"_ORCHESTRATOR_COMPLETE": "complete_bash", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(len(words.split()) - 1)
        return list(bench.run(env=env).stdout.split())

    assert completed("orchestrator re") == ["render", "report", "resume"]
    assert completed("orchestrator batch --ro") == ["--rows", "--root"]


# --- rendering


@pytest.mark.browser
def test_a_render_leaves_a_video_of_the_declared_length_and_nothing_else(bench: Any) -> None:
    done = bench.run("render", "page.html", "-o", "out/video.mp4", *THREE)
    assert done.status == 0, done.stderr
    assert bench.names("out") == ["video.mp4"]
    video = video_of(bench.folder / "out/video.mp4")
    assert (video["codec_name"], video["nb_read_frames"]) == ("h264", "12")
    assert (video["width"], video["height"], video["r_frame_rate"]) == (160, 90, "30/1")
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "12 frames (0.4 s at 30 fps, 160x90) in 3 chunks"
    assert re.fullmatch(r"job \d{8}-\d{6}-\w{6}", lines[1])
    # A line on where the time went follows if the machine is slow.
    assert any(line.startswith("out/video.mp4: 12 frames in ") for line in lines[2:])
    assert bench.names("tmp") == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "codec", "flags"),
    [
        ("v.webm", "vp9", ()),
        pytest.param("v.gif", "gif", (), marks=pytest.mark.proof),
        pytest.param("v.mov", "prores", ("--codec", "prores"), marks=pytest.mark.proof),
        ("v.mp4", "hevc", ("--codec", "h265", "--preset", "ultrafast")),
    ],
)
def test_other_formats_follow_from_the_name_or_the_codec(
    bench: Any, name: str, codec: str, flags: tuple[str, ...]
) -> None:
    done = bench.run("render", "page.html", "-o", name, *SMALL, *flags)
    assert done.status == 0, done.stderr
    assert bench.names() == ["page.html", "tmp", name]
    video = video_of(bench.folder / name)
    assert (video["codec_name"], video["nb_read_frames"]) == (codec, "12")


@pytest.mark.browser
@every_nth(2)
@pytest.mark.parametrize(
    ("output", "folder", "first"),
    [("frames", "frames", "frame-000000.png"), ("shots/%03d.jpg", "shots", "000.jpg")],
)
def test_a_sequence_of_images_lies_in_its_folder(
    bench: Any, output: str, folder: str, first: str
) -> None:
    done = bench.run("render", "page.html", "-o", output, *SMALL, "--frames", 4)
    assert done.status == 0, done.stderr
    assert len(bench.names(folder)) == 4
    assert bench.names(folder)[0] == first
    assert bench.names() == sorted(["page.html", "tmp", folder])


@pytest.mark.browser
def test_names_of_any_kind_work(bench: Any) -> None:
    bench.page("-größe 'x\" ☃/index.html")
    output = "-out 'v\" ☃.mp4"
    done = bench.run("render", "./-größe 'x\" ☃", "-o", f"./{output}", *SMALL, "--chunks", 2)
    assert done.status == 0, done.stderr
    assert video_of(bench.folder / output)["nb_read_frames"] == "12"


@pytest.mark.browser
def test_a_program_reads_one_document_a_line_that_ends_with_completed(bench: Any) -> None:
    done = bench.run("render", "page.html", "-o", "v.mp4", *THREE, "--json")
    assert (done.status, done.stderr) == (0, "")
    documents = done.documents
    assert documents[0] == {"event": "planned", "totalFrames": 12, "chunks": 3, "sounds": False}
    assert documents[-1]["event"] == "completed"
    assert (documents[-1]["output"], documents[-1]["frames"]) == ("v.mp4", 12)
    assert sum(document["event"] == "chunk_finished" for document in documents) == 3


LIVE = "<script>fetch('http://live.invalid/').catch(() => {})</script>"


@pytest.mark.long
@pytest.mark.browser
def test_each_warning_of_a_render_is_shown_once(bench: Any) -> None:
    bench.page(more=LIVE)
    flags = ("--chunks", 3, "--allow-missing")
    done = bench.run("render", "page.html", "-o", "v.mp4", *flags, "--json")
    assert done.status == 0
    warned = [document for document in done.documents if document["event"] == "warning"]
    assert [(warning["code"], "live.invalid" in warning["message"]) for warning in warned] == [
        ("LIVE_DATA", True)
    ]
    again = bench.run("render", "page.html", "-o", "v.mp4", *flags)
    assert again.stderr.count("warning[LIVE_DATA]: ") == 1


@pytest.mark.long
@pytest.mark.browser
def test_a_video_of_one_colour_is_warned_of(bench: Any) -> None:
    bench.page(more="<style>div { visibility: hidden }</style>")
    done = bench.run("render", "page.html", "-o", "v.mp4", "--json")
    assert [document["event"] for document in done.documents[-2:]] == ["warning", "completed"]
    assert done.documents[-2]["code"] == "PICTURE_BLANK"


@pytest.mark.browser
def test_a_page_for_another_systems_player_is_refused(bench: Any) -> None:
    bench.page(more="<script>siteVersion = '11'; getStaticCompositions = () => []</script>")
    done = bench.run("render", "page.html", "-o", "v.mp4", "--frames", 3, "--no-audio", "--json")
    assert (done.status, done.documents[-1]["code"]) == (2, "DIALECT_UNSUPPORTED")
    assert bench.names() == ["page.html", "tmp"]


# --- plan, run, resume


def chunk_files(bench: Any, folder: str) -> list[str]:
    """Return the files in a job's folder of chunks, without boundary frames and traces."""
    names = bench.names(f"{folder}/chunks")
    return [name for name in names if not name.endswith((".boundary", ".trace"))]


@pytest.mark.proof
@pytest.mark.browser
def test_a_plan_can_be_run_later_and_in_parts(bench: Any) -> None:
    done = bench.run("plan", "page.html", "-o", "job/job.json", *THREE, "--video", "v.mp4")
    assert done.status == 0, done.stderr
    assert bench.names("job") == ["job.json"]
    part = bench.run("run", "job/job.json", "--chunk", 1)
    assert part.status == 0, part.stderr
    assert chunk_files(bench, "job") == ["00001.mp4"]
    rest = bench.run("run", "job/job.json", "--resume", "--no-merge")
    assert rest.status == 0, rest.stderr
    assert "1 chunk of 3 already there" in rest.stderr
    assert chunk_files(bench, "job") == ["00000.mp4", "00001.mp4", "00002.mp4"]
    assert bench.names("job") == ["chunks", "job.json"]
    whole = bench.run("run", "job/job.json", "--resume", "-o", "here.mp4", "--json")
    assert whole.documents[-1]["output"] == "here.mp4"
    assert not any(document["event"] == "chunk_started" for document in whole.documents)
    assert video_of(bench.folder / "here.mp4")["nb_read_frames"] == "12"


@pytest.mark.proof
@pytest.mark.browser
def test_resuming_renders_only_what_is_missing_or_damaged(bench: Any) -> None:
    flags = ("page.html", "-o", "v.mp4", *THREE, "--json")
    assert bench.run("render", *flags, "--keep").status == 0
    chunks = bench.folder / "v.mp4.job/chunks"
    before = {path.name: path.stat().st_mtime_ns for path in chunks.iterdir()}
    (chunks / "00000.mp4").unlink()
    (chunks / "00002.mp4").write_bytes((chunks / "00002.mp4").read_bytes()[:-100])
    done = bench.run("render", *flags, "--keep", "--resume")
    started = {doc["chunkId"] for doc in done.documents if doc["event"] == "chunk_started"}
    assert (done.status, started) == (0, {0, 2})
    assert (chunks / "00001.mp4").stat().st_mtime_ns == before["00001.mp4"]
    assert video_of(bench.folder / "v.mp4")["nb_read_frames"] == "12"
    # Another plan: what is there belongs to another video.
    done = bench.run("render", *flags, "--resume", "--crf", 30)
    assert any(document["event"] == "replanned" for document in done.documents)
    assert sum(document["event"] == "chunk_started" for document in done.documents) == 3
    assert bench.names() == ["page.html", "tmp", "v.mp4"]


@pytest.mark.proof
@pytest.mark.browser
def test_a_job_folder_of_the_users_own_is_kept(bench: Any) -> None:
    done = bench.run("render", "page.html", "-o", "v.mp4", *THREE, "--job-dir", "a b/job")
    assert done.status == 0, done.stderr
    assert bench.names("a b/job") == ["chunks", "job.json"]
    assert len(chunk_files(bench, "a b/job")) == 3


@pytest.mark.browser
def test_a_plan_on_stdout_is_only_a_job_spec(bench: Any) -> None:
    done = bench.run("plan", "page.html", "-o", "-", *THREE, "--json")
    assert JobSpec.parse(done.stdout).metadata.total_frames == 12
    assert "12 frames" in done.stderr


@pytest.mark.browser
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.proof)]
)
def test_a_render_that_is_stopped_leaves_its_chunks_and_can_be_resumed(
    bench: Any, number: signal.Signals
) -> None:
    flags = (*SMALL, "--duration", 8, "--chunks", 8, "--concurrency", 2, "--no-audio")
    command = bench.start("render", "page.html", "-o", "v.mp4", *flags)
    chunks = bench.folder / "v.mp4.job/chunks"
    command.wait_until(lambda: len(list(chunks.glob("*.mp4"))) >= 2)
    command.signal(number)
    command.signal(number)
    done = command.end()
    assert done.status == 130, done.stderr
    assert "error[CANCELLED]" in done.stderr
    assert done.stderr.count("stopping") == 1
    assert command.family() == set()
    assert bench.names("tmp") == []
    names = chunk_files(bench, "v.mp4.job")
    assert len(names) >= 2
    assert all(name.endswith(".mp4") and not name.startswith(".") for name in names)
    assert bench.names() == ["page.html", "tmp", "v.mp4.job"]

    go_on = shlex.split(done.stderr.partition("Resume with: orchestrator ")[2])
    kept = len(names)
    resumed = bench.run(*go_on, "--json")
    assert resumed.status == 0, resumed.stdout
    started = [doc for doc in resumed.documents if doc["event"] == "chunk_started"]
    assert len(started) <= 8 - kept
    assert video_of(bench.folder / "v.mp4")["nb_read_frames"] == "240"


def kill_browser(command: Any, *, of_chunk: bool) -> bool:
    """Kill a browser, of a chunk's render or of the look at the page before it."""
    for process in command.family():
        with contextlib.suppress(psutil.Error):
            # Where the browser is started by a script, both have this argument.
            words = process.cmdline()
            is_browser = "--remote-debugging-pipe" in words and not words[0].endswith("sh")
            renders = any("--start-frame" in above.cmdline() for above in process.parents())
            if is_browser and renders == of_chunk:
                process.kill()
                return True
    return False


@pytest.mark.long
@pytest.mark.browser
def test_a_browser_that_dies_before_the_first_chunk_is_started_again(bench: Any) -> None:
    command = bench.start("render", "page.html", "-o", "v.mp4", *SMALL, "--frames", 4, "--no-audio")
    command.wait_until(lambda: kill_browser(command, of_chunk=False))
    done = command.end()
    assert done.status == 0, done.stderr
    assert video_of(bench.folder / "v.mp4")["nb_read_frames"] == "4"


@pytest.mark.long
@pytest.mark.browser
def test_a_browser_that_dies_in_the_middle_costs_one_attempt(bench: Any) -> None:
    flags = (*SMALL, "--duration", 8, "--chunks", 2, "--concurrency", 1, "--retry-delay", 0)
    command = bench.start("render", "page.html", "-o", "v.mp4", *flags, "--no-audio", "--json")

    command.wait_until(lambda: kill_browser(command, of_chunk=True))
    done = command.end()
    assert done.status == 0, done.stdout
    [retrying] = [doc for doc in done.documents if doc["event"] == "chunk_retrying"]
    assert retrying["error"]["code"] == "BROWSER_CRASHED"
    assert video_of(bench.folder / "v.mp4")["nb_read_frames"] == "240"
    assert command.family() == set()


# --- specs that the Helios CLI emitted


def _emitted(page: str) -> dict[str, Any]:
    """Return a spec as the Helios CLI emits it, of one second and a small page."""
    sample: dict[str, Any] = json.loads((DATA / "job_specs/three_chunks.json").read_text())
    sample["metadata"].update(totalFrames=30, width=160, height=90, duration=1)
    for number, chunk in enumerate(sample["chunks"]):
        chunk.update(startFrame=number * 10, frameCount=10)
        words = parse_command(chunk["command"])
        words[2] = page
        for flag, value in {
            "--start-frame": number * 10,
            "--frame-count": 10,
            "--width": 160,
            "--height": 90,
        }.items():
            words[words.index(flag) + 1] = str(value)
        chunk["command"] = format_command(words)
    return sample


@pytest.mark.long
@pytest.mark.browser
def test_a_spec_whose_pages_have_addresses_runs_as_it_is(bench: Any) -> None:
    bench.page("pages/index.html", declared=' data-duration="1"')
    handler = partial(SimpleHTTPRequestHandler, directory=str(bench.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            sample = _emitted(f"http://127.0.0.1:{server.server_port}/pages/index.html")
            (bench.folder / "job.json").write_text(json.dumps(sample))
            done = bench.run("run", "job.json")
        finally:
            server.shutdown()
            thread.join()
    assert done.status == 0, done.stderr
    assert streams(bench.folder / "video.mp4")[0]["nb_read_frames"] == "30"


@pytest.mark.proof
@pytest.mark.browser
def test_a_spec_with_sound_in_its_chunks_runs_as_it_is(bench: Any) -> None:
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "1"]
    folder = bench.folder / "composition"
    bench.page("composition/index.html", more='<audio src="tone.wav" autoplay></audio>')
    subprocess.run(["ffmpeg", "-v", "error", *tone, str(folder / "tone.wav")], check=True)
    sample = _emitted("composition/index.html")
    (bench.folder / "job.json").write_text(json.dumps(sample))
    done = bench.run("run", "job.json")
    assert done.status == 0, done.stderr
    video, sound = streams(bench.folder / "video.mp4")
    assert video["nb_read_frames"] == "30"
    assert sound["codec_name"] == "aac"
    assert abs(float(sound["duration"]) - 1) <= 1024 / 48000
    assert abs(float(video["duration"]) - 1) < 0.001


@every_nth(3)
@pytest.mark.parametrize(
    "sample", sorted((DATA / "job_specs").glob("*.json")), ids=lambda p: p.stem
)
def test_specs_of_the_helios_cli_are_valid(bench: Any, sample: Path) -> None:
    done = bench.run("validate", sample)
    assert done.status == 0, done.stderr


# --- bad input


def test_validate_names_every_fault_by_its_path(bench: Any) -> None:
    spec = a_spec(3)
    spec["chunks"][1]["outputFile"] = "../x.mp4"
    spec["chunks"][2]["id"] = 0
    (bench.folder / "job.json").write_text(json.dumps(spec))
    done = bench.run("validate", "job.json")
    assert done.status == 2
    assert "error[JOB_SPEC_INVALID]" in done.stderr
    assert "  - $.chunks[1].outputFile: " in done.stderr
    assert "  - $.chunks[2].id: " in done.stderr
    shown = bench.run("validate", "job.json", "--json").documents[-1]
    assert (shown["event"], shown["code"], len(shown["details"])) == (
        "error",
        "JOB_SPEC_INVALID",
        2,
    )


def test_the_schema_describes_each_field_of_a_spec(bench: Any) -> None:
    schema = json.loads(bench.run("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == {"metadata", "chunks", "mergeCommand"}

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        name = part.get("$ref", "").removeprefix("#/$defs/")
        return schema["$defs"][name] if name else part

    chunk = resolved(schema["properties"]["chunks"]["items"])
    metadata = resolved(schema["properties"]["metadata"])
    assert set(chunk["required"]) == {"id", "startFrame", "frameCount", "outputFile", "command"}
    assert set(metadata["required"]) == {"totalFrames", "fps", "width", "height", "duration"}
    for part in (schema, chunk, metadata):
        assert part["type"] == "object"
        for name, field in part["properties"].items():
            assert resolved(field).get("description") or field.get("description"), name


@every_nth(3)
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "$"),
        ("{", "$"),
        ("[1]", "$"),
        ('{"metadata": 3}', "$.metadata"),
        (json.dumps(a_spec(metadata={"totalFrames": "2"})), "$.metadata.totalFrames"),
        (json.dumps(a_spec(chunks=1, mergeCommand="helios 'merge")), "$.mergeCommand"),
    ],
)
def test_what_is_no_job_spec_is_refused_with_the_place_at_fault(
    bench: Any, text: str, path: str
) -> None:
    (bench.folder / "jöb ☃.json").write_text(text)
    done = bench.run("run", "jöb ☃.json")
    assert done.status == 2
    assert "error[JOB_SPEC_INVALID]: jöb ☃.json" in done.stderr
    assert f"  - {path}" in done.stderr
    assert bench.names() == ["jöb ☃.json", "page.html", "tmp"]


@every_nth(4)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("gone.html", "-o", "v.mp4"), "COMPOSITION_NOT_FOUND"),
        (("page.html", "-o", "v.mp4", "--frames", 0), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--duration", -1), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--frames", 3, "--duration", 1), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--width", 161), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--codec", "cinepak"), "OPTION_INVALID"),
        (("page.html", "-o", "v.txt"), "OPTION_INVALID"),
        (("page.html", "-o", "."), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--fps", "many"), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--props", "{"), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--chunks", 2, "--frames-per-chunk", 3), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--concurrency", 0), "OPTION_INVALID"),
        (("page.html", "-o", "v.mp4", "--adapter", "moon"), "OPTION_INVALID"),
        (("page.html", "-o", "/proc/v.mp4"), "OUTPUT_UNWRITABLE"),
        (("page.html", "-o", "page.html/v.mp4"), "OUTPUT_UNWRITABLE"),
    ],
)
def test_bad_input_is_refused_with_a_code_of_its_own_and_leaves_nothing(
    bench: Any, arguments: tuple[object, ...], code: str
) -> None:
    done = bench.run("render", *arguments, "--json", env={"HELIOS_BROWSER": "/bin/false"})
    assert done.status == 2, done.stdout
    shown = done.documents[-1]
    assert (shown["event"], shown["code"]) == ("error", code)
    assert shown["message"]
    assert bench.names() == ["page.html", "tmp"]


def test_a_spec_that_is_not_there_is_told_apart_from_a_bad_one(bench: Any) -> None:
    for command in ("run", "validate"):
        done = bench.run(command, "gone.json")
        assert (done.status, "error[JOB_SPEC_NOT_FOUND]" in done.stderr) == (2, True)


@pytest.mark.browser
def test_a_page_that_does_not_say_how_long_it_is_is_refused_with_a_hint(bench: Any) -> None:
    bench.page(declared="")
    done = bench.run("render", "page.html", "-o", "v.mp4", *SMALL)
    assert done.status == 2
    assert "error[DURATION_UNKNOWN]" in done.stderr
    assert "Give --duration or --frames" in done.stderr
    assert bench.names() == ["page.html", "tmp"]


@pytest.mark.long
@pytest.mark.browser
def test_a_file_that_the_page_lacks_is_named(bench: Any) -> None:
    bench.page(more='<img src="lost.png"><img src="gone.png">')
    flags = ("page.html", "-o", "v.mp4", *SMALL, "--frames", 4, "--chunks", 2)
    done = bench.run("render", *flags, "--no-audio")
    assert done.status == 2, done.stderr
    assert "error[ASSET_MISSING]" in done.stderr
    assert "lost.png" in done.stderr
    assert "gone.png" in done.stderr
    assert "v.mp4" not in bench.names()
    allowed = bench.run("render", *flags, "--allow-missing")
    assert allowed.status == 0, allowed.stderr


def test_a_chunk_that_fails_for_good_is_reported_and_the_job_is_kept(bench: Any) -> None:
    spec = a_spec(3, command="ffmpeg -v error -i gone.mkv 0.mp4", mergeCommand="helios merge v.mp4")
    (bench.folder / "job.json").write_text(json.dumps(spec))
    flags = ("--retries", 1, "--retry-delay", 0, "--concurrency", 1)
    done = bench.run("run", "job.json", *flags, "-o", "v.mp4")
    assert done.status == 1
    assert "error[JOB_FAILED] (retryable): 1 of 3 chunks failed, 0 are done" in done.stderr
    assert "  - chunk 0: COMMAND_FAILED after 2 attempts" in done.stderr
    assert "stderr: " in done.stderr
    assert "gone.mkv" in done.stderr.partition("JOB_FAILED")[2]
    assert re.search(r"Resume with: orchestrator resume \d{8}-\d{6}-\w{6}$", done.stderr)
    assert bench.names() == ["job.json", "page.html", "tmp"]


def test_a_job_whose_chunks_refuse_their_input_says_that_another_try_is_pointless(
    bench: Any,
) -> None:
    (bench.folder / "job.json").write_text(json.dumps(a_spec(command="rm -rf precious")))
    done = bench.run("run", "job.json")
    assert done.status == 2
    assert "chunk 0: COMMAND_FORBIDDEN after 1 attempt" in done.stderr
    assert "Resume with" not in done.stderr


def seconds_of_children() -> float:
    """Return the time on the processor of commands that have ended: other tests may hold it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.proof
@pytest.mark.slow
def test_a_hundred_thousand_chunks_are_checked_in_a_few_seconds(bench: Any) -> None:
    names = " ".join(f"{number}.mp4" for number in range(100_000))
    spec = a_spec(
        100_000, command="false", mergeCommand=f"helios merge v.mp4 {names} {names} {names}"
    )
    (bench.folder / "job.json").write_text(json.dumps(spec))
    before = seconds_of_children()
    assert bench.run("validate", "job.json", "--json").documents[-1]["chunks"] == 100_000
    done = bench.run("run", "job.json", "--resume")
    assert seconds_of_children() - before < 60
    assert done.status == 2
    assert "error[COMMAND_INVALID]: command: helios gets more arguments" in done.stderr
    assert "fewer chunks" in done.stderr


@pytest.mark.long
def test_a_closed_pipe_ends_the_command_without_a_traceback(bench: Any) -> None:
    (bench.folder / "job.json").write_text(json.dumps(a_spec(command="ffmpeg -version")))
    command = bench.start("run", "job.json", "--json")
    command.process.stdout.close()
    assert command.process.wait(30) == 1
    assert "Traceback" not in command.process.stderr.read()


def test_a_wrong_flag_is_a_usage_error(bench: Any) -> None:
    done = bench.run("render", "page.html", "-o", "v.mp4", "--no-such-flag")
    assert done.status == 2
    assert "Usage" in done.stderr


@pytest.mark.long
@pytest.mark.browser
def test_a_sound_that_cannot_be_read_is_refused_before_any_chunk_is_rendered(bench: Any) -> None:
    fed = "new Audio(URL.createObjectURL(new MediaSource())).play()"
    bench.page(more=f"<script>setTimeout(() => {fed}, 200)</script>")
    done = bench.run("render", "page.html", "-o", "v.mp4", *THREE, "--json")
    assert done.status != 0
    assert "AUDIO_FAILED" in done.stdout + done.stderr
    assert not any("chunk" in document["event"] for document in done.documents)
