"""The format of job records: JSON with a version, and the migration of older versions."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from helios.errors import JobRecordInvalid, JobRecordNewer
from orchestrator.model.job import JobSummary
from orchestrator.model.job_chunk import JobChunk

#: Version of the format that is written.
VERSION = 1

Document = dict[str, Any]
#: From each older version to the one after it: what turns a document of one into the next.
Migrations = Mapping[int, Callable[[Document], Document]]

SUMMARY_MIGRATIONS: Migrations = {}
CHUNK_MIGRATIONS: Migrations = {}


def encode_summary(summary: JobSummary) -> bytes:
    """Return a summary as it is written."""
    return f'{{"version":{VERSION},{summary.to_json()[1:]}\n'.encode()


def decode_summary(
    data: bytes,
    *,
    source: str,
    migrations: Migrations = SUMMARY_MIGRATIONS,
    version: int = VERSION,
) -> JobSummary:
    """Read a summary of this version or an older one.

    Args:
        source: Its path or URL, for messages.

    Raises:
        JobRecordInvalid: It is damaged; `details` has the faults.
        JobRecordNewer: A newer version wrote it.
    """
    try:
        document = _document(data, source=source, migrations=migrations, version=version)
        return JobSummary.model_validate(document)
    except ValidationError as fault:
        details = [
            f"$.{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in fault.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise JobRecordInvalid(f"{source}: damaged", details=details) from None
    except (ValueError, KeyError, TypeError) as fault:
        raise JobRecordInvalid(f"{source}: damaged: {fault}") from None


def encode_chunks(chunks: Iterable[JobChunk]) -> bytes:
    """Return entries of the chunk log, one a line."""
    return b"".join(f'{{"version":{VERSION},{chunk.to_json()[1:]}\n'.encode() for chunk in chunks)


def decode_chunks(
    parts: Sequence[bytes],
    *,
    source: str,
    migrations: Migrations = CHUNK_MIGRATIONS,
    version: int = VERSION,
) -> tuple[dict[int, JobChunk], int]:
    """Return the last entry of each chunk in a chunk log, and the number of damaged entries.

    A process that is killed while it writes leaves half a line; what the others say still holds.

    Raises:
        JobRecordNewer: A newer version wrote an entry.
    """
    chunks: dict[int, JobChunk] = {}
    damaged = 0
    for line in (line for part in parts for line in part.split(b"\n")):
        if not line.strip():
            continue
        try:
            document = _document(line, source=source, migrations=migrations, version=version)
            chunk = JobChunk.model_validate(document)
        except (ValueError, KeyError, TypeError):
            damaged += 1
            continue
        chunks[chunk.id] = chunk
    return chunks, damaged


def _document(data: bytes, *, source: str, migrations: Migrations, version: int) -> Document:
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    document: Document = value
    found = document.pop("version")
    if not isinstance(found, int) or isinstance(found, bool):
        raise ValueError(f"version {found!r} is no number")
    if found > version:
        raise JobRecordNewer(
            f"{source}: has version {found}, this program reads up to {version}",
            hint="Update this program.",
        )
    for step in range(found, version):
        document = migrations[step](document)
    return document
