"""Checks chunk outputs before they are joined, so that the faulty chunk is named.

A full decode would cost as much as rendering a fast page. Instead every file's index is read (all
frames are there, none beyond the file's end), every H.264 and H.265 frame's own structure is
followed to its end, and the first frames and the last group of frames are decoded. What is seen of
the first and last frames on the way is noted, so that they are known again in the video.
"""

import asyncio
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from helios.errors import ChunkOutputInvalid
from helios.media.probe import probe
from helios.mp4.compatibility import difference_between
from helios.mp4.reader import read_movie
from helios.mp4.track import Movie, NotSpliceable, Track
from helios.records.chunk_ends import END_FRAMES, ChunkEnds
from helios.stitcher.encoded_video import of_track, read_video, thumbnails

#: Chunk outputs that are looked at at once.
CHECKS_AT_ONCE = 4
#: Frames of the last group that are decoded at most; a longer one is only followed.
LAST_FRAMES = 64

#: Codecs whose frames are a sequence of (length, bytes), and where the length's width is told:
#: position in the decoder's set-up data (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
_LENGTH_WIDTH_AT = {
    "avc1": (b"avcC", 4),
    "avc3": (b"avcC", 4),
    "hvc1": (b"hvcC", 21),
    "hev1": (b"hvcC", 21),
}
#: Options that make ffmpeg refuse what it would conceal otherwise.
_STRICT = ("-err_detect", "explode")
_IMAGE = re.compile(r"\.(png|jpe?g|webp)$", re.IGNORECASE)
_NUMBERED_IMAGE = re.compile(rf"\d+{_IMAGE.pattern}", re.IGNORECASE)


class Metadata(Protocol):
    """What a check needs of a job spec's metadata."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frame_rate(self) -> Fraction: ...


class Chunk(Protocol):
    """What a check needs of a chunk."""

    @property
    def id(self) -> int: ...
    @property
    def frame_count(self) -> int: ...
    @property
    def output_file(self) -> str: ...


class Spec(Protocol):
    """What a check needs of a `helios.contract.job_spec.JobSpec`."""

    @property
    def metadata(self) -> Metadata: ...
    @property
    def chunks(self) -> Sequence[Chunk]: ...


@dataclass(frozen=True)
class _Output:
    """What a chunk's output turned out to be."""

    frames: int
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    #: Codec and parameters in a form that can be compared and told.
    kind: str = ""
    track: Track | None = None
    ends: ChunkEnds | None = None


@dataclass(frozen=True, slots=True)
class _OneChunk:
    metadata: Metadata
    chunks: tuple[Chunk, ...]


async def check_chunk_output(
    spec: Spec, chunk: Chunk, job_dir: Path, *, only_groups: bool = False
) -> ChunkEnds | None:
    """Make sure that one chunk's output is there and whole, and return what is noted of its ends.

    Parameters and errors are those of `check_chunk_outputs`.
    """
    alone = _OneChunk(spec.metadata, (chunk,))
    return (await check_chunk_outputs(alone, job_dir, only_groups=only_groups)).get(chunk.id)


async def check_chunk_outputs(
    spec: Spec, job_dir: Path, *, concurrency: int = CHECKS_AT_ONCE, only_groups: bool = False
) -> Mapping[int, ChunkEnds]:
    """Make sure that all chunk outputs of a job are there, whole, and fit together.

    Returns the digests of the ends of each chunk, by its id; none for images.

    The size may be another than the job spec's, as `--scale` makes it, if its shape is the same
    and all chunks agree.

    Parameters
    ----------
    spec:
        The job spec.
    job_dir:
        Folder that the chunks' `outputFile`s are relative to.
    concurrency:
        Outputs looked at at once.
    only_groups:
        Whether the last group is decoded where it is the only one, too: all of a short chunk. A
        worker has the time for it, a machine that checks all chunks of a job at its end has not.

    Raises
    ------
    ChunkOutputInvalid
        At least one output is missing, broken or unlike the others; one detail a fault.
    """
    limit = asyncio.Semaphore(concurrency)

    async def one(chunk: Chunk) -> _Output | str:
        async with limit:
            try:
                return await _look_at(job_dir / chunk.output_file, only_groups=only_groups)
            except ChunkOutputInvalid as fault:
                return "; ".join([fault.message, *fault.details[-1:]])

    outputs = await asyncio.gather(*(one(chunk) for chunk in spec.chunks))
    faults = [
        f"chunk {chunk.id} ({job_dir / chunk.output_file}): {fault}"
        for chunk, output, first in _with_first(spec.chunks, outputs)
        for fault in _faults(output, chunk=chunk, metadata=spec.metadata, first=first)
    ]
    if faults:
        raise ChunkOutputInvalid(
            f"{len(faults)} faults in the outputs of {len(spec.chunks)} chunks",
            hint="Render the chunks named above again.",
            details=faults,
        )
    return {
        chunk.id: output.ends
        for chunk, output in zip(spec.chunks, outputs, strict=True)
        if isinstance(output, _Output) and output.ends is not None
    }


async def check_output(path: Path) -> int:
    """Make sure that a video, or a folder of images, is whole; return its number of frames.

    Raises
    ------
    ChunkOutputInvalid
        It is missing or broken.
    """
    return (await _look_at(path)).frames


def _with_first(
    chunks: Sequence[Chunk], outputs: Sequence[_Output | str]
) -> Iterator[tuple[Chunk, _Output | str, _Output | None]]:
    """Yield each chunk, its output, and the first good output to compare it with."""
    first = next((output for output in outputs if isinstance(output, _Output)), None)
    for chunk, output in zip(chunks, outputs, strict=True):
        yield chunk, output, first


