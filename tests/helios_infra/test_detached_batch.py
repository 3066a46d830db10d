"""A detached batch by the public command, on the stack in the local AWS."""

import subprocess
from pathlib import Path

import pytest

from tests.helios_infra.films import Renders
from tests.orchestrator.conftest import Bench, Ended

pytestmark = [pytest.mark.proof, pytest.mark.browser, pytest.mark.xdist_group("deployed")]


def test_rows_of_a_detached_batch_are_executions_that_any_client_follows(
    renders: Renders, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    bench.page("page/index.html")
    (tmp_path / "rows.csv").write_text("_id,frames\n1,3\n2,4\n3,5\n")
    env = {**renders.aws.variables, "HELIOS_STACK": renders.stack.name}

    def runs(*arguments: object) -> Ended:
        ended = bench.run(*arguments, env=env)
        assert ended.status == 0, ended.stderr
        return ended

    flags = ("--rows", "rows.csv", "-o", "{_id}.mp4", "--width", 64, "--height", 64)
    started = runs("batch", "page", *flags, "--detach", "--concurrency", 2)
    batch = started.stdout.strip()
    watched = runs("watch", batch, "--json", "--interval", 0.3).documents
    assert watched[0]["waiting"] == 1
    assert (watched[-1]["event"], watched[-1]["done"]) == ("completed", 3)
    listed = [job for job in runs("list", "--json").documents if job["id"].startswith("batch-")]
    assert [(job["id"], job["rows"], job["done"]) for job in listed] == [(batch, 3, 3)]
    runs("fetch", batch, "-o", "fetched")
    count = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames"]
    for row, frames in ((1, 3), (2, 4), (3, 5)):
        video = tmp_path / "fetched" / f"{row}.mp4"
        done = subprocess.run(
            [*count, "-of", "csv=p=0", video], capture_output=True, text=True, check=True
        )
        assert int(done.stdout) == frames
