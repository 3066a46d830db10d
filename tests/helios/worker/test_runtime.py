import asyncio
import hashlib
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helios.contract.invocation import InvocationResponse
from helios.errors import EXIT_REFUSED
from helios.media.probe import probe
from helios.process.render_executor import DEFAULT_EXECUTABLES, RenderExecutor
from helios.records.chunk_record import ChunkRecord, MergeRecord
from helios.records.stored_records import stored_chunk
from helios.worker import chunk_task
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from tests.helios.worker_setup import FRAMES, SIZE, WorkerSetup, drawing, make_spec

SHELL = {"executables": DEFAULT_EXECUTABLES | {"ffmpeg", "ffprobe", "sh"}}


def frames_of(path: Path) -> int:
    video = asyncio.run(probe(path)).video
    assert video is not None
    return video.frames


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def code(response: InvocationResponse) -> str | None:
    return response.error.code if response.error else None


def command(script: str) -> str:
    return f"sh -c '{script}'"


# --- a chunk ------------------------------------------------------------------------------------


def test_a_chunk_is_rendered_and_stored_with_its_record(site: WorkerSetup) -> None:
    spec = make_spec()
    status, response = site.ask({"jobPath": site.put(spec), "chunkIndex": 1, "attempt": 3})
    assert status == 200, response.stderr
    assert response.artifact is not None
    stored = site.file(response.artifact.url)
    assert frames_of(stored) == FRAMES
    assert response.artifact.sha256 == digest(stored)
    assert response.artifact.bytes == stored.stat().st_size
    record = ChunkRecord.parse(stored.with_suffix(".json").read_bytes())
    assert record is not None
    assert record.artifact == response.artifact
    assert (record.chunk_id, record.start_frame, record.frames) == (1, FRAMES, FRAMES)
    assert record.attempt == 3
    assert set(record.timings) == {"spec", "assets", "command", "check", "store"}
    assert sum(record.timings.values()) * 1000 <= record.duration_ms + 1
    *files, entry, spec_file = site.names()
    assert files == [f"chunks/1-{record.key}.json", f"chunks/1-{record.key}.mp4"]
    assert re.fullmatch(rf"done/[0-9]{{13}}-1-{record.key}", entry)
    assert spec_file == "job.json"


def test_a_chunk_that_is_there_already_is_not_rendered_again(site: WorkerSetup) -> None:
    job = site.put(make_spec())
    first = site.chunk(job)
    second = site.chunk(job)
    assert second.artifact == first.artifact
    assert "already in storage" in second.stdout
    assert [event["event"] for event in site.events()].count("command.ended") == 1


