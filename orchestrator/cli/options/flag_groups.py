"""Flags that belong together, as one argument of the commands that share them."""

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from helios.contract.job_spec import SeamCheck
    from orchestrator.display.display import Display
    from orchestrator.model.settings import RunSettings
    from orchestrator.planning.planner import ChunkSizes, RenderOptions

#: Chunks at the same time in workers elsewhere: a tenth of what an AWS account runs at once, and
#: as many instances as a Cloud Run service has, unless their owners set other limits.
REMOTE_CONCURRENCY = 100
# Browsers that share an output which can't be cut into chunks: as many as a worker has cores for.
_REMOTE_BROWSERS = 2
#: Bytes of memory that one browser at work is counted with.
_BROWSER_BYTES = 600 << 20


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
class Length:
    """How much of a composition's timeline is rendered, with or without its sound."""

    duration: flags.Duration = None
    frames: flags.Frames = None
    no_audio: flags.NoAudio = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """How a composition's frames are rendered and encoded."""

    fps: flags.Fps = "30"
    width: flags.Width = 1920
    height: flags.Height = 1080
    scale: flags.Scale = 1.0
    props: flags.Props = "{}"
    seed: flags.Seed = 0
    time_zone: flags.TimeZone = DEFAULT_TIME_ZONE
    locale: flags.Locale = DEFAULT_LOCALE
    replay: flags.Replay = None
    codec: flags.CodecName = None
    crf: flags.Crf = None
    preset: flags.Preset = None
    jpeg_quality: flags.JpegQuality = None
    transparent: flags.Transparent = False
    allow_missing: flags.AllowMissing = False
    timeout: flags.Timeout = None
    reference: flags.Reference = False

    def options(self) -> "RenderOptions":
        """Return the flags in the planner's words.

        Raises
        ------
        OptionInvalid
            A value can't be read.
        """
        from helios.contract.frame_rate import frame_rate
        from helios.renderer.props import read_props
        from orchestrator.planning.planner import RenderOptions

        values = dataclasses.asdict(self)
        rate, props = frame_rate(values.pop("fps")), read_props(values.pop("props"))
        return RenderOptions(rate=rate, props=props, **values)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Into how many chunks the timeline is cut."""

    chunks: flags.Chunks = None
    frames_per_chunk: flags.FramesPerChunk = None

    def sizes(
        self, concurrency: int, *, remote: bool = False, incremental: bool = False
    ) -> "ChunkSizes":
        """Return the flags in the planner's words.

        Parameters
        ----------
        concurrency:
            Chunks at the same time.
        remote:
            Whether they are rendered elsewhere.
        incremental:
            Whether cuts stay where they are when the length changes.

        Raises
        ------
        OptionInvalid
            The values contradict each other.
        """
        from orchestrator.planning.planner import (
            INCREMENTAL_CHUNK_FRAMES,
            MIN_REMOTE_CHUNK_FRAMES,
            ChunkSizes,
        )

        sizes = ChunkSizes(
            chunks=self.chunks, frames_per_chunk=self.frames_per_chunk, concurrency=concurrency
        )
        if incremental and self.chunks is None:
            frames = self.frames_per_chunk or INCREMENTAL_CHUNK_FRAMES
            return dataclasses.replace(sizes, frames_per_chunk=frames, steady=True)
        if not remote:
            return sizes
        return dataclasses.replace(
            sizes, least_frames=MIN_REMOTE_CHUNK_FRAMES, browsers=_REMOTE_BROWSERS
        )


@dataclass(frozen=True, kw_only=True)
class Seams:
    """What happens where one can see that the timeline was cut."""

    seam_check: flags.SeamCheck = "heal"

    def chosen(self) -> "SeamCheck":
        """Return what happens if two chunks draw one frame differently.

        Raises
        ------
        OptionInvalid
            It is something else.
        """
        from typing import cast, get_args

        from helios.contract.job_spec import SeamCheck
        from helios.errors import OptionInvalid

        choices = get_args(SeamCheck)
        if self.seam_check not in choices:
            raise OptionInvalid(f"--seam-check {self.seam_check}: is none of {', '.join(choices)}")
        return cast(SeamCheck, self.seam_check)


@dataclass(frozen=True, kw_only=True)
class Running:
    """Which chunks run, and how often they are tried."""

    retries: flags.Retries = 2
    retry_delay: flags.RetryDelay = 1.0
    chunk_timeout: flags.ChunkTimeout = None
    max_cost: flags.MaxCost = None
    deadline: flags.Deadline = None
    backups: flags.Backups = None
    no_merge: flags.NoMerge = False
    only_chunks: flags.OnlyChunks = None
    resume: flags.Resume = False

    @property
    def leaves_chunks(self) -> bool:
        """Whether chunks stay because they aren't joined, or not all of them are rendered."""
        return self.no_merge or bool(self.only_chunks)

    def check(self, *, remote: bool) -> None:
        """Refuse flags that don't fit where chunks are rendered, before any work.

        Raises
        ------
        OptionInvalid
        """
        from helios.errors import OptionInvalid

        if self.backups and not remote:
            raise OptionInvalid(
                "--backups: goes with --adapter lambda or cloudrun",
                hint="Here a second process would only take the first one's cores.",
            )
        if self.max_cost is not None and not remote:
            raise OptionInvalid("--max-cost: goes with --adapter lambda or cloudrun")
        self._limits()

    def _limits(self) -> dict[str, float | None]:
        from orchestrator.model.limits import read_limits

        return read_limits(self.max_cost, self.deadline)

    def attached_only(self) -> Sequence[tuple[str, object]]:
        """Return the flags that only mean something while this machine runs the render."""
        default = Running()
        return (
            ("--retries", self.retries != default.retries),
            ("--retry-delay", self.retry_delay != default.retry_delay),
            ("--chunk-timeout", self.chunk_timeout is not None),
            ("--max-cost", self.max_cost is not None),
            ("--deadline", self.deadline is not None),
            ("--backups", self.backups is not None),
            ("--no-merge", self.no_merge),
            ("--chunk", self.only_chunks),
            ("--resume", self.resume),
        )

    def settings(
        self,
        concurrency: int,
        *,
        incremental: bool = False,
        stitch: str = "auto",
        presign: float | None = None,
    ) -> "RunSettings":
        """Return the flags as the settings of a job.

        Raises
        ------
        OptionInvalid
            A value can't be worked with.
        """
        from orchestrator.model.settings import RunSettings

        return RunSettings.of(
            concurrency=concurrency,
            merge=not self.no_merge,
            retries=self.retries,
            retry_delay=self.retry_delay,
            chunk_timeout=self.chunk_timeout,
            only=sorted(self.only_chunks) if self.only_chunks else None,
            incremental=incremental,
            stitch=stitch,
            presign=presign,
            backups=self.backups,
            **self._limits(),
        )


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a command's progress is shown."""

    json: flags.Json = False
    verbose: flags.Verbose = False

    def run(self, work: "Callable[[Display], Coroutine[Any, Any, None]]") -> None:
        """Run what a command does to its end, and end the process as it ended."""
        from orchestrator.cli.command_line import run_command

        run_command(work, as_json=self.json, verbose=self.verbose)


def chosen_concurrency(concurrency: int | None, *, remote: bool) -> int:
    """Return how many chunks run at the same time: as many as asked, else as suits the place."""
    if concurrency is not None:
        return concurrency
    return REMOTE_CONCURRENCY if remote else _local_concurrency()


def _local_concurrency() -> int:
    import psutil

    by_memory = psutil.virtual_memory().available // _BROWSER_BYTES
    # A container or taskset may leave fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, by_memory))
