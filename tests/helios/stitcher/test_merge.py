"""merge: what `helios merge` does."""

import asyncio
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from helios.errors import CodecUnavailable, OptionInvalid
from helios.media.probe import MediaInfo, probe
from helios.stitcher.ffmpeg import FfmpegStitcher
from helios.stitcher.merge_encoding import MergeEncoding
from tests.helios.frame_hashes import frame_hashes


@pytest.fixture(scope="module")
def chunks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two .mov chunks with PCM audio, as `helios render` writes them."""
    folder = tmp_path_factory.mktemp("chunks")
    paths = [folder / "chunk_0.mov", folder / "chunk_1.mov"]
    for path in paths:
        source = "testsrc2=s=160x90:r=30,trim=end_frame=15"
        tone = "aevalsrc=0.2*sin(n*0.05)|0.1:s=48000:d=0.5"
        command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source]
        command += ["-f", "lavfi", "-i", tone, "-c:v", "libx264", "-pix_fmt", "yuv420p"]
        subprocess.run([*command, "-c:a", "pcm_s16le", path], check=True)
    return paths


def merge(
    output: Path, inputs: list[Path], *, audio: Path | None = None, **encode: Any
) -> Coroutine[Any, Any, None]:
    stitcher = FfmpegStitcher(audio=audio, encode=MergeEncoding(**encode))
    return stitcher.stitch(inputs, output)


def merged(output: Path, inputs: list[Path], **options: Any) -> MediaInfo:
    asyncio.run(merge(output, inputs, **options))
    return asyncio.run(probe(output))


def test_video_is_kept_and_audio_encoded(chunks: list[Path], tmp_path: Path) -> None:
    info = merged(tmp_path / "out.mp4", chunks, audio_codec="aac")
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.codec, info.video.frames, info.audio.codec) == ("h264", 30, "aac")
    assert abs(info.audio.samples - 48000) <= 1024
    before = [frame for path in chunks for frame in asyncio.run(frame_hashes(path))]
    assert asyncio.run(frame_hashes(tmp_path / "out.mp4")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("a.mp4", None, "aac"),
        ("b.mov", None, "pcm_s16le"),
        ("c.mov", "copy", "aac"),
        ("d.mp4", "mp3", "mp3"),
        ("e.mkv", None, "pcm_s16le"),
    ],
)
def test_the_audio_codec_fits_the_container(
    chunks: list[Path], tmp_path: Path, name: str, codec: str | None, expected: str
) -> None:
    info = merged(tmp_path / name, chunks, audio_codec=codec)
    assert info.audio is not None
    assert info.audio.codec == expected


def test_a_quality_encodes_the_video_anew(chunks: list[Path], tmp_path: Path) -> None:
    kept = merged(tmp_path / "kept.mp4", chunks, video_codec="copy")
    info = merged(tmp_path / "out.mp4", chunks, quality=45, preset="ultrafast")
    assert info.video is not None
    assert kept.video is not None
    assert (info.video.codec, info.video.frames, info.video.pts) == ("h264", 30, kept.video.pts)
    assert (tmp_path / "out.mp4").stat().st_size < (tmp_path / "kept.mp4").stat().st_size


@pytest.mark.slow
def test_a_webm_is_encoded_with_its_own_codecs(chunks: list[Path], tmp_path: Path) -> None:
    info = merged(tmp_path / "out.webm", chunks, video_codec="vp9", quality=50)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.codec, info.video.frames, info.audio.codec) == ("vp9", 30, "opus")


def test_unknown_codecs_and_presets_are_refused(chunks: list[Path], tmp_path: Path) -> None:
    with pytest.raises(CodecUnavailable, match="nonsense"):
        merged(tmp_path / "out.mp4", chunks, video_codec="nonsense")
    with pytest.raises(CodecUnavailable, match="nonsense"):
        merged(tmp_path / "out.mp4", chunks, audio_codec="nonsense")
    with pytest.raises(OptionInvalid, match="preset"):
        merged(tmp_path / "out.mov", chunks, video_codec="prores", preset="fast")
    assert not list(tmp_path.iterdir())
