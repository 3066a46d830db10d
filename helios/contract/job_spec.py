"""The job spec: metadata, chunks with their commands, and the merge command."""

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic_core
from pydantic import Field, PlainSerializer, ValidationError, model_validator

from helios.contract.command import parse_command
from helios.contract.frame_rate import MAX_FPS, frame_rate
from helios.contract.wire_model import WireModel
from helios.errors import ChunkNotFound, CommandInvalid, JobSpecInvalid, JobSpecNotFound

#: Size in bytes beyond which a file isn't read as a job spec (about 250,000 chunks).
MAX_SPEC_BYTES = 64 * 1024 * 1024
#: Faults that one error lists; the rest is counted.
MAX_FAULTS = 20
#: Length of a job's id in bytes of UTF-8: it names a folder, and file systems stop at 255.
MAX_ID_BYTES = 200
# Whole numbers beyond this aren't exact in JavaScript, which writes and reads the same file.
_MAX_INTEGER = 2**53 - 1

_HINT = "Compare it with `orchestrator schema`, or emit it again with `helios render --emit-job`."
_PLAIN_NAME = re.compile(r"[^/\\\0:.][^/\\\0:]*")
_DRIVE = re.compile(r"[A-Za-z]:")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _as_written(number: float) -> int | float:
    # Keeps `30` from coming back as `30.0`, so that specs survive a round trip unchanged.
    return int(number) if number.is_integer() else number


_Count = Annotated[int, Field(gt=0, le=_MAX_INTEGER)]
_Index = Annotated[int, Field(ge=0, le=_MAX_INTEGER)]
_Number = Annotated[
    float, Field(gt=0, allow_inf_nan=False), PlainSerializer(_as_written, return_type=int | float)
]


SeamCheck = Literal["off", "warn", "heal"]


class _SpecModel(WireModel, strict=True):
    pass


class JobMetadata(_SpecModel):
    """The video as a whole: its length, rate and size."""

    total_frames: _Count = Field(description="Length of the video in frames.")
    fps: Annotated[_Number, Field(le=MAX_FPS)] = Field(
        description="Frames per second; 29.97 and its like stand for the NTSC rates (30000/1001)."
    )
    width: _Count = Field(description="Width of the video in pixels.")
    height: _Count = Field(description="Height of the video in pixels.")
    duration: _Number = Field(
        description="Length of the video in seconds. totalFrames decides; this may differ from "
        "totalFrames / fps by one frame and 0.1 % (rounded rates and durations)."
    )

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second as an exact fraction."""
        return frame_rate(self.fps)


class RenderChunk(_SpecModel):
    """A range of frames, the command that renders it, the file that the command writes."""

    id: _Index = Field(description="Identifies the chunk in its job; `chunkIndex` of invocations.")
    start_frame: _Index = Field(description="First frame of the chunk, counted from 0.")
    frame_count: _Count = Field(description="Number of frames in the chunk.")
    output_file: str = Field(
        description="File that the command writes: relative to the job's folder, with / between "
        "folders, never outside of it."
    )
    command: str = Field(
        description="Command that renders the chunk, run in the job's folder without a shell."
    )

    @property
    def end_frame(self) -> int:
        """The frame after the chunk's last one."""
        return self.start_frame + self.frame_count


