"""`orchestrator status`, `watch`, `fetch`, `list`: renders that go on in the cloud."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.costs import described, workers_of
from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed, detached_renders
from orchestrator.cli.options.flag_groups import Shown, with_groups

if TYPE_CHECKING:
    from orchestrator.backends.detached.base import Execution
    from orchestrator.backends.detached.status import RenderStatus
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment

#: Renders that `list` shows.
LISTED = 20


@with_groups
def status(
    render: flags.RenderId,
    deployed: Deployed,
    shown: Shown,
    cost: Annotated[
        bool, typer.Option("--cost", help="Add up what it cost by now, as an estimate.")
    ] = False,
) -> None:
    """Show how far a detached render is, counted from what is in storage."""

    async def work(display: "Display") -> None:
        from orchestrator.cost import cost_of

        deployment = await deployed.find()
        async with detached_renders(deployment) as renders:
            found = await renders.status(render)
            usage = await renders.usage(found) if cost else None
        text, document = _described(found), status_document(found)
        if usage is not None:
            estimated = cost_of(usage, workers_of(deployment))
            text += f"\n{described(estimated, title='cost')}"
            document["cost"] = estimated.document()
        display.answer("status", text, **document)

    shown.run(work)


@with_groups
def watch(
    render: flags.RenderId,
    deployed: Deployed,
    shown: Shown,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Follow a detached render to its end; exit status 0 if there is a video then."""

    async def work(display: "Display") -> None:
        from orchestrator.cli.watching import follow

        display.stopping = "the render goes on"
        deployment = await deployed.find()
        async with detached_renders(deployment) as renders:
            await follow(
                renders,
                render,
                workers=workers_of(deployment),
                interval=interval,
                display=display,
            )

    shown.run(work)


@with_groups
def fetch(
    render: flags.RenderId,
    output: flags.Output,
    deployed: Deployed,
    shown: Shown,
) -> None:
    """Bring the video of a detached render here, or to other storage."""

    async def work(display: "Display") -> None:
        from orchestrator.delivery.destination import Destination

        destination = Destination.of(output)
        async with deployed.renders() as renders:
            with display.activity(f"fetching {output}"):
                found = await renders.fetch(render, destination)
        display.note(
            "completed",
            f"{output}: {found.frames_total} frames",
            output=output,
            frames=found.frames_total,
            id=found.id,
        )

    shown.run(work)


@with_groups
def list_renders(
    deployed: Deployed,
    shown: Shown,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Renders at most.")] = LISTED,
) -> None:
    """List the detached renders that were started last."""

    async def work(display: "Display") -> None:
        async with deployed.renders() as renders:
            found = await renders.recent(limit=limit)
        display.answer(
            "renders", _table(found), renders=[_execution_document(each) for each in found]
        )

    shown.run(work)


async def cancel_render(
    render: str, deployment: "Deployment", *, reason: str, display: "Display"
) -> None:
    """Stop a detached render, and say how far it was.

    Raises
    ------
    HeliosError
        There is none, or it can't be stopped.
    """
    from orchestrator.model.job_state import JobState

    async with detached_renders(deployment) as renders:
        found = await renders.cancel(render, reason=reason)
    stopped = found.state in (JobState.CANCELLED, JobState.RUNNING)
    said = "is stopped" if stopped else f"had ended before: {found.state}"
    display.note(
        "cancelled" if stopped else "ended",
        f"{found.id}: {said}, with {_chunks(found)}",
        **status_document(found),
    )


def status_document(found: "RenderStatus") -> dict[str, Any]:
    """Return a render's status as JSON value."""
    output, error = found.output, found.error
    return {
        **_execution_document(found.execution),
        "chunksDone": len(found.done),
        "chunksTotal": found.chunks_total,
        "framesDone": found.frames_done,
        "framesTotal": found.frames_total,
        "output": None if output is None else _plain(output),
        "error": None if error is None else _plain(error),
        "failedChunks": [_plain(chunk) for chunk in found.failed_chunks],
    }


def _execution_document(execution: "Execution") -> dict[str, Any]:
    ended = execution.ended_at
    return {
        "id": execution.job_id,
        "state": str(execution.state),
        "startedAt": execution.started_at.isoformat(),
        "endedAt": None if ended is None else ended.isoformat(),
        "execution": execution.name,
    }


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _described(found: "RenderStatus") -> str:
    from orchestrator.display.display import duration

    lines = [
        f"render    {found.id}",
        f"state     {found.state}",
        f"started   {_moment(found.execution)}",
        f"progress  {_chunks(found)}, {found.frames_done} of {found.frames_total} frames",
    ]
    if found.ended_at is not None:
        seconds = (found.ended_at - found.execution.started_at).total_seconds()
        lines.append(f"took      {duration(seconds)}")
    if found.output is not None:
        lines.append(f"video     {found.output.url}")
    if found.error is not None:
        lines.append(f"error     [{found.error.code}] {found.error.message}")
    for chunk in found.failed_chunks:
        lines.append(f"  chunk {chunk.chunk_id}: [{chunk.error.code}] {chunk.error.message}")
    return "\n".join(lines)


def _chunks(found: "RenderStatus") -> str:
    return f"{len(found.done)} of {found.chunks_total} chunks"


def _table(executions: "Sequence[Execution]") -> str:
    if not executions:
        return "no renders"
    width = max(len(each.job_id) for each in executions)
    return "\n".join(
        f"{each.job_id:<{width}}  {each.state:<9}  {_moment(each)}" for each in executions
    )


def _moment(execution: "Execution") -> str:
    return f"{execution.started_at.astimezone():%Y-%m-%d %H:%M:%S}"
