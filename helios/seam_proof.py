"""Proof that the seams of a job can't be seen, and what heals them if it fails.

Two chunks that meet have each drawn one frame that is the same: the first one's last. If the two
pictures differ, the page depends on more than the frame's time, and a chunk that began in the
middle of the timeline may show anything. Such chunks are rendered again with every frame from 0 on
visited, as one long render would.
"""

import asyncio
import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from helios.boundary_frames import BoundaryFrames, BoundaryPicture, Region
from helios.command import format_command, parse_command
from helios.errors import SeamDiffers
from helios.ffmpeg import file_url, run_ffmpeg
from helios.job_spec import JobSpec, RenderChunk
from helios.output import whole_output

#: Levels of 255 by which a pixel of the small images may differ where machines or versions do. Each
#: is the mean of a hundred or more pixels of a video in full HD.
TOLERANCE = 4
#: Differing seams that an error names, and whose pictures are kept.
MOST_NAMED = 10
#: Name of the healed job's spec, beside the job's own in storage.
HEALED_SPEC = "healed.json"
#: Pixels of a side by side picture's panels, for small images to be looked at.
_PANEL_WIDTH = 480


@dataclass(frozen=True, kw_only=True)
class SeamDifference:
    """One frame that looks different in the two chunks that drew it.

    Attributes
    ----------
    frame:
        The last frame before the seam.
    before, after:
        Ids of the chunks that meet there.
    region:
        Where the pictures differ.
    ended, began:
        The picture that the first chunk ends with, and the same frame as the second one drew it.
    """

    frame: int
    before: int
    after: int
    region: Region
    ended: BoundaryPicture
    began: BoundaryPicture

    @property
    def picture_name(self) -> str:
        """File name of the two pictures side by side."""
        return f"frame-{self.frame:06d}.png"

    def __str__(self) -> str:
        x, y, width, height = self.region
        return (
            f"frame {self.frame}, drawn by chunks {self.before} and {self.after}, differs within"
            f" {width} x {height} pixels at ({x}, {y})"
        )


@dataclass(frozen=True, kw_only=True)
class SeamProof:
    """What a comparison of a job's seams found.

    Attributes
    ----------
    equal:
        Seams whose pictures are the same to the bit.
    alike:
        Those that differ within `TOLERANCE`, and were drawn by different machines or versions.
    unknown:
        Those where a chunk left no picture: rendered without the check, or by another program.
    differing:
        All others.
    """

    equal: int = 0
    alike: int = 0
    unknown: int = 0
    differing: Sequence[SeamDifference] = ()

    @property
    def seams(self) -> int:
        """How many seams there are."""
        return self.equal + self.alike + self.unknown + len(self.differing)

    def error(self, *, pictures: str, healed: Collection[int] = ()) -> SeamDiffers:
        """Return the error that names the differing seams.

        Parameters
        ----------
        pictures:
            Path or URL of the folder with the pictures side by side.
        healed:
            Chunks that were rendered again.
        """
        count = len(self.differing)
        frames = ", ".join(str(each.frame) for each in self.differing[:MOST_NAMED])
        after = " after they were rendered again from frame 0 on" if healed else ""
        details = [
            f"{each}: {pictures}/{each.picture_name}" for each in self.differing[:MOST_NAMED]
        ]
        more = count - len(details)
        return SeamDiffers(
            f"{count} of {self.seams} seams can be seen: two chunks draw frame {frames}"
            f" differently{after}",
            hint="What the page shows depends on something besides the frame's time, such as a"
            " server's answers. --seam-check warn renders it all the same."
            if healed
            else "Render with --replay, and without --no-replay; or with --seam-check warn to"
            " render it all the same.",
            details=[*details, *([f"and {more} more"] if more else [])],
        )


async def compare_seams(
    chunks: Sequence[RenderChunk], frames: Mapping[int, BoundaryFrames]
) -> SeamProof:
    """Compare the pictures of chunks that meet.

    Parameters
    ----------
    chunks:
        A job's chunks in the order of their frames.
    frames:
        The chunks' boundary frames, by id; there may be none of some.
    """
    equal = alike = unknown = 0
    differing = []
    for one, other in pairwise(chunks):
        ended, began = _of(one, frames), _of(other, frames)
        if ended is None or began is None or began.before is None:
            unknown += 1
        elif ended.last.digest == began.before.digest:
            equal += 1
        elif ended.renderer != began.renderer and await _is_alike(ended.last, began.before):
            alike += 1
        else:
            differing.append(
                SeamDifference(
                    frame=one.end_frame - 1,
                    before=one.id,
                    after=other.id,
                    region=began.before.region_unlike(ended.last),
                    ended=ended.last,
                    began=began.before,
                )
            )
    return SeamProof(equal=equal, alike=alike, unknown=unknown, differing=differing)


