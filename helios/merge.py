"""`helios merge`: join chunk outputs into one video."""

from collections.abc import Sequence
from pathlib import Path

from helios.stitcher.ffmpeg import FfmpegStitcher, MergeEncoding


async def merge(
    output: Path,
    inputs: Sequence[Path],
    *,
    audio: Path | None = None,
    video_codec: str | None = None,
    audio_codec: str | None = None,
    quality: int | None = None,
    preset: str | None = None,
) -> None:
    """Join `inputs` into `output`.

    The video keeps every bit unless `video_codec`, `quality` or `preset` asks for another
    encoding. The chunks' audio is joined sample by sample and encoded once.

    Parameters
    ----------
    output:
        Video to write; its ending names the container.
    inputs:
        Chunk outputs in order of time.
    audio:
        Encoded audio of the whole timeline, in place of the chunks' own.
    video_codec, audio_codec:
        Codec such as `h264` or `aac`, an ffmpeg encoder, or `copy`.
    quality:
        Constant rate factor; lower is better.
    preset:
        Speed preset of the video encoder.

    Raises
    ------
    StitchFailed, ChunkOutputInvalid, OptionInvalid, CodecUnavailable
        See `FfmpegStitcher`.
    OutputUnwritable, DiskFull
        The output can't be written.
    """
    encode = MergeEncoding(
        video_codec=video_codec, audio_codec=audio_codec, quality=quality, preset=preset
    )
    await FfmpegStitcher(audio=audio, encode=encode).stitch(inputs, output)
