"""Joins chunk outputs by their indexes where possible, else by ffmpeg."""

import asyncio
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from helios.concurrency import map_limited, run_blocking
from helios.errors import ChunkOutputInvalid, OptionInvalid, StitchFailed
from helios.media.ffmpeg import file_url, run_ffmpeg
from helios.media.probe import MediaInfo, probe
from helios.mp4.reader import read_movie
from helios.mp4.splice import splice
from helios.mp4.track import Movie, NotSpliceable
from helios.output import whole_output
from helios.stitcher.base import VideoStitcher
from helios.stitcher.chunk_audio import encode_audio, join_audio
from helios.stitcher.concat_list import concat_list
from helios.stitcher.merge_encoding import MergeEncoding, encoder_for

#: ffmpeg's muxer for each file name ending.
CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".webm": "webm",
    ".mkv": "matroska",
}
#: Default audio codec of each container.
DEFAULT_AUDIO = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "aac"}
#: Probes running at once.
PROBES = 4

_ISO_OPTIONS = ("-movflags", "+faststart", "-strict", "-2")


class FfmpegStitcher(VideoStitcher):
    """Joins chunk outputs into one video without encoding its pictures again.

    MP4 and QuickTime inputs are joined by their indexes, at the speed of a file copy. ffmpeg's
    concat demuxer joins other containers, and files whose index isn't supported.

    Args:
        audio: Encoded audio of the whole timeline; copied. Without it, the chunks' own audio is
            joined sample by sample and encoded once.
        encode: What to encode again.
    """

    def __init__(self, *, audio: Path | None = None, encode: MergeEncoding | None = None) -> None:
        self._audio = audio
        self._encode = encode or MergeEncoding()

    async def stitch(self, inputs: Sequence[Path], output: Path) -> None:
        """Join `inputs` into `output`; see `VideoStitcher.stitch`."""
        container = _container(output)
        _require_files(inputs)
        if self._audio is not None and not self._audio.is_file():
            raise StitchFailed(f"{self._audio}: there is no such audio file")
        with whole_output(output) as folder:
            if container in ("mp4", "mov") and not self._encode.encodes_video:
                try:
                    await self._splice(inputs, folder=folder, container=container)
                except NotSpliceable:
                    await self._concat(inputs, folder=folder, container=container)
            else:
                await self._concat(inputs, folder=folder, container=container)

    async def _splice(self, inputs: Sequence[Path], *, folder: Path, container: str) -> None:
        quicktime = container == "mov"
        movies = await asyncio.to_thread(_read_all, inputs)
        full_range = False
        if movies[0].quicktime and not quicktime:
            info = await probe(inputs[0], packets=False)
            full_range = info.video is not None and info.video.color.range == "pc"
        audio = await self._audio_for(
            inputs,
            lengths=[_frames_of(movie) for movie in movies],
            codecs=[_audio_codec(movie) for movie in movies],
            folder=folder,
            container=container,
        )
        await run_blocking(
            lambda token: splice(
                movies,
                audio=read_movie(audio) if audio else None,
                output=folder / "whole",
                quicktime=quicktime,
                full_range=full_range,
                token=token,
            )
        )

    async def _concat(self, inputs: Sequence[Path], *, folder: Path, container: str) -> None:
        infos = await map_limited(probe, inputs, limit=PROBES)
        if not self._encode.encodes_video:
            _require_alike(infos)
        lengths = [_length(info) for info in infos]
        rate = lengths[0][1]
        audio = await self._audio_for(
            inputs,
            lengths=lengths,
            codecs=[info.audio.codec if info.audio else None for info in infos],
            folder=folder,
            container=container,
        )
        starts = list(accumulate((frames / rate for frames, _ in lengths), initial=Fraction(0)))
        with tempfile.TemporaryDirectory(prefix="helios-stitch-") as lists:
            listing = concat_list(inputs, folder=Path(lists), starts=starts)
            await run_ffmpeg(
                [
                    *("-y", "-f", "concat", "-safe", "0", "-i", file_url(listing)),
                    *(("-i", file_url(audio)) if audio else ()),
                    *("-map", "0:v:0", *(("-map", "1:a:0", "-c:a", "copy") if audio else ())),
                    *self._encode.video_options(container=container, rate=rate),
                    *(_ISO_OPTIONS if container in ("mp4", "mov") else ()),
                    *("-f", container, file_url(folder / "whole")),
                ],
                error=StitchFailed,
                message=f"ffmpeg couldn't join {len(inputs)} inputs into {container}",
            )

    async def _audio_for(
        self,
        inputs: Sequence[Path],
        *,
        lengths: Sequence[tuple[int, Fraction]],
        codecs: Sequence[str | None],
        folder: Path,
        container: str,
    ) -> Path | None:
        """Write the output's audio to a file in the output's container; return the file."""
        asked = self._encode.audio_codec
        target = folder / f"audio{'.mov' if container == 'mov' else '.mka'}"
        if container == "mp4":
            target = folder / "audio.mp4"
        if self._audio is not None:
            await encode_audio(self._audio, codec=encoder_for(asked or "copy"), output=target)
            return target
        if not any(codecs):
            return None
        codec = asked or _kept_audio(codecs, container=container)
        await join_audio(
            inputs,
            lengths=lengths,
            present=[codec is not None for codec in codecs],
            codec=encoder_for("aac" if codec == "copy" else codec),
            output=target,
        )
        return target


