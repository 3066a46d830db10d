"""Jobs that everything goes wrong with: nothing is lost, left behind or told wrongly."""

import asyncio
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from chaos.findings import faults_of
from chaos.report import BEGIN, END, write_table
from chaos.run import Outcome, play
from chaos.scene import JOB, Scene
from chaos.trouble import Trouble
from orchestrator.job_repository.file_lock import FileLock

#: Between them every kind of trouble; `make chaos` plays hundreds.
SEEDS = (6, 89, 149)


@pytest.mark.long
@pytest.mark.slow
async def test_no_trouble_loses_a_chunk_or_leaves_anything_behind(tmp_path: Path) -> None:
    outcomes = await asyncio.gather(*(play(seed, tmp_path / str(seed)) for seed in SEEDS))
    kinds: set[str] = set()
    for outcome in outcomes:
        assert outcome.faults == [], f"seed {outcome.seed}"
        broken = outcome.trouble.broken_chunk is not None
        assert outcome.state == ("failed" if broken else "completed")
        kinds |= set(outcome.trouble.kinds)
    assert kinds == {field.name for field in fields(Trouble)} - {"slow_for"}


@pytest.mark.slow
async def test_lost_extra_and_misreported_results_are_found(tmp_path: Path) -> None:
    outcome = await play(1, tmp_path / "scene", trouble=Trouble())
    assert (outcome.state, outcome.faults) == ("completed", [])
    scene = Scene(tmp_path / "scene")

    async def found() -> str:
        return "\n".join(await faults_of(scene, chunks=outcome.chunks, broken=None))

    leftover = scene.temporary / "half"
    leftover.touch()
    assert "tmp/half is left" in await found()
    leftover.unlink()
    with FileLock(scene.jobs / JOB / "lock") as lock:
        assert lock.take()
        assert "is locked" in await found()
    _, stored = next(scene.stored())
    content = stored.read_bytes()
    stored.write_bytes(content[:-1])
    assert "is done, but isn't there" in await found()
    stored.write_bytes(content)
    scene.video.write_bytes(content)
    assert await found() == "the video has other frames"
    scene.note("render", chunk=2, in_vain=True)
    assert "chunk 2 was rendered although it was there" in await found()
    scene.note("ended", code="DISK_FULL", text="")
    assert "ended by DISK_FULL, which didn't happen" in await found()


def test_the_page_gets_the_figures_of_the_latest_runs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    happened = Counter(render=5, worker_killed=3)
    outcomes = [
        Outcome(
            seed=seed,
            trouble=Trouble(second=True),
            chunks=4,
            state=state,
            faults=[],
            happened=happened,
        )
        for seed, state in ((7, "completed"), (8, "failed"))
    ]
    write_table(page, outcomes, seconds=3)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| runs, and chunks in them | 2, 8 |" in text
    assert "| workers killed in the middle | 6 |" in text
    assert "| runs with two orchestrators at one job | 2 |" in text
