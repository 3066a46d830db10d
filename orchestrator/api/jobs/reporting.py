"""Makes the reports of jobs, from their records or from what workers left in storage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from helios.contract.job_spec import JobSpec
from helios.records.chunk_record import ChunkRecord, MergeRecord
from helios.records.chunk_trace import ChunkTrace, FramePicture
from orchestrator.api.jobs.attempt_reports import (
    Clock,
    attempt_in_record,
    attempt_in_storage,
    name_of_worker,
)
from orchestrator.api.jobs.job_status import JobStatus
from orchestrator.delivery.stores import Stores
from orchestrator.model.job import Job
from orchestrator.report.job_pictures import pictures_of_video, stored_traces, traced_filmstrip
from orchestrator.report.report import (
    AttemptReport,
    ChunkReport,
    MergeReport,
    Report,
    SeamReport,
    VideoFacts,
)
from orchestrator.report.slow_ranges import slow_ranges

if TYPE_CHECKING:
    from orchestrator.backends.detached.status import RenderStatus
    from orchestrator.cost import Cost


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a report is made from beside records."""

    stores: Stores
    #: Traces that were read before, by the URLs of the chunks' outputs; others are added.
    traces: dict[str, ChunkTrace]
    detail: Literal["record", "traces", "all"]

    async def traces_of(self, outputs: Mapping[int, str]) -> dict[int, ChunkTrace]:
        """Return the traces of chunks in storage, by the URLs of their outputs.

        Those of other outputs are forgotten: of chunks that are being rendered again.
        """
        for url in self.traces.keys() - outputs.values():
            del self.traces[url]
        if self.detail != "record":
            new = {id_: url for id_, url in outputs.items() if url not in self.traces}
            found = await stored_traces(new, self.stores)
            self.traces.update({outputs[id_]: trace for id_, trace in found.items()})
        return {id_: self.traces[url] for id_, url in outputs.items() if url in self.traces}


async def report_of_record(
    job: Job, status: JobStatus, *, cost: "Cost | None", sources: Sources
) -> Report:
    """Return the report of a recorded job."""
    attempts = [attempt for chunk in job.chunks.values() for attempt in chunk.attempts]
    begin = min((each.started_at for each in attempts), default=job.started_at or job.created_at)
    since = _clock(begin)
    recorded = {chunk.id: chunk.trace for chunk in job.chunks.values() if chunk.trace is not None}
    stored = await sources.traces_of(
        {
            chunk.id: chunk.artifact.url
            for chunk in job.chunks.values()
            if chunk.artifact is not None and chunk.id not in recorded
        }
    )
    traces = stored | recorded
    chunks = []
    for planned in job.spec.chunks_by_frame():
        chunk = job.chunks.get(planned.id)
        trace = traces.get(planned.id)
        chunks.append(
            ChunkReport(
                id=planned.id,
                start_frame=planned.start_frame,
                frames=planned.frame_count,
                state="waiting" if chunk is None else chunk.state.value,
                healed=chunk is not None and chunk.healed,
                attempts=[
                    attempt_in_record(each, since) for each in (chunk.attempts if chunk else ())
                ],
                spans=() if trace is None else trace.spans,
            )
        )
    metrics = job.metrics
    merge = None
    if metrics.merge_started_at is not None:
        merge = MergeReport(start=since(metrics.merge_started_at), seconds=metrics.merge_ms / 1000)
    healed = [chunk.id for chunk in job.chunks.values() if chunk.healed]
    seams = None
    if metrics.seams is not None:
        seams = SeamReport(healed_chunks=healed, **metrics.seams.model_dump())
    settings = job.settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    facts = {
        "runs": metrics.runs,
        "merge": merge,
        "seams": seams,
        "settings": settings,
        "max_cost": job.settings.max_cost,
        "versions": _versions(trace.versions for trace in traces.values()),
    }
    return await _report(status, job.spec, begin, chunks, traces, facts, cost=cost, sources=sources)


