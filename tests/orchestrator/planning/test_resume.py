import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from helios.contract.job_spec import JobSpec
from orchestrator.planning.resume import earlier_job, forget_chunks, whole_chunks


@pytest.fixture(scope="module")
def chunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chunk") / "chunk.mp4"
    source = "testsrc2=s=64x36:r=10:d=1"
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, *coding, str(path)]
    subprocess.run(command, check=True)
    return path


def a_spec(chunks: int = 4, **facts: int) -> JobSpec:
    metadata = {"totalFrames": chunks * 10, "fps": 10, "width": 64, "height": 36}
    parts = [
        {"id": n, "startFrame": n * 10, "frameCount": 10, "outputFile": f"{n}.mp4", "command": "x"}
        for n in range(chunks)
    ]
    value = {
        "metadata": {**metadata, "duration": chunks, **facts},
        "chunks": parts,
        "mergeCommand": "",
    }
    return JobSpec.parse(json.dumps(value))


def test_only_chunks_that_are_there_and_whole_are_kept(chunk: Path, tmp_path: Path) -> None:
    shutil.copy(chunk, tmp_path / "0.mp4")
    (tmp_path / "1.mp4").write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    (tmp_path / "2.mp4").touch()
    assert asyncio.run(whole_chunks(a_spec(), tmp_path)) == {0}


def test_a_chunk_of_another_shape_is_not_kept(chunk: Path, tmp_path: Path) -> None:
    shutil.copy(chunk, tmp_path / "0.mp4")
    assert asyncio.run(whole_chunks(a_spec(1, width=64, height=64), tmp_path)) == set()


def test_chunks_that_will_be_rendered_anew_are_forgotten(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.mp4").touch()
    (tmp_path / "3.mp4").mkdir()
    (tmp_path / "other.mp4").touch()
    forget_chunks(a_spec(), tmp_path, only=[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("0.mp4", "2.mp4", "3.mp4", "other.mp4")
    ]
    forget_chunks(a_spec(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.mp4", "other.mp4"]


def test_a_job_is_resumed_if_the_plan_is_the_very_same(tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    assert earlier_job(a_spec(), job) is None
    job.write_text(a_spec().to_json())
    assert earlier_job(a_spec(), job) == a_spec()
    assert earlier_job(a_spec(5), job) is None
    job.write_text("{}")
    assert earlier_job(a_spec(), job) is None


def test_a_job_is_resumed_under_the_id_that_it_had(tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    first = a_spec().model_copy(update={"id": "first"})
    second = a_spec().model_copy(update={"id": "second"})
    job.write_text(first.to_json())
    assert earlier_job(second, job) == first
    assert earlier_job(a_spec(), job) is None
