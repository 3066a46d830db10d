"""The life of jobs by the public command: whatever ends a render, none of it is lost."""

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helios.worker_setup import FRAMES, drawing, make_spec
from tests.sampling import every_nth

pytestmark = pytest.mark.slow

CHUNKS = 6
#: Draws a third of a second of video in sixteen: long enough for some commands meanwhile.
SLOW = "PTS-STARTPTS,realtime=speed=0.02"


def frame_hashes(video: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


def write_spec(bench: Any, *, chunks: int = CHUNKS, slow: bool = True, **fields: Any) -> None:
    (bench.folder / "job").mkdir(exist_ok=True)
    commands = [drawing(n, f"chunks/{n:05}.mp4") for n in range(chunks)]
    if slow:
        commands[2] = commands[2].replace("PTS-STARTPTS", SLOW)
    spec = make_spec(commands, **fields)
    (bench.folder / "job/job.json").write_text(spec.to_json())


def listed(bench: Any, *flags: object) -> list[dict[str, Any]]:
    done = bench.run("list", "--json", *flags)
    assert done.status == 0, done.stdout
    return [document for document in done.documents if document["event"] == "job"]


def started(documents: list[dict[str, Any]]) -> set[int]:
    return {doc["chunkId"] for doc in documents if doc["event"] == "chunk_started"}


def chunks(folder: Path) -> set[int]:
    return {int(path.stem) for path in folder.glob("chunks/*.mp4")}


def start(bench: Any) -> Any:
    """Begin to run a job, and return once two of its chunks are done and a slow one is on."""
    write_spec(bench)
    command = bench.start("run", "job/job.json", "-o", "v.mp4", "--concurrency", 1)
    command.wait_until(lambda: chunks(bench.folder / "job") >= {0, 1, 2})
    return command


def test_a_killed_orchestrator_loses_no_chunk_that_was_done(bench: Any) -> None:
    command = start(bench)
    command.signal(signal.SIGKILL)
    command.end()
    [job] = listed(bench)
    assert (job["state"], job["chunksTotal"]) == ("interrupted", CHUNKS)
    # Its commands end when their output can't be written any more.
    command.wait_for_orphans()

    # The slow chunk may be cut short or have been finished; its neighbours are there.
    resumed = bench.run("resume", job["id"], "--concurrency", 3, "--json")
    assert resumed.status == 0, resumed.stdout
    assert started(resumed.documents) | {2} == set(range(2, CHUNKS))
    [job] = listed(bench)
    assert (job["state"], job["chunksDone"], job["metrics"]["runs"]) == ("completed", CHUNKS, 2)
    assert job["output"] == str(bench.folder / "v.mp4")
    assert len(set(frame_hashes(bench.folder / "v.mp4"))) == CHUNKS * FRAMES


@pytest.mark.proof
def test_a_job_is_paused_from_another_process_and_resumed(bench: Any) -> None:
    command = start(bench)
    [job] = listed(bench)
    assert job["state"] == "running"
    paused = bench.run("pause", job["id"])
    assert paused.status == 0, paused.stderr
    assert f"job {job['id']} is paused: " in paused.stderr
    done = command.end()
    assert done.status == 130
    kept = chunks(bench.folder / "job")
    assert kept == {0, 1, 2}
    assert f"error[PAUSED]: the job was paused: {len(kept)} of {CHUNKS} chunks" in done.stderr
    assert f"Resume with: orchestrator resume {job['id']}" in done.stderr

    resumed = bench.run("resume", job["id"], "--concurrency", 3, "--json")
    assert resumed.status == 0, resumed.stdout
    assert started(resumed.documents) == set(range(CHUNKS)) - kept
    assert len(frame_hashes(bench.folder / "v.mp4")) == CHUNKS * FRAMES


@pytest.mark.proof
def test_a_job_is_cancelled_from_another_process_and_resumed(bench: Any) -> None:
    command = start(bench)
    [job] = listed(bench)
    cancelled = bench.run("cancel", job["id"], "--json")
    assert cancelled.documents[-1]["event"] == "cancelled"
    done = command.end()
    assert (done.status, command.family()) == (130, set())
    assert f"job {job['id']} was cancelled" in done.stderr
    assert "Go on" not in done.stderr

    assert f"orchestrator resume {job['id']}" in bench.run("status", job["id"]).stdout
    again = bench.run("resume", job["id"], "--json")
    assert again.status == 0, again.stdout
    # The slow chunk may be cut short, which counts as not there, or have been finished.
    assert started(again.documents) | {2} == set(range(2, CHUNKS))
    refused = bench.run("resume", job["id"])
    assert (refused.status, "error[JOB_STATE_CONFLICT]" in refused.stderr) == (2, True)


def test_a_job_is_listed_shown_and_forgotten(bench: Any) -> None:
    write_spec(bench, chunks=3, slow=False)
    done = bench.run("run", "job/job.json", "-o", "out/v.mp4")
    assert done.status == 0, done.stderr
    match = re.search(r"^job (\S+)$", done.stderr, re.MULTILINE)
    assert match is not None
    job_id = match[1]
    table = bench.run("list").stdout.splitlines()
    assert table[0].split() == ["ID", "STATE", "CHUNKS", "CREATED", "WHERE", "NAME", "OUTPUT"]
    assert table[1].split()[:3] == [job_id, "completed", "3/3"]
    assert bench.run("list", "--state", "failed").stdout == "no jobs\n"
    shown = bench.run("status", job_id, "--chunks").stdout
    assert f"frames    {3 * FRAMES} of {3 * FRAMES}" in shown
    assert len(re.findall(r"^chunk \d  done", shown, re.MULTILINE)) == 3
    assert bench.run("logs", job_id).stdout.count("  attempt 1") == 3
    [attempt] = bench.run("logs", job_id, "--chunk", 1, "--json").documents
    assert (attempt["chunkId"], attempt["attempt"], attempt["error"]) == (1, 1, None)
    facts = bench.run("status", job_id, "--chunks", "--json").documents[-1]
    assert [chunk["state"] for chunk in facts["chunks"]] == ["done"] * 3

    later = bench.run("delete", "--ended-for", 1)
    assert "no jobs to delete" in later.stderr
    assert bench.run("delete", "--ended-for", 0).status == 0
    assert listed(bench) == []
    assert bench.names("out") == ["v.mp4"]
    gone = bench.run("status", job_id)
    assert (gone.status, "error[JOB_NOT_FOUND]" in gone.stderr) == (2, True)


@pytest.mark.proof
def test_resuming_afresh_renders_every_chunk_and_deleting_takes_them_away(bench: Any) -> None:
    write_spec(bench, chunks=3, slow=False, merge="ffmpeg -v error -i gone.mp4 v.mp4")
    stopped = bench.run("run", "job/job.json", "--retries", 0)
    assert stopped.status == 1, stopped.stderr
    assert "error[MERGE_FAILED]" in stopped.stderr
    [job] = listed(bench)
    assert (job["state"], job["error"]["code"]) == ("failed", "MERGE_FAILED")
    resumed = bench.run("resume", job["id"], "--json")
    assert started(resumed.documents) == set()
    fresh = bench.run("resume", job["id"], "--fresh", "--json")
    assert started(fresh.documents) == {0, 1, 2}
    assert bench.run("delete", job["id"], "--chunks").status == 0
    assert bench.names("job") == ["job.json"]


def test_a_spec_with_an_id_can_be_run_again_as_a_job_of_its_own(bench: Any) -> None:
    write_spec(bench, chunks=1, slow=False, id="mine")
    for _ in range(2):
        done = bench.run("run", "job/job.json")
        assert done.status == 0, done.stderr
    newer, older = listed(bench)
    assert older["id"] == "mine"
    assert newer["id"] != "mine"


@pytest.mark.proof
def test_two_runs_in_one_folder_do_not_disturb_each_other(bench: Any) -> None:
    command = start(bench)
    other = bench.run("run", "job/job.json")
    assert other.status == 2
    assert "error[JOB_BUSY]: job: another process runs a job" in other.stderr
    [job] = listed(bench, "--state", "running")
    busy = bench.run("resume", job["id"])
    assert (busy.status, "error[JOB_BUSY]" in busy.stderr) == (2, True)
    command.signal(signal.SIGINT)
    assert command.end().status == 130


@pytest.mark.proof
def test_jobs_run_if_they_cannot_be_recorded(bench: Any) -> None:
    write_spec(bench, chunks=2, slow=False)
    env = {"HELIOS_JOBS": "", "XDG_STATE_HOME": "/proc"}
    done = bench.run("run", "job/job.json", env=env)
    assert done.status == 0, done.stderr
    assert "the job isn't kept: /proc/helios/jobs can't be written" in done.stderr
    refused = bench.run("run", "job/job.json", "--jobs", "/proc/jobs")
    assert (refused.status, "error[OUTPUT_UNWRITABLE]" in refused.stderr) == (2, True)
    none = bench.run("run", "job/job.json", "--jobs", "none", "--json")
    assert none.status == 0
    assert not any(document["event"] == "job" for document in none.documents)
    assert listed(bench) == []


def test_a_state_that_is_not_known_is_refused(bench: Any) -> None:
    done = bench.run("list", "--state", "asleep")
    assert done.status == 2
    assert "States: pending, running" in done.stderr


@every_nth(3)
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "give either --output or --link"),
        (("--link", "-o", "copy.mp4"), "give either --output or --link"),
        (("-o", "copy.mp4", "--expires", "1h"), "--expires: goes with --link"),
        (("--link", "--expires", "soon"), "--expires soon: is no duration above 0"),
        (("--link", "--expires", "169h"), "a presigned URL can't last 608400 s"),
        (("--link",), "there is no video in storage to link to"),
    ],
)
def test_a_link_that_cannot_be_is_refused(bench: Any, flags: Any, message: str) -> None:
    write_spec(bench, chunks=1, slow=False)
    ran = bench.run("run", "job/job.json", "--no-merge", "--json")
    assert ran.status == 0, ran.stderr
    (job,) = listed(bench)

    refused = bench.run("fetch", job["id"], *flags)

    assert refused.status == 2
    assert message in refused.stderr
