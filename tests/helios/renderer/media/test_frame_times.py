"""Frames of a file and their times, as the file's container has them."""

import asyncio
from pathlib import Path

import pytest

from helios.errors import MediaUnsupported
from helios.renderer.media.frame_times import read_frame_times
from tests.helios.renderer.numbered_clips import CLIPS, Clip


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_frames_begin_when_they_were_encoded_to(tmp_path: Path, clip: Clip) -> None:
    clip.write(tmp_path)
    found = asyncio.run(read_frame_times(tmp_path / clip.name))
    assert len(found.stamps) == len(clip.times)
    for begin, time in zip(found.begins, clip.times, strict=True):
        assert abs(begin - time * 1_000_000) <= found.slack + 1


def test_what_is_no_media_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no media")
    with pytest.raises(MediaUnsupported, match="can't be listed"):
        asyncio.run(read_frame_times(tmp_path / "a.mp4"))
