"""The life of jobs by the public command: whatever ends a render, none of it is lost."""

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

#: Six hundred frames in twelve chunks, two at a time.
LONG = (
    *("page.html", "--width", 160, "--height", 90, "--duration", 20, "--no-audio"),
    *("--chunks", 12, "--concurrency", 2),
)
SHORT = ("page.html", "--width", 160, "--height", 90, "--chunks", 3, "--no-audio")


def frame_hashes(video: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


def listed(bench: Any, *flags: object) -> list[dict[str, Any]]:
    done = bench.run("jobs", "list", "--json", *flags)
    assert done.status == 0, done.stdout
    return [document for document in done.documents if document["event"] == "job"]


def started(documents: list[dict[str, Any]]) -> set[int]:
    return {doc["chunkId"] for doc in documents if doc["event"] == "chunk_started"}


def chunks(bench: Any) -> set[str]:
    return {path.name for path in (bench.folder / "v.mp4.job/chunks").glob("*.mp4")}


def start_long(bench: Any, *, chunks_done: int = 2) -> Any:
    command = bench.start("render", *LONG, "-o", "v.mp4")
    command.wait_until(lambda: len(chunks(bench)) >= chunks_done)
    return command


@pytest.mark.browser
def test_a_killed_orchestrator_loses_no_chunk_that_was_done(bench: Any) -> None:
    command = start_long(bench, chunks_done=3)
    command.signal(signal.SIGKILL)
    command.end()
    kept = chunks(bench)
    assert len(kept) >= 3
    [job] = listed(bench)
    assert (job["state"], job["chunksTotal"]) == ("interrupted", 12)

    resumed = bench.run("resume", job["id"], "--json")
    assert resumed.status == 0, resumed.stdout
    missing = set(range(12)) - {int(Path(name).stem) for name in kept}
    # What ran when it was killed may have been finished by its own process since.
    assert missing - started(resumed.documents) <= {int(Path(n).stem) for n in chunks(bench)}
    assert started(resumed.documents) <= missing
    assert command.family() == set()
    assert bench.names() == ["page.html", "tmp", "v.mp4"]

    [job] = listed(bench)
    assert (job["state"], job["chunksDone"], job["metrics"]["runs"]) == ("completed", 12, 2)
    assert job["output"] == "v.mp4"
    whole = bench.run("render", *LONG, "-o", "w.mp4")
    assert whole.status == 0, whole.stderr
    assert frame_hashes(bench.folder / "v.mp4") == frame_hashes(bench.folder / "w.mp4")


@pytest.mark.browser
def test_a_render_is_paused_from_another_process_and_gone_on_with(bench: Any) -> None:
    command = start_long(bench)
    [job] = listed(bench)
    assert job["state"] == "running"
    paused = bench.run("pause", job["id"])
    assert paused.status == 0, paused.stderr
    assert f"job {job['id']} is paused: " in paused.stderr
    done = command.end()
    assert done.status == 130
    assert "error[PAUSED]: the job was paused" in done.stderr
    assert f"Go on with: orchestrator resume {job['id']}" in done.stderr
    kept = chunks(bench)
    assert f"{len(kept)} of 12 chunks" in done.stderr

    resumed = bench.run("resume", job["id"], "--concurrency", 3, "--json")
    assert resumed.status == 0, resumed.stdout
    assert len(started(resumed.documents)) == 12 - len(kept)
    assert len(frame_hashes(bench.folder / "v.mp4")) == 600


@pytest.mark.browser
def test_a_render_is_cancelled_from_another_process(bench: Any) -> None:
    command = start_long(bench)
    [job] = listed(bench)
    cancelled = bench.run("cancel", job["id"], "--json")
    assert cancelled.documents[-1]["event"] == "cancelled"
    done = command.end(seconds=20)
    assert (done.status, command.family()) == (130, set())
    assert f"job {job['id']} was cancelled" in done.stderr
    assert "Go on" not in done.stderr

    refused = bench.run("resume", job["id"])
    assert refused.status == 2
    assert "error[JOB_STATE_CONFLICT]" in refused.stderr
    assert f"orchestrator retry {job['id']}" in refused.stderr
    kept = len(chunks(bench))
    again = bench.run("retry", job["id"], "--json")
    assert again.status == 0, again.stdout
    assert len(started(again.documents)) == 12 - kept


@pytest.mark.browser
def test_a_job_is_listed_shown_and_forgotten(bench: Any) -> None:
    done = bench.run("render", *SHORT, "-o", "out/v.mp4")
    assert done.status == 0, done.stderr
    match = re.search(r"^job (\S+)$", done.stderr, re.MULTILINE)
    assert match is not None
    job_id = match[1]
    table = bench.run("jobs", "list").stdout.splitlines()
    assert table[0].split() == ["ID", "STATE", "CHUNKS", "CREATED", "NAME", "OUTPUT"]
    assert table[1].split()[:3] == [job_id, "completed", "3/3"]
    assert bench.run("jobs", "list", "--state", "failed").stdout == "no jobs\n"
    shown = bench.run("jobs", "show", job_id, "--chunks").stdout
    assert "frames    12 of 12" in shown
    assert shown.count("  attempt 1") == 3
    facts = bench.run("jobs", "show", job_id, "--chunks", "--json").documents[-1]
    assert [chunk["state"] for chunk in facts["chunks"]] == ["done"] * 3

    later = bench.run("jobs", "delete", "--ended-for", 1)
    assert "no jobs to forget" in later.stderr
    assert bench.run("jobs", "delete", "--ended-for", 0).status == 0
    assert listed(bench) == []
    assert bench.names("out") == ["v.mp4"]
    gone = bench.run("jobs", "show", job_id)
    assert (gone.status, "error[JOB_NOT_FOUND]" in gone.stderr) == (2, True)


@pytest.mark.browser
def test_retrying_afresh_renders_every_chunk_and_deleting_takes_them_away(bench: Any) -> None:
    done = bench.run("render", *SHORT, "-o", "v.mp4", "--chunk", 1)
    assert done.status == 0, done.stderr
    planned = bench.run("plan", *SHORT, "-o", "job/job.json")
    assert planned.status == 0, planned.stderr
    stopped = bench.run("run", "job/job.json", env={"HELIOS_BROWSER": "/bin/false"})
    assert stopped.status == 1, stopped.stderr
    [job, _] = listed(bench)
    assert job["state"] == "failed"
    fresh = bench.run("retry", job["id"], "--fresh", "--no-such-flag")
    assert "Usage" in fresh.stderr
    fresh = bench.run("retry", job["id"], "--fresh", "--json")
    assert fresh.status == 0, fresh.stdout
    assert started(fresh.documents) == {0, 1, 2}
    assert bench.run("jobs", "delete", job["id"], "--chunks").status == 0
    assert bench.names("job") == ["job.json", "video.mp4"]


@pytest.mark.browser
def test_two_renders_in_one_folder_do_not_disturb_each_other(bench: Any) -> None:
    command = start_long(bench)
    other = bench.run("render", *LONG, "-o", "v.mp4")
    assert other.status == 2
    assert "error[JOB_BUSY]: v.mp4.job: another process runs a job" in other.stderr
    [job] = listed(bench)
    busy = bench.run("resume", job["id"])
    assert (busy.status, "error[JOB_BUSY]" in busy.stderr) == (2, True)
    command.signal(signal.SIGINT)
    assert command.end(seconds=20).status == 130


@pytest.mark.browser
def test_jobs_that_cannot_be_kept_run_all_the_same(bench: Any) -> None:
    env = {"HELIOS_JOBS": "", "XDG_STATE_HOME": "/proc"}
    done = bench.run("render", *SHORT, "-o", "v.mp4", env=env)
    assert done.status == 0, done.stderr
    assert "the job isn't kept: " in done.stderr
    refused = bench.run("render", *SHORT, "-o", "v.mp4", "--jobs", "/proc/jobs")
    assert (refused.status, "error[OUTPUT_UNWRITABLE]" in refused.stderr) == (2, True)
    none = bench.run("render", *SHORT, "-o", "v.mp4", "--jobs", "none", "--json")
    assert not any(document["event"] == "job" for document in none.documents)
    assert listed(bench) == []


def test_a_state_that_is_not_known_is_refused(bench: Any) -> None:
    done = bench.run("jobs", "list", "--state", "asleep")
    assert done.status == 2
    assert "States: pending, running" in done.stderr
