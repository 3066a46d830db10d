"""`orchestrator list`: jobs of the job store and of a deployment."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options.job_options import JobOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def list_jobs(
    where: JobOptions,
    display: "Display",
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only jobs in this state; repeatable.", show_default="all"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Maximum number of jobs; the newest are listed.")
    ] = 50,
) -> None:
    """List the jobs and batches of the job store, and those of a deployment if one is named."""
    from orchestrator.api.jobs.batch_summary import batch_summaries
    from orchestrator.api.jobs.finding import check_state, detached_jobs, recorded_jobs
    from orchestrator.cli.batch_text import document_of, row_of_batch, row_of_summary
    from orchestrator.cli.job_text import (
        execution_document,
        record_document,
        row_of,
        row_of_execution,
        table,
    )
    from orchestrator.display.json_display import JsonDisplay

    states = [check_state(name) for name in state or []]
    recorded = await recorded_jobs(where.store(), states=states, limit=limit)
    batches = await batch_summaries(where.store(), states=states, limit=limit)
    listed = [
        (status.created_at, row_of(status), record_document(job) | status.document())
        for status, job in recorded.jobs
    ]
    listed += [(batch.created_at, row_of_summary(batch), batch.document()) for batch in batches]
    listed.sort(key=lambda each: each[0], reverse=True)
    rows = [row for _, row, _ in listed[:limit]]
    documents = [document for *_, document in listed[:limit]]
    deployment = await where.name().find_if_named()
    if deployment is not None:
        found = await detached_jobs(deployment, states=states, limit=limit)
        rows += [row_of_execution(each, deployment) for each in found.executions]
        documents += [execution_document(each, deployment) for each in found.executions]
        rows += [row_of_batch(each, str(deployment)) for each in found.batches]
        documents += [
            document_of(each) | {"batch": True, "where": str(deployment)} for each in found.batches
        ]
    if isinstance(display, JsonDisplay):
        for document in documents:
            display.note("job", "", **document)
    else:
        print(table(rows) if rows else "no jobs")
    for fault in recorded.faults:
        display.note("damaged", str(fault), message=fault.message, hint=fault.hint)
