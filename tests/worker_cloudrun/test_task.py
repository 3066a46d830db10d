import os
import signal
import subprocess
from pathlib import Path

import pytest

from helios.records.chunk_record import ChunkRecord
from sandbox.worker_environment import worker_environment
from tests.helios.worker_setup import drawing, make_spec
from tests.worker_cloudrun.conftest import CloudSite, slow
from tests.worker_cloudrun.test_service import asleep, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud_run")]


def begin(cloud: CloudSite, folder: Path, **variables: str) -> "subprocess.Popen[str]":
    environment = worker_environment("worker_cloudrun")
    env = {
        **environment.variables(os.environ["PATH"]),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "CLOUD_RUN_JOB": "render",
        "CLOUD_RUN_EXECUTION": "render-abc",
        **cloud.env(),
        **variables,
    }
    return subprocess.Popen(
        [str(environment.python), "-m", "worker_cloudrun.task"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(cloud: CloudSite, folder: Path, **variables: str) -> tuple[int, str, str]:
    with begin(cloud, folder, **variables) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def chunks(cloud: CloudSite, job: str) -> list[str]:
    import asyncio

    async def found() -> list[str]:
        storage = cloud.storage()
        prefix = job.removeprefix(cloud.artifacts + "/").removesuffix("job.json")
        entries = await storage.list(prefix)
        await storage.close()
        return [entry.key.removeprefix(prefix) for entry in entries]

    return asyncio.run(found())


def test_a_task_renders_the_chunk_of_its_index(cloud: CloudSite, tmp_path: Path) -> None:
    job = cloud.put()
    variables = {"JOB_PATH": job, "CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_ATTEMPT": "2"}
    code, out, err = run(cloud, tmp_path, **variables)
    assert code == 0, out + err
    (record, video) = [name for name in chunks(cloud, job) if name.startswith("chunks/1-")]
    assert video.endswith(".mp4")
    read = ChunkRecord.parse(cloud.get(job.removesuffix("job.json") + record))
    assert read is not None
    assert (read.chunk_id, read.attempt) == (1, 3)
    assert read.worker["execution"] == "render-abc"
    assert '"task": "1"' in out
    assert list(tmp_path.glob("helios-work/*/*")) == []


def test_a_task_joins_the_chunks_when_told_to(cloud: CloudSite, tmp_path: Path) -> None:
    job = cloud.put()
    for index in ("0", "1"):
        assert run(cloud, tmp_path, JOB_PATH=job, CLOUD_RUN_TASK_INDEX=index)[0] == 0
    # More than this is joined inside the storage.
    variables = {"JOB_ACTION": "merge", "HELIOS_MERGE_BYTES": "1"}
    code, out, err = run(cloud, tmp_path, JOB_PATH=job, **variables)
    assert code == 0, out + err
    assert "output/video.mp4" in chunks(cloud, job)
    # A command joins chunks only on the worker's disk.
    assert "merge.stored" in out
    assert "command.ended" not in out


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "JOB_PATH: is not set"),
        ({"JOB_PATH": "gs://x/y", "CLOUD_RUN_TASK_INDEX": "first"}, "CLOUD_RUN_TASK_INDEX"),
        ({"JOB_PATH": "gs://x/y", "JOB_ACTION": "dance"}, "$.action"),
        ({"JOB_PATH": "gs://x/y", "HELIOS_CONCURRENCY": "none"}, "HELIOS_CONCURRENCY"),
        ({"JOB_PATH": "gs://elsewhere/job.json"}, "SOURCE_FORBIDDEN"),
        ({"JOB_PATH": "gs://renders/renders/no/job.json"}, "JOB_SPEC_NOT_FOUND"),
    ],
)
def test_what_can_never_work_ends_with_status_2(
    cloud: CloudSite, tmp_path: Path, variables: dict[str, str], told: str
) -> None:
    code, _, err = run(cloud, tmp_path, **variables)
    assert code == 2
    assert told in err
    assert "Traceback" not in err


def test_what_may_work_next_time_ends_with_status_1(cloud: CloudSite, tmp_path: Path) -> None:
    job = cloud.put(make_spec(["sh -c 'echo because >&2; exit 5'"]))
    code, out, err = run(cloud, tmp_path, JOB_PATH=job)
    assert code == 1
    assert "because" in err
    assert '"exitCode": 5' in out


def test_a_task_ends_before_its_time_is_up(cloud: CloudSite, tmp_path: Path) -> None:
    job = cloud.put(make_spec([slow(60.021)]))
    code, out, _ = run(cloud, tmp_path, JOB_PATH=job, CLOUD_RUN_TIMEOUT_SECONDS="4")
    assert code == 1
    assert '"code": "TIMEOUT"' in out


def test_a_task_that_is_stopped_leaves_nothing_running(cloud: CloudSite, tmp_path: Path) -> None:
    job = cloud.put(make_spec([slow(60.022), drawing(1, "chunks/00001.mp4")]))
    with begin(cloud, tmp_path, JOB_PATH=job) as process:
        until(lambda: asleep(60.022))
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=9)
    assert process.returncode == 143
    assert '"event": "task.stopped"' in out
    assert asleep(60.022) == []
    assert list(tmp_path.glob("helios-work/*/*")) == []