def test_of_two_workers_with_one_chunk_the_first_output_stays(
    site: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = site.put(make_spec())
    first = site.chunk(job)
    looked = []

    async def look(*asked: Any) -> ChunkRecord | None:
        looked.append(asked)
        # When this one began, the other one hadn't ended.
        return None if len(looked) == 1 else await stored_chunk(*asked)

    monkeypatch.setattr(chunk_task, "stored_chunk", look)
    second = site.chunk(job)
    assert [event["event"] for event in site.events()].count("command.ended") == 2
    assert second.artifact == first.artifact
    assert [event["event"] for event in site.events()].count("chunk.stored") == 1


@pytest.mark.parametrize("damage", ["shorter", "other bytes", "gone", "record gone", "record cut"])
def test_a_chunk_that_is_not_whole_is_rendered_again(site: WorkerSetup, damage: str) -> None:
    job = site.put(make_spec())
    first = site.chunk(job)
    assert first.artifact is not None
    stored = site.file(first.artifact.url)
    record = stored.with_suffix(".json")
    if damage == "shorter":
        asyncio.run(site.storage.put_bytes("x", stored.read_bytes()[:-1]))
        site.file(site.storage.url_of("x")).replace(stored)
    elif damage == "other bytes":
        key = str(stored.relative_to(site.file(site.artifacts)))
        asyncio.run(site.storage.put_bytes(key, b"\0" * stored.stat().st_size))
    elif damage == "gone":
        stored.unlink()
    elif damage == "record gone":
        record.unlink()
    else:
        record.write_bytes(record.read_bytes()[:-20])
    again = site.chunk(job)
    assert again.exit_code == 0
    assert again.artifact is not None
    assert digest(stored) == again.artifact.sha256
    assert frames_of(stored) == FRAMES


def test_another_command_or_other_assets_make_another_chunk(
    site: WorkerSetup, tmp_path: Path
) -> None:
    urls = set()
    for text in ("one", "two"):
        composition = tmp_path / text
        composition.mkdir()
        (composition / "index.html").write_text(text)
        assets = site.upload(composition)
        for frames in (FRAMES, FRAMES):
            spec = make_spec([drawing(0, "chunks/00000.mp4", frames=frames)], assets_url=assets)
            response = site.chunk(site.put(spec))
            assert response.artifact is not None
            urls.add(response.artifact.url)
    assert len(urls) == 2


def test_a_command_finds_the_assets_in_its_folder_and_can_only_read_them(
    tmp_path: Path,
) -> None:
    site = WorkerSetup(tmp_path / "site", SHELL)
    composition = tmp_path / "composition"
    composition.mkdir()
    (composition / "data.txt").write_text("from the assets")
    script = f"cat composition/data.txt; pwd; {drawing(0, 'chunks/00000.mp4')}"
    spec = make_spec([command(script)], assets_url=site.upload(composition))
    response = site.chunk(site.put(spec))
    assert response.exit_code == 0, response.stderr
    assert response.stdout.startswith("from the assets")
    workspace = response.stdout.removeprefix("from the assets").splitlines()[0]
    assert workspace.startswith(str(site.disk))
    site.close()


def test_a_disk_that_assets_of_other_jobs_have_filled_is_cleared(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", SHELL)
    urls = []
    for text in ("one", "two"):
        composition = tmp_path / text
        composition.mkdir()
        (composition / "data.txt").write_text(text)
        urls.append(site.upload(composition))
    assert site.chunk(site.put(make_spec(assets_url=urls[0]), job="one")).exit_code == 0
    others = f"{site.disk}/helios-assets/*/*/composition/data.txt"
    full = f"grep -l one {others} && echo No space left on device >&2 && exit 1"
    script = f"{full}; {drawing(0, 'chunks/00000.mp4')}"
    job = site.put(make_spec([command(script)], assets_url=urls[1]), job="two")

    response = site.chunk(job)

    assert response.exit_code == 0, response.stderr
    assert [event["event"] for event in site.events()].count("disk.cleared") == 1
    always = "echo No space left on device >&2; exit 1"
    failed = site.chunk(site.put(make_spec([command(always)]), job="three"))
    assert failed.error is not None
    assert failed.error.code == "DISK_FULL"
    site.close()


def test_an_output_inside_the_assets_is_refused(site: WorkerSetup, tmp_path: Path) -> None:
    composition = tmp_path / "composition"
    composition.mkdir()
    (composition / "index.html").write_text("page")
    value = json.loads(make_spec(assets_url=site.upload(composition)).to_json())
    value["chunks"][0]["outputFile"] = "composition/00000.mp4"
    status, response = site.ask({"jobPath": site.put_text(json.dumps(value)), "chunkIndex": 0})
    assert (status, code(response)) == (400, "JOB_SPEC_INVALID")


def test_a_spec_without_assets_finds_what_lies_beside_it(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", {**SHELL, "artifacts": None, "allow_local": True})
    folder = tmp_path / "a job"
    (folder / "composition").mkdir(parents=True)
    (folder / "composition" / "data.txt").write_text("beside")
    (folder / "chunks").mkdir()
    script = f"cat composition/data.txt; {drawing(0, 'chunks/00000.mp4')}"
    (folder / "job.json").write_text(make_spec([command(script)]).to_json())
    response = site.chunk(str(folder / "job.json"))
    assert response.exit_code == 0, response.stderr
    assert response.stdout.startswith("beside")
    assert response.artifact is not None
    assert site.file(response.artifact.url).parent.name == "chunks"
    site.close()


@pytest.mark.parametrize("name", ["images", "picture.png"])
def test_images_are_stored_as_one_archive_and_come_back(site: WorkerSetup, name: str) -> None:
    many = name == "images"
    written = f"{name}/%04d.png" if many else name
    spec = make_spec(
        [f"ffmpeg -loglevel error -f lavfi -i testsrc=s={SIZE}:r=30 -frames:v 10 {written}"],
        merge="",
    )
    value = json.loads(spec.to_json())
    value["chunks"][0]["outputFile"] = name
    if not many:
        value["chunks"][0]["frameCount"] = value["metadata"]["totalFrames"] = 1
        value["metadata"]["duration"] = 1 / 30
        value["chunks"][0]["command"] = value["chunks"][0]["command"].replace("v 10", "v 1")
    if many:
        value["chunks"][0]["command"] = f"sh -c 'mkdir images; {value['chunks'][0]['command']}'"
        site.options.update(SHELL)
    job = site.put_text(json.dumps(value))
    response = site.chunk(job)
    assert response.exit_code == 0, response.stderr
    assert response.artifact is not None
    assert response.artifact.url.endswith(".tar")
    merged = site.merge(job)
    assert merged.exit_code == 0, merged.stderr
    assert merged.artifact is not None
    assert merged.artifact.url.endswith("/output/images.tar" if many else "/output/picture.png")


@pytest.mark.parametrize("url", ["/elsewhere/video.mp4", "/elsewhere/"])
def test_a_video_is_copied_to_where_the_spec_says_if_that_is_allowed(
    site: WorkerSetup, url: str
) -> None:
    site.options["allowed_destinations"] = (f"{site.artifacts}/elsewhere",)
    spec = make_spec(output_url=site.artifacts + url)
    job = site.put(spec)
    site.render(job, spec)
    merged = site.merge(job)
    assert merged.artifact is not None
    assert merged.artifact.url == f"{site.artifacts}/jobs/one/output/video.mp4"
    assert f"delivered to {site.artifacts}/elsewhere/video.mp4" in merged.stdout
    copied = asyncio.run(site.storage.stat("elsewhere/video.mp4"))
    assert copied is not None
    assert copied.sha256 == merged.artifact.sha256
    # Chunks stay in the folder of the job.
    assert len(asyncio.run(site.storage.list("elsewhere/"))) == 1


@pytest.mark.parametrize(
    "url", ["/jobs/other/", "/jobs/one-2/v.mp4", "/tenants/b/v.mp4", "", "/jobs/one/../two/v.mp4"]
)
def test_results_stay_in_the_folder_of_the_job(site: WorkerSetup, url: str) -> None:
    job = site.put(make_spec(output_url=site.artifacts + url))
    status, response = site.ask({"jobPath": job, "chunkIndex": 0})
    assert (status, code(response)) == (403, "SOURCE_FORBIDDEN")
    assert "outputUrl" in response.stderr
    assert site.names() == ["job.json"]


def test_a_folder_in_that_of_the_job_may_take_the_results(site: WorkerSetup) -> None:
    spec = make_spec(output_url=f"{site.artifacts}/jobs/one/final/v.mp4")
    response = site.chunk(site.put(spec))
    assert response.exit_code == 0, response.stderr


# --- failures -----------------------------------------------------------------------------------


def test_a_failing_command_is_a_result_with_its_outputs(site: WorkerSetup) -> None:
    spec = make_spec(["ffmpeg -loglevel error -i missing.mp4 chunks/00000.mp4"])
    status, response = site.ask({"jobPath": site.put(spec), "chunkIndex": 0})
    assert status == 500
    assert response.exit_code != 0
    assert code(response) == "COMMAND_FAILED"
    assert "missing.mp4" in response.stderr
    assert site.names() == ["job.json"]


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("true", "the file is missing"),
        ("echo text > chunks/00000.mp4", ""),
        (drawing(0, "chunks/00000.mp4", frames=7), "it has 7 frames in place of 10"),
    ],
    ids=["no output", "no video", "too few frames"],
)
def test_an_output_that_is_not_what_the_spec_says_is_not_stored(
    tmp_path: Path, script: str, fault: str
) -> None:
    site = WorkerSetup(tmp_path / "site", SHELL)
    spec = make_spec([command(f"echo out; echo err >&2; {script}")])
    status, response = site.ask({"jobPath": site.put(spec), "chunkIndex": 0})
    assert (status, code(response)) == (500, "CHUNK_OUTPUT_INVALID")
    # What the command said may tell why.
    assert response.stdout == "out\n"
    assert response.stderr.startswith("err\nerror[CHUNK_OUTPUT_INVALID] (retryable): ")
    assert response.error is not None
    assert response.error.retryable
    assert fault in response.stderr
    assert site.names() == ["job.json"]
    site.close()


def test_a_forbidden_program_does_not_run(site: WorkerSetup) -> None:
    spec = make_spec([command("touch chunks/00000.mp4")])
    status, response = site.ask({"jobPath": site.put(spec), "chunkIndex": 0})
    assert (status, code(response)) == (403, "COMMAND_FORBIDDEN")


@pytest.mark.parametrize(
    ("payload", "status", "expected"),
    [
        ({}, 400, "INVOCATION_INVALID"),
        ("not json", 400, "INVOCATION_INVALID"),
        ({"jobPath": "{job}"}, 400, "INVOCATION_INVALID"),
        ({"jobPath": "{job}", "chunkIndex": "0"}, 400, "INVOCATION_INVALID"),
        ({"jobPath": "{job}", "chunkIndex": 9}, 404, "CHUNK_NOT_FOUND"),
        ({"jobPath": "{artifacts}/jobs/none/job.json", "chunkIndex": 0}, 404, "JOB_SPEC_NOT_FOUND"),
        ({"jobPath": "{artifacts}/broken.json", "chunkIndex": 0}, 400, "JOB_SPEC_INVALID"),
        ({"jobPath": "/etc/passwd", "chunkIndex": 0}, 403, "SOURCE_FORBIDDEN"),
        ({"jobPath": "s3://other/job.json", "chunkIndex": 0}, 403, "SOURCE_FORBIDDEN"),
        ({"jobPath": "{artifacts}/../job.json", "chunkIndex": 0}, 403, "SOURCE_FORBIDDEN"),
        ({"jobPath": "ftp://host/job.json", "chunkIndex": 0}, 403, "SOURCE_FORBIDDEN"),
        ({"jobPath": "{job}", "action": "merge"}, 404, "ARTIFACT_NOT_FOUND"),
    ],
)
def test_a_request_that_can_never_work_is_refused(
    site: WorkerSetup, payload: Any, status: int, expected: str
) -> None:
    asyncio.run(site.storage.put_bytes("broken.json", b"{}"))
    job = site.put(make_spec())
    text = json.dumps(payload) if isinstance(payload, dict) else payload
    text = text.replace("{job}", job).replace("{artifacts}", site.artifacts)
    answered, response = site.ask(text)
    assert (answered, code(response)) == (status, expected)
    assert response.exit_code == EXIT_REFUSED
    assert response.error is not None
    assert not response.error.retryable
    # Older clients look at nothing else.
    assert response.stderr.startswith(f"error[{expected}]")


@pytest.mark.parametrize("field", ["assetsUrl", "outputUrl"])
def test_assets_and_results_stay_on_the_list_as_well(site: WorkerSetup, field: str) -> None:
    value = json.loads(make_spec().to_json())
    value[field] = f"s3://another-bucket/assets/{'0' * 64}.tar.zst"
    status, response = site.ask({"jobPath": site.put_text(json.dumps(value)), "chunkIndex": 0})
    assert (status, code(response)) == (403, "SOURCE_FORBIDDEN")
    assert field in response.stderr


def test_a_command_sees_no_credentials(tmp_path: Path) -> None:
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "top-secret-1",
        "AWS_SESSION_TOKEN": "top-secret-2",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "GOOGLE_APPLICATION_CREDENTIALS": "/top-secret-3",
        "SOMETHING_ELSE": "top-secret-4",
        "HELIOS_WEBHOOK_SECRET": "top-secret-5",
    }
    site = WorkerSetup(tmp_path / "site", {**SHELL, "environment": {**os.environ, **secrets}})
    response = site.chunk(site.put(make_spec([command("env; exit 3")])))
    assert response.exit_code == 3
    assert "PATH=" in response.stdout
    assert not [name for name in secrets if name in response.stdout]
    assert "top-secret" not in response.stdout
    site.close()


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_command_is_ended_before_the_worker_is(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", SHELL)
    job = site.put(make_spec([command("echo before; sleep 300")]))
    began = time.monotonic()
    status, response = site.ask({"jobPath": job, "chunkIndex": 0}, deadline=12)
    assert time.monotonic() - began < 12
    assert (status, code(response)) == (500, "TIMEOUT")
    assert response.error is not None
    assert response.error.retryable
    assert response.stdout == "before\n"
    site.close()


@pytest.mark.long
@pytest.mark.slow
def test_a_command_that_does_not_heed_is_ended_in_time_as_well(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", SHELL)
    script = 'trap "" TERM; echo before; while :; do sleep 0.1; done'
    began = time.monotonic()
    response = site.chunk(site.put(make_spec([command(script)])), deadline=20)
    assert time.monotonic() - began < 20
    assert code(response) == "TIMEOUT"
    assert response.stdout == "before\n"
    site.close()


def test_an_answer_tells_the_limit_of_the_platform_or_the_shorter_configured_one(
    tmp_path: Path,
) -> None:
    for configured, limit in (({}, 60), ({"chunk_timeout": 5.0}, 5)):
        site = WorkerSetup(tmp_path / str(limit), {**SHELL, **configured})
        job = site.put(make_spec([drawing(0, "chunks/00000.mp4")]))
        response = site.chunk(job, deadline=60)
        assert (response.exit_code, response.time_limit) == (0, limit)
        site.close()


def test_the_configured_limit_counts_where_it_is_shorter(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", {**SHELL, "chunk_timeout": 0.3})
    response = site.chunk(site.put(make_spec([command("sleep 300")])), deadline=60)
    assert code(response) == "TIMEOUT"
    assert "0.3 s" in response.stderr or "0.3 s" in (
        response.error.message if response.error else ""
    )
    site.close()


def test_no_time_at_all_is_a_timeout_too(site: WorkerSetup) -> None:
    response = site.chunk(site.put(make_spec()), deadline=0)
    assert code(response) == "TIMEOUT"


def test_a_cancelled_invocation_ends_its_command_and_cleans_up(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path / "site", SHELL)
    job = site.put(make_spec([command("touch here; exec sleep 300")]))

    async def main() -> None:
        task = asyncio.ensure_future(site.runtime.answer({"jobPath": job, "chunkIndex": 0}))
        while not list(site.disk.glob("helios-work/*/*/job/here")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert site.leftovers() == []
    site.close()


# --- a merge ------------------------------------------------------------------------------------


def test_a_merge_joins_the_chunks_and_stores_the_video(site: WorkerSetup) -> None:
    spec = make_spec(chunks=3)
    job = site.put(spec)
    site.render(job, spec)
    status, response = site.ask({"jobPath": job, "action": "merge"})
    assert status == 200, response.stderr
    assert response.artifact is not None
    video = site.file(response.artifact.url)
    assert response.artifact.url.endswith("/jobs/one/output/video.mp4")
    assert frames_of(video) == 3 * FRAMES
    assert response.artifact.sha256 == digest(video)


def test_a_merge_that_was_done_is_not_done_again(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    site.render(job, spec)
    first, second = site.merge(job), site.merge(job)
    assert second.artifact == first.artifact
    assert "already in storage" in second.stdout
    assert first.artifact is not None
    site.file(first.artifact.url).unlink()
    assert site.merge(job).artifact == first.artifact
    assert site.file(first.artifact.url).exists()


def test_a_merge_notices_chunks_that_changed_since(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    site.render(job, spec)
    site.merge(job)
    changed = make_spec([drawing(5, "chunks/00000.mp4"), spec.chunks[1].command])
    site.put(changed)
    site.render(job, changed)
    assert "already" not in site.merge(job).stdout


def test_a_merge_without_command_stitches(site: WorkerSetup) -> None:
    spec = make_spec(merge="")
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert response.artifact is not None
    assert frames_of(site.file(response.artifact.url)) == 2 * FRAMES


@pytest.mark.parametrize(
    "merge",
    [
        "ffmpeg -loglevel error -i chunks/00000.mp4 -c copy made.mp4",
        "helios merge --quality 30 made.mp4 chunks/00000.mp4 chunks/00001.mp4",
        "helios merge ../made.mp4 chunks/00000.mp4 chunks/00001.mp4",
    ],
)
def test_any_output_of_a_merge_command_is_stored(site: WorkerSetup, merge: str) -> None:
    spec = make_spec(merge=merge)
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert response.exit_code == 0, response.stderr
    assert response.artifact is not None
    assert response.artifact.url.endswith("/output/made.mp4")


def test_a_merge_command_that_writes_nothing_fails(site: WorkerSetup) -> None:
    spec = make_spec(merge="ffprobe -loglevel error chunks/00000.mp4")
    job = site.put(spec)
    site.render(job, spec)
    assert code(site.merge(job)) == "MERGE_FAILED"


def test_a_file_elsewhere_is_not_taken_for_a_merges_output(
    site: WorkerSetup, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"not the job's")
    spec = make_spec(merge=f"ffprobe -loglevel error chunks/00000.mp4 -o {other}")
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert code(response) == "COMMAND_FORBIDDEN"
    assert not [name for name in site.names() if name.startswith("output/")]


def test_a_merge_names_the_chunks_that_are_missing(site: WorkerSetup) -> None:
    spec = make_spec(chunks=4)
    job = site.put(spec)
    site.chunk(job, 2)
    response = site.merge(job)
    assert code(response) == "ARTIFACT_NOT_FOUND"
    assert "3 of 4 chunks are missing: 0, 1, 3" in response.stderr


def test_a_merge_refuses_a_chunk_that_is_not_what_was_recorded(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    site.render(job, spec)
    name = next(n for n in site.names() if n.startswith("chunks/1-") and n.endswith(".mp4"))
    asyncio.run(site.storage.put_bytes(f"jobs/one/{name}", b"something else"))
    response = site.merge(job)
    assert code(response) == "ARTIFACT_CORRUPT"
    assert "chunk 1" in response.stderr
    site.chunk(job, 1)
    assert site.merge(job).exit_code == 0


def test_the_record_of_a_merge_tells_what_it_was_made_of(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    site.render(job, spec)
    site.merge(job)
    name = next(name for name in site.names() if name.startswith("output/merge-"))
    data = asyncio.run(site.storage.get_bytes(f"jobs/one/{name}"))
    record = MergeRecord.parse(data)
    assert record is not None
    assert (record.name, record.chunks, record.frames) == ("output/video.mp4", 2, 2 * FRAMES)


# --- whatever comes -----------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
URLS = st.text(max_size=40) | st.builds(
    "{}{}{}".format,
    st.sampled_from(["s3://", "gs://", "http://", "https://", "file://", "/", "../", "ftp://", ""]),
    st.sampled_from(["bucket", "127.0.0.1", "[::1]", "a b", "user:pw@host", "", "host:99999"]),
    st.text(max_size=20),
)
PAYLOADS = (
    JSON
    | st.binary(max_size=60)
    | st.fixed_dictionaries(
        {"jobPath": URLS | JSON, "chunkIndex": st.integers() | JSON},
        optional={"action": st.sampled_from(["chunk", "merge"]) | JSON, "attempt": JSON},
    )
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> WorkerRuntime:
    folder = tmp_path_factory.mktemp("runtime")
    config = WorkerConfig(artifacts=str(folder / "artifacts"), workspace=folder / "disk")
    return WorkerRuntime(config)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PAYLOADS)
def test_no_payload_makes_the_worker_raise(runtime: WorkerRuntime, payload: object) -> None:
    status, response = asyncio.run(runtime.answer(payload))
    assert 400 <= status < 500, response
    json.dumps(response.body())


def test_a_fault_of_the_worker_itself_is_answered_and_logged(tmp_path: Path) -> None:
    def broken(url: str) -> Any:
        raise ZeroDivisionError("surprise")

    site = WorkerSetup(tmp_path / "site", {"storage_opener": broken})
    status, response = site.ask({"jobPath": f"{site.artifacts}/job.json", "chunkIndex": 0})
    assert (status, code(response)) == (500, "WORKER_CRASHED")
    assert response.error is not None
    assert response.error.retryable
    assert "ZeroDivisionError" in response.error.message
    crashed = [event for event in site.events() if event["event"] == "invocation.crashed"]
    assert "in broken" in crashed[0]["traceback"]


def test_the_log_says_of_every_event_which_chunk_it_is_about(site: WorkerSetup) -> None:
    job = site.put(make_spec())
    site.ask({"jobPath": job, "chunkIndex": 1, "attempt": 2})
    events = site.events()
    assert [event["event"] for event in events] == [
        "invocation.began",
        "command.ended",
        "chunk.stored",
        "invocation.ended",
    ]
    for event in events:
        assert (event["job"], event["chunk"], event["attempt"]) == (job, 1, 2)


def test_several_threads_share_one_worker(site: WorkerSetup) -> None:
    spec = make_spec(chunks=4)
    job = site.put(spec)
    statuses: list[int] = []
    runtime = site.runtime

    def one(number: int) -> None:
        answer = runtime.answer({"jobPath": job, "chunkIndex": number})
        statuses.append(asyncio.run(answer)[0])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert site.merge(job).exit_code == 0


def test_an_executor_of_ones_own_is_used(site: WorkerSetup, tmp_path: Path) -> None:
    site.options["executor"] = RenderExecutor(allowed={"true"}, temp_dir=tmp_path)
    assert code(site.chunk(site.put(make_spec()))) == "COMMAND_FORBIDDEN"


def test_the_record_of_a_chunk_has_what_its_page_logged(site: WorkerSetup) -> None:
    site.options.update(SHELL)
    said = 'for frame in 3 4; do echo "page[frame $frame] error: oh" >&2; done'
    noisy = command(f"{said}; exec {drawing(0, 'chunks/00000.mp4')}")
    job = site.put(make_spec([noisy]))

    response = site.chunk(job)
    again = site.chunk(job)

    assert response.artifact is not None
    record = ChunkRecord.parse(site.file(response.artifact.url).with_suffix(".json").read_bytes())
    assert record is not None
    assert list(map(str, record.page_problems)) == ["page[frame 3] error: oh (2 times)"]
    # Also a chunk that is there already counts as done in this render.
    assert again.exit_code == 0
    assert len([name for name in site.names() if name.startswith("done/")]) == 2


def test_a_failure_says_where_and_in_which_attempt_it_happened(site: WorkerSetup) -> None:
    site.options.update({**SHELL, "platform": {"platform": "lambda", "region": "eu-west-1"}})
    job = site.put(make_spec([command("echo why >&2; exit 3")]))

    payload = {"jobPath": job, "chunkIndex": 0, "attempt": 4}
    _, response = site.ask(payload, origin={"requestId": "r-1"})

    assert response.error is not None
    assert response.error.attempt == 4
    assert response.error.worker == {
        "platform": "lambda",
        "region": "eu-west-1",
        "requestId": "r-1",
    }
    assert site.events()[-1]["stderr"] == "why\n"


def test_after_the_cost_limit_no_chunk_is_begun_and_stored_ones_count(site: WorkerSetup) -> None:
    job = site.put(make_spec())
    assert site.chunk(job).exit_code == 0
    late = {"jobPath": job, "stopAt": "2026-01-01T00:00:00Z"}

    _, stored = site.ask({**late, "chunkIndex": 0})
    _, other = site.ask({**late, "chunkIndex": 1})

    assert stored.exit_code == 0
    assert code(other) == "COST_LIMIT"
    assert other.error is not None
    assert not other.error.retryable
