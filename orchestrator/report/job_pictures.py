"""What pictures show of a job: its timeline, its seams, its audio."""

import asyncio
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.errors import HeliosError
from helios.records.chunk_trace import MAX_TRACE_BYTES, ChunkTrace, FramePicture, evenly
from helios.records.job_layout import trace_of
from orchestrator.delivery.stores import Stores
from orchestrator.report.report import VideoFacts
from orchestrator.report.video_pictures import seam_pairs, video_filmstrip, waveform

#: Pictures of a filmstrip.
MAX_STRIP = 240
#: Chunks whose traces are read from storage: of more, some that are spread evenly.
MAX_TRACES = 512
#: Bytes of a video in storage up to which it is fetched for its seams and its audio.
MAX_FETCHED = 64 << 20
_AT_ONCE = 16


async def stored_traces(outputs: Mapping[int, str], stores: Stores) -> dict[int, ChunkTrace]:
    """Return the traces of chunks in storage by their ids; `outputs` are URLs of the chunks."""
    chosen = evenly(sorted(outputs), MAX_TRACES)

    async def read(chunk_id: int) -> ChunkTrace | None:
        try:
            url = trace_of(outputs[chunk_id])
            return ChunkTrace.parse(await stores.read(url, limit=MAX_TRACE_BYTES))
        except HeliosError:
            return None

    found = await map_limited(read, chosen, limit=_AT_ONCE)
    pairs = zip(chosen, found, strict=True)
    return {chunk_id: trace for chunk_id, trace in pairs if trace is not None}


def traced_filmstrip(traces: Iterable[ChunkTrace]) -> list[FramePicture]:
    """Return the pictures of traces in the order of the timeline; of many, some."""
    pictures = [picture for trace in traces for picture in trace.pictures]
    pictures.sort(key=lambda picture: picture.frame)
    return evenly(pictures, MAX_STRIP)


async def pictures_of_video(
    output: str | None, spec: JobSpec, facts: VideoFacts, stores: Stores, *, filmstrip: bool
) -> dict[str, Any]:
    """Return what a finished video shows: seams, audio, and a filmstrip if none is known.

    A large video in storage isn't fetched for it.
    """
    if output is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="helios-report-") as scratch:
        video = await _on_this_machine(output, Path(scratch), stores)
        if video is None:
            return {}
        starts = [chunk.start_frame for chunk in spec.chunks_by_frame()[1:]]
        return {
            "pairs": await seam_pairs(video, facts, starts),
            "waveform": await waveform(video, facts.duration),
            "filmstrip": await video_filmstrip(video, facts) if filmstrip else [],
        }


async def _on_this_machine(output: str, scratch: Path, stores: Stores) -> Path | None:
    if "://" not in output:
        video = Path(output)
        return video if await asyncio.to_thread(video.is_file) else None
    path = scratch / "video"
    try:
        size = await stores.size(output)
        if size is None or size > MAX_FETCHED:
            return None
        await stores.fetch(Artifact(url=output), path)
    except HeliosError:
        return None
    return path
