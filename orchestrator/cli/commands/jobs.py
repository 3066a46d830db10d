"""`orchestrator jobs`: the jobs that are kept, listed, looked at and forgotten."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Shown, with_groups
from orchestrator.cli.options.job_store_options import Registry

if TYPE_CHECKING:
    from orchestrator.display.display import Display
    from orchestrator.job_repository import JobRepository
    from orchestrator.jobs.job_manager import JobManager
    from orchestrator.model.job import Job, JobSummary
    from orchestrator.model.job_chunk import Attempt, JobChunk
    from orchestrator.model.job_state import JobState

#: What a job is called that is said to run while nobody is at it.
INTERRUPTED = "interrupted"

app = typer.Typer(
    name="jobs",
    help="Jobs that are kept: list them, look at one, forget some.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
@with_groups
def list_jobs(
    registry: Registry,
    shown: Shown,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only jobs in this state; repeatable.", show_default="all"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
) -> None:
    """List jobs, the newest first."""

    async def work(display: "Display") -> None:
        from orchestrator.model.job_state import JobState

        wanted = set(state or [])
        states = {JobState.RUNNING if s == INTERRUPTED else _state(s) for s in wanted}
        async with registry.open() as repository:
            manager = _manager(repository)
            listing = await manager.list(states=states or None, limit=limit)
            named = [(job, await _state_of(manager, job)) for job in listing.jobs]
        found = [(job, name) for job, name in named if not wanted or name in wanted]
        if shown.json:
            for job, name in found:
                display.note("job", "", **_document(job, name))
        elif found:
            print(_table(found))
        else:
            print("no jobs")
        for fault in listing.faults:
            display.note("damaged", str(fault), message=fault.message, hint=fault.hint)

    shown.run(work)


@app.command()
@with_groups
def show(
    job: flags.JobId,
    registry: Registry,
    shown: Shown,
    chunks: Annotated[bool, typer.Option("--chunks", help="Also each chunk's attempts.")] = False,
) -> None:
    """Show what is known of a job."""

    async def work(display: "Display") -> None:
        async with registry.open() as repository:
            manager = _manager(repository)
            found = await manager.get(job)
            state = await _state_of(manager, found)
        if shown.json:
            facts = _document(found, state)
            if chunks:
                facts["chunks"] = [json.loads(c.to_json()) for c in found.chunks.values()]
            display.note("job", "", **facts)
            return
        print(_described(found, state, registry))
        for chunk in sorted(found.chunks.values(), key=lambda chunk: chunk.id) if chunks else []:
            print("\n".join(_chunk_lines(chunk)))

    shown.run(work)


@app.command()
@with_groups
def delete(
    registry: Registry,
    shown: Shown,
    job: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Jobs to forget.", show_default="none")
    ] = None,
    ended_for: Annotated[
        float | None,
        typer.Option(metavar="DAYS", help="Also all jobs that ended so many days ago or earlier."),
    ] = None,
    chunks: Annotated[
        bool, typer.Option("--chunks", help="Also remove chunks that they left; videos stay.")
    ] = False,
) -> None:
    """Forget jobs that nobody is at; their videos stay."""

    async def work(display: "Display") -> None:
        async with registry.open() as repository:
            manager = _manager(repository)
            ids = list(dict.fromkeys([*(job or []), *await _ended_ids(manager, ended_for)]))
            for job_id in ids:
                await manager.delete(job_id, discard=chunks)
                display.note("deleted", f"job {job_id}: forgotten", id=job_id)
            if not ids:
                display.note("deleted", "no jobs to forget")

    shown.run(work)


@app.command()
@with_groups
def notify(
    registry: Registry,
    shown: Shown,
    job: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Jobs.", show_default="all")
    ] = None,
) -> None:
    """Send webhooks again that their receivers haven't taken yet."""

    async def work(display: "Display") -> None:
        from helios.errors import WebhookUndelivered
        from orchestrator.cli.options.webhook_options import webhooks
        from orchestrator.jobs.job_manager import JobManager

        async with registry.open() as repository:
            manager = JobManager(repository, webhooks=webhooks(display))
            ids = job or [found.id for found in await manager.undelivered()]
            left = [job_id for job_id in ids if not await manager.notify(job_id)]
        if left:
            raise WebhookUndelivered(f"webhooks of {len(left)} jobs: not taken", details=left)
        display.note("notified", f"jobs whose receivers know all: {len(ids)}", ids=ids)

    shown.run(work)


