"""Chunk records in storage, and keys derived from everything that determines a chunk's pixels."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, ValidationError

from helios import __version__
from helios.assets.archive import digest_in
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.page_message import PageMessage
from helios.contract.wire_model import WireModel
from helios.contract.worker_job import Artifact
from helios.errors import StorageInvalid
from helios.records.boundary_frames import BoundaryFrames
from helios.records.chunk_ends import ChunkEnds

#: Bytes beyond which a file isn't read as a record.
MAX_RECORD_BYTES = 1024 * 1024
#: Hexadecimal digits of a key: enough to tell apart all chunks that anyone will ever render.
KEY_LENGTH = 16


def chunk_key(spec: JobSpec, chunk: RenderChunk) -> str:
    """Return the digest of what determines a chunk's pixels: assets, command, renderer.

    Client and workers compute the same key from the same spec, so that a chunk is found by name.
    """
    return content_key([assets_identity(spec), chunk.command, __version__])


def content_key(parts: object) -> str:
    """Return the key for what a JSON value tells."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def assets_identity(spec: JobSpec) -> str:
    """Return what tells a spec's assets from others: the digest of their content, or their URL."""
    url = spec.assets_url or ""
    try:
        return digest_in(url)
    except StorageInvalid:
        return url


class Record(WireModel):
    """A JSON file beside a result: written after it, so that a result with a record is whole."""

    artifact: Artifact = Field(description="The file, its digest and its size.")
    attempt: Annotated[int, Field(ge=1)] = Field(default=1, description="Which attempt made it.")
    started_at: datetime = Field(description="When the work began.")
    duration_ms: Annotated[float, Field(ge=0)] = Field(
        default=0, description="How long it took in milliseconds, fetching and storing included."
    )
    timings: Mapping[str, float] = Field(
        default_factory=dict, description="Seconds of each step: assets, command, check, store."
    )
    versions: Mapping[str, str] = Field(
        default_factory=dict, description="Versions of what made it."
    )
    worker: Mapping[str, str | int] = Field(
        default_factory=dict, description="Where it was made: platform, function, memory."
    )

    @property
    def ended_at(self) -> datetime:
        """When the work was done."""
        return self.started_at + timedelta(milliseconds=self.duration_ms)

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read a record; None for anything else, which counts as no record."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            return None

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode() + b"\n"


class ChunkRecord(Record):
    """The record of a chunk in storage."""

    chunk_id: int = Field(description="The chunk's id in its job spec.")
    key: str = Field(description="Digest of what determined its pixels, as `chunk_key` returns.")
    start_frame: int = Field(description="First frame, counted from 0.")
    frame_count: int = Field(description="Frames that the job spec asks for.")
    frames: int = Field(description="Frames that were found in the file.")
    ends: ChunkEnds | None = Field(
        default=None, description="By what its first and last frames are known again."
    )
    boundary: BoundaryFrames | None = Field(
        default=None, description="Pictures by which its seams with other chunks are proven."
    )
    page_problems: list[PageMessage] = Field(
        default_factory=list, description="Errors and warnings of its page; the first ones."
    )


class MergeRecord(Record):
    """The record of a job's output in storage."""

    key: str = Field(description="Digest of what it was made of, as `merge_key` returns.")
    name: str = Field(description="The output's key in the job's folder.")
    chunks: int = Field(description="Chunks that it was made of.")
    frames: int = Field(description="Frames that were found in the file.")
    healed: list[int] = Field(
        default_factory=list,
        description="Chunks that were rendered again for their seams, with every frame visited.",
    )


def merge_key(spec: JobSpec, chunks: Mapping[int, str]) -> str:
    """Return the digest of what determines a job's output.

    Parameters
    ----------
    chunks:
        Digest of each chunk's file by the chunk's id.
    """
    inputs = [[chunk.id, chunks[chunk.id]] for chunk in spec.chunks_by_frame()]
    return content_key([inputs, spec.merge_command, assets_identity(spec), __version__])