class JobSpec(_SpecModel):
    """A render job: metadata, chunks, and the command that joins their outputs.

    Unknown fields are kept. A spec is checked whole, when it is read and when it is built in
    code: the chunks cover `total_frames` frames without gap or overlap, and no two write one
    file.

    Raises
    ------
    JobSpecInvalid
        The parts are well-formed but contradict each other; `details` name each fault.
    """

    metadata: JobMetadata = Field(description="The video as a whole.")
    chunks: Annotated[list[RenderChunk], Field(min_length=1)] = Field(
        description="The chunks, in any order; their frames follow each other without gap or "
        "overlap, from the first chunk's startFrame on."
    )
    merge_command: str = Field(
        description="Command that joins the chunk outputs, run in the job's folder without a "
        "shell; empty for none."
    )
    id: str | None = Field(
        default=None, description="Names the job and its folder in storage; no path separators."
    )
    assets_url: str | None = Field(
        default=None, description="Archive of the composition's folder (path, https, s3 or gs URL)."
    )
    output_url: str | None = Field(
        default=None, description="Folder or file that takes the results (path, s3 or gs URL)."
    )
    seam_check: SeamCheck | None = Field(
        default=None,
        description="What happens if two chunks draw one frame differently: nothing (off), a "
        "warning (warn), or they are rendered again with every frame visited (heal, the default).",
    )

    @property
    def seams(self) -> SeamCheck:
        """What happens at seams; `off` where there are none."""
        return "off" if len(self.chunks) == 1 else self.seam_check or "heal"

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        faults = list(_contradictions(self))
        if faults:
            raise _invalid(faults, source="job spec")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a job spec from a file.

        Parameters
        ----------
        path:
            The JSON file, at most `MAX_SPEC_BYTES` long.

        Raises
        ------
        JobSpecNotFound
            There is no readable file at the path.
        JobSpecInvalid
            The file isn't a job spec; `details` name each fault with its JSON path.
        """
        try:
            with Path(path).open("rb") as file:
                data = file.read(MAX_SPEC_BYTES + 1)
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or str(fault)
            raise JobSpecNotFound(f"job spec: can't read {str(path)!r}: {reason}") from fault
        return cls.parse(data, source=str(path))

    @classmethod
    def parse(cls, data: bytes | str, *, source: str = "job spec") -> Self:
        """Read a job spec from JSON text.

        Parameters
        ----------
        data:
            The JSON text; bytes are UTF-8, with or without a byte order mark.
        source:
            Where the text is from, for messages.

        Raises
        ------
        JobSpecInvalid
            The text isn't a job spec; `details` name each fault with its JSON path.
        """
        value = _read_json(data, source=source)
        try:
            return cls.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as fault:
            faults = (f"{_json_path(e['loc'])}: {e['msg']}" for e in _listed(fault))
            raise _invalid(faults, source=source, count=fault.error_count()) from None
        except JobSpecInvalid as fault:
            if source == "job spec":
                raise
            raise JobSpecInvalid(
                f"{source}: {fault.message}", hint=fault.hint, details=fault.details
            ) from None

    def chunk(self, chunk_id: int) -> RenderChunk:
        """Return the chunk with this id.

        Raises
        ------
        ChunkNotFound
            The job spec has no such chunk.
        """
        # Ids are positions in nearly every spec, of which there may be thousands.
        likely = self.chunks[chunk_id : chunk_id + 1] if chunk_id >= 0 else []
        for chunk in itertools.chain(likely, self.chunks):
            if chunk.id == chunk_id:
                return chunk
        ids = [chunk.id for chunk in self.chunks]
        raise ChunkNotFound(
            f"chunk {chunk_id}: the job spec doesn't have it",
            hint=f"It has {len(ids)} chunks with ids from {min(ids)} to {max(ids)}.",
        )

    def chunks_by_frame(self) -> list[RenderChunk]:
        """Return the chunks in the order of their frames, which is the order of the video."""
        return sorted(self.chunks, key=_start)

    def to_json(self) -> str:
        """Return the job spec as indented JSON: same spec, same text."""
        value = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a job spec.

    It covers each field by itself. That frames add up and that names stay in their folder are
    rules between fields, which only `JobSpec.parse` checks.
    """
    schema = JobSpec.model_json_schema(by_alias=True, mode="validation")
    schema["description"] = "A render job: metadata, chunks, the command that joins their outputs."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _start(chunk: RenderChunk) -> int:
    return chunk.start_frame


def _invalid(faults: Iterable[str], *, source: str, count: int | None = None) -> JobSpecInvalid:
    lines: list[str] = []
    total = 0
    for fault in faults:
        total += 1
        if total <= MAX_FAULTS:
            lines.append(fault)
    total = total if count is None else count
    if total > len(lines):
        lines.append(f"... and {total - len(lines)} more")
    plural = "fault" if total == 1 else "faults"
    message = f"{total} {plural} in the job spec"
    if source != "job spec":
        message = f"{source}: {message}"
    return JobSpecInvalid(message, hint=_HINT, details=lines)


def _listed(fault: ValidationError) -> Iterator[Mapping[str, Any]]:
    errors = fault.errors(include_url=False, include_context=False, include_input=False)
    for error in errors[:MAX_FAULTS]:
        yield {"loc": error["loc"], "msg": error["msg"]}