async def _ended_ids(manager: "JobManager", days: float | None) -> list[str]:
    from orchestrator.model.job_state import ENDED

    if days is None:
        return []
    before = datetime.now(UTC) - timedelta(days=days)
    listing = await manager.list(states=ENDED)
    return [job.id for job in listing.jobs if job.ended_at is not None and job.ended_at <= before]


def _manager(repository: "JobRepository") -> "JobManager":
    from orchestrator.jobs.job_manager import JobManager

    return JobManager(repository)


def _state(name: str) -> "JobState":
    from helios.errors import OptionInvalid
    from orchestrator.model.job_state import JobState

    try:
        return JobState(name)
    except ValueError:
        known = ", ".join([*JobState, INTERRUPTED])
        raise OptionInvalid(
            f"--state {name}: there is no such state", hint=f"States: {known}."
        ) from None


async def _state_of(manager: "JobManager", job: "JobSummary") -> str:
    return INTERRUPTED if await manager.is_interrupted(job) else str(job.state)


def _document(job: "JobSummary", state: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(job.summary().to_json())
    return {**facts, "state": state}


def _table(jobs: "list[tuple[JobSummary, str]]") -> str:
    rows = [["ID", "STATE", "CHUNKS", "CREATED", "NAME", "OUTPUT"]]
    for job, state in jobs:
        rows.append(
            [
                job.id,
                state,
                f"{job.chunks_done}/{job.chunks_total}",
                _time(job.created_at),
                job.name,
                job.output or job.location.output or "",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _described(job: "Job", state: str, registry: Registry) -> str:
    from orchestrator.display.display import duration

    metrics = job.metrics
    where = ", ".join(adapter.kind for adapter in job.location.adapters)
    lines = [
        f"job       {job.id}",
        f"state     {state}",
        f"name      {job.name}",
        f"created   {_time(job.created_at)}",
        f"chunks    {job.chunks_done} of {job.chunks_total} done, {job.chunks_failed} failed",
        f"frames    {job.frames_done} of {job.frames_total}",
        f"attempts  {metrics.attempts}, {metrics.failed_attempts} failed,"
        f" {metrics.backups} as backups, in {metrics.runs} runs",
        *([f"healed    {metrics.healed_chunks} of them"] if metrics.healed_chunks else []),
        f"time      {duration(metrics.wall_ms / 1000)}, of workers"
        f" {duration(metrics.worker_ms / 1000)}",
        f"runs on   {where}",
        f"folder    {job.location.folder}",
        f"output    {job.output or job.location.output or 'in its folder'}",
    ]
    if job.error is not None:
        lines.append(f"error     {job.error.code}: {job.error.message}")
        lines += [f"          {detail}" for detail in job.error.details or ()]
    verb = {"cancelled": "retry", "completed": None, "running": None}.get(state, "resume")
    return "\n".join([*lines, *([f"go on     {registry.command(verb, job.id)}"] if verb else [])])


def _chunk_lines(chunk: "JobChunk") -> list[str]:
    artifact = "" if chunk.artifact is None else f"  {chunk.artifact.url}"
    return [
        f"chunk {chunk.id}  {chunk.state}{artifact}",
        *(line for attempt in chunk.attempts for line in _attempt_lines(attempt)),
    ]


def _attempt_lines(attempt: "Attempt") -> list[str]:
    from orchestrator.display.display import duration

    took = "running" if attempt.duration_ms is None else duration(attempt.duration_ms / 1000)
    facts = [f"  attempt {attempt.number}", _time(attempt.started_at), took, attempt.worker or ""]
    facts += ["backup"] if attempt.backup else []
    facts += [] if attempt.error is None else [f"{attempt.error.code}: {attempt.error.message}"]
    tail = (attempt.log_tail or "").splitlines()
    return ["  ".join(filter(None, facts)), *(f"    {line}" for line in tail)]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