async def report_of_render(
    found: "RenderStatus",
    status: JobStatus,
    records: Sequence[ChunkRecord],
    merges: Sequence[MergeRecord],
    *,
    cost: "Cost | None",
    sources: Sources,
) -> Report:
    """Return the report of a detached render."""
    begin = min((record.started_at for record in records), default=found.execution.started_at)
    since = _clock(begin)
    by_id = {record.chunk_id: record for record in records}
    failed = {each.chunk_id: each for each in found.failed_chunks}
    outputs = {record.chunk_id: record.artifact.url for record in records}
    traces = await sources.traces_of(outputs)
    chunks = []
    for planned in found.spec.chunks_by_frame():
        record, trace = by_id.get(planned.id), traces.get(planned.id)
        failure = failed.get(planned.id)
        attempts = []
        if record is not None:
            attempts.append(attempt_in_storage(record, since))
        elif failure is not None:
            attempts.append(
                AttemptReport(
                    number=failure.error.attempt or 1,
                    start=max(0.0, since(found.execution.started_at)),
                    seconds=0.0,
                    worker=name_of_worker(failure.error.worker or {}),
                    error=failure.error,
                )
            )
        state = "done" if planned.id in found.done else "failed" if failure else "waiting"
        chunks.append(
            ChunkReport.model_validate(
                {
                    "id": planned.id,
                    "start_frame": planned.start_frame,
                    "frames": planned.frame_count,
                    "state": state,
                    "attempts": attempts,
                    "spans": () if trace is None else trace.spans,
                    "problems": [str(each) for each in (record.page_problems if record else ())],
                    "log_link": status.log_links.get(planned.id),
                }
            )
        )
    latest = merges[-1] if merges else None
    facts = {
        "merge": None
        if latest is None
        else MergeReport(start=since(latest.started_at), seconds=latest.duration_ms / 1000),
        "log_link": status.log_links.get(None),
        "versions": _versions(
            [*(record.versions for record in records), *(each.versions for each in traces.values())]
        ),
    }
    return await _report(
        status, found.spec, begin, chunks, traces, facts, cost=cost, sources=sources
    )


async def _report(  # noqa: PLR0917 - of one kind or the other
    status: JobStatus,
    spec: JobSpec,
    begin: datetime,
    chunks: Sequence[ChunkReport],
    traces: Mapping[int, ChunkTrace],
    facts: Mapping[str, Any],
    *,
    cost: "Cost | None",
    sources: Sources,
) -> Report:
    meta = spec.metadata
    video = VideoFacts(
        frames=meta.total_frames,
        fps=meta.fps,
        width=meta.width,
        height=meta.height,
        duration=meta.duration,
    )
    filmstrip: Sequence[FramePicture] = traced_filmstrip(traces.values())
    shown: dict[str, Any] = {}
    if sources.detail == "all":
        shown = await pictures_of_video(
            status.output, spec, video, sources.stores, filmstrip=not filmstrip
        )
    seams: SeamReport | None = facts.get("seams")
    pairs = shown.get("pairs")
    if pairs:
        seams = (seams or SeamReport()).model_copy(update={"pairs": pairs})
    return Report(
        **{
            **facts,
            "generated_at": datetime.now(UTC),
            "begin": begin,
            "id": status.id,
            "name": status.name,
            "state": status.state,
            "where": status.where,
            "created_at": status.created_at,
            "started_at": status.started_at,
            "ended_at": status.ended_at,
            "output": status.output,
            "error": status.error,
            "causes": status.causes(),
            "video": video,
            "frames_done": status.frames_done,
            "chunks": chunks,
            "seams": seams,
            "slowest": slow_ranges(span for trace in traces.values() for span in trace.spans),
            "filmstrip": filmstrip or shown.get("filmstrip", ()),
            "waveform": shown.get("waveform", ()),
            "cost": None if cost is None else cost.document(),
            "command": spec.chunks_by_frame()[0].command,
        }
    )


def _versions(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the versions of all chunks: one for each program, unless they differ."""
    versions: dict[str, dict[str, None]] = {}
    for each in found:
        for name, text in each.items():
            versions.setdefault(name, {})[text] = None
    return {name: ", ".join(texts) for name, texts in versions.items()}


def _clock(begin: datetime) -> Clock:
    return lambda moment: round((moment - begin).total_seconds(), 3)
