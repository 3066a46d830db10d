"""Flags that belong together, as one argument of the commands that share them."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.display.display import Display


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take groups of flags: each field of a group becomes a flag of its own.

    A parameter is a group if its type is a dataclass; its fields are annotated as flags are.
    """
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if dataclasses.is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _flags_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        for name, group in groups.items():
            names = [field.name for field in dataclasses.fields(group)]
            values[name] = group(**{name: values.pop(name) for name in names})
        command(**values)

    # functools.wraps took over what only fits the command itself.
    flat.__annotations__ = {}
    del flat.__wrapped__
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return flat


def _flags_of(group: Any) -> Iterator[inspect.Parameter]:
    for field in dataclasses.fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """Flags that are keywords of the API, under their names there."""

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Length(Keywords):
    """How much of a composition's timeline is rendered, with or without its sound."""

    duration: flags.Duration = None
    frames: flags.Frames = None
    no_audio: flags.NoAudio = False

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        return {"duration": self.duration, "frames": self.frames, "audio": not self.no_audio}


@dataclass(frozen=True, kw_only=True)
class Picture(Keywords):
    """How a composition's frames are rendered and encoded."""

    fps: flags.Fps = "30"
    width: flags.Width = 1920
    height: flags.Height = 1080
    scale: flags.Scale = 1.0
    props: flags.Props = "{}"
    seed: flags.Seed = 0
    timezone: flags.TimeZone = DEFAULT_TIME_ZONE
    locale: flags.Locale = DEFAULT_LOCALE
    replay: flags.Replay = None
    transparent: flags.Transparent = False
    allow_missing: flags.AllowMissing = False
    timeout: flags.Timeout = None
    reference: flags.Reference = False
    codec: flags.CodecName = None
    crf: flags.Crf = None
    preset: flags.Preset = None
    jpeg_quality: flags.JpegQuality = None


@dataclass(frozen=True, kw_only=True)
class Cut(Keywords):
    """Into how many chunks the timeline is cut."""

    chunks: flags.Chunks = None
    frames_per_chunk: flags.FramesPerChunk = None


@dataclass(frozen=True, kw_only=True)
class Seams(Keywords):
    """What happens where one can see that the timeline was cut."""

    seam_check: flags.SeamCheck = "heal"


@dataclass(frozen=True, kw_only=True)
class Running(Keywords):
    """Which chunks run, how often they are tried, and what that may take."""

    concurrency: flags.Concurrency = None
    retries: flags.Retries = 2
    retry_delay: flags.RetryDelay = 1.0
    chunk_timeout: flags.ChunkTimeout = None
    max_cost: flags.MaxCost = None
    deadline: flags.Deadline = None
    backups: flags.Backups = None
    no_merge: flags.NoMerge = False
    only_chunks: flags.OnlyChunks = None
    resume: flags.Resume = False
    stitch: flags.Stitch = "auto"
    presign: flags.Presign = None

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        found = dataclasses.asdict(self)
        found["merge"] = not found.pop("no_merge")
        # Typer gives an empty list where the flag isn't given.
        return {**found, "only_chunks": self.only_chunks or None}


@dataclass(frozen=True, kw_only=True)
class Told(Keywords):
    """Who is told of a job, and where its record is kept."""

    webhook: flags.Webhook = None
    webhook_progress: flags.WebhookProgress = None
    jobs: flags.Jobs = None

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        found = dataclasses.asdict(self)
        found["job_store"] = found.pop("jobs")
        return found


@dataclass(frozen=True, kw_only=True)
class Changes(Keywords):
    """What is different from the job's earlier runs."""

    concurrency: flags.OtherConcurrency = None
    retries: flags.OtherRetries = None
    chunk_timeout: flags.OtherChunkTimeout = None
    max_cost: flags.OtherMaxCost = None
    deadline: flags.OtherDeadline = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a command's progress is shown."""

    json: flags.Json = False
    verbose: flags.Verbose = False

    def run(self, work: "Callable[[Display], Coroutine[Any, Any, None]]") -> None:
        """Run what a command does to its end, and end the process as it ended."""
        from orchestrator.cli.command_line import run_command

        run_command(work, as_json=self.json, verbose=self.verbose)
