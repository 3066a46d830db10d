"""Renders by the deployed state machine: its Distributed Map, the real handlers, the real CDK."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.scripted_server import ScriptedServer
from tests.helios_infra.films import (
    COLOURS,
    FRAMES,
    Renders,
    after_failures,
    film,
    once_there_is,
    paint,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("deployed"),
    pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm"),
]

#: What each colour is in RGB.
RGB = {
    "red": (255, 0, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def colours_of(video: bytes, folder: Path) -> list[str]:
    """Return the colour of each frame of a video."""
    file = folder / "video.mp4"
    file.write_bytes(video)
    command = ["ffmpeg", "-v", "error", "-i", str(file), "-vf", "scale=1:1", "-f", "rawvideo"]
    decoded = subprocess.run(
        [*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    pixels = zip(*[iter(decoded)] * 3, strict=True)
    return [min(RGB, key=lambda name: distance(RGB[name], pixel)) for pixel in pixels]


def distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


@pytest.mark.proof
def test_a_render_goes_from_the_stored_spec_to_the_whole_video(
    renders: Renders, tmp_path: Path
) -> None:
    spec = film("whole", [paint(index) for index in range(6)])

    ended = renders.render(spec, maxConcurrency=3)

    assert ended["status"] == "SUCCEEDED"
    outcome = renders.outcome("whole")
    assert outcome["status"] == "completed"
    assert outcome["execution"] == ended["executionArn"]
    assert outcome["output"]["url"] == f"{renders.stack.artifacts}/jobs/whole/output/film.mp4"
    video = renders.read("jobs/whole/output/film.mp4")
    expected = [colour for colour in COLOURS[:6] for _ in range(FRAMES)]
    assert colours_of(video, tmp_path) == expected
    assert {record["attempt"] for record in renders.records("whole").values()} == {1}


def test_a_chunk_that_fails_by_chance_is_tried_again(renders: Renders, tmp_path: Path) -> None:
    flaky = after_failures(paint(1), marks=str(tmp_path / "marks"), failures=2)
    spec = film("flaky", [paint(0), flaky, paint(2)])

    ended = renders.render(spec)

    assert ended["status"] == "SUCCEEDED"
    attempts = {id_: record["attempt"] for id_, record in renders.records("flaky").items()}
    assert attempts == {0: 1, 1: 3, 2: 1}
    assert renders.keys("jobs/flaky/failures/") == []


@pytest.mark.long
def test_a_chunk_that_fails_too_often_ends_the_render(renders: Renders, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    hopeless = after_failures(paint(1), marks=str(marks), failures=99)
    spec = film("hopeless", [paint(0), hopeless])

    ended = renders.render(spec)

    assert ended["status"] == "FAILED"
    assert ended["error"] == "COMMAND_FAILED"
    assert len(list(marks.iterdir())) == 3  # the first try and two further ones
    outcome = renders.outcome("hopeless")
    assert outcome["status"] == "failed"
    assert [chunk["chunkId"] for chunk in outcome["failedChunks"]] == [1]
    assert outcome["error"]["message"].startswith("chunk 1: ")
    assert renders.keys("jobs/hopeless/output/") == []


@pytest.mark.long
def test_what_cannot_heal_is_tried_once_and_told(
    renders: Renders, receiver: ScriptedServer
) -> None:
    spec = film("forbidden", [paint(0), "rm -rf chunks"])

    ended = renders.render(spec, webhook=receiver.endpoint)

    assert ended["status"] == "FAILED"
    assert ended["error"] == "COMMAND_FORBIDDEN"
    (chunk,) = renders.outcome("forbidden")["failedChunks"]
    assert chunk["chunkId"] == 1
    assert chunk["error"]["code"] == "COMMAND_FORBIDDEN"
    assert chunk["error"]["retryable"] is False
    log = renders.aws.log(renders.stack.chunk_function)
    refusals = [line for line in log.splitlines() if "COMMAND_FORBIDDEN" in line]
    assert len([line for line in refusals if "jobs/forbidden/" in line]) == 1
    (event,) = renders.told("forbidden", receiver)
    assert (event.type, event.output) == ("job.failed", None)
    assert event.error is not None
    assert event.error.code == "COMMAND_FORBIDDEN"
    assert (event.chunks_total, event.frames_total) == (2, 2 * FRAMES)
    # The other chunk may end after the end of the render has been told.
    assert event.chunks_done <= len(renders.records("forbidden"))
    assert event.frames_done == event.chunks_done * FRAMES


@pytest.mark.proof
def test_a_failed_render_started_again_renders_only_what_is_missing(
    renders: Renders, tmp_path: Path
) -> None:
    flaky = after_failures(paint(1), marks=str(tmp_path / "marks"), failures=3)
    spec = film("again", [paint(0), flaky])
    assert renders.render(spec, name="again-1")["status"] == "FAILED"
    first = renders.records("again")[0]

    ended = renders.render(spec, name="again-2")

    assert ended["status"] == "SUCCEEDED"
    assert renders.records("again")[0] == first
    outcome = renders.outcome("again")
    assert outcome["status"] == "completed"
    assert "failedChunks" not in outcome or outcome["failedChunks"] == []


def test_the_same_start_twice_is_one_render(renders: Renders) -> None:
    spec = film("twice", [paint(0)])
    renders.store(spec)
    first = renders.start("twice", jobId="twice")

    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        renders.start("twice", jobId="twice", maxConcurrency=7)

    assert renders.ended(first)["status"] == "SUCCEEDED"


def test_a_render_that_was_stopped_is_recorded_as_cancelled_and_begins_nothing_more(
    renders: Renders, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    spec = film("stopped", [once_there_is(gate, paint(0)), paint(1)])
    renders.store(spec)
    execution = renders.start("stopped", jobId="stopped", maxConcurrency=1)

    renders.aws.client("stepfunctions").stop_execution(executionArn=execution, cause="enough")
    gate.touch()  # an execution that is stopped here ends with what it was at
    outcome = renders.outcome("stopped")

    assert outcome["status"] == "cancelled"
    assert outcome["error"] == {"code": "CANCELLED", "message": "enough", "retryable": False}
    # Its map has failed by now, which must not change how the execution ended.
    assert renders.ended(execution)["status"] == "ABORTED"
    assert 1 not in renders.records("stopped")


def test_a_render_without_a_job_is_refused(renders: Renders) -> None:
    ended = renders.ended(renders.start("nothing", maxConcurrency=5))

    assert (ended["status"], ended["error"]) == ("FAILED", "INVOCATION_INVALID")


def test_a_job_whose_spec_is_missing_is_recorded_as_such(renders: Renders) -> None:
    ended = renders.ended(renders.start("missing", jobId="missing"))

    assert ended["status"] == "FAILED"
    assert renders.outcome("missing")["error"]["code"] == "JOB_SPEC_NOT_FOUND"


@pytest.mark.proof
def test_no_state_grows_with_the_number_of_chunks(renders: Renders) -> None:
    sizes = {}
    for count in (2, 24):
        spec = film(f"size-{count:02}", [paint(index) for index in range(count)])
        ended = renders.render(spec, maxConcurrency=4)
        assert ended["status"] == "SUCCEEDED"
        events = renders.history(ended["executionArn"])
        sizes[count] = max(len(json.dumps(event, default=str)) for event in events)

    assert sizes[24] < sizes[2] + 200
    assert sizes[24] < 256 * 1024 / 4


@pytest.mark.long
def test_what_a_render_leaves_in_the_bucket_is_its_output_or_expires(renders: Renders) -> None:
    spec = film("expiring", [paint(0), paint(1)])
    assert renders.render(spec)["status"] == "SUCCEEDED"
    rules = renders.lifecycle_rules()
    kept = re.compile(r"jobs/[^/]+/(job\.json|status\.json|output/[^/]+)")

    keys = [*renders.keys(f"jobs/{spec.id}/"), *renders.keys("map-runs/")]
    left = {key: renders.tags(key) for key in keys}

    for key, tags in left.items():
        assert expires(rules, key, tags) or kept.fullmatch(key), f"{key} stays for ever"
    assert any("/chunks/" in key for key in left)
    outputs = [key for key in left if "/output/" in key]
    assert outputs
    assert not any(expires(rules, key, left[key]) for key in outputs)


def expires(rules: Sequence[Mapping[str, Any]], key: str, tags: Mapping[str, str]) -> bool:
    """Tell whether a bucket's lifecycle rules delete an object some day."""
    return any(
        key.startswith(rule.get("Prefix", ""))
        and all(tags.get(tag["Key"]) == tag["Value"] for tag in rule.get("TagFilters", ()))
        for rule in rules
    )
