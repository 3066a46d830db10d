"""Cuts a composition's timeline into chunks and writes the commands that render and join them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from helios.contract.command import check_length, format_command
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk, SeamCheck
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE, locale, time_zone
from helios.contract.spec_consistency import output_path_fault
from helios.errors import OptionInvalid
from helios.records.chunk_record import content_key
from helios.records.input_manifest import manifest_beside
from helios.renderer.composition import Composition
from helios.renderer.encoding.codecs import (
    DEFAULT_PRESET,
    VideoEncoding,
    check_encoding,
    check_size,
    choose_codec,
)
from helios.renderer.encoding.image_sequence import split_pattern

#: Frames in a chunk at most, if nobody says: at a dozen frames a second a worker's death then
#: costs some twenty seconds of work.
MAX_CHUNK_FRAMES = 240
#: Frames in a chunk at least, if nobody says: fewer, and starting costs more than it saves.
MIN_CHUNK_FRAMES = 30
#: The same for workers elsewhere, where one more costs nothing but its start.
MIN_REMOTE_CHUNK_FRAMES = 20
#: Frames in a chunk of an incremental render, if nobody says: starting a chunk for a small change
#: costs about as much as these frames.
INCREMENTAL_CHUNK_FRAMES = 60
#: Chunks that a job may have; the merge command has to name each of them.
MAX_CHUNKS = 10_000

#: Codecs that players of playlists take.
PLAYLIST_CODECS = frozenset({"h264", "h265"})
#: Outputs that can't be stitched from parts without encoding them anew.
_WHOLE_CODECS = frozenset({"gif", "png", "jpeg"})


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How a composition's frames are rendered; each becomes a flag of `helios render`.

    Attributes
    ----------
    width, height:
        Size of the page in CSS pixels.
    rate:
        Frames per second.
    codec, crf, preset:
        Video codec (None: by the output's name), constant rate factor and encoder speed.
    jpeg_quality:
        0 to 100, of frames that leave the browser as JPEG; None for the default.
    scale:
        Output pixels per CSS pixel.
    seed, props:
        What `Math.random` starts from; the object in `window.__HELIOS_PROPS__`.
    time_zone, locale:
        Where the page is shown: a name of the IANA time zone database, and a language tag.
    replay:
        Whether pages run every frame from 0 on first; None leaves it to the page.
    timeout:
        Seconds that the page gets to load, and each frame; None for the default.
    reference:
        Whether every frame from 0 on is drawn and photographed, losslessly, in one chunk.
    """

    width: int = 1920
    height: int = 1080
    rate: Fraction = Fraction(30)
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    jpeg_quality: int | None = None
    scale: float = 1.0
    transparent: bool = False
    seed: int = 0
    props: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = DEFAULT_TIME_ZONE
    locale: str = DEFAULT_LOCALE
    replay: bool | None = None
    allow_missing: bool = False
    timeout: float | None = None
    reference: bool = False

    @property
    def fps(self) -> float:
        """The rate as a decimal, as job specs and commands write it."""
        return float(self.rate)

    def page_flags(self) -> list[str]:
        """Return the flags that decide what the page shows."""
        flags = ["--fps", _decimal(self.fps)]
        if self.props:
            flags += ["--props", json.dumps(self.props, ensure_ascii=False, sort_keys=True)]
        if self.seed:
            flags += ["--seed", str(self.seed)]
        if self.time_zone != DEFAULT_TIME_ZONE:
            flags += ["--timezone", self.time_zone]
        if self.locale != DEFAULT_LOCALE:
            flags += ["--locale", self.locale]
        if self.reference or self.replay is not None:
            flags.append("--replay" if self.reference or self.replay else "--no-replay")
        if self.allow_missing:
            flags.append("--allow-missing")
        if self.timeout is not None:
            flags += ["--timeout", _decimal(self.timeout)]
        return flags

    def picture_flags(self) -> list[str]:
        """Return the flags that decide how pictures are taken and encoded."""
        flags = ["--width", str(self.width), "--height", str(self.height)]
        for flag, value in (
            ("--video-codec", self.codec),
            ("--quality", self.crf),
            ("--preset", self.preset),
            ("--jpeg-quality", self.jpeg_quality),
        ):
            if value is not None:
                flags += [flag, str(value)]
        if self.scale != 1:
            flags += ["--scale", _decimal(self.scale)]
        if self.transparent:
            flags.append("--transparent")
        if self.reference:
            flags.append("--reference")
        return flags