def _faults(
    output: _Output | str, *, chunk: Chunk, metadata: Metadata, first: _Output | None
) -> Iterator[str]:
    if isinstance(output, str):
        yield output
        return
    if output.frames != chunk.frame_count:
        yield f"it has {output.frames} frames in place of {chunk.frame_count}"
    if output.rate not in (None, metadata.frame_rate):
        yield f"it runs at {output.rate} in place of {metadata.frame_rate} frames a second"
    if first is None:
        return
    if difference := _difference(output, first):
        yield f"{difference}, as the first chunk's"
    elif output.size and not _scaled(output.size, metadata):
        width, height = output.size
        yield f"it is {width}x{height} in place of {metadata.width}x{metadata.height}"


def _difference(output: _Output, first: _Output) -> str:
    if output.track and first.track:
        return difference_between(output.track, first.track)
    if output.kind != first.kind:
        return f"it is {output.kind} in place of {first.kind}"
    return ""


def _scaled(size: tuple[int, int], metadata: Metadata) -> bool:
    """Tell whether a size is the spec's times one factor, each side rounded to even pixels."""
    width, height = size
    factor = width / metadata.width
    return abs(height - metadata.height * factor) <= 2 * max(1.0, factor)


async def _look_at(path: Path, *, only_groups: bool = False) -> _Output:
    if await asyncio.to_thread(path.is_dir):
        return await asyncio.to_thread(_images, path)
    if not await asyncio.to_thread(path.is_file):
        raise ChunkOutputInvalid("the file is missing")
    try:
        movie = await asyncio.to_thread(_followed, path)
    except NotSpliceable:
        return await _probed(path)
    track = movie.track("vide")
    if track is None:
        raise ChunkOutputInvalid("it holds no video")
    if track.keyframes is not None and 0 not in track.keyframes:
        raise ChunkOutputInvalid("it doesn't start with a keyframe")
    first, last = await _decode_ends(path, track, only_groups=only_groups)
    return _Output(
        frames=track.sample_count,
        size=track.size,
        rate=track.frame_rate,
        track=track,
        ends=of_track(path, track).ends(first=first, last=last),
    )


def _images(folder: Path) -> _Output:
    images = [path for path in folder.iterdir() if _NUMBERED_IMAGE.search(path.name)]
    empty = sorted(path.name for path in images if path.stat().st_size == 0)
    if empty:
        raise ChunkOutputInvalid(f"{len(empty)} of its images are empty, such as {empty[0]}")
    endings = sorted({path.suffix.lower() for path in images})
    return _Output(frames=len(images), kind=f"images ({', '.join(endings)})")


async def _probed(path: Path) -> _Output:
    """Look at a file that isn't an MP4 or QuickTime one, decoding all of it."""
    info = await probe(path)
    if info.video is None:
        raise ChunkOutputInvalid("it holds no video")
    video = info.video
    seen = await thumbnails(path, frames=_at_ends(video.frames), before=_STRICT)
    encoded = await read_video(path)
    return _Output(
        frames=video.frames,
        ends=encoded.ends(first=seen[:END_FRAMES], last=seen[-END_FRAMES:]),
        size=(video.width, video.height),
        # An image alone has no rate but what ffprobe makes up.
        rate=None if _IMAGE.search(path.name) else video.frame_rate,
        kind=f"{video.codec} {video.pix_fmt} {video.width}x{video.height}",
    )


async def _decode_ends(
    path: Path, track: Track, *, only_groups: bool
) -> tuple[list[str], list[str]]:
    """Decode the first frames and the last group; return thumbnails of the first and last ones."""
    start = track.keyframes[-1] if track.keyframes else track.sample_count - 1
    count = track.sample_count - start
    if only_groups and start == 0 and count <= LAST_FRAMES:
        seen = await thumbnails(path, frames=_at_ends(count), before=_STRICT)
        return seen[:END_FRAMES], seen[-END_FRAMES:]
    first = await thumbnails(path, before=_STRICT, after=["-frames:v", str(END_FRAMES)])
    if start == 0 or count > LAST_FRAMES or not track.frame_rate:
        return first, []
    # Half a frame late: a seek lands on the keyframe at or before its time, and begins there.
    seconds = float((start + Fraction(1, 2)) / track.frame_rate)
    seek = [*_STRICT, "-noaccurate_seek", "-ss", f"{seconds:.6f}"]
    last = await thumbnails(path, frames=f"gte(n,{count - END_FRAMES})", before=seek)
    return first, last


def _at_ends(count: int) -> str:
    """Return the expression that chooses the first and last of so many frames."""
    return f"lt(n,{END_FRAMES})+gte(n,{count - END_FRAMES})"


def _followed(path: Path) -> Movie:
    """Read a movie and follow the structure of each of its video frames."""
    movie = read_movie(path)
    track = movie.track("vide")
    if track is not None and track.codec in _LENGTH_WIDTH_AT and track.sample_count:
        width = _length_width(track)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, (offset, size) in enumerate(track.samples()):
                _follow(data, offset, size, width=width, number=number)
    return movie


def _length_width(track: Track) -> int:
    name, position = _LENGTH_WIDTH_AT[track.codec]
    at = track.sample_entry.find(name)
    if at < 0:
        raise ChunkOutputInvalid("its decoder set-up data are missing")
    return (track.sample_entry[at + 4 + position] & 3) + 1


def _follow(data: mmap.mmap, offset: int, size: int, *, width: int, number: int) -> None:
    at, end = offset, offset + size
    while at + width < end:
        length = int.from_bytes(data[at : at + width], "big")
        # The first bit of each unit is always 0, and no unit is empty.
        if length == 0 or data[at + width] & 0x80:
            break
        at += width + length
    if at != end:
        raise ChunkOutputInvalid(f"frame {number} in the file is damaged")
