"""Plans a render: the job spec with the commands that render its chunks and stitch them."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from helios.assets.archive import TOP_FOLDER
from helios.contract.command import check_length, format_command
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk, SeamCheck
from helios.contract.localization import locale, time_zone
from helios.contract.spec_consistency import output_path_fault
from helios.errors import OptionInvalid
from helios.records.chunk_record import content_key
from helios.records.input_manifest import manifest_beside
from helios.renderer.composition import Composition
from helios.renderer.encoding.codecs import (
    VideoEncoding,
    check_encoding,
    check_size,
    choose_codec,
)
from helios.renderer.encoding.image_sequence import split_pattern
from orchestrator.planning.chunk_sizes import MAX_REMOTE_CHUNK_FRAMES, ChunkSizes
from orchestrator.planning.output_kinds import PLAYLIST_CODECS, encoded_name, is_playlist, is_whole
from orchestrator.planning.quality import at_quality
from orchestrator.planning.render_options import RenderOptions


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

    Args:
        source: The composition: a path or a URL.
        output: Name of the video, whose suffix decides on the format of chunks.
        frame_count: Length of the timeline in frames.
        job_dir: Folder that the job runs in; paths in commands are relative to it.
        sound: Whether the merge records the composition's audio.
        job_id: Names the job.
        input_name: Name of the composition in commands, in place of its path from the job's folder.
        incremental: Whether chunks are named by their recipe, and record the files that they read.
        seam_check: Action if two chunks draw one frame differently.
    """
    options = at_quality(options, output)
    if frame_count < 1:
        raise OptionInvalid(f"{frame_count} frames: there must be at least one")
    if options.reference:
        sizes = sizes.undivided()
    name = Path(output).name
    where = _relative(source, job_dir) if input_name is None else input_name
    page = Composition.find(source, root=options.root).url if incremental else ""
    options = _rooted(options)
    if is_whole(name, options.codec):
        return _spec(options, [_whole(where, name, frame_count, options, sizes)], "", job_id)
    suffix = Path(encoded_name(name)).suffix
    if is_playlist(name):
        # A playlist grows by whole chunks.
        most = min(sizes.most_frames, MAX_REMOTE_CHUNK_FRAMES)
        sizes = replace(sizes, shared=False, most_frames=most)
    parts = list(enumerate(sizes.cut(frame_count)))
    if incremental:
        chunks = [
            _noting_chunk(number, frames, suffix, page, where=where, options=options)
            for number, frames in parts
        ]
    else:
        chunks = [
            _chunk(
                number,
                frames,
                f"chunks/{number:05d}{suffix}",
                where=where,
                options=options,
                browsers=sizes.sharing_browsers(frame_count),
            )
            for number, frames in parts
        ]
    merge = ["helios", "merge", _argument(name), *(chunk.output_file for chunk in chunks)]
    if sound:
        merge += ["--audio-from", where, "--frame-count", str(frame_count), *options.page_flags()]
    spec = _spec(options, chunks, format_command(merge), job_id)
    return spec if seam_check == "heal" else spec.model_copy(update={"seam_check": seam_check})


def plan_still(
    source: str,
    output: str,
    *,
    frame: int,
    options: RenderOptions,
    job_dir: Path,
    job_id: str | None = None,
    input_name: str | None = None,
) -> JobSpec:
    """Return the job spec of one frame as an image; parameters as for `plan`.

    Args:
        frame: The frame, counted from 0.
    """
    name = Path(output).name
    where = _relative(source, job_dir) if input_name is None else input_name
    options = _rooted(options)
    still = name if output_path_fault(name) is None else f"still{Path(name).suffix}"
    words = ["helios", "still", where, "-o", _argument(still), "--frame", str(frame)]
    words += [*options.picture_flags(), *options.page_flags()]
    chunk = RenderChunk(
        id=0, start_frame=0, frame_count=1, output_file=still, command=format_command(words)
    )
    return _spec(options, [chunk], "", job_id)


def check_options(name: str, options: RenderOptions) -> None:
    """Refuse invalid options before any work."""
    codec = choose_codec(Path(encoded_name(name)), options.codec)
    options = at_quality(options, name)
    if is_playlist(name) and codec.name not in PLAYLIST_CODECS:
        raise OptionInvalid(
            f"output {name!r}: {codec.name} doesn't go into a playlist",
            hint=f"Use {' or '.join(sorted(PLAYLIST_CODECS))}.",
        )
    check_size(options.width, options.height, options.scale, codec)
    encoding = VideoEncoding(codec=codec, crf=options.crf, preset=options.preset)
    check_encoding(encoding, transparent=options.transparent)
    if options.timeout is not None and not 0 < options.timeout < float("inf"):
        raise OptionInvalid(f"`timeout` {options.timeout:g}: is not above 0 seconds")
    time_zone(options.time_zone)
    locale(options.locale)
    check_length(["helios", *options.page_flags()])


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
    number: int,
    frames: range,
    output: str,
    *,
    where: str,
    options: RenderOptions,
    browsers: int = 1,
) -> RenderChunk:
    return RenderChunk(
        id=number,
        start_frame=frames.start,
        frame_count=len(frames),
        output_file=output,
        command=_render_command(where, output, frames, options, browsers=browsers),
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


def _rooted(options: RenderOptions) -> RenderOptions:
    """Return the options with the served folder as commands name it: by its link, or packed."""
    return options if options.root is None else replace(options, root=TOP_FOLDER)


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
    """Return a file name that isn't parsed as a flag."""
    return f"./{name}" if name.startswith("-") else name