@dataclass(frozen=True, kw_only=True)
class ChunkSizes:
    """Into how many chunks a timeline is cut.

    Attributes
    ----------
    chunks, frames_per_chunk:
        Either decides; with neither, the number follows from length and `concurrency`.
    concurrency:
        Chunks that will run at the same time.
    least_frames:
        Frames in a chunk at least, if neither decides.
    steady:
        Whether all chunks but the last have exactly `frames_per_chunk`: the cuts of a timeline
        that becomes longer then stay where they are.
    browsers:
        Browsers that share the work of an output that is one chunk; by default as many as chunks
        would run at the same time.
    """

    chunks: int | None = None
    frames_per_chunk: int | None = None
    concurrency: int = 1
    least_frames: int = MIN_CHUNK_FRAMES
    steady: bool = False
    browsers: int | None = None

    def __post_init__(self) -> None:
        if self.chunks is not None and self.frames_per_chunk is not None:
            raise OptionInvalid("`chunks` and `frames_per_chunk`: give one of them")
        for name, value in (
            ("`chunks`", self.chunks),
            ("`frames_per_chunk`", self.frames_per_chunk),
            ("`concurrency`", self.concurrency),
        ):
            if value is not None and value < 1:
                raise OptionInvalid(f"{name} {value}: is less than 1")

    def undivided(self) -> "ChunkSizes":
        """Return the same with one chunk, rendered by one browser.

        Raises
        ------
        OptionInvalid
            Another number of chunks was asked for.
        """
        if self.frames_per_chunk is not None or self.chunks not in (None, 1):
            raise OptionInvalid("`reference`: renders one chunk", hint="Leave out `chunks`.")
        return replace(self, chunks=1, browsers=1)

    def cut(self, frame_count: int) -> list[range]:
        """Return the frames of each chunk; unless steady, sizes differ by one frame at most.

        Raises
        ------
        OptionInvalid
            There would be more than `MAX_CHUNKS`.
        """
        count = self._count(frame_count)
        if self.steady and self.frames_per_chunk is not None:
            edges = [*range(0, frame_count, self.frames_per_chunk), frame_count]
        else:
            edges = [frame_count * number // count for number in range(count + 1)]
        return [range(start, end) for start, end in pairwise(edges)]

    def _count(self, frame_count: int) -> int:
        if self.chunks is not None:
            count = min(self.chunks, frame_count)
        elif self.frames_per_chunk is not None:
            count = -(-frame_count // self.frames_per_chunk)
        else:
            count = self._balanced(frame_count)
        if count > MAX_CHUNKS:
            raise OptionInvalid(
                f"{count} chunks: a job has {MAX_CHUNKS} at most", hint="Make chunks longer."
            )
        return count

    def _balanced(self, frame_count: int) -> int:
        """Return a number of chunks that keeps all workers busy to the end."""
        rounds = -(-frame_count // (self.concurrency * MAX_CHUNK_FRAMES))
        most = max(1, frame_count // self.least_frames)
        return min(self.concurrency * rounds, most)


def plan(
    source: str,
    output: str,
    *,
    frame_count: int,
    options: RenderOptions,
    sizes: ChunkSizes,
    job_dir: Path,
    sound: bool = True,
    job_id: str | None = None,
    input_name: str | None = None,
    incremental: bool = False,
    seam_check: SeamCheck = "heal",
) -> JobSpec:
    """Return the job spec of a render.

    Parameters
    ----------
    source:
        The composition: a path or a URL.
    output:
        Name of the video, whose ending says what the chunks are.
    frame_count:
        Length of the timeline in frames.
    job_dir:
        Folder that the job runs in; paths in commands are relative to it.
    sound:
        Whether the merge plays the composition for its sound.
    job_id:
        Names the job.
    input_name:
        What commands call the composition, in place of its path from the job's folder.
    incremental:
        Whether chunks are named by what they are made by, and note what they read.
    seam_check:
        What happens if two chunks draw one frame differently.

    Raises
    ------
    OptionInvalid
        The options can't be worked with.
    """
    if frame_count < 1:
        raise OptionInvalid(f"{frame_count} frames: there must be at least one")
    if options.reference:
        sizes = sizes.undivided()
    name = Path(output).name
    where = _relative(source, job_dir) if input_name is None else input_name
    if is_whole(name, options.codec):
        return _spec(options, [_whole(where, name, frame_count, options, sizes)], "", job_id)
    suffix = Path(_encoded(name)).suffix
    parts = list(enumerate(sizes.cut(frame_count)))
    if incremental:
        page = Composition.find(source).url
        chunks = [
            _noting_chunk(number, frames, suffix, page, where=where, options=options)
            for number, frames in parts
        ]
    else:
        chunks = [
            _chunk(number, frames, f"chunks/{number:05d}{suffix}", where=where, options=options)
            for number, frames in parts
        ]
    merge = ["helios", "merge", _argument(name), *(chunk.output_file for chunk in chunks)]
    if sound:
        merge += ["--audio-from", where, "--frame-count", str(frame_count), *options.page_flags()]
    spec = _spec(options, chunks, format_command(merge), job_id)
    return spec if seam_check == "heal" else spec.model_copy(update={"seam_check": seam_check})


def check_options(name: str, options: RenderOptions) -> None:
    """Refuse options that no renderer could work with, before any work.

    Raises
    ------
    OptionInvalid, CodecUnavailable
    """
    codec = choose_codec(Path(_encoded(name)), options.codec)
    if is_playlist(name) and codec.name not in PLAYLIST_CODECS:
        raise OptionInvalid(
            f"output {name!r}: {codec.name} doesn't go into a playlist",
            hint=f"Use {' or '.join(sorted(PLAYLIST_CODECS))}.",
        )
    check_size(options.width, options.height, options.scale, codec)
    preset = options.preset or DEFAULT_PRESET
    encoding = VideoEncoding(codec=codec, crf=options.crf, preset=preset)
    check_encoding(encoding, transparent=options.transparent)
    if options.timeout is not None and not 0 < options.timeout < float("inf"):
        raise OptionInvalid(f"`timeout` {options.timeout:g}: is not above 0 seconds")
    time_zone(options.time_zone)
    locale(options.locale)
    check_length(["helios", *options.page_flags()])


def is_playlist(name: str) -> bool:
    """Tell whether an output is a playlist (HLS)."""
    return Path(name).suffix.lower() == ".m3u8"


def _encoded(name: str) -> str:
    """Return a name for what is encoded: a playlist's segments are made of MP4 files."""
    return str(Path(name).with_suffix(".mp4")) if is_playlist(name) else name


def is_whole(name: str, codec: str | None) -> bool:
    """Tell whether an output has to be rendered as one chunk: a GIF, or a sequence of images."""
    suffix = Path(name).suffix.lower()
    return codec in _WHOLE_CODECS or suffix in ("", ".gif", ".png", ".jpg", ".jpeg")


def is_sequence(name: str, codec: str | None) -> bool:
    """Tell whether an output is a folder of numbered images."""
    return is_whole(name, codec) and choose_codec(Path(name), codec).images


def makes_images(spec: JobSpec) -> bool:
    """Tell whether what a job without merge leaves is a folder of numbered images."""
    if spec.merge_command.strip() or len(spec.chunks) > 1:
        return False
    return Path(spec.chunks[0].output_file).suffix.lower() in ("", ".png", ".jpg", ".jpeg")


def _spec(
    options: RenderOptions, chunks: list[RenderChunk], merge_command: str, job_id: str | None
) -> JobSpec:
    frame_count = sum(chunk.frame_count for chunk in chunks)
    size = (options.width * options.scale, options.height * options.scale)
    metadata = JobMetadata(
        total_frames=frame_count,
        fps=options.fps,
        width=round(size[0]),
        height=round(size[1]),
        duration=float(frame_count / options.rate),
    )
    extra: dict[str, Any] = {} if job_id is None else {"id": job_id}
    return JobSpec(metadata=metadata, chunks=chunks, merge_command=merge_command, **extra)


def _chunk(
    number: int, frames: range, output: str, *, where: str, options: RenderOptions
) -> RenderChunk:
    return RenderChunk(
        id=number,
        start_frame=frames.start,
        frame_count=len(frames),
        output_file=output,
        command=_render_command(where, output, frames, options),
    )


def _noting_chunk(
    number: int, frames: range, suffix: str, page: str, *, where: str, options: RenderOptions
) -> RenderChunk:
    """Return a chunk that has the same name in each job that makes it by the same recipe."""
    recipe = _render_command(page, f"chunk{suffix}", frames, options)
    output = f"chunks/{content_key(recipe)}{suffix}"
    chunk = _chunk(number, frames, output, where=where, options=options)
    command = f"{chunk.command} {format_command(['--input-manifest', manifest_beside(output)])}"
    return chunk.model_copy(update={"command": command})


def _whole(
    where: str, name: str, frame_count: int, options: RenderOptions, sizes: ChunkSizes
) -> RenderChunk:
    """Return the only chunk of an output without seams; its browsers share the work instead."""
    folder, pattern = split_pattern(Path(name), "")
    if not folder.name:
        # Numbered images go into a folder, so that there is one thing to look for.
        output, written = "images", f"images/{pattern}"
    else:
        output = name if output_path_fault(name) is None else f"video{Path(name).suffix}"
        written = output
    command = _render_command(
        where,
        written,
        range(frame_count),
        options,
        browsers=sizes.concurrency if sizes.browsers is None else sizes.browsers,
    )
    return RenderChunk(
        id=0, start_frame=0, frame_count=frame_count, output_file=output, command=command
    )


def _render_command(
    where: str, output: str, frames: range, options: RenderOptions, *, browsers: int = 1
) -> str:
    words = ["helios", "render", where, "-o", _argument(output)]
    words += ["--start-frame", str(frames.start), "--frame-count", str(len(frames))]
    words += [*options.picture_flags(), *options.page_flags(), "--no-audio"]
    if browsers > 1:
        words += ["--concurrency", str(browsers)]
    return format_command(words)


def _relative(source: str, job_dir: Path) -> str:
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        return source
    path = parts.path if parts.scheme == "file" else source
    try:
        path.encode()
    except UnicodeEncodeError:
        raise OptionInvalid(
            f"{path!r}: a job spec can only name files whose names are valid UTF-8"
        ) from None
    # `..` leads out of where a symbolic link points to, not of where it lies.
    return _argument(os.path.relpath(os.path.realpath(path), os.path.realpath(job_dir)))


def _argument(name: str) -> str:
    """Return a file name that no command takes for a flag."""
    return f"./{name}" if name.startswith("-") else name


def _decimal(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))
