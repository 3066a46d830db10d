"""Compares the frames around each boundary of a video with the ends of its chunks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import SeamBroken
from helios.records.encoded_ends import EncodedEnds, is_black, is_lit, is_same_picture
from helios.stitcher.encoded_video import EncodedVideo, thumbnails

#: Frames by which a chunk's start is searched around its position, if frames are missing.
_SHIFTS = (0, -1, 1, -2, 2)
#: Keyframes, as a multiple of chunks, beyond which decoding them would take too long.
_MAX_KEYFRAMES = 8


@dataclass(frozen=True)
class Boundary:
    """The boundary of two chunks; `number` counts from 1, `frame` is the first frame after it."""

    number: int
    frame: int
    before: RenderChunk
    after: RenderChunk

    def __str__(self) -> str:
        return (
            f"boundary {self.number} (frame {self.frame}, between chunks {self.before.id} and"
            f" {self.after.id})"
        )


class BoundaryCheck:
    """Compares the frames at the boundaries of a video with the digests of its chunks.

    Parameters are those of `check_seams`.
    """

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
        """Yield faults of the number of frames and of their times."""
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
        """Yield each boundary whose frames differ from the ends of the chunks."""
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
                    yield f"{boundary}: not a keyframe, so that players can't seek there"
            yield from self._black_fault(boundary)

    async def picture_faults(self) -> list[str]:
        """Return the boundaries whose first frame doesn't decode to the recorded picture."""
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
        if keyframes is None or len(keyframes) > _MAX_KEYFRAMES * len(self._chunks):
            return {}
        found = await thumbnails(
            self._video.path, before=["-skip_frame", "nokey"], error=SeamBroken, message=message
        )
        # Some decoders can't select keyframes, and return other frames too.
        return dict(zip(keyframes, found, strict=True)) if len(found) == len(keyframes) else {}

    def _boundaries(self) -> Iterator[Boundary]:
        for number, (before, after) in enumerate(pairwise(self._chunks), 1):
            yield Boundary(number, after.start_frame - self._first, before, after)

    def _near(self, frame: int) -> str:
        found = [boundary for boundary in self._boundaries() if boundary.frame <= frame + 1]
        return f", after {found[-1]}" if found else ""

    def _start_fault(self) -> str:
        ends = self._ends.get(self._chunks[0].id)
        if ends is None or self._at(0, ends.first.encoded) == ends.first.encoded:
            return ""
        return "its first frames aren't those of its first chunk"

    def _shift(self, boundary: Boundary, *, near: int) -> int | None:
        """Return by how many frames the chunk after a boundary is late; None if it isn't found."""
        ends = self._ends.get(boundary.after.id)
        if ends is None or not ends.first.encoded:
            return near
        self.compared += 1
        for step in _SHIFTS:
            place = boundary.frame + near + step
            if self._at(place, ends.first.encoded) == ends.first.encoded:
                return near + step
        return None

    def _length_fault(self, boundary: Boundary, shift: int) -> Iterator[str]:
        """Compare the sizes of all frames, and the digests of the last ones, of a chunk."""
        ends = self._ends.get(boundary.after.id)
        if ends is None or not ends.last.encoded:
            return
        start = boundary.frame + shift
        end = start + boundary.after.frame_count
        if self._at(end - len(ends.last.encoded), ends.last.encoded) != ends.last.encoded:
            # For other chunks, the next boundary reports it.
            if boundary.after is self._chunks[-1]:
                yield f"its last frames aren't those of chunk {boundary.after.id}"
        elif self._video.sizes_digest(range(start, end)) != ends.sizes:
            yield f"the frames between it and the next boundary aren't chunk {boundary.after.id}'s"

    def _at(self, place: int, like: Sequence[str]) -> list[str]:
        """Return the digests of `len(like)` frames from a position on."""
        frames = range(max(0, place), min(place + len(like), self._video.frame_count))
        return self._video.frame_digests(frames) if place >= 0 else []

    def _foreign(self, boundary: Boundary, shift: int) -> str:
        last = self._ends.get(boundary.before.id)
        here = self._at(boundary.frame + shift, [""])
        if last is not None and here == last.last.encoded[-1:]:
            return f"chunk {boundary.before.id}'s last frame appears twice"
        return f"the frames after it aren't those that chunk {boundary.after.id} begins with"

    def _black_fault(self, boundary: Boundary) -> Iterator[str]:
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
    return f"{frames} {'missing' if step < 0 else 'repeated or foreign'} before it"
