"""`orchestrator batch`: renders a composition with the values of many rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import (
    BatchFolder,
    Cut,
    Encoding,
    Incremental,
    Page,
    Seams,
    Sound,
    Timing,
)
from orchestrator.cli.options.run_options import Attempts, Limits
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.api.batches.results import RowResult
    from orchestrator.api.batches.row_plan import BatchRequest
    from orchestrator.display.display import Display

#: Failed rows that the error names.
_MOST_NAMED = 10


@command
async def batch(
    source: flags.Source,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="The videos, with columns in braces: 'out/{id}.mp4', 's3://bucket/{id}.mp4'.",
            rich_help_panel=flags.OUTPUT,
        ),
    ],
    rows: Annotated[
        Path,
        typer.Option(
            help="A .csv, .jsonl or .parquet file, with a row for each video.",
            rich_help_panel=flags.OUTPUT,
        ),
    ],
    timing: Timing,
    page: Page,
    sound: Sound,
    encoding: Encoding,
    cut: Cut,
    seams: Seams,
    incremental: Incremental,
    attempts: Attempts,
    limits: Limits,
    where: TargetOptions,
    folder: BatchFolder,
    display: "Display",
    probe_each: Annotated[
        bool,
        typer.Option(
            "--probe-each",
            help="Load the page for each row to find its length, not for two of them.",
            rich_help_panel=flags.TIMING,
        ),
    ] = False,
    notify: flags.Notify = False,
    detach: flags.Detach = False,
) -> None:
    """Render a composition once for each row of a file, with the row's values."""
    from helios.errors import OptionInvalid
    from orchestrator.api.batches.row_plan import BatchRequest
    from orchestrator.cli.notification import notifying

    picked = keywords_of(timing, page, sound, encoding, cut, seams, incremental)
    keywords = picked | keywords_of(attempts, limits, folder)
    request = BatchRequest(
        source=source,
        rows=rows,
        output=output,
        targets=() if detach else where.targets(),
        keywords=keywords,
        probes_each=probe_each,
    )
    if detach:
        if notify:
            raise OptionInvalid(
                "--notify: goes without --detach", hint="`orchestrator watch ID --notify` tells it."
            )
        await _submit(request, where, display)
        return
    display.stopping = "running chunks are ended, finished rows and chunks stay"
    with notifying(notify, output):
        await _run(request, display)


async def _run(request: "BatchRequest", display: "Display") -> None:
    """Render all rows, and show their results.

    Raises:
        BatchFailed: Rows failed.
    """
    from helios.errors import BatchFailed
    from orchestrator.api.batches.batch import batch_results

    results: list[RowResult] = []
    try:
        async for result in batch_results(request, display):
            results.append(result)
            display.note("row", _line(result), **result.document())
    finally:
        if results:
            _summarize(results, display)
    failed = [result for result in results if result.error is not None]
    if failed:
        raise BatchFailed(
            f"{len(failed)} of {len(results)} rows failed",
            hint="Render these again: the same command with `resume`.",
            details=[_fault(result) for result in failed[:_MOST_NAMED]],
            retryable=any(result.error and result.error.retryable for result in failed),
        )


async def _submit(request: "BatchRequest", where: TargetOptions, display: "Display") -> None:
    """Start a batch in a deployment, and print its id."""
    from helios.errors import OptionInvalid
    from orchestrator.api.batches.detached.submission import submit_batch
    from orchestrator.cli.batch_text import document_of

    if where.is_local:
        raise OptionInvalid(
            "--detach: a batch on this machine runs as long as its command",
            hint="Leave out --detach; `--resume` goes on with one that was stopped.",
        )
    status = await submit_batch(
        request,
        where.deployment_name(),
        target_settings=where.worker_settings(),
        display=display,
    )
    display.answer("started", status.record.id, **document_of(status))


def _line(result: "RowResult") -> str:
    if result.error is not None:
        return f"row {result.row}: {result.output}: failed [{result.error.code}]"
    return f"row {result.row}: {result.output}: {result.state}"


def _fault(result: "RowResult") -> str:
    error = result.error
    message = ""
    if error is not None:
        details = "; ".join(detail.partition("\n")[0] for detail in error.details or ())
        message = f"[{error.code}] {error.message}{f' ({details})' if details else ''}"
    return f"row {result.row} (line {result.line}): {message}"


def _summarize(results: "Sequence[RowResult]", display: "Display") -> None:
    """Show how many rows ended how, and what they took."""
    from orchestrator.api.batches.results import RowState
    from orchestrator.display.event_text import duration

    lines = [f"{'rows':<10} {'count':>7} {'frames':>9} {'worker time':>12}"]
    counts = {}
    for state in RowState:
        group = [result for result in results if result.state is state]
        counts[str(state)] = len(group)
        if group:
            seconds = sum(result.worker_seconds for result in group)
            frames = sum(result.frames for result in group) if state is RowState.RENDERED else 0
            lines.append(
                f"{state:<10} {len(group):>7} {frames or '':>9}"
                f" {duration(seconds) if seconds else '':>12}"
            )
    display.answer(
        "batch",
        "\n".join(lines),
        rows=len(results),
        **counts,
        workerSeconds=round(sum(result.worker_seconds for result in results), 3),
        frames=sum(result.frames for result in results if result.state is RowState.RENDERED),
    )
