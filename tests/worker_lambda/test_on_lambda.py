"""The function as it is deployed: under the real runtime client, called by the real SDK.

By `make test` it runs in processes, by `make test-all` in containers of its image.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helios.contract.job_spec import JobSpec
from helios.errors import HeliosError
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.model.settings import RunSettings
from sandbox.containers.images import ENGINE_VARIABLE
from tests.sampling import sampled
from tests.worker_lambda.conftest import BUCKET, FRAMES, drawing

pytestmark = [pytest.mark.slow, pytest.mark.image]


def frame_hashes(video: Path) -> list[str]:
    command = ["ffmpeg", "-loglevel", "error", "-i", str(video), "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line for line in done.stdout.splitlines() if not line.startswith("#"))
    return [line.rpartition(",")[2].strip() for line in lines]


def test_a_chunk_comes_out_of_storage_as_the_same_command_renders_it_here(
    deploy: Any, tmp_path: Path
) -> None:
    site = deploy()
    job = site.job(drawing(0), drawing(1))

    result = site.run(job, 1)

    assert result.exit_code == 0, result.stderr
    assert result.artifact is not None
    fetched = site.fetch(result.artifact.url, tmp_path / "chunk.mp4")
    subprocess.run(drawing(1).split(), cwd=tmp_path, check=True)
    assert frame_hashes(fetched) == frame_hashes(tmp_path / "1.mp4")
    assert result.artifact.bytes == fetched.stat().st_size


#: A page on which something moves, and of which no font decides how it looks.
PAGE = """<!doctype html><html data-duration="0.2"><style>
body { margin: 0; background: linear-gradient(#204060, #806020) }
div { width: 20px; height: 20px; background: #fc0; animation: go 1s linear infinite }
@keyframes go { to { transform: translate(40px, 10px) rotate(30deg) } }
</style><div></div></html>"""


@pytest.mark.proof
@pytest.mark.browser
def test_a_composition_looks_the_same_as_when_it_is_rendered_here(
    deploy: Any, tmp_path: Path
) -> None:
    site = deploy()
    folder = tmp_path / "composition"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    command = "helios render composition -o 0.mp4 --start-frame 0 --frame-count 6"
    command += " --width 64 --height 36 --fps 30"
    job = site.job(command, assets_url=site.upload(folder))

    result = site.run(job)

    assert result.exit_code == 0, result.stderr
    assert result.artifact is not None
    fetched = site.fetch(result.artifact.url, tmp_path / "chunk.mp4")
    helios = Path(sys.executable).with_name("helios")
    subprocess.run([helios, *command.split()[1:]], cwd=tmp_path, check=True)
    hashes = frame_hashes(fetched)
    assert hashes == frame_hashes(tmp_path / "0.mp4")
    assert len(set(hashes)) == 6


@pytest.mark.parametrize("language", sampled(["en", "ja", "und-zsye"], ["ja"]))
def test_there_are_fonts_for_latin_cjk_and_emoji_and_text_is_utf_8(
    deploy: Any, language: str
) -> None:
    site = deploy(variables={"HELIOS_EXECUTABLES": "sh"})

    # What a command says comes back where it fails.
    result = site.run(site.job(f"sh -c 'fc-list :lang={language} family; echo $LANG; exit 1'"))

    assert "Noto" in result.stdout or "Liberation" in result.stdout
    if ENGINE_VARIABLE in os.environ:
        assert result.stdout.splitlines()[-1] == "C.UTF-8"


def test_a_job_is_rendered_and_merged_by_the_function_alone(deploy: Any, tmp_path: Path) -> None:
    # More than this is joined inside S3, as videos that a worker's disk can't hold.
    site = deploy(variables={"HELIOS_MERGE_BYTES": "1"})
    job = site.job(*(drawing(number) for number in range(3)))

    for number in range(3):
        assert site.run(job, number).exit_code == 0
    merged = site.run(job, None)

    assert merged.exit_code == 0, merged.stderr
    assert "3 chunks joined in storage" in merged.stdout
    assert merged.artifact is not None
    assert merged.artifact.url == f"{site.prefix}/jobs/job/output/out.mp4"
    assert len(frame_hashes(site.fetch(merged.artifact.url, tmp_path / "all.mp4"))) == 3 * FRAMES


def test_chunks_run_in_parallel_environments(deploy: Any) -> None:
    site = deploy(variables={"HELIOS_EXECUTABLES": "sh"})
    job = site.job(*(f"sh -c 'sleep 1; {drawing(number)}'" for number in range(3)))

    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda number: site.run(job, number), range(3)))

    assert [result.exit_code for result in results] == [0, 0, 0]
    assert len(list((site.aws.logs / site.function).glob("*.log"))) == 3


def test_a_client_that_speaks_only_the_wire_format_is_served(deploy: Any) -> None:
    site = deploy(variables={"HELIOS_EXECUTABLES": "sh"})
    job = site.job(f"sh -c 'echo rendered; echo noted >&2; {drawing(0)}'", "sh -c 'exit 3'")

    done = site.raw({"jobPath": job, "chunkIndex": 0})["answer"]
    failed = site.raw({"jobPath": job, "chunkIndex": 1})["answer"]
    missing = site.raw({"jobPath": job, "chunkIndex": 9})["answer"]
    wrong = site.raw({"chunkIndex": 0})["answer"]

    body = json.loads(done["body"])
    assert done["statusCode"] == 200
    assert (body["exitCode"], body["output"].strip()) == (0, "rendered")
    assert "noted" in body["stderr"]
    assert failed["statusCode"] == 500
    assert json.loads(failed["body"])["exitCode"] == 3
    assert missing["statusCode"] == 404
    assert wrong["statusCode"] == 400
    assert set(done) == {"statusCode", "body"}


def test_an_error_comes_back_by_its_code(deploy: Any) -> None:
    site = deploy()
    job = site.job("rm -rf /")

    result = site.run(job)

    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == ("COMMAND_FORBIDDEN", False)


def test_a_state_machine_gets_failures_as_errors_named_by_their_code(deploy: Any) -> None:
    site = deploy()
    job = site.job("rm -rf /")

    answer = site.raw({"jobPath": job, "chunkIndex": 0, "raiseErrors": True})

    assert answer["FunctionError"] == "Unhandled"
    assert answer["answer"]["errorType"] == "COMMAND_FORBIDDEN"
    assert json.loads(answer["answer"]["errorMessage"])["code"] == "COMMAND_FORBIDDEN"


def test_a_worker_that_dies_is_told_as_such_and_the_next_attempt_renders(deploy: Any) -> None:
    site = deploy(variables={"HELIOS_EXECUTABLES": "sh"})
    job = site.job(f"sh -c 'test -e /nowhere || sleep 1.71; {drawing(0)}'")

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(site.run, job)
        site.wait_for_command("1.71")
        os.kill(site.runtime_process().pid, signal.SIGKILL)
        with pytest.raises(HeliosError) as caught:
            first.result()

    site.wait_until_gone("1.71")
    assert caught.value.code == "OUT_OF_MEMORY"
    assert caught.value.retryable
    assert site.run(job, attempt=2).exit_code == 0


@pytest.mark.long
def test_a_command_that_takes_all_memory_is_told_as_such(deploy: Any) -> None:
    site = deploy(memory=512, variables={"HELIOS_EXECUTABLES": "sh"})
    job = site.job("sh -c 'head -c 1500m /dev/zero | tail'", drawing(1))

    result = site.run(job)

    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == ("OUT_OF_MEMORY", True)


@pytest.mark.long
def test_a_chunk_that_takes_too_long_is_ended_by_the_worker_in_time(deploy: Any) -> None:
    site = deploy(timeout=8, variables={"HELIOS_EXECUTABLES": "ffmpeg,sleep"})
    job = site.job("sleep 600", drawing(1))
    started = time.monotonic()

    result = site.run(job)

    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == ("TIMEOUT", True)
    assert "Task timed out" not in site.aws.log(site.function)
    assert time.monotonic() - started < 30
    assert site.run(job, 1).exit_code == 0


@pytest.mark.long
def test_a_worker_that_hangs_is_ended_by_lambda(deploy: Any) -> None:
    site = deploy(timeout=4, variables={"HELIOS_EXECUTABLES": "sleep"})
    job = site.job("sleep 600.5")

    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(site.run, job)
        site.wait_for_command("600.5")
        site.runtime_process().suspend()
        with pytest.raises(HeliosError) as caught:
            hanging.result()

    site.wait_until_gone("600.5")
    assert caught.value.code == "TIMEOUT"
    assert "ended by Lambda after 4.00 s" in caught.value.message


@pytest.mark.long
def test_throttled_chunks_are_rendered_later(deploy: Any, tmp_path: Path) -> None:
    site = deploy(reserved=1, variables={"HELIOS_EXECUTABLES": "sh"})
    job = site.job(*(f"sh -c 'sleep 0.3; {drawing(number)}'" for number in range(3)))
    spec = JobSpec.parse(
        site.s3.get_object(Bucket=BUCKET, Key=job.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    )
    retried: list[str] = []

    done = asyncio.run(
        JobExecutor(site.adapter).execute(
            spec,
            RunSettings(concurrency=3, merge=False, retries=20, retry_delay=0.5, max_retry_delay=2),
            job_dir=tmp_path,
            job_path=job,
            on_event=lambda event: retried.append(
                getattr(getattr(event, "error", None), "code", "")
            ),
        )
    )

    assert sorted(outcome.chunk_id for outcome in done.chunks) == [0, 1, 2]
    assert "WORKER_THROTTLED" in retried


#: The worker of the package whose formats this project speaks, as far as its answers go.
ORIGINAL = """
import json

def handler(event, context):
    if event["chunkIndex"] == 0:
        body = {"exitCode": 0, "output": "rendered", "stderr": ""}
        return {"statusCode": 200, "body": json.dumps(body)}
    return {"statusCode": 500, "body": json.dumps({"message": "Error: no such chunk"})}
"""

#: Answers with as much as Lambda passes on, or one byte more.
LARGE = """
import json

def handler(event, context):
    answer = {"statusCode": 200, "body": json.dumps({"exitCode": 0, "note": ""})}
    frame = len(json.dumps(answer))
    filler = "x" * (6291556 - frame + event["chunkIndex"])
    return {"statusCode": 200, "body": json.dumps({"exitCode": 0, "note": filler})}
"""


def test_a_worker_that_answers_only_the_original_fields_is_understood(deploy: Any) -> None:
    site = deploy(source=ORIGINAL)

    done = site.run("s3://b/job.json", 0)
    failed = site.run("s3://b/job.json", 1)

    assert (done.exit_code, done.stdout, done.artifact) == (0, "rendered", None)
    assert failed.failure is not None
    assert failed.failure.message == "Error: no such chunk"


@pytest.mark.long
def test_an_answer_of_six_megabytes_is_read_and_a_larger_one_told(deploy: Any) -> None:
    site = deploy(source=LARGE)

    assert site.run("s3://b/job.json", 0).exit_code == 0
    with pytest.raises(HeliosError) as caught:
        site.run("s3://b/job.json", 1)

    assert (caught.value.code, caught.value.retryable) == ("PAYLOAD_TOO_LARGE", False)