def chunks_to_heal(spec: JobSpec, frames: Mapping[int, BoundaryFrames]) -> list[int]:
    """Return the chunks that are to be rendered again once a seam of a job differs.

    These are all that begin after frame 0 and didn't visit every frame before. A page that depends
    on its past at one seam may differ anywhere, also inside of chunks whose seams are equal by
    chance: a counter that shows the same digit again, an element that is hidden at that frame.
    """
    return [
        chunk.id
        for chunk in spec.chunks_by_frame()
        if chunk.start_frame > 0
        and (chunk.id not in frames or not frames[chunk.id].replayed)
        and _replaying(chunk.command) is not None
    ]


def is_replayed(frames: Mapping[int, BoundaryFrames]) -> bool:
    """Tell whether chunks were rendered so that every frame before them was visited."""
    return any(each.replayed and each.start > 0 for each in frames.values())


def with_replay(spec: JobSpec, ids: Collection[int] = ()) -> JobSpec:
    """Return a job that visits every frame from 0 on for chunks of these ids, and for its sound."""
    chunks = [
        chunk.model_copy(update={"command": _replaying(chunk.command) or chunk.command})
        if chunk.id in ids
        else chunk
        for chunk in spec.chunks
    ]
    merge_command = _replaying(spec.merge_command) or spec.merge_command
    return spec.model_copy(update={"chunks": chunks, "merge_command": merge_command})


async def save_side_by_side(difference: SeamDifference, path: Path) -> None:
    """Write a seam's two pictures as one: the first chunk's, the second one's, their difference.

    Raises
    ------
    OutputUnwritable, DiskFull
    """
    size = f"scale={_PANEL_WIDTH}:-2:flags=neighbor,format=rgb24,setsar=1"
    graph = (
        f"[0]{size},split[a][x];[1]{size},split[b][y];"
        "[x][y]blend=all_mode=difference,lutrgb=r=4*val:g=4*val:b=4*val[d];"
        "[a]pad=iw+8:ih:0:0:gray[a];[b]pad=iw+8:ih:0:0:gray[b];[a][b][d]hstack=3"
    )
    with whole_output(path) as folder:
        one, other = _write_images(difference, folder)
        made = folder / "made.png"
        await run_ffmpeg(
            [
                *("-i", file_url(one), "-i", file_url(other), "-filter_complex", graph),
                *("-frames:v", "1", file_url(made)),
            ],
            message=f"{path} can't be drawn",
        )
        made.replace(folder / "whole")


async def save_all_side_by_side(differing: Sequence[SeamDifference], folder: Path) -> None:
    """Write the pictures of differing seams into a folder, the first `MOST_NAMED` of them.

    Raises
    ------
    OutputUnwritable, DiskFull
    """
    for difference in differing[:MOST_NAMED]:
        await save_side_by_side(difference, folder / difference.picture_name)


def _of(chunk: RenderChunk, frames: Mapping[int, BoundaryFrames]) -> BoundaryFrames | None:
    found = frames.get(chunk.id)
    if found is None or (found.start, found.frames) != (chunk.start_frame, chunk.frame_count):
        return None
    return found


def _replaying(command: str) -> str | None:
    """Return a command that visits every frame; None for one that can't or mustn't."""
    words = parse_command(command)
    plays = words[:2] == ["helios", "render"] or (
        words[:2] == ["helios", "merge"] and "--audio-from" in words
    )
    if not plays or {"--replay", "--no-replay"} & set(words):
        return None
    return format_command([*words, "--replay"])


async def _is_alike(one: BoundaryPicture, other: BoundaryPicture) -> bool:
    if (one.width, one.height) != (other.width, other.height):
        return False
    a, b = await asyncio.gather(_pixels(one), _pixels(other))
    return len(a) == len(b) and all(abs(x - y) <= TOLERANCE for x, y in zip(a, b, strict=True))


async def _pixels(picture: BoundaryPicture) -> bytes:
    return await run_ffmpeg(
        [
            *("-f", "png_pipe", "-i", "pipe:0", "-frames:v", "1"),
            *("-f", "rawvideo", "-pix_fmt", "rgba", "pipe:1"),
        ],
        message="a chunk's picture doesn't decode",
        stdin=base64.b64decode(picture.image),
    )


def _write_images(difference: SeamDifference, folder: Path) -> tuple[Path, Path]:
    paths = (folder / "ended.png", folder / "began.png")
    for path, picture in zip(paths, (difference.ended, difference.began), strict=True):
        path.write_bytes(base64.b64decode(picture.image))
    return paths
