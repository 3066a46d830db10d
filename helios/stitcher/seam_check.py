"""Checks a stitched video at its seams: the end of one chunk and the start of the next.

Stitching copies encoded frames, so they are compared with the digests recorded of each chunk
when it was rendered: the video isn't decoded for that. Keyframes alone are decoded, since every
chunk begins with one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.merge_command import MergeCommand
from helios.errors import ChunkOutputInvalid, SeamBroken
from helios.records.encoded_ends import (
    END_FRAMES,
    EncodedEnd,
    EncodedEnds,
    is_black,
    is_lit,
    is_same_picture,
)
from helios.stitcher.audio_check import audio_faults
from helios.stitcher.encoded_video import EncodedVideo, read_video, thumbnails

#: Frames that a boundary is looked for before and after its place, where frames are missing.
_SHIFTS = (0, -1, 1, -2, 2)
#: Keyframes, as a multiple of chunks, beyond which decoding them would cost too much.
_MOST_KEYFRAMES = 8


@dataclass(frozen=True)
class SeamReport:
    """What a check that found no fault looked at.

    Attributes
    ----------
    frames, seconds:
        Length of the video.
    boundaries:
        Places where one chunk's frames end and the next one's begin.
    compared:
        Those whose frames were compared with the digests of the chunks.
    """

    frames: int
    seconds: float
    boundaries: int
    compared: int


async def check_seams(
    video: Path,
    spec: JobSpec,
    ends: Mapping[int, EncodedEnds],
    *,
    copied: bool = True,
    whole_sound: bool = True,
    decodes: bool = True,
) -> SeamReport:
    """Make sure that a video is its chunks, one after another, and nothing else.

    Parameters
    ----------
    video:
        The stitched video.
    spec:
        The job that it is of.
    ends:
        The digests of the chunks, by id. Of a chunk without, only the length is checked.
    copied:
        Whether the chunks' encoded frames were kept; if they were encoded anew, pictures are
        compared.
    whole_sound:
        Whether sound, where there is any, lasts as long as the picture.
    decodes:
        Whether keyframes are decoded as well.

    Raises
    ------
    SeamBroken
        It isn't; `details` name each boundary at fault.
    """
    try:
        encoded = await read_video(video)
        seams = _Seams(encoded, spec, ends, copied=copied)
        faults = [*seams.whole_faults(), *seams.boundary_faults()]
        if decodes and not faults:
            faults += await seams.picture_faults()
        faults += await audio_faults(
            video, seconds=_seconds(spec), whole=whole_sound, rate=spec.metadata.frame_rate
        )
    except ChunkOutputInvalid as fault:
        raise SeamBroken(
            f"{video.name} can't be checked: {fault.message}", details=fault.details
        ) from fault
    if faults:
        raise SeamBroken(
            f"{video.name}: {faults[0]}" + (f", and {len(faults) - 1} more" if faults[1:] else ""),
            hint="Join the chunks again; if it stays, render those at the boundary again.",
            details=faults,
        )
    return SeamReport(
        frames=encoded.frame_count,
        seconds=float(_seconds(spec)),
        boundaries=len(spec.chunks) - 1,
        compared=seams.compared,
    )


async def check_merge(
    video: Path, spec: JobSpec, ends: Mapping[int, EncodedEnds]
) -> SeamReport | None:
    """Check the seams of what a job's merge made; None where they can't be known.

    Other commands than `helios merge` make of the chunks what they like.

    Raises
    ------
    SeamBroken
        As `check_seams` does.
    """
    if not spec.merge_command.strip():
        return await check_seams(video, spec, ends)
    command = MergeCommand.of(spec.merge_command)
    if command is None:
        return None
    return await check_seams(
        video, spec, ends, copied=command.copies_video, whole_sound=command.sound_is_whole
    )


async def seen_ends(video: Path, spec: JobSpec) -> Mapping[int, EncodedEnds]:
    """Return what can be seen of a job's chunks in the video itself, where nothing was noted.

    It is decoded for that. There are thumbnails, and no encoded frames to compare others with.
    """
    chunks = spec.chunks_by_frame()
    first = chunks[0].start_frame
    places = sorted(
        {
            frame - first
            for chunk in chunks
            for edge in (chunk.start_frame, chunk.end_frame)
            for frame in range(edge - END_FRAMES, edge + END_FRAMES)
        }
    )
    choice = "+".join(f"eq(n,{place})" for place in places)
    found = await thumbnails(video, frames=choice, message=f"{video} doesn't decode")
    seen = dict(zip((place for place in places if place >= 0), found, strict=False))

    def end(chunk: RenderChunk, start: int) -> EncodedEnd:
        frames = range(max(start, chunk.start_frame), min(start + END_FRAMES, chunk.end_frame))
        pictures = [seen[frame - first] for frame in frames if frame - first in seen]
        return EncodedEnd(encoded=[], thumbnails=pictures)

    return {
        chunk.id: EncodedEnds(
            first=end(chunk, chunk.start_frame), last=end(chunk, chunk.end_frame - END_FRAMES)
        )
        for chunk in chunks
    }


def _seconds(spec: JobSpec) -> Fraction:
    return spec.metadata.total_frames / spec.metadata.frame_rate


@dataclass(frozen=True)
class _Boundary:
    """Between two chunks: `number` counts from 1, `frame` is the first one after it."""

    number: int
    frame: int
    before: RenderChunk
    after: RenderChunk

    def __str__(self) -> str:
        return (
            f"boundary {self.number} (frame {self.frame}, between chunks {self.before.id} and"
            f" {self.after.id})"
        )


class _Seams:
    """The boundaries of a video, compared with the digests of its chunks."""

    def __init__(
        self, video: EncodedVideo, spec: JobSpec, ends: Mapping[int, EncodedEnds], *, copied: bool
    ) -> None:
        self._video = video
        self._spec = spec
        self._ends = ends
        self._copied = copied
        self._chunks = spec.chunks_by_frame()
        self._first = self._chunks[0].start_frame
        self.compared = 0

    def whole_faults(self) -> Iterator[str]:
        """Yield what is wrong with the video's length and its frames' times."""
        count, total = self._video.frame_count, self._spec.metadata.total_frames
        if count != total:
            yield f"it has {count} frames in place of {total}"
        rate = self._spec.metadata.frame_rate
        times = self._video.shown_at
        if len(times) != count:
            yield f"{count - len(times)} frames have no time"
        previous = -1
        for number, time in enumerate(times):
            if time <= previous:
                yield f"frame {number} is shown when the one before it is{self._near(number)}"
                return
            previous = time
            late = time * rate.numerator - number * self._video.timescale * rate.denominator
            if abs(late) > self._video.rounding * rate.numerator:
                yield (
                    f"frame {number} is shown at {time / self._video.timescale:.4f} s in place of"
                    f" {float(number / rate):.4f} s{self._near(number)}"
                )
                return

    def boundary_faults(self) -> Iterator[str]:
        """Yield each boundary where frames aren't those that the chunks ended and began with."""
        shift = 0
        keyframes = None if self._video.keyframes is None else frozenset(self._video.keyframes)
        if self._copied and (fault := self._start_fault()):
            yield fault
        for boundary in self._boundaries():
            if self._copied:
                moved = self._shift(boundary, near=shift)
                if moved is None:
                    yield f"{boundary}: {self._foreign(boundary, shift)}"
                    continue
                if moved != shift:
                    yield f"{boundary}: {_moved(moved - shift)}"
                shift = moved
                yield from self._length_fault(boundary, shift)
                if keyframes is not None and boundary.frame + shift not in keyframes:
                    yield f"{boundary}: it isn't a keyframe, so that players can't begin there"
            yield from self._black_fault(boundary)

    async def picture_faults(self) -> list[str]:
        """Return the boundaries whose first frame doesn't decode to what the worker saw."""
        known = {
            boundary.frame: (boundary, ends.first.thumbnails[0])
            for boundary in self._boundaries()
            if (ends := self._ends.get(boundary.after.id)) and ends.first.thumbnails
        }
        seen = await self._seen(known)
        return [
            f"{boundary}: its first frame isn't the picture that the chunk begins with"
            for frame, (boundary, thumbnail) in known.items()
            if frame in seen and not is_same_picture(seen[frame], thumbnail)
        ]

    async def _seen(self, frames: Mapping[int, object]) -> dict[int, str]:
        keyframes = self._video.keyframes
        message = f"{self._video.path.name} doesn't decode"
        if not frames:
            return {}
        if not self._copied:
            choice = "+".join(f"eq(n,{frame})" for frame in sorted(frames))
            found = await thumbnails(self._video.path, frames=choice, message=message)
            return dict(zip(sorted(frames), found, strict=False))
        if keyframes is None or len(keyframes) > _MOST_KEYFRAMES * len(self._chunks):
            return {}
        found = await thumbnails(
            self._video.path, before=["-skip_frame", "nokey"], error=SeamBroken, message=message
        )
        # A decoder that doesn't know which ones are keyframes shows others as well.
        return dict(zip(keyframes, found, strict=True)) if len(found) == len(keyframes) else {}

    def _boundaries(self) -> Iterator[_Boundary]:
        for number, (before, after) in enumerate(pairwise(self._chunks), 1):
            yield _Boundary(number, after.start_frame - self._first, before, after)

    def _near(self, frame: int) -> str:
        found = [boundary for boundary in self._boundaries() if boundary.frame <= frame + 1]
        return f", after {found[-1]}" if found else ""

    def _start_fault(self) -> str:
        ends = self._ends.get(self._chunks[0].id)
        if ends is None or self._at(0, ends.first.encoded) == ends.first.encoded:
            return ""
        return "its first frames aren't those of its first chunk"

    def _shift(self, boundary: _Boundary, *, near: int) -> int | None:
        """Return by how many frames the chunk after a boundary is late; None if it isn't there."""
        ends = self._ends.get(boundary.after.id)
        if ends is None or not ends.first.encoded:
            return near
        self.compared += 1
        for step in _SHIFTS:
            place = boundary.frame + near + step
            if self._at(place, ends.first.encoded) == ends.first.encoded:
                return near + step
        return None

    def _length_fault(self, boundary: _Boundary, shift: int) -> Iterator[str]:
        """Compare all frames of the chunk after a boundary by their sizes, its last ones fully."""
        ends = self._ends.get(boundary.after.id)
        if ends is None or not ends.last.encoded:
            return
        start = boundary.frame + shift
        end = start + boundary.after.frame_count
        if self._at(end - len(ends.last.encoded), ends.last.encoded) != ends.last.encoded:
            # The boundary after it tells, unless there is none.
            if boundary.after is self._chunks[-1]:
                yield f"its last frames aren't those of chunk {boundary.after.id}"
        elif self._video.sizes_digest(range(start, end)) != ends.sizes:
            yield f"the frames between it and the next boundary aren't chunk {boundary.after.id}'s"

    def _at(self, place: int, like: Sequence[str]) -> list[str]:
        """Return the digests of as many frames as there are in `like`."""
        frames = range(max(0, place), min(place + len(like), self._video.frame_count))
        return self._video.frame_digests(frames) if place >= 0 else []

    def _foreign(self, boundary: _Boundary, shift: int) -> str:
        last = self._ends.get(boundary.before.id)
        here = self._at(boundary.frame + shift, [""])
        if last is not None and here == last.last.encoded[-1:]:
            return f"chunk {boundary.before.id}'s last frame is there twice"
        return f"the frames after it aren't those that chunk {boundary.after.id} begins with"

    def _black_fault(self, boundary: _Boundary) -> Iterator[str]:
        before, after = self._ends.get(boundary.before.id), self._ends.get(boundary.after.id)
        if before is None or after is None:
            return
        last, first = before.last.thumbnails, after.first.thumbnails
        if not last or not first:
            return
        around = [*last, *first]
        for place, word in ((len(last) - 1, "last frame before"), (len(last), "first frame after")):
            neighbours = around[max(0, place - 1) : place] + around[place + 1 : place + 2]
            alone = len(neighbours) == 2 and all(map(is_lit, neighbours))
            if alone and is_black(around[place]):
                yield f"{boundary}: the {word} it is black, its neighbours aren't"


def _moved(step: int) -> str:
    frames = "1 frame is" if abs(step) == 1 else f"{abs(step)} frames are"
    return f"{frames} {'missing' if step < 0 else 'there twice, or foreign'} before it"
