import asyncio
from pathlib import Path

import pytest

from helios.errors import JobSpecInvalid
from helios.worker.workspace import open_workspace


def test_a_workspace_has_its_inputs_and_the_folders_of_its_outputs(tmp_path: Path) -> None:
    assets = tmp_path / "assets" / "composition"
    assets.mkdir(parents=True)
    (assets / "index.html").write_text("page")
    disk = tmp_path / "disk"
    disk.mkdir()

    async def main() -> None:
        opened = open_workspace(disk, inputs=[assets], outputs=["chunks/a/0.mp4", "./out/1.mp4"])
        async with opened as folder:
            assert (folder / "composition" / "index.html").read_text() == "page"
            assert (folder / "chunks" / "a").is_dir()
            assert (folder / "out").is_dir()
            (folder / "chunks" / "a" / "0.mp4").write_text("video")
            (folder.parent / "beside.mp4").write_text("video")

    asyncio.run(main())
    assert list(disk.iterdir()) == []
    assert (assets / "index.html").exists()


def test_a_workspace_is_removed_after_success_and_failure(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_workspace(tmp_path, inputs=[], outputs=["a.mp4"]) as folder:
            (folder / "locked").mkdir()
            (folder / "locked" / "file").write_text("x")
            (folder / "locked").chmod(0o500)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_an_output_among_the_inputs_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    assets = tmp_path / "composition"
    assets.mkdir()
    disk = tmp_path / "disk"
    disk.mkdir()

    async def main() -> None:
        async with open_workspace(disk, inputs=[assets], outputs=["./composition/x.mp4"]):
            raise AssertionError

    with pytest.raises(JobSpecInvalid, match=r"composition/x\.mp4"):
        asyncio.run(main())
    assert list(disk.iterdir()) == []
