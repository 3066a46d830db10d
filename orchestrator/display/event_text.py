"""Events and measures of a job as text."""

from orchestrator.model.events import (
    BackupStarted,
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    Event,
    LogLine,
    MergeFinished,
    SeamsCompared,
    SeamsDiffer,
    SeamsHealing,
)

#: Frames that a line names.
_MOST_NAMED = 10


def describe(event: Event, *, verbose: bool) -> str | None:
    """Return a sentence for an event that is worth a line, else None."""
    match event:
        case LogLine():
            return _described_log(event, verbose=verbose)
        case SeamsHealing() | SeamsCompared() | SeamsDiffer():
            return _described_seams(event, verbose=verbose)
        case MergeFinished() if verbose:
            return f"stitched in {event.duration:.2f} s"
        case ChunkFinished() if not verbose:
            return None
        case ChunkRetrying() | BackupStarted() | ChunkFailed() | ChunkFinished():
            return f"chunk {event.chunk_id}: {_described_chunk(event)}"
        case _:
            return None


def _described_chunk(event: ChunkRetrying | BackupStarted | ChunkFailed | ChunkFinished) -> str:
    match event:
        case ChunkRetrying():
            return (
                f"attempt {event.attempt} failed "
                f"[{event.error.code}] {event.error.message}; again in {event.delay:.1f} s"
            )
        case BackupStarted():
            return f"slow, {event.seconds:.0f} s by now; a second worker tries it too"
        case ChunkFailed():
            return "failed; what runs is waited for"
        case ChunkFinished():
            return f"done in {event.duration:.1f} s"


def _described_seams(
    event: SeamsHealing | SeamsCompared | SeamsDiffer, *, verbose: bool
) -> str | None:
    match event:
        case SeamsHealing():
            frames = ", ".join(map(str, event.frames[:_MOST_NAMED]))
            more = ", ..." if len(event.frames) > _MOST_NAMED else ""
            count = len(event.chunk_ids)
            return (
                f"chunks draw frame {frames}{more} differently, so the page depends on its past:"
                f" {'1 chunk is' if count == 1 else f'{count} chunks are'} rendered again with"
                " --replay"
            )
        case SeamsDiffer():
            return "\n".join([f"warning: {event.message}", *(f"  - {d}" for d in event.details)])
        case SeamsCompared():
            text = f"{event.proven} of {event.seams} seams proven"
            if event.alike:
                return f"{text}; {event.alike} differ by less than can be seen"
            return text if verbose else None


def _described_log(event: LogLine, *, verbose: bool) -> str | None:
    if event.text.startswith("progress ") or not (verbose or event.text.startswith("page[")):
        return None
    where = "merge" if event.chunk_id is None else f"chunk {event.chunk_id}"
    return f"{where}: {event.text}"


def speed(fps: float) -> str:
    """Return a speed; empty if it is unknown."""
    return f"{fps:.1f} frames/s" if fps else ""


def time_left(seconds: float | None) -> str:
    """Return the time until all frames are rendered; empty if it is unknown."""
    return "" if seconds is None else f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Return seconds in the two largest units: `9 s`, `2 min 05 s`, `1 h 20 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
