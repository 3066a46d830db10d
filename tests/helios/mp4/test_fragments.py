"""Chunks as segments: what players put together of them is the stitched video."""

import asyncio
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from helios.errors import ChunkOutputInvalid
from helios.mp4.fragments import Fragments
from helios.mp4.reader import read_movie
from helios.stitcher import FfmpegStitcher
from tests.helios.stitcher.test_seam_check import H264, encode

FRAMES = 10
CHUNKS = 3
RATE = Fraction(30)
#: With frames that are decoded ahead of those that are shown before them.
AHEAD = "-c:v libx264 -preset veryfast -bf 3 -pix_fmt yuv420p"


def chunks_in(folder: Path, *, coding: str, count: int = CHUNKS) -> list[Path]:
    return [
        encode(folder / f"{n}.mp4", n * FRAMES, (n + 1) * FRAMES, coding=coding)
        for n in range(count)
    ]


def tone(path: Path, *, frames: int) -> Path:
    source = f"sine=frequency=440:sample_rate=48000:duration={float(frames / RATE)}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-c:a", "aac", str(path)]
    subprocess.run(command, check=True)
    return path


def segmented(chunks: list[Path], folder: Path, *, audio: Path | None = None) -> Path:
    """Write all segments, one behind the other, into one file."""
    sound = read_movie(audio) if audio else None
    fragments = Fragments(read_movie(chunks[0]), rate=RATE, audio=sound)
    whole = fragments.initialization()
    for number, path in enumerate(chunks):
        segment = folder / f"{number}.m4s"
        frames = range(number * FRAMES, (number + 1) * FRAMES)
        fragments.write_segment(read_movie(path), segment, number=number, frames=frames)
        whole += segment.read_bytes()
    (folder / "all.mp4").write_bytes(whole)
    return folder / "all.mp4"


def decoded(video: Path, stream: str) -> list[list[str]]:
    """Return when each frame is shown, in seconds, and its digest, from the beginning on."""
    command = ["ffmpeg", "-v", "error", "-copyts", "-i", str(video), "-map", stream]
    command += ["-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stderr == ""
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    base = next(line for line in done.stdout.splitlines() if line.startswith("#tb"))
    scale = Fraction(base.split()[-1])
    return [[str(int(row[2]) * scale), row[-1].strip()] for row in rows if int(row[2]) >= 0]


@pytest.mark.parametrize("coding", [H264, AHEAD])
def test_segments_are_shown_as_the_stitched_video_is(tmp_path: Path, coding: str) -> None:
    chunks = chunks_in(tmp_path, coding=coding)
    asyncio.run(FfmpegStitcher().stitch(chunks, tmp_path / "stitched.mp4"))
    video = decoded(segmented(chunks, tmp_path), "0:v")
    assert len(video) == CHUNKS * FRAMES
    assert video == decoded(tmp_path / "stitched.mp4", "0:v")


def test_sound_goes_along_without_a_gap(tmp_path: Path) -> None:
    chunks = chunks_in(tmp_path, coding=H264)
    audio = tone(tmp_path / "tone.mp4", frames=CHUNKS * FRAMES)
    asyncio.run(FfmpegStitcher(audio=audio).stitch(chunks, tmp_path / "stitched.mp4"))
    whole = segmented(chunks, tmp_path, audio=audio)
    assert decoded(whole, "0:v") == decoded(tmp_path / "stitched.mp4", "0:v")
    heard, expected = decoded(whole, "0:a"), decoded(tmp_path / "stitched.mp4", "0:a")
    # The stitched video ends with its picture, in the middle of the last packet.
    assert heard[: len(expected) - 1] == expected[:-1]
    assert len(heard) - len(expected) in (0, 1)


def test_a_chunk_unlike_the_first_is_refused_and_leaves_no_segment(tmp_path: Path) -> None:
    first = encode(tmp_path / "0.mp4", 0, FRAMES)
    shorter = encode(tmp_path / "1.mp4", FRAMES, 2 * FRAMES - 1)
    other = encode(
        tmp_path / "2.mp4", FRAMES, 2 * FRAMES, coding="-c:v libx265 -x265-params log-level=0"
    )
    fragments = Fragments(read_movie(first), rate=RATE, audio=None)
    frames = range(FRAMES, 2 * FRAMES)
    for path, told in ((shorter, "9 frames in place of 10"), (other, "hev1 in place of avc1")):
        with pytest.raises(ChunkOutputInvalid, match=told):
            fragments.write_segment(read_movie(path), tmp_path / "1.m4s", number=1, frames=frames)
    assert not list(tmp_path.glob("*m4s*"))
