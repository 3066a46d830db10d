"""Joins the audio of chunks sample by sample, and encodes it once.

Encoded streams can't be joined without gaps, since codecs pad each chunk. The chunks' audio is
decoded, cut or padded to the duration of its frames, and encoded as one stream.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

from helios.contract.frame_rate import samples_before
from helios.errors import StitchFailed
from helios.media.ffmpeg import file_url, run_ffmpeg

#: Samples per second of the joined audio.
SAMPLE_RATE = 48000
#: Inputs of one ffmpeg process; more would exhaust file handles and threads.
INPUTS_AT_ONCE = 64

_RAW = ["-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "2"]
#: Bits per second of lossy codecs.
_BITRATE = "192k"
_LOSSY = frozenset({"aac", "libopus", "libmp3lame", "libvorbis", "ac3"})


async def join_audio(
    inputs: Sequence[Path],
    *,
    lengths: Sequence[tuple[int, Fraction]],
    present: Sequence[bool],
    codec: str,
    output: Path,
) -> None:
    """Join the audio of `inputs` and encode it once.

    Raises `StitchFailed` if the audio can't be decoded or encoded.

    Args:
        inputs: Files in order.
        lengths: Number of frames, and frames per second, of each input's video; 0 for an unknown
            rate.
        present: Whether each input has audio; others are silent.
        codec: ffmpeg encoder.
        output: File to write; its ending selects the container.
    """
    rate = next((rate for _, rate in lengths if rate), Fraction(30))
    frames = accumulate((count for count, _ in lengths), initial=0)
    bounds = [samples_before(frame, rate, SAMPLE_RATE) for frame in frames]
    samples = [end - start for start, end in pairwise(bounds)]
    parts = list(zip(inputs, samples, present, strict=True))
    encoding = [*codec_options(codec), file_url(output)]
    if len(parts) <= INPUTS_AT_ONCE:
        await _run([*_graph(parts), *encoding])
        return
    raw = output.with_name("audio.raw")
    with raw.open("wb") as file:
        for start in range(0, len(parts), INPUTS_AT_ONCE):
            batch = _graph(parts[start : start + INPUTS_AT_ONCE])
            await run_ffmpeg(
                [*batch, "-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"],
                error=StitchFailed,
                message="the chunks' audio couldn't be read",
                stdout=file,
            )
    await _run([*_RAW, "-i", file_url(raw), *encoding])


def codec_options(codec: str) -> list[str]:
    """Return ffmpeg's options for an audio codec."""
    return ["-strict", "-2", "-c:a", codec, *(["-b:a", _BITRATE] if codec in _LOSSY else [])]


def _graph(parts: Sequence[tuple[Path, int, bool]]) -> list[str]:
    options: list[str] = []
    chains: list[str] = []
    common = f"aresample={SAMPLE_RATE},aformat=sample_fmts=flt:channel_layouts=stereo"
    opened = 0
    for number, (path, samples, present) in enumerate(parts):
        if present:
            options += ["-vn", "-i", file_url(path)]
            source = f"[{opened}:a:0]{common}"
            opened += 1
        else:
            source = f"anullsrc=r={SAMPLE_RATE}:cl=stereo,aformat=sample_fmts=flt"
        chains.append(
            f"{source},apad=whole_len={samples},atrim=end_sample={samples},"
            f"asetpts=N/SR/TB[p{number}]"
        )
    labels = "".join(f"[p{number}]" for number in range(len(parts)))
    chains.append(f"{labels}concat=n={len(parts)}:v=0:a=1[joined]")
    return ["-y", *options, "-filter_complex", ";".join(chains), "-map", "[joined]"]


async def encode_audio(source: Path, *, codec: str, output: Path) -> None:
    """Copy or encode any file with audio into the container of `output`.

    `codec` is ffmpeg's encoder, or `copy`. Raises `StitchFailed` if the file has no audio, or its
    codec doesn't fit the container.
    """
    await _run(
        [
            *("-y", "-i", file_url(source), "-map", "0:a:0", "-vn"),
            *(*codec_options(codec), file_url(output)),
        ],
        message=f"{source} can't be used as the audio",
    )


async def _run(
    args: Sequence[str], *, message: str = "the chunks' audio couldn't be joined"
) -> None:
    await run_ffmpeg(args, error=StitchFailed, message=message)
