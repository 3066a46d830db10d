"""`orchestrator verify` by the public command, on what `orchestrator run` made."""

from pathlib import Path
from typing import Any

import pytest

from tests.helios.worker_setup import drawing, make_spec

CHUNKS = 3


@pytest.fixture
def made(bench: Any) -> Path:
    """A job's folder, with its chunks and the video."""
    folder: Path = bench.folder / "job"
    folder.mkdir()
    commands = [drawing(n, f"chunks/{n:05}.mp4") for n in range(CHUNKS)]
    (folder / "job.json").write_text(make_spec(commands).to_json())
    done = bench.run("run", "job/job.json", "-o", "v.mp4", "--concurrency", 1)
    assert done.status == 0, done.stderr
    return folder


@pytest.mark.slow
def test_a_video_is_verified_by_its_spec_by_its_job_and_without_its_chunks(
    bench: Any, made: Path
) -> None:
    done = bench.run("verify", "job/job.json", "--video", "v.mp4", "--json")
    assert done.status == 0, done.stdout
    [said] = [document for document in done.documents if document["event"] == "verified"]
    assert (said["boundaries"], said["compared"]) == (CHUNKS - 1, CHUNKS - 1)
    listed = bench.run("list", "--json").documents
    [job] = [document for document in listed if document["event"] == "job"]
    by_id = bench.run("verify", job["id"])
    assert by_id.status == 0, by_id.stderr
    (made / "chunks/00000.mp4").unlink()
    done = bench.run("verify", "job/job.json", "--video", "v.mp4", "--json")
    assert done.status == 0, done.stdout
    assert [d["compared"] for d in done.documents if d["event"] == "verified"] == [0]


@pytest.mark.long
def test_a_wrong_video_is_told_from_one_that_cannot_be_checked(bench: Any, made: Path) -> None:
    (bench.folder / "w.mp4").write_bytes((made / "chunks/00001.mp4").read_bytes())
    wrong = bench.run("verify", "job/job.json", "--video", "w.mp4")
    assert wrong.status == 1
    assert "SEAM_BROKEN" in wrong.stderr
    assert "boundary 1" in wrong.stderr
    missing = bench.run("verify", "job/job.json", "--video", "nothing.mp4")
    assert missing.status == 2
