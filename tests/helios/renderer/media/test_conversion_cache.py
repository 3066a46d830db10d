"""Conversions are made once, by one process at a time."""

import asyncio
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from helios.errors import MediaUnsupported
from helios.records.input_manifest import file_digest
from helios.renderer.media.conversion_cache import cache_folder, cached


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "v.mp4"
    source = "testsrc2=size=32x32:rate=10:duration=0.3"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, str(path)], check=True)
    return path


def copied(path: str, output: str) -> list[str]:
    return ["-i", path, "-c", "copy", output]


async def test_waiting_for_another_process_can_be_cancelled_and_leaves_no_lock(
    video: Path,
) -> None:
    lock = cache_folder() / f"{file_digest(video)}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.create_task(cached(video, "mp4", copied))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10):
        assert (await cached(video, "mp4", copied)).exists()


async def test_a_conversion_by_other_arguments_is_another_file(video: Path) -> None:
    def tagged(path: str, output: str) -> list[str]:
        return ["-i", path, "-c", "copy", "-metadata", "title=a", output]

    first = await cached(video, "mp4", copied)
    assert await cached(video, "mp4", tagged) != first
    assert await cached(video, "mp4", copied) == first


async def test_a_conversion_whose_frames_have_other_times_is_not_kept(
    video: Path, temporary: Path
) -> None:
    with pytest.raises(MediaUnsupported, match="other times"):
        await cached(video, "mp4", copied, stamps=(0, 1, 2))
    assert list(temporary.rglob("*.mp4")) == []


def test_a_folder_that_is_a_link_is_refused(temporary: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (temporary / f"helios-media-{os.geteuid()}").symlink_to(own)
    with pytest.raises(MediaUnsupported, match="another user"):
        cache_folder()
