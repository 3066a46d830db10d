"""Slices of a large job spec, so that a worker reads the part that its chunk is in.

The spec of 10,000 chunks takes 3 MB. Its slices lie beside it (`slices/<n>.json`), each with some
chunks and the digest of the whole spec. A slice of another spec isn't used.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from helios.contract.job_spec import JobMetadata, JobSpec
from helios.errors import JobSpecInvalid

#: What the keys of slices begin with, in a job's folder.
SLICES = "slices/"
#: Bytes of a spec below which it isn't worth slicing.
LARGE_SPEC = 256 * 1024
#: Chunks in a slice.
CHUNKS_A_SLICE = 50
#: Bytes beyond which a file isn't read as a slice.
MAX_SLICE_BYTES = 4 * 1024 * 1024


def slice_key(chunk_id: int) -> str:
    """Return the key, in a job's folder, of the slice that a chunk is in."""
    return f"{SLICES}{chunk_id // CHUNKS_A_SLICE}.json"


def slices_of(spec: JobSpec, data: bytes) -> Mapping[str, bytes]:
    """Return the slices of a large spec by their keys; none of a small one.

    Only specs whose ids count their chunks in the order of frames are sliced, as planned ones do.
    `data` is the spec as it is stored.
    """
    ordered = spec.chunks_by_frame()
    counted = all(chunk.id == position for position, chunk in enumerate(ordered))
    if len(data) < LARGE_SPEC or not counted:
        return {}
    digest = hashlib.sha256(data).hexdigest()
    value = json.loads(data)
    by_id = {chunk["id"]: chunk for chunk in value.pop("chunks")}
    # Long, as it names all outputs, and of no use to a chunk.
    value["mergeCommand"] = ""
    slices = {}
    for first in range(0, len(ordered), CHUNKS_A_SLICE):
        end = min(first + CHUNKS_A_SLICE, len(ordered))
        # A chunk alone would be taken for a job without seams.
        begin = first if end - first > 1 else first - 1
        job = {**value, "chunks": [by_id[id_] for id_ in range(begin, end)]}
        slices[slice_key(first)] = json.dumps({"spec": digest, "job": job}).encode()
    return slices


def parse_slice(data: bytes, *, digest: str, chunk_id: int) -> JobSpec | None:
    """Return a job with the chunks of a slice.

    None if the slice isn't one of the spec with this digest (SHA-256 of the stored file), or lacks
    the chunk.
    """
    try:
        value = json.loads(data)
        if value["spec"] != digest:
            return None
        job: dict[str, Any] = value["job"]
        metadata = JobMetadata.model_validate(job["metadata"], by_alias=True, by_name=False)
        # Checked as a job of these frames alone, whose sums are right.
        frames = sum(chunk["frameCount"] for chunk in job["chunks"])
        part = {**job["metadata"], "totalFrames": frames, "duration": frames / metadata.fps}
        spec = JobSpec.parse(json.dumps({**job, "metadata": part}))
    except (ValueError, KeyError, TypeError, ValidationError, JobSpecInvalid):
        return None
    if all(chunk.id != chunk_id for chunk in spec.chunks):
        return None
    return spec.model_copy(update={"metadata": metadata})
