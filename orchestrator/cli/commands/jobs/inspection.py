"""`orchestrator status`, `watch`, `logs`, `fetch`: progress and results of a job."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.job_options import JobOptions

if TYPE_CHECKING:
    from orchestrator.api.jobs.async_job import AsyncJobHandle
    from orchestrator.api.jobs.job_status import JobStatus
    from orchestrator.api.jobs.snapshot import Snapshot
    from orchestrator.display.display import Display


@command
async def status(
    job: flags.JobId,
    where: JobOptions,
    display: "Display",
    cost: Annotated[
        bool, typer.Option("--cost", help="Also the cost until now, as an estimate.")
    ] = False,
    chunks: Annotated[
        bool, typer.Option("--chunks", help="Also each chunk of a recorded job.")
    ] = False,
) -> None:
    """Show the status of a job."""
    from orchestrator.api.jobs.recorded_job import RecordedJob
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.commands.jobs import batches
    from orchestrator.cli.costs import described as described_cost
    from orchestrator.cli.job_text import (
        chunk_documents,
        described,
        described_record,
        record_document,
    )

    if is_batch_id(job):
        await batches.status(job, where, display)
        return
    found = await where.find(job, display)
    status = await found.status()
    lines, document = described(status), status.document()
    if isinstance(found, RecordedJob):
        record = await found.record()
        lines += described_record(record, status.state, where.store(), chunks=chunks)
        document = record_document(record) | document
        if chunks:
            document["chunks"] = chunk_documents(record)
    if cost:
        estimated = await found.cost()
        document["cost"] = None if estimated is None else estimated.document()
        if estimated is None:
            lines.append("cost      none: it runs on this machine")
        else:
            lines.append(described_cost(estimated, title="cost"))
    display.answer("status", "\n".join(lines), **document)


@command
async def watch(
    job: flags.JobId,
    where: JobOptions,
    display: "Display",
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two updates.")] = 2.0,
    web: flags.Web = False,
    web_port: flags.WebPort = 0,
    notify: flags.Notify = False,
) -> None:
    """Follow a job until it has ended; exit status 0 if it made a video."""
    from helios.errors import OptionInvalid
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.commands.jobs import batches
    from orchestrator.cli.notification import notifying

    if notify and web:
        raise OptionInvalid(
            "`notify`: doesn't go with `web`",
            hint="The page is shown until Ctrl-C; follow the job by another `orchestrator watch`.",
        )
    display.stopping = "the job continues"
    if is_batch_id(job) and not web:
        with notifying(notify, job):
            await batches.watch(job, where, display, interval=interval)
        return
    found = await where.find(job, display)
    if not web:
        with notifying(notify, job):
            await _follow(found, interval=interval, display=display)
        return
    from orchestrator.cli.live_page import live_page

    async with live_page(lambda: found, display, port=web_port, runs_here=False):
        # The page is of use when the job has ended, too: until Ctrl-C.
        await asyncio.Event().wait()


@command
async def logs(
    job: flags.JobId,
    where: JobOptions,
    display: "Display",
    chunk: Annotated[
        int | None, typer.Option("--chunk", help="Only of this chunk.", show_default="all")
    ] = None,
) -> None:
    """Show the attempts at a job's chunks, and the log of its workers."""
    from helios.errors import HeliosError
    from orchestrator.cli.job_text import described_line, described_log, log_document

    found = await where.find(job, display)
    kept = await found.logs(chunk)
    for log in kept:
        display.answer("attempt", described_log(log), **log_document(log))
    if not kept:
        display.note("no_attempts", "no attempts are recorded")
    try:
        lines = await found.worker_log(chunk)
    except HeliosError as fault:
        # What is recorded of attempts was of use without it.
        hint = f"\n{fault.hint}" if fault.hint else ""
        display.note(
            "no_log",
            f"the workers' own log can't be read: {fault.message}{hint}",
            message=fault.message,
            hint=fault.hint,
        )
        return
    for line in lines:
        facts = {"time": line.time.isoformat(), "worker": line.worker, "log": line.text}
        display.answer("log", described_line(line), **facts)


@command
async def fetch(
    job: flags.JobId,
    where: JobOptions,
    display: "Display",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The copy: a file, or an s3:// or gs:// URL."),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Print a link to the video in storage, instead.")
    ] = False,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Validity of the link: 90s, 30m, 1h30m.", show_default="1h"
        ),
    ] = None,
) -> None:
    """Copy the video of a job to a file or to other storage, or print a link to it."""
    from helios.errors import OptionInvalid
    from orchestrator.api.jobs.async_job import LINK_EXPIRES
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.commands.jobs import batches
    from orchestrator.delivery.destination import Destination

    if link == (output is not None):
        raise OptionInvalid("give either --output or --link")
    if link:
        url = await (await where.find(job, display)).link(expires=expires or LINK_EXPIRES)
        display.answer("link", url, id=job, link=url)
        return
    if expires is not None:
        raise OptionInvalid("--expires: goes with --link")
    if is_batch_id(job):
        await batches.fetch(job, str(output), where, display)
        return
    destination = Destination.of(str(output))
    found = await where.find(job, display)
    with display.activity(f"fetching {output}"):
        status = await found.fetch(destination)
    display.note(
        "completed",
        f"{output}: {status.frames_total} frames",
        output=output,
        frames=status.frames_total,
        id=status.id,
    )


async def _follow(job: "AsyncJobHandle", *, interval: float, display: "Display") -> None:
    """Show a job's progress until it has ended, and then its cost."""
    from orchestrator.cli.job_text import page_problems

    last: Snapshot | None = None
    with contextlib.ExitStack() as stack:
        async for found in job.snapshots(interval=interval):
            if last is None:
                stack.enter_context(display.job(found.spec, done=found.done))
                display.note("watching", found.status.progress, **found.status.document())
            else:
                for event in found.events_since(last):
                    display.show(event)
            last = found
    if last is None:
        return
    problems = page_problems(last.status)
    if problems:
        display.note("page_problems", "\n".join(problems))
    if last.status.state != "completed":
        await _tell_cost(job, display)
        raise last.status.failure()
    await _tell_completion(job, last.status, display)


async def _tell_cost(job: "AsyncJobHandle", display: "Display") -> None:
    """Show what a job without a video cost, if that can be found out."""
    from helios.errors import HeliosError

    with contextlib.suppress(HeliosError):
        cost = await job.cost()
        if cost is not None:
            text = f"about ${cost.dollars:.4f} spent by list prices"
            display.note("spent", text, cost=cost.document())


async def _tell_completion(job: "AsyncJobHandle", status: "JobStatus", display: "Display") -> None:
    from orchestrator.display.event_text import duration

    seconds = 0.0
    if status.ended_at is not None and status.started_at is not None:
        seconds = (status.ended_at - status.started_at).total_seconds()
    cost = await job.cost()
    price = "" if cost is None else f"; about ${cost.dollars:.4f} by list prices"
    how = f"; orchestrator fetch {status.id} -o OUT" if "://" in (status.output or "") else ""
    display.note(
        "completed",
        f"{status.output or 'storage'}: {status.frames_total} frames in {duration(seconds)}"
        f" ({status.frames_total / max(seconds, 1e-9):.1f} frames/s){price}{how}",
        **status.document(),
        cost=None if cost is None else cost.document(),
    )
