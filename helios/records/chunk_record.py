"""Records of chunks and merges in storage, and keys derived from their inputs."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from helios import __version__
from helios.assets.archive import digest_in
from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.messages.page_message import PageMessage
from helios.errors import StorageInvalid
from helios.records.boundary_frames import BoundaryFrames
from helios.records.encoded_ends import EncodedEnds
from helios.records.stored_model import StoredModel

#: Largest size of a record in bytes.
MAX_RECORD_BYTES = 1024 * 1024
#: Hexadecimal digits of a key, enough to make collisions improbable.
KEY_LENGTH = 16


def chunk_key(spec: JobSpec, chunk: RenderChunk) -> str:
    """Return the digest of the inputs of a chunk: assets, command, version of the renderer.

    Client and workers compute the same key from the same spec, and find chunks by it.
    """
    return content_key([assets_identity(spec), chunk.command, __version__])


def content_key(parts: object) -> str:
    """Return the digest of a JSON value."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def assets_identity(spec: JobSpec) -> str:
    """Return the digest of a spec's assets, or their URL if it contains no digest."""
    url = spec.assets_url or ""
    try:
        return digest_in(url)
    except StorageInvalid:
        return url


class Record(StoredModel):
    """A JSON file written after a result: a result with a record is complete."""

    artifact: Artifact = Field(description="The file, its digest and its size.")
    attempt: Annotated[int, Field(ge=1)] = Field(default=1, description="Number of the attempt.")
    started_at: datetime = Field(description="When the work began.")
    duration_ms: Annotated[float, Field(ge=0)] = Field(
        default=0, description="Duration in milliseconds, including fetching and storing."
    )
    timings: Mapping[str, float] = Field(
        default_factory=dict, description="Seconds of each step: assets, command, check, store."
    )
    versions: Mapping[str, str] = Field(
        default_factory=dict, description="Versions of the programs that made it."
    )
    worker: Mapping[str, str | int] = Field(
        default_factory=dict, description="The worker: platform, function, memory."
    )

    @property
    def ended_at(self) -> datetime:
        """Time at which the work ended."""
        return self.started_at + timedelta(milliseconds=self.duration_ms)


class ChunkRecord(Record):
    """The record of a chunk in storage."""

    chunk_id: int = Field(description="The chunk's id in its job spec.")
    key: str = Field(description="Digest of its inputs, as returned by `chunk_key`.")
    start_frame: int = Field(description="First frame, counted from 0.")
    frame_count: int = Field(description="Number of frames in the job spec.")
    frames: int = Field(description="Number of frames in the file.")
    ends: EncodedEnds | None = Field(
        default=None, description="Digests that identify its first and last frames."
    )
    boundary: BoundaryFrames | None = Field(
        default=None, description="Digests of the pictures for the seam check."
    )
    page_problems: list[PageMessage] = Field(
        default_factory=list, description="Errors and warnings of its page; the first ones."
    )


class MergeRecord(Record):
    """The record of a job's output in storage."""

    key: str = Field(description="Digest of its inputs, as returned by `merge_key`.")
    name: str = Field(description="The output's key in the job's folder.")
    chunks: int = Field(description="Number of chunks.")
    frames: int = Field(description="Number of frames in the file.")
    healed: list[int] = Field(
        default_factory=list,
        description="Chunks that were rendered again, with every frame visited, because of a seam.",
    )


def merge_key(spec: JobSpec, chunks: Mapping[int, str]) -> str:
    """Return the digest of the inputs of a job's output; `chunks` are digests of files by id."""
    inputs = [[chunk.id, chunks[chunk.id]] for chunk in spec.chunks_by_frame()]
    return content_key([inputs, spec.merge_command, assets_identity(spec), __version__])