def _read_json(data: bytes | str, *, source: str) -> Any:
    try:
        encoded = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise JobSpecInvalid(f"{source}: the text holds a lone surrogate", hint=_HINT) from None
    if len(encoded) > MAX_SPEC_BYTES:
        raise JobSpecInvalid(
            f"{source}: larger than {MAX_SPEC_BYTES // 2**20} MiB",
            hint="Cut the job into fewer chunks.",
        )
    try:
        value = pydantic_core.from_json(encoded.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as fault:
        raise JobSpecInvalid(
            f"{source}: not JSON: {fault}", hint=_HINT, details=[f"$: {fault}"]
        ) from None
    if not isinstance(value, dict):
        raise JobSpecInvalid(
            f"{source}: not a job spec", hint=_HINT, details=["$: should be a JSON object"]
        )
    return value


def _json_path(location: Iterable[str | int]) -> str:
    path = "$"
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _IDENTIFIER.fullmatch(step):
            path += f".{step}"
        else:
            path += f"[{json.dumps(step, ensure_ascii=False)}]"
    return path


def _contradictions(spec: JobSpec) -> Iterator[str]:
    yield from _identifier_faults(spec)
    yield from _metadata_faults(spec.metadata)
    yield from _chunk_faults(spec.chunks)
    yield from _frame_faults(spec)
    fault = _command_fault(spec.merge_command)
    if fault:
        yield f"$.mergeCommand: {fault}"
    yield from _non_finite_numbers(spec)


def _identifier_faults(spec: JobSpec) -> Iterator[str]:
    if spec.id is not None:
        fault = id_fault(spec.id)
        if fault:
            yield f"$.id: {fault}"
    for name, url in (("assetsUrl", spec.assets_url), ("outputUrl", spec.output_url)):
        if url is not None and (not url or "\0" in url):
            yield f"$.{name}: is empty or holds a NUL character"


def id_fault(job_id: str) -> str | None:
    """Return what keeps an id from naming a job's folder, or None."""
    if not job_id.strip() or job_id in (".", ".."):
        return f"{job_id!r} names no folder"
    if re.search(r"[/\\\0-\x1f\x7f]", job_id) or _DRIVE.match(job_id):
        return f"{job_id!r} could leave its folder (no slashes, drive letters, control characters)"
    if len(job_id.encode()) > MAX_ID_BYTES:
        return f"is longer than {MAX_ID_BYTES} bytes"
    return None


def _metadata_faults(metadata: JobMetadata) -> Iterator[str]:
    seconds = metadata.total_frames / metadata.fps
    # Helios rounds durations and rates (23.98 for 24000/1001); only a real contradiction counts.
    tolerance = 1 / metadata.fps + 0.001 * seconds + 0.01
    if abs(metadata.duration - seconds) > tolerance:
        yield (
            f"$.metadata.duration: {metadata.duration:g} s, but {metadata.total_frames} frames "
            f"at {metadata.fps:g} fps last {seconds:g} s"
        )


def _chunk_faults(chunks: list[RenderChunk]) -> Iterator[str]:
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
    """Return what keeps a path from naming a file inside the job's folder, or None.

    Parameters
    ----------
    path:
        A chunk's output file, relative to the job's folder.
    """
    if _PLAIN_NAME.fullmatch(path):
        return None
    steps = path.split("/")
    refusals = (
        (not path, "is empty"),
        ("\0" in path, f"{path!r} holds a NUL character"),
        ("\\" in path, f"{path!r} holds a backslash; write / between folders"),
        (not steps[0], f"{path!r} is absolute; it must be relative to the job's folder"),
        (_DRIVE.match(path), f"{path!r} starts with a drive letter"),
        (".." in steps, f"{path!r} leaves the job's folder"),
        (steps[-1] in ("", "."), f"{path!r} names a folder"),
    )
    return next((fault for refused, fault in refusals if refused), None)


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


def _frame_faults(spec: JobSpec) -> Iterator[str]:
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


def _non_finite_numbers(spec: JobSpec) -> Iterator[str]:
    """Find NaN and infinity in unknown fields, which JSON couldn't carry on."""
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
            yield f"{_json_path(where)}: {value} is not a finite number"
        elif isinstance(value, dict):
            places += [((*where, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            places += [((*where, index), item) for index, item in enumerate(value)]
