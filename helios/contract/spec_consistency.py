"""Checks that the parts of a job spec agree with each other."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from helios.contract.command import parse_command
from helios.errors import CommandInvalid

if TYPE_CHECKING:
    from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk

#: Largest length of a job's id, which names a folder, and of the names in an output's path, in
#: bytes of UTF-8: file systems allow 255, and workers write files with longer names beside outputs.
MAX_ID_BYTES = 200
#: Largest length of an output's path, which is below a folder of the worker; Linux allows 4096.
MAX_PATH_BYTES = 1024

_PLAIN_NAME = re.compile(r"[^/\\\0:.][^/\\\0:]{0,50}")
_DRIVE = re.compile(r"[A-Za-z]:")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def json_path(location: Iterable[str | int]) -> str:
    """Return a JSON path such as `$.chunks[0].id`."""
    path = "$"
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _IDENTIFIER.fullmatch(step):
            path += f".{step}"
        else:
            path += f"[{json.dumps(step, ensure_ascii=False)}]"
    return path


def contradictions(spec: "JobSpec") -> Iterator[str]:
    """Yield the faults of a spec whose single fields are valid."""
    yield from _identifier_faults(spec)
    yield from _metadata_faults(spec.metadata)
    yield from _chunk_faults(spec.chunks)
    yield from _frame_faults(spec)
    fault = _command_fault(spec.merge_command)
    if fault:
        yield f"$.mergeCommand: {fault}"
    yield from _non_finite_numbers(spec)


def _identifier_faults(spec: "JobSpec") -> Iterator[str]:
    if spec.id is not None:
        fault = id_fault(spec.id)
        if fault:
            yield f"$.id: {fault}"
    for name, url in (("assetsUrl", spec.assets_url), ("outputUrl", spec.output_url)):
        if url is not None and (not url or "\0" in url):
            yield f"$.{name}: is empty or contains a NUL character"


def id_fault(job_id: str) -> str | None:
    """Return why an id can't name a job's folder; None if it can."""
    if not job_id.strip() or job_id in (".", ".."):
        return f"{job_id!r} names no folder"
    if re.search(r"[/\\\0-\x1f\x7f]", job_id) or _DRIVE.match(job_id):
        return f"{job_id!r} could leave its folder (no slashes, drive letters, control characters)"
    if len(job_id.encode()) > MAX_ID_BYTES:
        return f"is longer than {MAX_ID_BYTES} bytes"
    return None


def _metadata_faults(metadata: "JobMetadata") -> Iterator[str]:
    seconds = metadata.total_frames / metadata.fps
    # Helios rounds durations and rates (23.98 for 24000/1001).
    tolerance = 1 / metadata.fps + 0.001 * seconds + 0.01
    if abs(metadata.duration - seconds) > tolerance:
        yield (
            f"$.metadata.duration: {metadata.duration:g} s, but {metadata.total_frames} frames "
            f"at {metadata.fps:g} fps last {seconds:g} s"
        )


def _chunk_faults(chunks: "list[RenderChunk]") -> Iterator[str]:
    index_of_id: dict[int, int] = {}
    index_of_file: dict[str, int] = {}
    for index, chunk in enumerate(chunks):
        first = index_of_id.setdefault(chunk.id, index)
        if first != index:
            yield f"$.chunks[{index}].id: {chunk.id} is already the id of $.chunks[{first}]"
        fault = output_path_fault(chunk.output_file)
        if fault:
            yield f"$.chunks[{index}].outputFile: {fault}"
        else:
            first = index_of_file.setdefault(_normalised(chunk.output_file), index)
            if first != index:
                yield (
                    f"$.chunks[{index}].outputFile: {chunk.output_file!r} is already written by "
                    f"$.chunks[{first}]"
                )
        fault = _command_fault(chunk.command) if chunk.command.strip() else "is empty"
        if fault:
            yield f"$.chunks[{index}].command: {fault}"


def output_path_fault(path: str) -> str | None:
    """Return why a chunk's output path isn't that of a file in the job's folder; None if it is."""
    if _PLAIN_NAME.fullmatch(path):
        return None
    steps = path.split("/")
    refusals = (
        (not path, "is empty"),
        ("\0" in path, f"{path!r} contains a NUL character"),
        ("\\" in path, f"{path!r} contains a backslash; write / between folders"),
        (not steps[0], f"{path!r} is absolute; it must be relative to the job's folder"),
        (_DRIVE.match(path), f"{path!r} starts with a drive letter"),
        (".." in steps, f"{path!r} leaves the job's folder"),
        (steps[-1] in ("", "."), f"{path!r} names a folder"),
        (_size(path) > MAX_PATH_BYTES, f"is longer than {MAX_PATH_BYTES} bytes"),
        (max(map(_size, steps)) > MAX_ID_BYTES, f"a name is longer than {MAX_ID_BYTES} bytes"),
    )
    return next((fault for refused, fault in refusals if refused), None)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _normalised(path: str) -> str:
    if "/" not in path:
        return path
    return "/".join(step for step in path.split("/") if step not in ("", "."))


def _command_fault(command: str) -> str | None:
    try:
        words = parse_command(command)
    except CommandInvalid as fault:
        return fault.message.removeprefix("command: ")
    return "names no executable" if words and not words[0] else None


def _frame_faults(spec: "JobSpec") -> Iterator[str]:
    ordered = sorted(enumerate(spec.chunks), key=lambda entry: entry[1].start_frame)
    before, previous = ordered[0]
    for index, chunk in ordered[1:]:
        gap = chunk.start_frame - previous.end_frame
        if gap > 0:
            yield (
                f"$.chunks[{index}].startFrame: {_frames(gap)} missing before it (frame "
                f"{previous.end_frame} on, where $.chunks[{before}] ends)"
            )
        elif gap < 0:
            yield (
                f"$.chunks[{index}].startFrame: overlaps $.chunks[{before}], which ends before "
                f"frame {previous.end_frame}, by {_frames(-gap)}"
            )
        if chunk.end_frame >= previous.end_frame:
            before, previous = index, chunk
    total = sum(chunk.frame_count for chunk in spec.chunks)
    if total != spec.metadata.total_frames:
        yield (
            f"$.metadata.totalFrames: {spec.metadata.total_frames}, but the chunks hold "
            f"{_frames(total)}"
        )


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _non_finite_numbers(spec: "JobSpec") -> Iterator[str]:
    """Yield NaN and infinity in unknown fields, which JSON can't represent."""
    places: list[tuple[tuple[str | int, ...], Any]] = [
        ((), spec.model_extra),
        (("metadata",), spec.metadata.model_extra),
    ]
    places += [
        (("chunks", index), chunk.model_extra)
        for index, chunk in enumerate(spec.chunks)
        if chunk.model_extra
    ]
    while places:
        where, value = places.pop()
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{json_path(where)}: {value} is not a finite number"
        elif isinstance(value, dict):
            places += [((*where, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            places += [((*where, index), item) for index, item in enumerate(value)]
