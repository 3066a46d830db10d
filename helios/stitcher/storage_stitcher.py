"""Joins chunk outputs inside the storage, which copies the objects; only their indexes are read.

The video consists of a new index and the chunks' whole files. Neither time nor memory grow with its
size.
"""

import asyncio
import functools
import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path, PurePosixPath

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import AUDIO_FLAGS, MergeCommand
from helios.errors import StitchFailed
from helios.mp4.reader import read_movie
from helios.mp4.splice import whole_file_head
from helios.mp4.track import NotSpliceable, Track
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.records.encoded_ends import END_FRAMES
from helios.records.job_layout import JOINING, chunk_output
from helios.stitcher.remote_index import RemoteFile, fill_in, merged_spans, read_index
from helios.stitcher.seam_check import SeamReport, check_seams
from helios.storage import ArtifactStorage

#: Files whose indexes are read at the same time.
READS_AT_ONCE = 32
#: Endings of videos that can be joined in storage.
SUFFIXES = frozenset({".mp4", ".m4v", ".mov"})


def fault_of(spec: JobSpec, name: str) -> str | None:
    """Return why chunks can't be joined in storage to a file of this name; None if they can."""
    chunks = {PurePosixPath(chunk.output_file).suffix.lower() for chunk in spec.chunks}
    suffix = PurePosixPath(name).suffix.lower()
    if not chunks | {suffix} <= SUFFIXES:
        return f"{suffix or 'such'} files aren't joined by their indexes"
    if not spec.merge_command.strip():
        return None
    command = MergeCommand.of(spec.merge_command)
    if command is None:
        return "its merge command isn't `helios merge`"
    other = next((flag for flag in command.flags if flag not in AUDIO_FLAGS), None)
    if other is not None:
        return f"{other} requires encoding"
    return None


async def merge_in_storage(
    storage: ArtifactStorage,
    spec: JobSpec,
    records: Mapping[int, ChunkRecord],
    *,
    output: str,
    audio: Path,
) -> Artifact:
    """Join a job's chunks inside the storage, and check the seams.

    Raises `StitchFailed` or `ChunkOutputInvalid` if the chunks can't be joined in storage;
    `SeamBroken` if the joined video has faults; `HeliosError` if a request to the storage failed.

    Args:
        storage: The job's folder.
        records: The records of the chunks, by id.
        output: Key of the video.
        audio: Local file with the audio of the whole video; it may be missing.
    """
    chunks = spec.chunks_by_frame()
    ordered = [records[chunk.id] for chunk in chunks]
    keys = [chunk_output(chunk, chunk_key(spec, chunk)) for chunk in chunks]
    there = audio if await asyncio.to_thread(audio.exists) else None
    made = await stitch_in_storage(storage, ordered, keys, output=output, audio=there)
    await check_in_storage(storage, made, output, spec, ordered)
    return made


async def stitch_in_storage(
    storage: ArtifactStorage,
    records: Sequence[ChunkRecord],
    chunks: Sequence[str],
    *,
    output: str,
    audio: Path | None = None,
) -> Artifact:
    """Join chunk outputs inside the storage.

    Raises `StitchFailed` if the chunks contain audio, or are fragmented; `ChunkOutputInvalid` if a
    chunk differs in kind from the others; `HeliosError` if a request to the storage failed.

    Args:
        storage: The job's folder.
        records, chunks: The chunks' records and keys, in presentation order.
        output: Key of the video.
        audio: Local file with the audio of the whole video, to be stored beside the chunks.
    """
    quicktime = output.lower().endswith(".mov")
    sizes = [record.artifact.bytes or 0 for record in records]
    with tempfile.TemporaryDirectory(prefix="helios-indexes-") as folder:
        files = [
            RemoteFile(key, size, Path(folder, str(number)))
            for number, (key, size) in enumerate(zip(chunks, sizes, strict=True))
        ]
        read = functools.partial(read_index, storage)
        await map_limited(read, files, limit=READS_AT_ONCE)
        try:
            head = await asyncio.to_thread(
                lambda: whole_file_head(
                    [read_movie(file.path) for file in files],
                    sizes=sizes,
                    quicktime=quicktime,
                    audio=read_movie(audio) if audio else None,
                    audio_bytes=audio.stat().st_size if audio else 0,
                )
            )
        except NotSpliceable as fault:
            raise StitchFailed(
                f"the chunks can't be joined in storage: {fault}",
                hint="Join them on a worker: --stitch worker.",
            ) from fault
    # Named by content, so that another attempt resumes this one.
    name = f"{JOINING}{hashlib.sha256(head).hexdigest()[:32]}"
    before, all_sizes = [name], [len(head), *sizes]
    try:
        await storage.put_bytes(name, head)
        if audio:
            before.append(f"{name}-audio")
            stored = await storage.put_file(before[1], audio)
            all_sizes.insert(1, stored.bytes or 0)
        return await storage.compose(output, [*before, *chunks], scratch=JOINING, sizes=all_sizes)
    finally:
        await asyncio.shield(asyncio.gather(*map(storage.delete, before)))


async def check_in_storage(
    storage: ArtifactStorage,
    video: Artifact,
    key: str,
    spec: JobSpec,
    records: Sequence[ChunkRecord],
) -> SeamReport:
    """Check the seams of a video in storage; reads four frames per boundary. See `check_seams`."""
    with tempfile.TemporaryDirectory(prefix="helios-seams-") as folder:
        file = RemoteFile(key, video.bytes or 0, Path(folder, PurePosixPath(key).name))
        await read_index(storage, file)
        track = (await asyncio.to_thread(read_movie, file.path)).track("vide")
        if track is not None:
            await _read_ends(storage, file, track, [record.frame_count for record in records])
        ends = {record.chunk_id: record.ends for record in records if record.ends is not None}
        return await check_seams(file.path, spec, ends, decodes=False)


async def _read_ends(
    storage: ArtifactStorage, file: RemoteFile, track: Track, lengths: Iterable[int]
) -> None:
    """Fetch the encoded frames around each boundary."""
    spans = list(track.samples())

    async def fetch(edge: int) -> None:
        near = spans[max(0, edge - END_FRAMES) : edge + END_FRAMES]
        for start, end in merged_spans(near):
            data = await storage.get_range(file.key, start, end)
            await asyncio.to_thread(fill_in, file.path, start, data)

    await map_limited(fetch, accumulate(lengths, initial=0), limit=READS_AT_ONCE)
