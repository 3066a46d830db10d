"""Copies of finished outputs on this machine."""

from pathlib import Path

import pytest

from helios.errors import ArtifactNotFound, OptionInvalid, OutputUnwritable
from orchestrator.delivery.copy import copy_output
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores


async def test_a_video_and_a_folder_of_images_are_copied_and_stay(tmp_path: Path) -> None:
    video, images = tmp_path / "v.mp4", tmp_path / "images"
    video.write_text("video")
    images.mkdir()
    (images / "0.png").write_text("image")
    async with Stores() as stores:
        await copy_output(str(video), Destination.of(str(tmp_path / "new/v.mp4")), stores)
        for _ in range(2):
            await copy_output(str(images), Destination.of(str(tmp_path / "copied")), stores)
    assert (tmp_path / "new/v.mp4").read_text() == video.read_text()
    assert [path.name for path in (tmp_path / "copied").iterdir()] == ["0.png"]
    assert (images / "0.png").exists()


@pytest.mark.parametrize(
    ("name", "target", "fault"),
    [
        ("v.m3u8", "copy.m3u8", OptionInvalid),
        ("gone.mp4", "copy.mp4", ArtifactNotFound),
        ("v.mp4", "v.mp4/copy.mp4", OutputUnwritable),
    ],
)
async def test_what_cannot_be_copied_is_named(
    tmp_path: Path, name: str, target: str, fault: type[Exception]
) -> None:
    for made in ("v.m3u8", "v.mp4"):
        (tmp_path / made).write_text("made")
    async with Stores() as stores:
        with pytest.raises(fault, match=name):
            await copy_output(str(tmp_path / name), Destination.of(str(tmp_path / target)), stores)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.m3u8", "v.mp4"]
