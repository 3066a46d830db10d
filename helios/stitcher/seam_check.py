"""Checks a stitched video at its seams: the end of one chunk and the start of the next.

Stitching copies encoded frames, which are compared, without decoding, with the digests recorded
when each chunk was rendered. Only keyframes are decoded, as every chunk begins with one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.merge_command import MergeCommand
from helios.errors import ChunkOutputInvalid, SeamBroken
from helios.records.encoded_ends import (
    END_FRAMES,
    EncodedEnd,
    EncodedEnds,
)
from helios.stitcher.audio_check import audio_faults
from helios.stitcher.boundary_check import BoundaryCheck
from helios.stitcher.encoded_video import read_video, thumbnails


@dataclass(frozen=True)
class SeamReport:
    """Scope of a check that found no fault; `compared` boundaries were compared with digests."""

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
    whole_audio: bool = True,
    decodes: bool = True,
) -> SeamReport:
    """Check that a video consists of its chunks, one after another.

    Args:
        video: The stitched video.
        spec: The job spec of the video.
        ends: Digests of the chunks' ends, by id. Without digests, only a chunk's length is checked.
        copied: Whether the chunks' encoded frames were copied; otherwise pictures are compared.
        whole_audio: Whether the audio, if there is any, must last as long as the video.
        decodes: Whether to decode keyframes.

    Raises:
        SeamBroken: The video has faults; `details` name each boundary.
    """
    try:
        encoded = await read_video(video)
        seams = BoundaryCheck(encoded, spec, ends, copied=copied)
        faults = [*seams.whole_faults(), *seams.boundary_faults()]
        if decodes and not faults:
            faults += await seams.picture_faults()
        faults += await audio_faults(
            video, seconds=_seconds(spec), whole=whole_audio, rate=spec.metadata.frame_rate
        )
    except ChunkOutputInvalid as fault:
        raise SeamBroken(
            f"{video.name} can't be checked: {fault.message}", details=fault.details
        ) from fault
    if faults:
        raise SeamBroken(
            f"{video.name}: {faults[0]}" + (f", and {len(faults) - 1} more" if faults[1:] else ""),
            hint="Join the chunks again; if that fails too, render those at the boundary again.",
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
    """Check the seams of a merge's output as `check_seams` does; None if it can't be checked.

    The output of commands other than `helios merge` can't be checked.
    """
    if not spec.merge_command.strip():
        return await check_seams(video, spec, ends)
    command = MergeCommand.of(spec.merge_command)
    if command is None:
        return None
    return await check_seams(
        video, spec, ends, copied=command.copies_video, whole_audio=command.audio_is_whole
    )


async def seen_ends(video: Path, spec: JobSpec) -> Mapping[int, EncodedEnds]:
    """Decode a video and return thumbnails of its chunks' ends, for chunks without a record.

    The result has no digests of encoded frames.
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
