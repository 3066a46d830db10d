"""Flags that describe a run: its chunks and their attempts, limits, and reports of its result."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Keywords


@dataclass(frozen=True, kw_only=True)
class Chunks(Keywords):
    """Which chunks run, how often they are tried, and where they are joined."""

    heading = flags.CHUNKS

    concurrency: flags.Concurrency = None
    retries: Annotated[int, typer.Option(help="Further tries of a chunk that failed.")] = 2
    retry_delay: Annotated[
        float,
        typer.Option(help="Seconds before the first further try, at most; then doubled."),
    ] = 1.0
    chunk_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds that a try may take.", show_default="no limit"),
    ] = None
    backups: Annotated[
        bool | None,
        typer.Option(
            "--backups/--no-backups",
            help="Give a chunk that takes much longer than the others to a second worker, too.",
            show_default="for chunks elsewhere",
        ),
    ] = None
    no_merge: Annotated[bool, typer.Option("--no-merge", help="Leave the chunks as they are.")] = (
        False
    )
    only_chunks: Annotated[
        list[int] | None,
        typer.Option("--chunk", metavar="ID", help="Only this chunk; repeatable."),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the chunks that are there already and are whole.")
    ] = False
    stitch: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="What joins remote chunks: local, worker, server (the storage itself), auto.",
        ),
    ] = "auto"

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        found = super().keywords()
        found["merge"] = not found.pop("no_merge")
        # Typer gives an empty list where the flag isn't given.
        return {**found, "only_chunks": self.only_chunks or None}


@dataclass(frozen=True, kw_only=True)
class Limits(Keywords):
    """Limits of cost and time."""

    heading = flags.LIMITS

    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="USD",
            help="US dollars that the job may cost, by list prices.",
            show_default="no limit",
        ),
    ] = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long rendering and joining may take: 90s, 30m, 1h30m.",
            show_default="no limit",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Reports(Keywords):
    """The link to the video, webhooks, and the job's record."""

    heading = flags.OUTPUT

    presign: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Print a link to the video in storage, valid for so long."
        ),
    ] = None
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Tell this URL how the job ended; signed with HELIOS_WEBHOOK_SECRET.",
            show_default="none",
        ),
    ] = None
    webhook_progress: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Tell it of progress, too, so often at most."),
    ] = None
    jobs: flags.Jobs = None

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        found = super().keywords()
        found["job_store"] = found.pop("jobs")
        return found


@dataclass(frozen=True, kw_only=True)
class Changes(Keywords):
    """Settings that differ from the job's earlier runs."""

    concurrency: Annotated[
        int | None, typer.Option(help="Chunks at the same time.", show_default="as before")
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(help="Further tries of a chunk that failed.", show_default="as before"),
    ] = None
    chunk_timeout: Annotated[
        float | None, typer.Option(help="Seconds that a try may take.", show_default="as before")
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="USD", help="US dollars that the job may cost.", show_default="as before"
        ),
    ] = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="How long this run may take.", show_default="as before"
        ),
    ] = None
