"""Which rows of a batch are finished, by what is on the disk."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.api.batches.finished import finished_rows, output_size
from orchestrator.api.batches.ledger import Entry, Ledger
from orchestrator.api.batches.plan import plan_batch
from orchestrator.api.batches.row_plan import BatchRequest
from orchestrator.api.targets.target import Local
from orchestrator.delivery.stores import Stores

FILES = {
    "{id}.mp4": ["a.mp4"],
    "{id}.m3u8": ["a.m3u8", "a.hls/0.m4s", "a.hls/1.m4s"],
    "{id}": ["a/frame-000000.png", "a/frame-000001.png"],
    "{id}/%04d.jpg": ["a/0000.jpg", "a/0001.jpg"],
}


def lose(path: Path) -> None:
    path.unlink()


def cut_off(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize("damage", [lose, cut_off])
@pytest.mark.parametrize("template", FILES)
def test_a_row_is_finished_while_all_files_of_its_output_are_whole(
    tmp_path: Path, template: str, damage: Callable[[Path], None]
) -> None:
    page = tmp_path / "page" / "index.html"
    page.parent.mkdir()
    page.write_text("<p>")
    out = tmp_path / "out"
    files = [out / name for name in FILES[template]]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("picture")
    (files[0].parent / "notes.txt").write_text("of the user")
    request = BatchRequest(
        source=str(page),
        rows=[{"id": "a"}],
        output=str(out / template),
        targets=(Local(),),
        keywords={},
    )

    async def finished() -> set[int]:
        plan = await plan_batch(request)
        [row] = plan.rows
        ledger = Ledger(tmp_path / "record")
        with ledger.opened(fresh=False):
            if ledger.last(row.output) is None:
                size = output_size(row)
                assert size == len("picture") * len(files)
                entry = Entry(
                    output=row.output,
                    recipe=row.recipe,
                    content=plan.content,
                    done=True,
                    bytes=size,
                )
                ledger.add(entry)
            async with Stores() as stores:
                return await finished_rows(plan, ledger, stores)

    assert asyncio.run(finished()) == {1}
    (files[0].parent / "notes.txt").write_text("which may change")
    assert asyncio.run(finished()) == {1}
    damage(files[-1])
    assert asyncio.run(finished()) == set()
