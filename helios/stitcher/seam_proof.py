"""Compares the frames at the seams of a job, and selects chunks to render again.

At a seam, both chunks draw the last frame of the first chunk. If the two pictures differ, the page
depends on more than the frame's time, and chunks that begin within the timeline may be wrong. These
are rendered again with every frame from 0 on visited, as in a render of the whole timeline.
"""

import tempfile
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from helios.contract.command import format_command, parse_command
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import SeamDiffers
from helios.media.picture_difference import Region, is_alike, region_unlike, save_side_by_side
from helios.records.boundary_frames import BoundaryFrames, BoundaryPictures

#: Limit of differing seams that an error names and whose pictures are stored.
MAX_NAMED = 10

PictureReader = Callable[[int], Awaitable[BoundaryPictures | None]]
"""Returns the pictures of the chunk with an id; None if they aren't stored."""


@dataclass(frozen=True, kw_only=True)
class SeamDifference:
    """A frame, the last before a seam, that the chunks before and after it draw differently."""

    frame: int
    before: int
    after: int

    @property
    def picture_name(self) -> str:
        """File name of the two pictures side by side."""
        return f"frame-{self.frame:06d}.png"

    def __str__(self) -> str:
        return f"frame {self.frame}, drawn by chunks {self.before} and {self.after}"


@dataclass(frozen=True, kw_only=True)
class SeamProof:
    """Result of comparing a job's seams.

    Attributes:
        equal: Number of seams whose pictures are identical.
        alike: Number of seams that differ imperceptibly, which is accepted between different
            machines or versions, or after chunks were rendered again.
        unknown: Number of seams without a picture of a chunk: rendered without the check, or by
            another program.
        differing: All other seams.
    """

    equal: int = 0
    alike: int = 0
    unknown: int = 0
    differing: Sequence[SeamDifference] = ()

    @property
    def seams(self) -> int:
        """Number of seams."""
        return self.equal + self.alike + self.unknown + len(self.differing)

    @property
    def proven(self) -> int:
        """Number of seams that are equal or alike."""
        return self.equal + self.alike

    async def explained(
        self,
        read: PictureReader,
        *,
        save: Callable[[Path], Awaitable[str]],
        healed: Collection[int] = (),
    ) -> SeamDiffers:
        """Return the error that names the differing seams: frames, regions, pictures.

        `save` stores a file with both pictures side by side, and returns its path or URL.
        """
        count = len(self.differing)
        named = self.differing[:MAX_NAMED]
        details = []
        with tempfile.TemporaryDirectory(prefix="helios-seams-") as scratch:
            for difference in named:
                pair = await _pair(difference, read)
                if pair is None:
                    details.append(f"{difference}; the pictures aren't stored")
                    continue
                path = Path(scratch, difference.picture_name)
                await save_side_by_side(*pair, path)
                region = await region_unlike(*pair)
                details.append(f"{difference}, {_within(region)}: {await save(path)}")
        if count > len(named):
            details.append(f"and {count - len(named)} more")
        frames = ", ".join(str(each.frame) for each in named)
        return SeamDiffers(
            f"{count} of {self.seams} seams can be seen: two chunks draw frame {frames}"
            f" differently{' after they were rendered again from frame 0 on' if healed else ''}",
            hint="What the page shows depends on something besides the frame's time, such as a"
            " server's answers. --seam-check warn renders it all the same."
            if healed
            else "Render with --replay, and without --no-replay; or with --seam-check warn to"
            " render it all the same.",
            details=details,
        )


async def compare_seams(
    chunks: Sequence[RenderChunk],
    frames: Mapping[int, BoundaryFrames],
    read: PictureReader,
    *,
    tolerant: bool = False,
) -> SeamProof:
    """Compare the pictures of adjacent chunks, given in the order of their frames.

    `frames` are the chunks' boundary frames by id, as far as there are any. `read` is called only
    for pictures that differ and may be alike. If `tolerant`, imperceptible differences between
    pictures of the same renderer are accepted too, for chunks that can't be rendered again or
    already were.
    """
    equal = alike = unknown = 0
    differing = []
    for one, other in pairwise(chunks):
        ended, began = _of(one, frames), _of(other, frames)
        difference = SeamDifference(frame=one.end_frame - 1, before=one.id, after=other.id)
        if ended is None or began is None or began.before is None:
            unknown += 1
        elif ended.last == began.before:
            equal += 1
        elif (tolerant or ended.renderer != began.renderer) and await _is_alike(difference, read):
            alike += 1
        else:
            differing.append(difference)
    return SeamProof(equal=equal, alike=alike, unknown=unknown, differing=differing)


def chunks_to_heal(spec: JobSpec, frames: Mapping[int, BoundaryFrames]) -> list[int]:
    """Return the chunks to render again if any seam of a job differs.

    These are all chunks that begin after frame 0 and didn't visit every frame before. A page that
    depends on its past may also differ inside chunks whose seams are equal by chance: a counter
    that repeats a digit, an element that is hidden at that frame.
    """
    return [
        chunk.id
        for chunk in spec.chunks_by_frame()
        if chunk.start_frame > 0
        and (chunk.id not in frames or not frames[chunk.id].replayed)
        and _replaying(chunk.command) is not None
    ]


def is_replayed(frames: Mapping[int, BoundaryFrames]) -> bool:
    """Return whether any chunk was rendered with every frame before it visited."""
    return any(each.replayed and each.start > 0 for each in frames.values())


def with_replay(spec: JobSpec, ids: Collection[int] = ()) -> JobSpec:
    """Return a job that visits every frame from 0 on for its audio and for these chunks."""
    chunks = [
        chunk.model_copy(update={"command": _replaying(chunk.command) or chunk.command})
        if chunk.id in ids
        else chunk
        for chunk in spec.chunks
    ]
    merge_command = _replaying(spec.merge_command) or spec.merge_command
    return spec.model_copy(update={"chunks": chunks, "merge_command": merge_command})


def _of(chunk: RenderChunk, frames: Mapping[int, BoundaryFrames]) -> BoundaryFrames | None:
    found = frames.get(chunk.id)
    if found is None or (found.start, found.frames) != (chunk.start_frame, chunk.frame_count):
        return None
    return found


def _replaying(command: str) -> str | None:
    """Return the command with `--replay`; None for one that can't take it or excludes it."""
    words = parse_command(command)
    plays = words[:2] == ["helios", "render"] or (
        words[:2] == ["helios", "merge"] and "--audio-from" in words
    )
    if not plays or {"--replay", "--no-replay"} & set(words):
        return None
    return format_command([*words, "--replay"])


async def _pair(difference: SeamDifference, read: PictureReader) -> tuple[bytes, bytes] | None:
    """Return both chunks' pictures of the frame; None if one isn't stored."""
    ended, began = await read(difference.before), await read(difference.after)
    if ended is None or began is None or ended.last is None or began.before is None:
        return None
    return ended.last, began.before


async def _is_alike(difference: SeamDifference, read: PictureReader) -> bool:
    pair = await _pair(difference, read)
    return pair is not None and await is_alike(*pair)


def _within(region: Region | None) -> str:
    if region is None:
        return "differs in its size or encoding"
    x, y, width, height = region
    return f"differs within {width} x {height} pixels at ({x}, {y})"
