"""Names of a job's files in storage."""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from helios.contract.command import parse_command
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.records.chunk_record import chunk_key, content_key
from helios.storage import ArtifactStorage, split_url

#: Endings of chunk outputs that are images or folders of images, stored as one tar file.
_IMAGES = frozenset({"", ".png", ".jpg", ".jpeg", ".webp"})
#: Prefix of the keys of merge records.
MERGE_RECORDS = "output/merge-"
#: Prefix of the keys of temporary objects while a storage joins chunks.
JOINING = "chunks/joining-"
#: Key of the job spec with which chunks were rendered again because of a seam.
HEALED_SPEC = "healed.json"
#: Prefix of the keys of pictures of differing seams.
SEAM_PICTURES = "output/seams/"
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
# Endings of videos; an `outputUrl` with one names a file instead of a folder.
_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif"})


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's folder in storage, and the name of the video in it, if the spec gives one.

    `destination` is the URL of a folder or a video elsewhere that the finished video is copied to.
    """

    url: str
    output_name: str | None = None
    destination: str | None = None

    @classmethod
    def of(
        cls, spec: JobSpec, job_path: str, *, artifacts: str | None = None
    ) -> "JobFolder | None":
        """Return a job's folder; None if there is none.

        The folder is that of `job_path`, or for a spec on the web `jobs/<id>` in the worker's own
        storage, `artifacts`. An `outputUrl` in it (of a folder, or of a video) takes its place; one
        elsewhere is a destination, unless the job has no folder but that.
        """
        own = cls._own(spec, job_path, artifacts=artifacts)
        url = spec.output_url
        if url is None:
            return own
        if own is not None and not f"{url.rstrip('/')}/".startswith(f"{own.url.rstrip('/')}/"):
            return replace(own, destination=url)
        if names_video(url):
            base, name = split_url(url)
            return cls(base, name)
        return cls(url.rstrip("/") or "/")

    @classmethod
    def _own(cls, spec: JobSpec, job_path: str, *, artifacts: str | None) -> "JobFolder | None":
        if not is_http(job_path):
            return cls(split_url(job_path)[0])
        if artifacts is None:
            return None
        name = spec.id or content_key(spec.to_json())
        return cls(f"{artifacts.rstrip('/')}/jobs/{name}")

    def output(self, name: str) -> str:
        """Return the key of the job's output, given the output's file name in the job."""
        return self.output_name or f"output/{PurePosixPath(name).name}"

    def delivered(self, key: str) -> str | None:
        """Return the URL that the video with this key is copied to; None for no destination."""
        if self.destination is None or names_video(self.destination):
            return self.destination
        return f"{self.destination.rstrip('/')}/{PurePosixPath(key).name}"


def names_video(url: str) -> bool:
    """Return whether a path or URL has the ending of a video."""
    return PurePosixPath(url).suffix.lower() in _VIDEO_SUFFIXES


def is_http(url: str) -> bool:
    """Return whether a URL is http(s)."""
    return _WEB.match(url) is not None


def local_folder(job_path: str) -> Path | None:
    """Return the folder of a spec on this machine; None for a spec elsewhere."""
    if is_http(job_path):
        return None
    base, _ = split_url(job_path)
    if base.startswith("file://"):
        return Path(unquote(urlsplit(base).path))
    return None if "://" in base else Path(base).absolute()


def is_packed(chunk: RenderChunk) -> bool:
    """Return whether a chunk's output is stored as a tar file: images, but not a still."""
    if PurePosixPath(chunk.output_file).suffix.lower() not in _IMAGES:
        return False
    return parse_command(chunk.command)[:2] != ["helios", "still"]


def chunk_output(chunk: RenderChunk, key: str) -> str:
    """Return the storage key of a chunk's output; `key` is the result of `chunk_key`."""
    suffix = PurePosixPath(chunk.output_file).suffix
    ending = ".tar" if is_packed(chunk) else suffix if _SUFFIX.fullmatch(suffix) else ".bin"
    return f"chunks/{chunk.id}-{key}{ending}"


def chunk_record(chunk: RenderChunk, key: str) -> str:
    """Return the storage key of a chunk's record."""
    return f"chunks/{chunk.id}-{key}.json"


def chunk_boundary(chunk: RenderChunk, key: str) -> str:
    """Return the storage key of a chunk's boundary frames and their pictures."""
    return f"chunks/{chunk.id}-{key}.boundary"


def chunk_trace(chunk: RenderChunk, key: str) -> str:
    """Return the storage key of a chunk's trace."""
    return f"chunks/{chunk.id}-{key}.trace"


def boundary_of(output: str) -> str:
    """Return the key or URL of the boundary frames for the key or URL of a chunk's output."""
    return f"{output.rpartition('.')[0]}.boundary"


def trace_of(output: str) -> str:
    """Return the key or URL of the trace for the key or URL of a chunk's output."""
    return f"{output.rpartition('.')[0]}.trace"


def record_beside(output: str) -> str:
    """Return the key or URL of the record for the key or URL of a chunk's output."""
    return f"{output.rpartition('.')[0]}.json"


def merge_record(key: str) -> str:
    """Return the storage key of the record of a job's output."""
    return f"{MERGE_RECORDS}{key}.json"


async def chunks_in(storage: ArtifactStorage, spec: JobSpec) -> frozenset[int]:
    """Return the ids of the complete chunks in a job's folder, with one listing.

    A chunk is complete if its record exists, which is written last. Records for other assets,
    commands or versions have other names.
    """
    names = {chunk_record(chunk, chunk_key(spec, chunk)): chunk.id for chunk in spec.chunks}
    found = await storage.list("chunks/")
    return frozenset(names[file.key] for file in found if file.key in names)
