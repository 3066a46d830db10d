"""probe and frame_hashes against real files."""

import asyncio
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from helios.errors import AudioFailed, ChunkOutputInvalid
from helios.media.probe import ColorTags, probe
from tests.helios.frame_hashes import frame_hashes


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "it's a video: 100%.mp4"
    tags = "-color_range tv -colorspace bt709 -color_trc bt709 -color_primaries bt709"
    source = "-f lavfi -i testsrc2=s=160x90:r=30000/1001 -f lavfi -i sine=r=48000:d=1.001"
    coding = "-frames:v 30 -c:v libx264 -g 10 -bf 2 -preset veryfast -pix_fmt yuv420p"
    command = f"ffmpeg -loglevel error -y {source} {coding} {tags} -c:a pcm_s16le -f mov".split()
    subprocess.run([*command, f"file:{path}"], check=True)
    return path


def test_a_video_is_described_exactly(video: Path) -> None:
    info = asyncio.run(probe(video)).video
    assert info is not None
    assert (info.codec, info.profile, info.pix_fmt) == ("h264", "High", "yuv420p")
    assert (info.width, info.height) == (160, 90)
    assert info.frame_rate == Fraction(30000, 1001)
    assert info.frames == 30
    assert info.duration == Fraction(30 * 1001, 30000)
    assert [pts * info.time_base for pts in info.pts] == [
        Fraction(n * 1001, 30000) for n in range(30)
    ]
    assert info.keyframes == (0, 10, 20)
    assert info.color == ColorTags(range="tv", space="bt709", transfer="bt709", primaries="bt709")
    assert info.extradata_hash


def test_audio_is_described(video: Path) -> None:
    info = asyncio.run(probe(video)).audio
    assert info is not None
    assert (info.codec, info.sample_rate, info.channels) == ("pcm_s16le", 48000, 1)
    assert 0 < info.samples <= 48048


def test_without_packets_only_the_head_is_read(video: Path) -> None:
    info = asyncio.run(probe(video, packets=False)).video
    assert info is not None
    assert (info.frames, info.pts) == (0, ())
    assert info.width == 160


def test_a_file_that_is_no_media_file_raises_the_error_asked_for(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(ChunkOutputInvalid, match=r"broken\.mp4"):
        asyncio.run(probe(broken))
    with pytest.raises(AudioFailed, match=r"missing\.mp3"):
        asyncio.run(probe(tmp_path / "missing.mp3", error=AudioFailed))


def test_equal_frames_have_equal_hashes(video: Path, tmp_path: Path) -> None:
    hashes = asyncio.run(frame_hashes(video))
    assert len(hashes) == 30
    assert len(set(hashes)) == 30
    copy = tmp_path / "copy.mkv"
    command = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-i",
        f"file:{video}",
        "-an",
        "-c",
        "copy",
        str(copy),
    ]
    subprocess.run(command, check=True)
    assert asyncio.run(frame_hashes(copy)) == hashes


def test_a_video_that_does_not_decode_has_no_hashes(tmp_path: Path) -> None:
    with pytest.raises(ChunkOutputInvalid, match="decode"):
        asyncio.run(frame_hashes(tmp_path / "missing.mp4"))
