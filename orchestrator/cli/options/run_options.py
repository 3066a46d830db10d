"""Flags that describe a run: its chunks and their attempts, limits, and reports of its result."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Keywords


@dataclass(frozen=True, kw_only=True)
class Chunks(Keywords):
    """The chunks to run, their attempts, and where they are stitched."""

    heading = flags.CHUNKS

    concurrency: flags.Concurrency = None
    retries: flags.Retries = 2
    retry_delay: Annotated[
        float,
        typer.Option(help="Maximum seconds before the first retry; doubled for each further one."),
    ] = 1.0
    chunk_timeout: Annotated[
        float | None, typer.Option(help="Maximum seconds of an attempt.", show_default="no limit")
    ] = None
    backups: Annotated[
        bool | None,
        typer.Option(
            "--backups/--no-backups",
            help="Send a chunk that takes much longer than the others to a second worker, too.",
            show_default="for remote chunks",
        ),
    ] = None
    no_merge: Annotated[bool, typer.Option("--no-merge", help="Don't stitch the chunks.")] = False
    only_chunks: Annotated[
        list[int] | None, typer.Option("--chunk", metavar="ID", help="Only this chunk; repeatable.")
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep existing chunks that are intact.")
    ] = False
    stitch: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Where remote chunks are stitched: local, worker, server (the storage), auto.",
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

    max_cost: flags.MaxCost = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Maximum time for rendering and stitching: 90s, 30m, 1h30m.",
            show_default="no limit",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Reports(Keywords):
    """The link to the video, webhooks, and the job's record."""

    heading = flags.OUTPUT

    presign: flags.Presign = None
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Send the outcome to this URL, signed with HELIOS_WEBHOOK_SECRET.",
            show_default="none",
        ),
    ] = None
    webhook_progress: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Also send progress, at most once in this time."),
    ] = None
    webhook_link: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Also send a link to the video in storage, valid for this time.",
        ),
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
        int | None, typer.Option(help="Retries of a failed chunk.", show_default="as before")
    ] = None
    chunk_timeout: Annotated[
        float | None, typer.Option(help="Maximum seconds of an attempt.", show_default="as before")
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="USD", help="Maximum cost of the job in US dollars.", show_default="as before"
        ),
    ] = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Maximum time for this run.", show_default="as before"
        ),
    ] = None
