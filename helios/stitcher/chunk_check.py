"""Checks chunk outputs before they are joined, to identify faulty chunks.

A full decode would cost as much as rendering a fast page. Instead each file's index is read (all
frames exist within the file), the structure of every H.264 and H.265 frame is parsed, and the first
frames and the last group of frames are decoded. Digests and thumbnails of the first and last frames
are recorded to identify them in the video.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.errors import ChunkOutputInvalid
from helios.mp4.compatibility import difference_between
from helios.records.encoded_ends import EncodedEnds
from helios.stitcher.chunk_output import ChunkOutput, inspect_output

#: Chunk outputs checked at the same time.
CHECKS_AT_ONCE = 4


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

    Args:
        spec: The job spec.
        job_dir: Folder that the chunks' `outputFile`s are relative to.
        only_groups: Whether to decode the last group even if it is the only one, that is, all of a
            short chunk. Workers do so; for all chunks of a job it would take too long.

    Raises:
        ChunkOutputInvalid: An output is missing, damaged or different in kind; `details` have one
            line per fault.
    """
    return await _check(spec.metadata, spec.chunks, job_dir, only_groups=only_groups)


async def _check(
    metadata: JobMetadata, chunks: Sequence[RenderChunk], job_dir: Path, *, only_groups: bool
) -> Mapping[int, EncodedEnds]:
    async def check(chunk: RenderChunk) -> ChunkOutput | str:
        try:
            return await inspect_output(job_dir / chunk.output_file, only_groups=only_groups)
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
        if isinstance(output, ChunkOutput) and output.ends is not None
    }


async def check_output(path: Path) -> int:
    """Check that a video, or a folder of images, is complete; return its number of frames.

    Raises `ChunkOutputInvalid` if it is missing or damaged.
    """
    return (await inspect_output(path)).frames


def _with_first(
    chunks: Sequence[RenderChunk], outputs: Sequence[ChunkOutput | str]
) -> Iterator[tuple[RenderChunk, ChunkOutput | str, ChunkOutput | None]]:
    """Yield each chunk, its output, and the first good output to compare it with."""
    first = next((output for output in outputs if isinstance(output, ChunkOutput)), None)
    for chunk, output in zip(chunks, outputs, strict=True):
        yield chunk, output, first


def _faults(
    output: ChunkOutput | str,
    *,
    chunk: RenderChunk,
    metadata: JobMetadata,
    first: ChunkOutput | None,
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


def _difference(output: ChunkOutput, first: ChunkOutput) -> str:
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
