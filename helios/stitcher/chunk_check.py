"""Checks chunk outputs before they are joined, to identify faulty chunks.

A full decode would cost as much as rendering a fast page. Instead each file's index is read (all
frames exist within the file), the structure of every H.264 and H.265 frame is parsed, and the first
frames and the last group of frames are decoded. Digests and thumbnails of the first and last frames
are recorded to identify them in the video.
"""

import asyncio
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.errors import ChunkOutputInvalid
from helios.media.probe import probe
from helios.mp4.compatibility import difference_between
from helios.mp4.reader import read_movie
from helios.mp4.track import Movie, NotSpliceable, Track
from helios.records.encoded_ends import END_FRAMES, EncodedEnds
from helios.stitcher.encoded_video import of_track, read_video, thumbnails

#: Chunk outputs checked at the same time.
CHECKS_AT_ONCE = 4
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
class _Output:
    """Properties of a chunk's output."""

    frames: int
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    #: Codec and parameters, for comparisons and messages.
    kind: str = ""
    track: Track | None = None
    ends: EncodedEnds | None = None


async def check_chunk_output(
    spec: JobSpec, chunk: RenderChunk, job_dir: Path, *, only_groups: bool = False
) -> EncodedEnds | None:
    """Check one chunk's output and return the digests of its ends.

    Parameters and errors are those of `check_chunk_outputs`.
    """
    ends = await _check(spec.metadata, [chunk], job_dir, only_groups=only_groups)
    return ends.get(chunk.id)


async def check_chunk_outputs(
    spec: JobSpec, job_dir: Path, *, only_groups: bool = False
) -> Mapping[int, EncodedEnds]:
    """Check that all chunk outputs of a job exist, are complete, and fit together.

    Returns the digests of the ends of each chunk, by its id; none for images.

    The size may differ from the job spec's by one factor, as with `--scale`, if it is the same for
    all chunks.

    Parameters
    ----------
    spec:
        The job spec.
    job_dir:
        Folder that the chunks' `outputFile`s are relative to.
    only_groups:
        Whether to decode the last group even if it is the only one, that is, all of a short
        chunk. Workers do so; for all chunks of a job it would take too long.

    Raises
    ------
    ChunkOutputInvalid
        An output is missing, damaged or different in kind; `details` have one line per fault.
    """
    return await _check(spec.metadata, spec.chunks, job_dir, only_groups=only_groups)


async def _check(
    metadata: JobMetadata, chunks: Sequence[RenderChunk], job_dir: Path, *, only_groups: bool
) -> Mapping[int, EncodedEnds]:
    async def check(chunk: RenderChunk) -> _Output | str:
        try:
            return await _inspect(job_dir / chunk.output_file, only_groups=only_groups)
        except ChunkOutputInvalid as fault:
            return "; ".join([fault.message, *fault.details[-1:]])

    outputs = await map_limited(check, chunks, limit=CHECKS_AT_ONCE)
    faults = [
        f"chunk {chunk.id} ({job_dir / chunk.output_file}): {fault}"
        for chunk, output, first in _with_first(chunks, outputs)
        for fault in _faults(output, chunk=chunk, metadata=metadata, first=first)
    ]
    if faults:
        raise ChunkOutputInvalid(
            f"{len(faults)} faults in the outputs of {len(chunks)} chunks",
            hint="Render the chunks named above again.",
            details=faults,
        )
    return {
        chunk.id: output.ends
        for chunk, output in zip(chunks, outputs, strict=True)
        if isinstance(output, _Output) and output.ends is not None
    }


async def check_output(path: Path) -> int:
    """Check that a video, or a folder of images, is complete; return its number of frames.

    Raises `ChunkOutputInvalid` if it is missing or damaged.
    """
    return (await _inspect(path)).frames


def _with_first(
    chunks: Sequence[RenderChunk], outputs: Sequence[_Output | str]
) -> Iterator[tuple[RenderChunk, _Output | str, _Output | None]]:
    """Yield each chunk, its output, and the first good output to compare it with."""
    first = next((output for output in outputs if isinstance(output, _Output)), None)
    for chunk, output in zip(chunks, outputs, strict=True):
        yield chunk, output, first


def _faults(
    output: _Output | str, *, chunk: RenderChunk, metadata: JobMetadata, first: _Output | None
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


def _scaled(size: tuple[int, int], metadata: JobMetadata) -> bool:
    """Return whether a size is the spec's times one factor, with sides rounded to even pixels."""
    width, height = size
    factor = width / metadata.width
    return abs(height - metadata.height * factor) <= 2 * max(1.0, factor)


async def _inspect(path: Path, *, only_groups: bool = False) -> _Output:
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
    """Decode a whole file that is neither MP4 nor QuickTime."""
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
