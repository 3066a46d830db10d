"""The job spec: metadata, chunks with their commands, and the merge command."""

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, ValidationError, model_validator

from helios.contract.frame_rate import MAX_FPS, frame_rate
from helios.contract.spec_consistency import contradictions, json_path
from helios.contract.spec_json import MAX_SPEC_BYTES, invalid_spec, listed_faults, read_spec_json
from helios.contract.wire_model import WireModel
from helios.errors import ChunkNotFound, JobSpecInvalid, JobSpecNotFound

# Larger whole numbers aren't exact in JavaScript, which also writes and reads job specs.
_MAX_INTEGER = 2**53 - 1


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
    """A range of frames, the command that renders it, and the file that the command writes."""

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

    Unknown fields are kept. Both reading and constructing a spec validate it as a whole: the
    chunks cover `total_frames` frames without gap or overlap, and write different files.

    Raises:
        JobSpecInvalid: The parts contradict each other; `details` name each fault.
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
    store_output_files: bool = Field(
        default=False,
        description="Whether workers also store each output under its outputFile in the job's "
        "folder, for clients that fetch it by that name.",
    )
    seam_check: SeamCheck | None = Field(
        default=None,
        description="Reaction to two chunks that draw the same frame differently: none (off), a "
        "warning (warn), or rendering them again with every frame visited (heal, the default).",
    )

    @property
    def seams(self) -> SeamCheck:
        """The effective `seam_check`; `off` for a single chunk."""
        return "off" if len(self.chunks) == 1 else self.seam_check or "heal"

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        faults = list(contradictions(self))
        if faults:
            raise invalid_spec(faults, source="job spec")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a job spec from a file.

        Args:
            path: The JSON file, at most `MAX_SPEC_BYTES` long.

        Raises:
            JobSpecNotFound: There is no readable file at the path.
            JobSpecInvalid: The file isn't a job spec; `details` name each fault with its JSON path.
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

        Args:
            data: The JSON text; bytes are UTF-8, with or without a byte order mark.
            source: Origin of the text, for messages.

        Raises:
            JobSpecInvalid: The text isn't a job spec; `details` name each fault with its JSON path.
        """
        value = read_spec_json(data, source=source)
        try:
            return cls.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as fault:
            faults = (f"{json_path(e['loc'])}: {e['msg']}" for e in listed_faults(fault))
            raise invalid_spec(faults, source=source, count=fault.error_count()) from None
        except JobSpecInvalid as fault:
            if source == "job spec":
                raise
            raise JobSpecInvalid(
                f"{source}: {fault.message}", hint=fault.hint, details=fault.details
            ) from None

    def chunk(self, chunk_id: int) -> RenderChunk:
        """Return the chunk with this id.

        Raises:
            ChunkNotFound: The job spec has no such chunk.
        """
        # In nearly every spec, ids are positions; there may be thousands of chunks.
        likely = self.chunks[chunk_id : chunk_id + 1] if chunk_id >= 0 else []
        for chunk in itertools.chain(likely, self.chunks):
            if chunk.id == chunk_id:
                return chunk
        ids = [chunk.id for chunk in self.chunks]
        raise ChunkNotFound(
            f"chunk {chunk_id}: not in the job spec",
            hint=f"It has {len(ids)} chunks with ids from {min(ids)} to {max(ids)}.",
        )

    def chunks_by_frame(self) -> list[RenderChunk]:
        """Return the chunks in the order of their frames."""
        return sorted(self.chunks, key=_start)

    def to_json(self) -> str:
        """Return the job spec as indented JSON: same spec, same text."""
        value = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a job spec.

    It describes single fields. Rules between fields, such as that the frames add up, are checked
    by `JobSpec.parse` alone.
    """
    schema = JobSpec.model_json_schema(by_alias=True, mode="validation")
    schema["description"] = "A render job: metadata, chunks, the command that joins their outputs."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _start(chunk: RenderChunk) -> int:
    return chunk.start_frame