def _container(output: Path) -> str:
    try:
        return CONTAINERS[output.suffix.lower()]
    except KeyError:
        raise OptionInvalid(
            f"{output}: {output.suffix or 'no ending'} is not a video container",
            hint=f"Name the output with one of {', '.join(CONTAINERS)}.",
        ) from None


def _require_files(inputs: Sequence[Path]) -> None:
    if not inputs:
        raise StitchFailed("there is nothing to join", hint="Name at least one input.")
    missing = [str(path) for path in inputs if not path.is_file()]
    if missing:
        raise ChunkOutputInvalid(
            f"{len(missing)} of {len(inputs)} inputs are missing: {missing[0]}", details=missing
        )


def _read_all(inputs: Sequence[Path]) -> list[Movie]:
    return [read_movie(path) for path in inputs]


def _frames_of(movie: Movie) -> tuple[int, Fraction]:
    track = movie.track("vide")
    if track is None:
        raise ChunkOutputInvalid(f"{movie.path} holds no video")
    return track.sample_count, track.frame_rate or Fraction(0)


def _audio_codec(movie: Movie) -> str | None:
    """Return ffmpeg's name of a lossless audio codec; `lossy` for others."""
    track = movie.track("soun")
    if track is None:
        return None
    return {"fLaC": "flac", "alac": "alac", "sowt": "pcm_s16le"}.get(track.codec, "lossy")


def _kept_audio(codecs: Sequence[str | None], *, container: str) -> str:
    """Return the codec of the joined audio: the chunks' own if lossless and supported."""
    fitting = {
        "mp4": {"flac", "alac"},
        "mov": {"alac", "pcm_s16le"},
        "matroska": {"flac", "alac", "pcm_s16le"},
    }
    own = next(codec for codec in codecs if codec)
    return own if own in fitting.get(container, ()) else DEFAULT_AUDIO[container]


def _require_alike(infos: Sequence[MediaInfo]) -> None:
    def kind(info: MediaInfo) -> tuple[object, ...]:
        video = info.video
        if video is None:
            return ("no video",)
        return (video.codec, video.width, video.height, video.pix_fmt, video.frame_rate)

    first = kind(infos[0])
    faults = [
        f"{info.path}: {' '.join(map(str, kind(info)))} in place of {' '.join(map(str, first))}"
        for info in infos
        if kind(info) != first
    ]
    if faults:
        raise ChunkOutputInvalid(
            f"inputs differ from the first one, {infos[0].path}",
            hint="Render all chunks with the same size, frame rate, codec and quality.",
            details=faults,
        )


def _length(info: MediaInfo) -> tuple[int, Fraction]:
    if info.video is None or info.video.frames == 0:
        raise ChunkOutputInvalid(f"{info.path} holds no video")
    return info.video.frames, info.video.frame_rate
