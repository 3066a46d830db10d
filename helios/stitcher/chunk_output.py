"""Inspects one chunk output: index, structure of frames, decoded ends."""

import asyncio
import mmap
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.errors import ChunkOutputInvalid
from helios.media.probe import probe
from helios.mp4.reader import read_movie
from helios.mp4.track import Movie, NotSpliceable, Track
from helios.records.encoded_ends import END_FRAMES, EncodedEnds
from helios.stitcher.encoded_video import of_track, read_video, thumbnails

#: Longest last group of frames that is decoded; longer ones are only parsed.
LAST_FRAMES = 64
#: Codecs whose frames are a sequence of (length, bytes): the box of the decoder configuration, and
#: the position of the length's width in it (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
_LENGTH_WIDTH_AT = {
    "avc1": (b"avcC", 4),
    "avc3": (b"avcC", 4),
    "hvc1": (b"hvcC", 21),
    "hev1": (b"hvcC", 21),
}
#: Options that make ffmpeg fail at errors that it would conceal.
_STRICT = ("-err_detect", "explode")
_IMAGE = re.compile(r"\.(png|jpe?g|webp)$", re.IGNORECASE)
_NUMBERED_IMAGE = re.compile(rf"\d+{_IMAGE.pattern}", re.IGNORECASE)


@dataclass(frozen=True)
class ChunkOutput:
    """Properties of a chunk's output."""

    frames: int
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    #: Codec and parameters, for comparisons and messages.
    kind: str = ""
    track: Track | None = None
    ends: EncodedEnds | None = None


async def inspect_output(path: Path, *, only_groups: bool = False) -> ChunkOutput:
    """Inspect a video or a folder of images; raise `ChunkOutputInvalid` if it is damaged.

    With `only_groups`, the last group of frames is decoded even if it is the only one.
    """
    if await asyncio.to_thread(path.is_dir):
        return await asyncio.to_thread(_images, path)
    if not await asyncio.to_thread(path.is_file):
        raise ChunkOutputInvalid("the file is missing")
    try:
        movie = await asyncio.to_thread(_parsed, path)
    except NotSpliceable:
        return await _probed(path)
    track = movie.track("vide")
    if track is None:
        raise ChunkOutputInvalid("it holds no video")
    if track.keyframes is not None and 0 not in track.keyframes:
        raise ChunkOutputInvalid("it doesn't start with a keyframe")
    first, last = await _decode_ends(path, track, only_groups=only_groups)
    return ChunkOutput(
        frames=track.sample_count,
        size=track.size,
        rate=track.frame_rate,
        track=track,
        ends=of_track(path, track).ends(first=first, last=last),
    )


def _images(folder: Path) -> ChunkOutput:
    images = [path for path in folder.iterdir() if _NUMBERED_IMAGE.search(path.name)]
    empty = sorted(path.name for path in images if path.stat().st_size == 0)
    if empty:
        raise ChunkOutputInvalid(f"{len(empty)} of its images are empty, such as {empty[0]}")
    endings = sorted({path.suffix.lower() for path in images})
    return ChunkOutput(frames=len(images), kind=f"images ({', '.join(endings)})")


async def _probed(path: Path) -> ChunkOutput:
    """Decode a whole file that is neither MP4 nor QuickTime."""
    info = await probe(path)
    if info.video is None:
        raise ChunkOutputInvalid("it holds no video")
    video = info.video
    seen = await thumbnails(path, frames=_at_ends(video.frames), before=_STRICT)
    encoded = await read_video(path)
    return ChunkOutput(
        frames=video.frames,
        ends=encoded.ends(first=seen[:END_FRAMES], last=seen[-END_FRAMES:]),
        size=(video.width, video.height),
        # ffprobe reports an arbitrary rate for a single image.
        rate=None if _IMAGE.search(path.name) else video.frame_rate,
        kind=f"{video.codec} {video.pix_fmt} {video.width}x{video.height}",
    )


async def _decode_ends(
    path: Path, track: Track, *, only_groups: bool
) -> tuple[list[str], list[str]]:
    """Decode the first frames and the last group; return thumbnails of first and last frames."""
    start = track.keyframes[-1] if track.keyframes else track.sample_count - 1
    count = track.sample_count - start
    if only_groups and start == 0 and count <= LAST_FRAMES:
        seen = await thumbnails(path, frames=_at_ends(count), before=_STRICT)
        return seen[:END_FRAMES], seen[-END_FRAMES:]
    first = await thumbnails(path, before=_STRICT, after=["-frames:v", str(END_FRAMES)])
    if start == 0 or count > LAST_FRAMES or not track.frame_rate:
        return first, []
    # Half a frame late: seeking begins at the keyframe at or before the given time.
    seconds = float((start + Fraction(1, 2)) / track.frame_rate)
    seek = [*_STRICT, "-noaccurate_seek", "-ss", f"{seconds:.6f}"]
    last = await thumbnails(path, frames=f"gte(n,{count - END_FRAMES})", before=seek)
    return first, last


def _at_ends(count: int) -> str:
    """Return the filter expression for the first and last of `count` frames."""
    return f"lt(n,{END_FRAMES})+gte(n,{count - END_FRAMES})"


def _parsed(path: Path) -> Movie:
    """Read a movie and parse the structure of each of its video frames."""
    movie = read_movie(path)
    track = movie.track("vide")
    if track is not None and track.codec in _LENGTH_WIDTH_AT and track.sample_count:
        width = _length_width(track)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, (offset, size) in enumerate(track.samples()):
                _parse_units(data, offset, size, width=width, number=number)
    return movie


def _length_width(track: Track) -> int:
    name, position = _LENGTH_WIDTH_AT[track.codec]
    at = track.sample_entry.find(name)
    if at < 0:
        raise ChunkOutputInvalid("its decoder configuration is missing")
    return (track.sample_entry[at + 4 + position] & 3) + 1


def _parse_units(data: mmap.mmap, offset: int, size: int, *, width: int, number: int) -> None:
    at, end = offset, offset + size
    while at + width < end:
        length = int.from_bytes(data[at : at + width], "big")
        # The first bit of each unit is always 0, and no unit is empty.
        if length == 0 or data[at + width] & 0x80:
            break
        at += width + length
    if at != end:
        raise ChunkOutputInvalid(f"frame {number} in the file is damaged")
